"""Hundreds of damaged files: each gives an error with its file, or examples that are whole and add up."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waystage import sources, tasks
from waystage.errors import DataError
from waystage.forms import table
from waystage.forms.examples import EXAMPLES
from waystage.sources.notes import Notes

CONTEXT = "Ana was born in 1990 .\\nBob came láter ."


def _squad(rows: int = 12) -> str:
    asked = [
        {"id": f"q{i}", "question": f"When {i}?", "answers": [{"text": "1990", "answer_start": 16}]}
        for i in range(rows)
    ]
    paragraphs = [{"context": CONTEXT, "qas": asked}]
    return json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}, ensure_ascii=False, indent=1)


def _jsonl(row: dict[str, Any], rows: int = 12) -> str:
    return "".join(json.dumps({**row, "idx": i}, ensure_ascii=False) + "\n" for i in range(rows))


COPA = {"premise": "Es regnete ö", "choice1": "a", "choice2": "b", "question": "cause", "label": 1}
TYDI = {
    "id": "x", "document_title": "t", "passage_text": "ñ 1990", "question_text": "q?",
    "answers": [{"text": "1990", "start_byte": 3}],
}  # fmt: skip
SIQA = {"context": "c", "question": "q", "answerA": "x", "answerB": "y", "answerC": "z", "correct": "B"}
HELLA = {"ind": 1, "ctx": "c", "endings": ["a", "b", "c", "d"], "label": 2}
LAREQA = _squad().replace('"context"', '"sentence_breaks": [[0, 22], [23, 39]],\n "context"')
MENTIONS = "".join(
    json.dumps(
        {
            "context": {"text": "Ana met Bob."},
            "mentions": [
                {"example_id": f"m{i}", "mention_span": {"start": 0, "end": 3, "text": "Ana"}, "entity_id": "QID"}
            ],
        }
    )
    + "\n"
    for i in range(6)
)
UD = "# text = du chat\n1-2\tdu" + "\t_" * 8 + "\n1\tde\tde\tADP\t_\t_\t3\tx\t_\t_\n2\tle\tle\tDET\t_\t_\t3\tx\t_\t_\n"
UD += "3\tchat\tchat\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
BASES: dict[str, tuple[str, str, str, list[tuple[str, str]]]] = {
    # what: task, split, language, files
    "quoted": ("xnli", "dev", "de", [("xnli/dev-de.tsv", 'a\t"b ""c"""\tneutral\nd\té\tentailment\n' * 6)]),
    "quoted train": ("xnli", "train", "de", [("xnli/train-de.tsv", "a\tb\tneutral\nd\té\tentailment\n" * 40)]),
    "header": ("kornli", "dev", "ko", [
        ("xnli/ko/xnli.dev.ko.tsv", "sentence1\tsentence2\tgold_label\n" + "가\t나\tneutral\n" * 12)]),
    "copa": ("xcopa", "dev", "et", [("xcopa/val-et.jsonl", _jsonl(COPA))]),
    "siqa train": ("siqa", "train", "en", [("siqa/socialIQa_v1.4_trn.jsonl", _jsonl(SIQA, 60))]),
    "hellaswag": ("hellaswag", "dev", "en", [("hellaswag/hellaswag_val.jsonl", _jsonl(HELLA))]),
    "squad": ("xquad", "test", "de", [("xquad/xquad.de.json", _squad())]),
    "squad train": ("squad", "train", "en", [("squad/train-v1.1.json", _squad(60))]),
    "bytes": ("tydiqa", "test", "sw", [("tydiqa/goldp_dev/swahili-dev.jsonl", _jsonl(TYDI))]),
    "words": ("panx", "dev", "de", [("panx/dev-de.tsv", "Ána\tB-PER\nx\tO\n\ny\tO\n\n" * 6)]),
    "prefixed": ("panx", "test", "de", [("panx_dataset/de-test", "de:Ana\tB-PER\nde:1:2\tO\n\n" * 6)]),
    "iob2": ("uner", "test", "en", [("uner/en_ewt-ud-test.iob2", "# a\n1\tAl\tB-ORG\t-\tx\n2\tn\tO\t-\tx\n\n" * 6)]),
    "ud": ("udpos", "test", "fr", [("ud/UD_X/fr_x-ud-test.conllu", UD * 6)]),
    "bitext": ("tatoeba", "test", "de", [
        ("tatoeba/v1/tatoeba.deu-eng.deu", "eins ß\nzwei\n" * 6),
        ("tatoeba/v1/tatoeba.deu-eng.eng", "one\ntwo\n" * 6)]),
    "bucc": ("bucc", "dev", "de", [
        ("bucc2018/de-en.dev.de", "".join(f"de-{i}\tsatz ß {i}\n" for i in range(6))),
        ("bucc2018/de-en.dev.en", "".join(f"en-{i}\tsentence {i}\n" for i in range(6))),
        ("bucc2018/de-en.dev.gold", "de-1\ten-2\nde-2\ten-1\n")]),
    "lareqa": ("lareqa", "test", "de", [("lareqa/xquad-r/de.json", LAREQA)]),
    "mewslix": ("mewslix", "test", "de", [
        ("mewslix/wikinews_mentions/test-de.jsonl", MENTIONS),
        ("mewslix/wikinews_labels/test-de.json", '{"m1": ["QID"]}')]),
    "blocks": ("hellaswag", "dev", "en", [
        ("hellaswag/val_text/hellaswag_val_full.txt", "ctx\n2\na\nb\nc\nd\n" * 6)]),
    "similar": ("stsb", "dev", "de", [("stsb_multi_mt/data/stsb-de-dev.csv", '"a, b",c,3.5\nd,"é\n",0\n' * 6)]),
}  # fmt: skip


