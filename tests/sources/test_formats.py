"""What a writer of a format writes, its reader reads: for any text."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waystage.forms.examples import Span
from waystage.sources import formats, readers
from waystage.sources.fields import dig
from waystage.sources.notes import Notes
from waystage.tasks import get

ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
INLINE = ANY.map(lambda text: "".join(c for c in text if c not in "\t\r\n"))
WORD = INLINE.filter(lambda text: bool(text.strip()))
folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def written(path: Path, text: str) -> list[Path]:
    path.write_bytes(text.encode())
    return [path]


@folder
@given(st.lists(st.tuples(ANY, ANY, st.sampled_from("ab")), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_csv(tmp_path: Path, rows: list[tuple[str, str, str]], end: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("x", "y", "z"), *rows])
    found = [record for _, record in formats.csv(written(tmp_path / "f", out.getvalue()))]
    # inside quotes a line ends with a line feed, whatever it ended with in the file
    assert found == [dict(zip("xyz", map(_lines, row), strict=True)) for row in rows]


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


@folder
@given(st.lists(st.tuples(INLINE, INLINE, st.sampled_from("ab")), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_tables_with_quotes_and_without(tmp_path: Path, rows: list[tuple[str, str, str]], end: str) -> None:
    expected = [dict(zip("xyz", row, strict=True)) for row in rows]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter="\t", lineterminator=end).writerows(rows)
    path = written(tmp_path / "f", out.getvalue())
    assert [record for _, record in formats.quoted_tsv(path, "xyz")] == expected
    plain = "".join("\t".join(row) + end for row in [("x", "y", "z"), *rows])
    assert [record for _, record in formats.tsv(written(tmp_path / "g", plain))] == expected


@folder
@given(st.lists(st.lists(st.tuples(WORD, st.sampled_from(["O", "B-PER"])), min_size=1, max_size=4), max_size=4))
def test_words(tmp_path: Path, sentences: list[list[tuple[str, str]]]) -> None:
    expected = [{"tokens": [w for w, _ in s], "tags": [t for _, t in s]} for s in sentences]
    text = "\n".join("".join(f"{w}\t{t}\n" for w, t in s) for s in sentences)
    assert [record for _, record in formats.words(written(tmp_path / "f", text))] == expected
    text = "\n".join("".join(f"xx:{w}\t{t}\n" for w, t in s) for s in sentences)
    assert [record for _, record in formats.prefixed_words(written(tmp_path / "f", text))] == expected


@folder
@given(
    st.lists(st.dictionaries(ANY, st.one_of(ANY, st.integers(), st.none(), st.lists(ANY))), max_size=4), st.booleans()
)
def test_json_lines(tmp_path: Path, rows: list[dict[str, Any]], escaped: bool) -> None:
    text = "".join(json.dumps(row, ensure_ascii=escaped) + "\n" for row in rows)
    assert [record for _, record in formats.jsonl(written(tmp_path / "f", text))] == rows


@given(ANY, ANY, ANY)
def test_byte_offsets_become_character_offsets(before: str, answer: str, after: str) -> None:
    context = before + answer + after
    start = len(before.encode())
    row = {"passage_text": context, "question_text": "?", "answers": [{"text": answer, "start_byte": start}]}
    task = get("tydiqa")
    layout = next(f for f in task.files if f.reader == "byte_spans")
    reading = readers.Reading(
        task=task, layout=layout, split="test", language="sw", languages=("sw",), path=Path("x"), notes=Notes(),
        records=iter([(1, row)]), open=lambda other: iter(()),
    )  # fmt: skip
    (example,) = readers.byte_spans(reading)
    assert isinstance(example, Span)
    if answer:
        assert example.starts == (len(before),) and not reading.notes.kept.get("answer is not at its offset")


def test_a_line_is_named_by_its_number_also_in_json_of_many_lines(tmp_path: Path) -> None:
    asked = [{"id": f"q{i}", "question": "?", "answers": []} for i in range(3)]
    data = {"data": [{"paragraphs": [{"context": "c", "qas": asked}]}]}
    text = json.dumps(data, indent=1)
    lines = text.splitlines()
    for line, record in formats.squad(written(tmp_path / "f", text)):
        assert isinstance(record, dict) and f'"{record["id"]}"' in lines[line - 1]


def test_a_path_looks_into_objects_and_lists() -> None:
    record = {"a": {"b": [{"c": 1}, {"c": 2}]}, "d": {"e": [3, 4]}}
    assert (dig(record, "a.b.c"), dig(record, "d.e")) == ([1, 2], [3, 4])


@pytest.mark.parametrize("text", ["x\ty\n1\n", "x\ty\n1\t2\t3\n"])
def test_a_row_of_another_width_is_a_fault_of_that_row(text: str, tmp_path: Path) -> None:
    ((line, fault),) = formats.tsv(written(tmp_path / "f", text))
    assert line == 2 and isinstance(fault, formats.RowFault)
