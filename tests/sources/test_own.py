"""A user's own data, declared in a study file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waystage import sources, stages
from waystage.errors import DataError, InputError
from waystage.forms import table
from waystage.sources import own
from waystage.sources.notes import Notes
from waystage.tasks.task import Task


def read(task: Task, split: str, language: str) -> list[Any]:
    identity = sources.identify(task, "files", split, (language,))
    return list(sources.read(task, identity, split, language, place=sources.places(task, "files"), notes=Notes()))


def jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def mine(tmp_path: Path, count: int = 200) -> Task:
    files = {
        lg: jsonl(tmp_path / f"{lg}.jsonl", [{"a": f"{lg} {i}", "b": "x", "gold": i % 2} for i in range(count)])
        for lg in ("en", "sw")
    }
    said = {
        "form": "pairs",
        "files": files,
        "columns": {"first": "a", "second": "b", "label": "gold"},
        "labels": ["0", "1"],
    }
    return sources.own_task("mine", said)


def test_files_without_splits_are_divided_alike_in_every_language(tmp_path: Path) -> None:
    task = mine(tmp_path)
    parts = {(lg, split): read(task, split, lg) for lg in ("en", "sw") for split in own.PARTS}
    for split in own.PARTS:
        assert [e.id for e in parts["en", split]] == [e.id for e in parts["sw", split]]
    assert sorted(int(e.id) for split in own.PARTS for e in parts["en", split]) == list(range(200))
    assert len(parts["en", "train"]) > 140 and len(parts["en", "dev"]) > 5 < len(parts["en", "test"])
    assert task.languages == task.train_languages == ("en", "sw") and task.select_on == "dev"


def test_files_with_splits_are_taken_as_they_are(tmp_path: Path) -> None:
    rows = [{"first": str(i), "label": "yes"} for i in range(30)]
    said = {
        "form": "pairs",
        "files": {
            "train": {"en": jsonl(tmp_path / "a.jsonl", rows)},
            "test": {"sw": jsonl(tmp_path / "b.jsonl", rows[:3])},
        },
        "columns": {"first": "first"},
        "labels": ["yes", "no"],
    }
    task = sources.own_task("mine", said)
    assert (len(read(task, "train", "en")), len(read(task, "test", "sw"))) == (30, 3)
    assert (task.train_split, task.select_on, task.splits) == ("fit", "held", ("train", "test"))
    assert len(read(task, "fit", "en")) + len(read(task, "held", "en")) == 30
    with pytest.raises(DataError, match="names no file for test in en"):
        read(task, "test", "en")


def test_another_process_reads_it_from_the_identity(tmp_path: Path) -> None:
    task = mine(tmp_path)
    source = sources.identify(task, "files", "test", ("sw",))
    config = {"task": "mine", "form": "pairs", "split": "test", "languages": ["sw"], "source": source}
    out = tmp_path / "out"
    out.mkdir()
    context = stages.Context(scratch=tmp_path, places=sources.places(task, "files"))
    stages.run("rows", json.loads(json.dumps(config)), {}, out, context)
    assert table.read(out / "sw.parquet", "pairs") == read(task, "test", "sw")
    assert str(tmp_path) not in json.dumps(source)


def test_a_file_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    """Its rows would be kept under the name of those that were planned."""
    task = mine(tmp_path)
    source = sources.identify(task, "files", "test", ("en",))
    changed = mine(tmp_path, 201)
    with pytest.raises(DataError, match=r"en.jsonl: changed since the study was planned .*: plan again"):
        list(sources.read(changed, source, "test", "en", place=sources.places(changed, "files"), notes=sources.Notes()))


def test_a_change_of_content_is_another_identity(tmp_path: Path) -> None:
    before = sources.identify(mine(tmp_path), "files", "test", ("en",))
    assert sources.identify(mine(tmp_path), "files", "test", ("en",)) == before
    assert sources.identify(mine(tmp_path, 201), "files", "test", ("en",)) != before


SPAN = {"id": "q", "question": "?", "answers": [{"text": "b", "answer_start": 2}]}
FILES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "pairs tsv": ("x.tsv", "first\tsecond\tlabel\na\tb\tyes\n", {"form": "pairs", "labels": ["yes"]}),
    "pairs csv": ("x.csv", 'first,second,label\n"a,b",c,yes\n', {"form": "pairs", "labels": ["yes"]}),
    "choice": ("x.jsonl", '{"context": "c", "x": "1", "y": "2", "label": 1}\n',
               {"form": "choice", "columns": {"options": "x, y"}}),
    "json": ("x.json", '[\n{"first": "a", "second": "b", "label": 1}\n]', {"form": "pairs", "labels": ["0", "1"]}),
    "spans": ("x.json", json.dumps({"data": [{"paragraphs": [{"context": "a b", "qas": [SPAN]}]}]}), {"form": "spans"}),
    "tags": ("x.tsv", "Ana\tB-PER\nx\tO\n", {"form": "tags", "labels": ["O", "B-PER"]}),
    "tags conllu": ("fr_x.conllu", "1\ta\t_\tX\t_\t_\t0\tr\t_\t_\n", {"form": "tags", "labels": ["X"]}),
    "tags spaces": ("x.conll", "Ana B-PER\nx O\n", {"form": "tags", "labels": ["O", "B-PER"]}),
    "similarity": ("x.tsv", "first\tsecond\tscore\na\tb\t2.5\n", {"form": "similarity", "options": {"scale": 5}}),
    "masked": ("x.txt", "some text\nmore\n", {"form": "masked"}),
    "retrieval": ("x.tsv", "hallo\thello\n", {"form": "retrieval", "options": {"mode": "bitext"}}),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_the_usual_kinds_of_files(kind: str, tmp_path: Path) -> None:
    name, text, said = FILES[kind]
    (tmp_path / name).write_text(text)
    task = sources.own_task("mine", {**said, "files": {"test": {"en": str(tmp_path / name)}}})
    found = read(task, "test", "en")
    assert found and table.write(tmp_path / "out.parquet", found, form=task.form) == len(found)


@pytest.mark.parametrize("head", ["english,text", "English,Text", "number,text,english", "text,english"])
def test_parallel_text_that_names_its_columns_is_read_by_their_names(head: str, tmp_path: Path) -> None:
    said = {"text": "hallo", "english": "hello", "number": "1"}
    rows = [head, ",".join(said[name.lower()] for name in head.split(","))]
    (tmp_path / "x.csv").write_text("\n".join(rows))
    task = sources.own_task("mine", {"form": "retrieval", "files": {"test": {"de": str(tmp_path / "x.csv")}}})
    assert [(p.text, p.query) for p in read(task, "test", "de")] == [("hallo", False), ("hello", True)]


def test_a_column_may_have_a_dot_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("s.one\ts.two\tlabel\na\tb\tyes\n")
    columns = {"first": "s.one", "second": "s.two"}
    files = {"test": {"en": str(tmp_path / "x.tsv")}}
    task = sources.own_task("mine", {"form": "pairs", "labels": ["yes"], "columns": columns, "files": files})
    assert [(pair.first, pair.second) for pair in read(task, "test", "en")] == [("a", "b")]


@pytest.mark.parametrize("name", ["id", "item", "group"])
def test_a_named_column_that_is_not_there_is_an_error(name: str, tmp_path: Path) -> None:
    """Intervals over rows of one passage would take them as independent, because of a slip of the pen."""
    (tmp_path / "x.tsv").write_text("first\tsecond\tlabel\tpage\na\tb\tyes\t1\n")
    said = {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": str(tmp_path / "x.tsv")}}}
    wrong = sources.own_task("mine", {**said, "columns": {name: "pgae"}})
    with pytest.raises(DataError, match=r"x.tsv:2: there is no column 'pgae'; the columns are: first, .*, page"):
        read(wrong, "test", "en")
    right = sources.own_task("mine", {**said, "columns": {name: "page"}})
    assert getattr(read(right, "test", "en")[0], "cluster" if name == "group" else name) == "1"


def test_text_in_parquet_that_is_no_utf_8_is_an_error_with_its_file(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"good", b"\xff\xfe"], pa.binary()).buffers())
    pq.write_table(pa.table({"first": broken, "second": ["a", "b"], "label": ["yes", "yes"]}), tmp_path / "x.parquet")
    said = {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": str(tmp_path / "x.parquet")}}}
    with pytest.raises(DataError, match=r"x.parquet: not a Parquet file that can be read .*0xff"):
        read(sources.own_task("mine", said), "test", "en")


def test_a_blank_within_a_word_does_not_part_it(tmp_path: Path) -> None:
    (tmp_path / "x.conll").write_text("10\u00a0000  NN\tO\n \u3000 O\n", encoding="utf-8")
    said = {"form": "tags", "labels": ["O"], "files": {"test": {"fr": str(tmp_path / "x.conll")}}}
    assert read(sources.own_task("mine", said), "test", "fr")[0].words == ("10\u00a0000", "\u3000")


def test_groups_that_are_addresses_leave_a_tenth_to_hold_out(tmp_path: Path) -> None:
    lines = [f"https://x.org/wiki/{n}\ta {n}\tb\tyes" for n in range(200)]
    (tmp_path / "x.tsv").write_text("\n".join(["page\tfirst\tsecond\tlabel", *lines]))
    said = {"form": "pairs", "labels": ["yes"], "columns": {"group": "page"}}
    task = sources.own_task("mine", {**said, "files": {"train": {"en": str(tmp_path / "x.tsv")}}})
    assert 10 <= len(read(task, "held", "en")) <= 35
    assert len(read(task, "fit", "en")) + len(read(task, "held", "en")) == 200


def test_a_path_is_taken_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.tsv").write_text("first\tsecond\tlabel\na\tb\tyes\n")
    monkeypatch.chdir(tmp_path)
    task = sources.own_task("mine", {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": "x.tsv"}}})
    monkeypatch.chdir("/")
    assert len(read(task, "test", "en")) == 1


def test_parquet_files(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"first": ["a"], "second": ["b"], "label": ["yes"]}), tmp_path / "x.parquet")
    said = {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": str(tmp_path / "x.parquet")}}}
    assert [e.label for e in read(sources.own_task("mine", said), "test", "en")] == ["yes"]
    (tmp_path / "x.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(DataError, match=r"x\.parquet: not a Parquet file"):
        read(sources.own_task("mine", said), "test", "en")


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "form": ({"form": "pears", "files": {"en": "x.jsonl"}}, "form must be one of pairs, choice"),
    "column": ({"form": "pairs", "labels": ["a"], "columns": {"premise": "p"}, "files": {"en": "x.jsonl"}},
               "'premise' is no field of the form 'pairs', which has first, second, label"),
    "labels": ({"form": "pairs", "files": {"en": "x.jsonl"}}, "say the labels in their order"),
    "ending": ({"form": "spans", "files": {"en": "x.xlsx"}}, "'x.xlsx' is not known by its ending"),
    "no files": ({"form": "spans", "files": {}}, "names no file"),
    "split": ({"form": "spans", "files": {"training": {"en": "x.json"}}}, "'training' is no split"),
    "mixed": ({"form": "spans", "files": {"train": {"en": "x.json"}, "sw": "y.json"}}, "either every file has a split"),
    "label twice": ({"form": "tags", "labels": ["O", "O"], "files": {"en": "x.tsv"}}, "a label stands twice"),
    "code": ({"form": "spans", "files": {"swa": "x.json"}}, "write 'sw' for the language 'swa'"),
    "option": ({"form": "similarity", "files": {"en": "x.csv"}, "options": {"scal": 5}}, "did you mean 'scale'?"),
    "value": ({"form": "spans", "files": {"en": "x.csv"}, "options": {"stride": 0}}, "stride must be a whole number"),
    "truth": ({"form": "similarity", "files": {"en": "x.csv"}, "options": {"bi": "yes"}}, "must be true or false"),
    "scorer": ({"form": "spans", "files": {"en": "x.csv"}, "options": {"scorer": "sqaud"}}, "did you mean 'squad'?"),
    "mode": ({"form": "retrieval", "files": {"en": "x.tsv"}, "options": {"mode": "near"}}, "there are: bitext, margin"),
    "metric": ({"form": "spans", "files": {"en": "x.json"}, "metric": "em"}, "there are: exact_match, f1"),
    "dots": ({"form": "spans", "files": {"en": "../../etc/x.json"}}, "leaves its folder with '..'"),
    "two labels": ({"form": "pairs", "labels": ["a"], "columns": {"label": "x, y"}, "files": {"en": "x.csv"}},
                   "columns.label must be one column, not x, y"),
    "no column": ({"form": "pairs", "labels": ["a"], "columns": {"first": []}, "files": {"en": "x.csv"}},
                  "columns.first names no column"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_a_declaration_that_is_wrong_says_what_to_write(what: str) -> None:
    said, message = WRONG[what]
    with pytest.raises(InputError, match=r"task 'mine': ") as raised:
        sources.own_task("mine", said)
    assert message in str(raised.value)


def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("premise\thypothesis\tlabel\na\tb\tyes\n")
    said = {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": str(tmp_path / "x.tsv")}}}
    with pytest.raises(DataError, match="no column 'first'; the columns are: premise, hypothesis, label"):
        read(sources.own_task("mine", said), "test", "en")
    with pytest.raises(DataError, match="no such file"):
        missing = {**said, "files": {"test": {"en": str(tmp_path / "y.tsv")}}}
        read(sources.own_task("mine", missing), "test", "en")


def parallel(tmp_path: Path, name: str, text: str, **more: Any) -> Task:
    (tmp_path / name).write_text(text)
    return sources.own_task("mine", {"form": "retrieval", "files": {"sw": str(tmp_path / name)}, **more})


def test_a_sentence_and_its_translation_are_on_one_side(tmp_path: Path) -> None:
    task = parallel(tmp_path, "sw.tsv", "".join(f"neno {i}\tword {i}\n" for i in range(100)))
    found = {split: read(task, split, "sw") for split in own.PARTS}
    assert sum(map(len, found.values())) == 200
    for passages in found.values():
        assert {gold for p in passages if p.query for gold in p.gold} == {p.id for p in passages if not p.query}
    assert len(found["test"]) > 6


def test_parallel_text_may_name_its_columns(tmp_path: Path) -> None:
    for text, more in (
        ("a\tb\n", {}),
        ("text\tenglish\na\tb\n", {}),
        ("n\ten\tsw\n1\tb\ta\n", {"columns": {"text": "sw", "english": "en"}}),
    ):
        task = parallel(tmp_path, "sw.tsv", text, **more)
        again = own.from_identity("mine", sources.identify(task, "files", "test", ("sw",)), own.places(task))
        for one in (task, again):
            found = [p.text for split in own.PARTS for p in read(one, split, "sw")]
            assert found == ["a", "b"], text


def test_a_row_that_is_left_out_moves_no_other(tmp_path: Path) -> None:
    rows = [{"tokens": [] if i == 3 else [str(i)], "tags": [] if i == 3 else ["O"]} for i in range(60)]
    said = {"form": "tags", "labels": ["O"], "files": {"en": jsonl(tmp_path / "x.jsonl", rows)}}
    found = {e.words[0]: split for split in own.PARTS for e in read(sources.own_task("mine", said), split, "en")}
    assert found == {str(i): own.part(i) for i in range(60) if i != 3}


def test_similarity_is_read_on_the_scale_that_it_is_learnt_on(tmp_path: Path) -> None:
    rows = [{"first": "a", "second": "b", "score": 4.5}]
    said = {"form": "similarity", "files": {"test": {"en": jsonl(tmp_path / "x.jsonl", rows)}}}
    assert [e.score for e in read(sources.own_task("mine", said), "test", "en")] == [4.5]
    with pytest.raises(DataError, match=r"score 4\.5 is not between 0 and 1"):
        read(sources.own_task("mine", {**said, "options": {"scale": 1}}), "test", "en")


@pytest.mark.parametrize(
    ("columns", "second"), [({}, "b"), ({"label": "gold"}, "b"), ({"first": "first", "label": "gold"}, "")]
)
def test_one_text_is_read_only_where_one_is_named(tmp_path: Path, columns: dict[str, str], second: str) -> None:
    rows = [{"first": "a", "second": "b", columns.get("label", "label"): "yes"}]
    files = {"test": {"en": jsonl(tmp_path / "x.jsonl", rows)}}
    task = sources.own_task("mine", {"form": "pairs", "labels": ["yes"], "files": files, "columns": columns})
    assert [e.second for e in read(task, "test", "en")] == [second]


def test_a_long_field_of_a_csv_is_a_field_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text('first,second,label\n"' + "long " * 40_000 + '",b,yes\n')
    said = {"form": "pairs", "labels": ["yes"], "files": {"test": {"en": str(tmp_path / "x.csv")}}}
    assert len(read(sources.own_task("mine", said), "test", "en")[0].first) == 200_000


def test_dev_data_of_other_languages_choose_nothing() -> None:
    said = {"form": "pairs", "labels": ["yes"], "files": {"train": {"en": "a.tsv"}, "test": {"sw": "c.tsv"}}}
    for dev, splits in (({"sw": "b.tsv"}, ("fit", "held")), ({"en": "b.tsv"}, ("train", "dev"))):
        task = sources.own_task("mine", {**said, "files": {**said["files"], "dev": dev}})
        assert (task.train_split, task.select_on) == splits