def _cut(data: bytes, r: random.Random) -> bytes:
    return data[: r.randrange(len(data))]


def _bytes(data: bytes, r: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(r.randint(1, 4)):
        changed[r.randrange(len(changed))] = r.randrange(256)
    return bytes(changed)


def _insert(data: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(data))
    return (
        data[:at]
        + r.choice([b"\0", b"\t", b'"', b"\r", b"\n", b"\xff", b"\xed\xa0\x80", b"{", b"\xef\xbb\xbf"])
        + data[at:]
    )


def _shuffle(data: bytes, r: random.Random) -> bytes:
    lines = data.split(b"\n")
    r.shuffle(lines)
    return b"\n".join(lines)


def _drop(data: bytes, r: random.Random) -> bytes:
    lines = data.split(b"\n")
    del lines[r.randrange(len(lines))]
    return b"\n".join(lines)


def _column(data: bytes, r: random.Random) -> bytes:
    return b"\n".join(line.split(b"\t", 1)[-1] for line in data.split(b"\n"))


def _recode(data: bytes, r: random.Random) -> bytes:
    return data.decode().encode(r.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"]), "replace")


def _huge(data: bytes, r: random.Random) -> bytes:
    at = r.randrange(len(data))
    return data[:at] + b"x" * 3_000_000 + data[at:]


def _types(data: bytes, r: random.Random) -> bytes:
    """A value of another type, where there are values."""
    text = data.decode()
    swaps = {'"1990"': ["7", "null", "[]", '"\\ud800"'], "16": ['"16"', "1.5", "null", "true", "9" * 5000],
             '"cause"': ["3", "{}", '"maybe"'], '"a"': ["null", "[1]"], "1}": ["7}", '"x"}', "NaN}", "-1}"],
             '"B"': ["7", '"Q"', "null"], "neutral": ["7", "", "Neutral"], "B-PER": ["PER", "B_PER", "O O"],
             "3.5": ["nan", "1e9", "-1", "x"], "qas": ["questions"], "context": ["kontext"],
             '"label"': ['"lable"'],
             "3\t": ["4\t", "x\t", "-1\t"], "[[0": ["[[-4", "[[99", "[", "3"], "QID": ["", "é"], "mentions": ["x"],
             "start_byte": ["start"], "en-1": ["en-77", ""], "ctx\n": ["\n"]}  # fmt: skip
    there = [key for key in swaps if key in text]
    if not there:
        return _drop(data, r)
    key = r.choice(there)
    return text.replace(key, r.choice(swaps[key]), r.choice([1, 2, -1])).encode()


def _nested(data: bytes, r: random.Random) -> bytes:
    return b"[" * 200_000 + data


def _packed_badly(data: bytes, r: random.Random) -> bytes:
    packed = gzip.compress(data)
    return r.choice(
        [packed[: len(packed) // 2], packed[:-4] + b"abcd", packed[:12] + b"\0\1\2" + packed[15:], b"PK\x03\x04" + data]
    )


def _empty(data: bytes, r: random.Random) -> bytes:
    return r.choice(
        [b"", b"\n", b"\n\n\n", b"{}", b"[]", b"null", b'{"data": 3}', b'{"data": [{"paragraphs": [null]}]}']
    )


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [
    _cut, _cut, _cut, _bytes, _bytes, _bytes, _insert, _insert, _insert, _insert, _shuffle, _drop, _column, _recode,
    _huge, _types, _types, _types, _types, _types, _nested, _packed_badly, _packed_badly, _empty, _empty,
]  # fmt: skip


def outcome(root: Path, what: str) -> str:
    """Reads what may be damaged, and checks that whatever comes out is sound."""
    name, split, language, _ = BASES[what]
    task, notes = tasks.get(name), Notes()
    place = {"data": str(root)}
    try:
        identity = sources.identify(task, str(root), split, (language,))
        found = list(sources.read(task, identity, split, language, place=place, notes=notes))
    except DataError as error:
        assert error.path is not None and str(error.path).startswith(str(root)), error
        assert error.line is not None or "unpack" in str(error) or "no column" in str(error), error
        return "error"
    assert len({e.id for e in found}) == len(found)
    excluded = sum(count.count for count in notes.excluded.values())
    kinds = {f.name: f.type for f in dataclasses.fields(EXAMPLES[task.form])}
    if task.form != "retrieval":
        assert len(found) + excluded == notes.rows
    for example in found:
        assert isinstance(example, EXAMPLES[task.form]) and all(
            isinstance(getattr(example, f), str) for f in ("id", "item")
        )
        for said in getattr(example, "tags", None) or [getattr(example, "label", None)]:
            assert said is None or isinstance(said, int) or said in task.labels
        if "starts" in kinds:
            assert len(example.answers) == len(example.starts)
    assert table.write(root / "out.parquet", found, form=task.form) == len(found)
    assert table.read(root / "out.parquet", task.form) == found
    return "excluded" if excluded else "read"


def build(root: Path, what: str, change: Callable[[bytes, random.Random], bytes] | None, r: random.Random) -> None:
    files = BASES[what][3]
    chosen = r.randrange(len(files))
    for number, (name, text) in enumerate(files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        path.write_bytes(change(data, r) if change and number == chosen else data)


@pytest.mark.parametrize("what", BASES)
def test_the_undamaged_file_is_read(what: str, tmp_path: Path) -> None:
    build(tmp_path, what, None, random.Random(0))
    assert outcome(tmp_path, what) == "read"


@pytest.mark.parametrize("what", BASES)
def test_damaged_files_end_in_an_error_or_in_sound_examples(what: str, tmp_path: Path) -> None:
    ends: Counter[str] = Counter()
    for number, change in enumerate(MUTATIONS):
        r = random.Random(f"{what} {number}")
        build(tmp_path, what, change, r)
        ends[outcome(tmp_path, what)] += 1
    assert ends["error"] >= 5, ends


def test_there_are_hundreds_of_them() -> None:
    assert len(BASES) * len(MUTATIONS) >= 400


def test_a_packed_file_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    bomb = gzip.compress((b"a\t" + b"b" * 130_000 + b"\tneutral\n") * 700)
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli/train-de.tsv").write_bytes(bomb)
    with pytest.raises(DataError, match="unpacks to more than 200 times its size"):
        read_all(tmp_path, "xnli", "train", "de")
    (tmp_path / "xquad").mkdir()
    (tmp_path / "xquad/xquad.de.json").write_bytes(gzip.compress(b" " * 80_000_000))
    with pytest.raises(DataError, match="refused"):
        read_all(tmp_path, "xquad", "test", "de")


def read_all(root: Path, name: str, split: str, language: str) -> list[Any]:
    task = tasks.get(name)
    identity = sources.identify(task, str(root), split, (language,))
    return list(sources.read(task, identity, split, language, place={"data": str(root)}, notes=Notes()))


def test_packed_files_are_read_like_others(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli/dev-de.tsv").write_bytes(gzip.compress(b"a\tb\tneutral\n"))
    assert [e.label for e in read_all(tmp_path, "xnli", "dev", "de")] == ["neutral"]


def test_a_training_file_that_is_mostly_damaged_is_not_a_small_training_file(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    rows = ["a\tb\tneutral\n"] * 1000
    rows[10] = "a\tb\tperhaps\n"
    (tmp_path / "xnli/train-de.tsv").write_text("".join(rows))
    assert len(read_all(tmp_path, "xnli", "train", "de")) == 999
    (tmp_path / "xnli/train-de.tsv").write_text(
        "".join(r.replace("neutral", "perhaps") if i % 9 else r for i, r in enumerate(rows))
    )
    with pytest.raises(DataError, match="of the first"):
        read_all(tmp_path, "xnli", "train", "de")


def test_an_evaluation_file_is_whole_or_refused(tmp_path: Path) -> None:
    (tmp_path / "xnli").mkdir()
    (tmp_path / "xnli/dev-de.tsv").write_text("a\tb\tneutral\nc\td\n")
    with pytest.raises(DataError, match=r"dev-de\.tsv:2: 2 fields where the others have 3"):
        read_all(tmp_path, "xnli", "dev", "de")
