"""Makes files and rows in the shape that a declaration claims, from examples that a test chose."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from waystage.forms.examples import Choice, Pair, Passage, Similar, Span, Tags, Text
from waystage.tasks.task import Files, Layout, Task

CONTEXT = "Ana was born in 1990 . Bob came later ."


def examples(task: Task, layout: Layout) -> list[Any]:
    """A few examples of the task's form, as they must be read back."""
    form = task.form
    if form == "pairs":
        second = "second" in layout.columns
        return [
            Pair(id=str(i), first=f'Is "{i}" one?', second=f"It is {i} ." if second else "", label=label)
            for i, label in enumerate((task.labels[0], task.labels[-1]))
        ]
    if form == "choice":
        column = layout.columns["options"]
        options = tuple(f"option {i}" for i in range(len(column) if isinstance(column, tuple) else 4))
        asked = "What was the cause?" if "question" in layout.values else "Why?" if "question" in layout.columns else ""
        return [
            Choice(id=str(i), context=f"It rained {i} times .", question=asked, options=options, label=label)
            for i, label in enumerate((0, len(options) - 1))
        ]
    if form == "spans":
        return [
            Span(id=f"q{i}", context=CONTEXT, question=f"When {i}?", answers=("1990",), starts=(16,)) for i in range(2)
        ]
    if form == "tags":
        tags = (task.labels[0], task.labels[1])
        return [Tags(id="0", words=("12:30", "Ana"), tags=tags), Tags(id="1", words=("x",), tags=tags[:1])]
    if form == "similarity":
        return [Similar(id="0", first="a", second="b", score=0.0), Similar(id="1", first="c", second="d", score=4.25)]
    return [Text(id="0", text="Some text ."), Text(id="1", text="More .")]


def put(record: dict[str, Any], path: str, value: Any) -> None:
    *folders, last = path.split(".")
    for folder in folders:
        record = record.setdefault(folder, {})
    record[last] = value


def raw(layout: Layout, field: str, value: Any) -> Any:
    back = {ours: theirs for theirs, ours in layout.values.get(field, {}).items() if theirs != "*"}
    return back.get(value, value)


def record(example: Any, layout: Layout, lg: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for column, value in layout.where.items():
        put(made, column, value.replace("{lg}", lg).replace("*", example.id))
    for field, column in layout.columns.items():
        if field == "group":
            put(made, str(column), "title")
        elif field in ("id", "item"):
            for part in (column,) if isinstance(column, str) else column:
                if part not in layout.where:
                    put(made, part, example.id)
        elif field == "options" and layout.reader == "right_first":
            right = example.options[example.label]
            for name, text in zip(column, [right, *(o for o in example.options if o != right)], strict=True):
                put(made, name, text)
        elif isinstance(column, tuple):
            value = getattr(example, field)
            texts = value if isinstance(value, tuple) else [f"{word} " for word in value.split(" ", len(column) - 1)]
            for name, text in zip(column, texts, strict=True):
                put(made, name, text)
        elif field == "tags":
            put(made, column, [raw(layout, "tags", tag) for tag in example.tags])
        else:
            value = getattr(example, field)
            put(made, column, list(value) if isinstance(value, tuple) else raw(layout, field, value))
    return made


def contents(task: Task, layout: Files, made: Sequence[Any], lg: str) -> list[str]:
    """The text of each file of a layout."""
    records = [record(example, layout, lg) for example in made] if layout.columns else []
    kind = layout.format
    if kind in ("tsv", "quoted_tsv", "csv"):
        names = layout.header or tuple(records[0])
        out = io.StringIO(newline="")
        rows = [[str(r[n]) for n in names] for r in records]
        if not layout.header:
            rows.insert(0, list(names))
        if kind == "tsv":
            return ["".join("\t".join(row) + "\n" for row in rows)]
        csv.writer(out, delimiter="," if kind == "csv" else "\t").writerows(rows)
        return [out.getvalue()]
    if kind == "jsonl":
        return ["".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)]
    if kind in ("words", "prefixed_words", "columns", "iob2", "conllu"):
        line = {
            "words": lambda i, w, t: f"{w}\t{t}",
            "prefixed_words": lambda i, w, t: f"{lg}:{w}\t{t}",
            "columns": lambda i, w, t: f"{w} X {t}",
            "iob2": lambda i, w, t: f"{i}\t{w}\t{t}\t-\tname",
            "conllu": lambda i, w, t: f"{i}\t{w}\t_\t{t}\t_\t_\t{_syntax(i, t)}\t_\t_",
        }[kind]
        comment = "# text = ...\n" if kind in ("iob2", "conllu") else ""
        return [
            "\n".join(
                comment + "".join(line(i, w, t) + "\n" for i, (w, t) in enumerate(zip(e.words, e.tags, strict=True), 1))
                for e in made
            )
        ]
    if kind == "ccgbank":
        leaves = [" ".join(f"(<L {t} NN NN {w} {t}>)" for w, t in zip(e.words, e.tags, strict=True)) for e in made]
        return ["".join(f"ID=wsj.{i} PARSER=GOLD\n(<T S[dcl] 0 2> {text} )\n" for i, text in enumerate(leaves))]
    if kind == "hellaswag_blocks":
        return ["".join("\n".join([e.context, str(e.label), *e.options]) + "\n" for e in made)]
    if kind == "text_lines":
        return ["".join(e.text + "\n" for e in made)]
    if kind == "parallel_lines":
        names = sorted({c for c in layout.columns.values() if isinstance(c, str)})
        return ["".join(str(r[name]) + "\n" for r in records) for name in names]
    assert kind == "squad", f"no file can be made in the format {kind}"
    asked = [
        {
            "id": _id(layout, e, lg),
            "question": e.question,
            "answers": [{"text": e.answers[0], "answer_start": e.starts[0]}],
        }
        for e in made
    ]
    return [json.dumps({"data": [{"title": "title", "paragraphs": [{"context": CONTEXT, "qas": asked}]}]})]


def _syntax(number: int, tag: str) -> str:
    """Head and relation: those of a supertag, or any."""
    if tag[-1] in "<>":
        return f"{number - 1 if tag[-1] == '<' else number + 1}\t{tag[:-1]}:sub"
    return "0\troot"


def _id(layout: Layout, example: Any, lg: str) -> str:
    return layout.where["id"].replace("{lg}", lg).replace("*", example.id) if "id" in layout.where else example.id


def search(task: Task, layout: Files, lg: str) -> tuple[list[str], list[Passage]]:
    """Files of a search task, and the queries that must be read from them."""
    if layout.format == "bucc":
        side = f"{lg}-1\teins\n{lg}-2\tzwei\n"
        queries = [Passage(id=f"{lg}-1", text="eins", query=True, gold=("en-2",))]
        queries.append(Passage(id=f"{lg}-2", text="zwei", query=True, gold=()))
        return [side, "en-1\ttwo\nen-2\tone\n", f"{lg}-1\ten-2\n"], queries
    if layout.format == "parallel_lines":
        gold = None if layout.hidden else (f"{lg}-0",)
        return ["eins\n", "one\n"], [Passage(id="en-0", item="0", text="one", query=True, gold=gold)]
    if layout.reader == "lareqa":
        ask = {"id": "q", "question": "When?", "answers": [{"text": "1990", "answer_start": 16}]}
        paragraph = {"context": CONTEXT, "qas": [ask], "sentence_breaks": [[0, 22], [23, 39]]}
        text = json.dumps({"data": [{"title": "t", "paragraphs": [paragraph]}]})
        gold = (f"{lg}_1_0",)
        return [text], [Passage(id=f"q_{lg}", item="q", cluster="1", text="When?", query=True, gold=gold)]
    context = {"text": "Ana met Bob.", "language": lg}
    mention = {"example_id": "m", "mention_span": {"start": 0, "end": 3, "text": "Ana"}, "entity_id": ""}
    query = Passage(id="m", text="{ Ana } met Bob.", query=True, gold=("Q1",))
    if layout.format == "mewslix":
        return [json.dumps({"context": context, "mentions": [mention]}) + "\n", '{"m": ["Q1"]}'], [query]
    entity = {"entity_id": "Q1", "title": "Ana", "description": "A woman."}
    pair = {"contextual_mention": {"context": context, "mention": mention}, "entity": entity}
    return [json.dumps(pair) + "\n"], [query]


def place(root: Path, layout: Files, split: str, lg: str) -> list[Path]:
    """Where the files of a layout lie."""
    name = layout.names.get(lg, lg)
    paths = (layout.path,) if isinstance(layout.path, str) else layout.path
    if "*" in paths[0]:
        paths = paths[:1]
    said = [p.replace("{lg}", name).replace("{split}", layout.splits[split]) for p in paths]
    return [root / p.replace("[2-9]", "2").replace("[0-9]", "0").replace("[01]", "0").replace("*", "x") for p in said]


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    return SimpleNamespace(examples=examples, record=record, contents=contents, search=search, place=place)


@pytest.fixture(scope="session")
def hub_stand_in() -> Any:
    """The module of the stand-in hub, which lives beside the tests of sources."""
    path = Path(__file__).parents[1] / "sources" / "conftest.py"
    spec = importlib.util.spec_from_file_location("hub_stand_in", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["hub_stand_in"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYSTAGE_CACHE", str(tmp_path_factory.mktemp("cache")))
