"""The stage that turns a source into one table of examples per language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waystage import sources, stages, tasks
from waystage.errors import DataError
from waystage.forms import table
from waystage.forms.examples import Pair, Passage


def run(config: dict[str, Any], tmp_path: Path, places: dict[str, str] | None = None) -> tuple[Path, dict[str, Any]]:
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    facts = stages.run("rows", config, {}, out, stages.Context(scratch=tmp_path, places=places or {}))
    assert facts == {"examples": json.loads((out / "facts.json").read_text())["examples"]}
    return out, json.loads((out / "facts.json").read_text())


def config(task: str, form: str, source: dict[str, Any], split: str, languages: list[str], **more: Any) -> Any:
    return {"task": task, "form": form, "source": source, "split": split, "languages": languages, **more}


def folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "data"


def test_a_folder_becomes_one_table_per_language(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"xnli/dev-en.tsv": "a\tb\tneutral\n", "xnli/dev-sw.tsv": "c\td\tentailment\n"})
    xnli = tasks.get("xnli")
    identity = sources.identify(xnli, str(root), "dev", ["en", "sw"])
    out, facts = run(config("xnli", "pairs", identity, "dev", ["en", "sw"]), tmp_path, sources.places(xnli, str(root)))
    assert table.read(out / "sw.parquet", "pairs") == [
        Pair(id="0", cluster="0", first="c", second="d", label="entailment")
    ]
    assert facts["source"] == identity and facts["licence"] == "CC BY-NC 4.0"
    assert facts["languages"]["en"]["examples"] == facts["languages"]["en"]["rows"] == 1


def test_a_folder_that_changed_since_the_plan_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, **{"xnli/dev-en.tsv": "a\tb\tneutral\n"})
    xnli = tasks.get("xnli")
    identity = sources.identify(xnli, str(root), "dev", ["en"])
    folder(tmp_path, **{"xnli/dev-en.tsv": "a\tB\tneutral\n"})
    with pytest.raises(DataError, match="changed since the study was planned"):
        run(config("xnli", "pairs", identity, "dev", ["en"]), tmp_path, sources.places(xnli, str(root)))


def test_the_identity_does_not_depend_on_where_the_folder_is(tmp_path: Path) -> None:
    text = {"xnli/dev-en.tsv": "a\tb\tneutral\n"}
    here, there = folder(tmp_path / "here", **text), folder(tmp_path / "there", **text)
    xnli = tasks.get("xnli")
    assert sources.identify(xnli, str(here), "dev", ["en"]) == sources.identify(xnli, str(there), "dev", ["en"])
    folder(tmp_path / "there", **{"xnli/dev-en.tsv": "a\tb\tentailment\n"})
    assert sources.identify(xnli, str(here), "dev", ["en"]) != sources.identify(xnli, str(there), "dev", ["en"])


def test_the_world_makes_as_many_as_are_wanted(tmp_path: Path) -> None:
    identity = sources.identify(tasks.get("xnli"), "world", "test", ["en", "sw"])
    out, facts = run(config("xnli", "pairs", identity, "test", ["en", "sw"], limit=7), tmp_path)
    assert [facts["languages"][lg]["examples"] for lg in ("en", "sw")] == [7, 7]
    english, swahili = (table.read(out / f"{lg}.parquet", "pairs") for lg in ("en", "sw"))
    assert [e.label for e in english] == [e.label for e in swahili]
    assert english != swahili


def test_candidates_of_no_language_come_along(tmp_path: Path) -> None:
    identity = sources.identify(tasks.get("mewslix"), "world", "test", ["de"])
    out, _ = run(config("mewslix", "retrieval", identity, "test", ["de"], limit=5), tmp_path)
    queries = table.read(out / "de.parquet", "retrieval")
    pool = {p.id for p in table.read(out / "candidates.parquet", "retrieval")}
    assert len(queries) == 5 and {name for q in queries for name in q.gold} <= pool


def test_train_is_divided_by_article(tmp_path: Path) -> None:
    """An article stands on one side only, and nothing is lost."""
    articles = [
        {
            "title": f"t{a}",
            "paragraphs": [
                {
                    "context": f"{a} {p} is it .",
                    "qas": [
                        {
                            "id": f"{a}-{p}",
                            "question": "What?",
                            "answers": [{"text": f"{p}", "answer_start": len(f"{a} ")}],
                        }
                    ],
                }
                for p in range(3)
            ],
        }
        for a in range(60)
    ]
    root = folder(tmp_path, **{"squad/train-v1.1.json": json.dumps({"data": articles})})
    squad = tasks.get("squad")
    titles: dict[str, set[str]] = {}
    ids: list[str] = []
    for split in ("fit", "held"):
        identity = sources.identify(squad, str(root), split, ["en"])
        out, _ = run(config("squad", "spans", identity, split, ["en"]), tmp_path, sources.places(squad, str(root)))
        found = table.read(out / "en.parquet", "spans")
        titles[split] = {e.cluster.partition("/")[0] for e in found}
        ids += [e.id for e in found]
    assert not titles["fit"] & titles["held"] and len(titles["held"]) in range(1, 20)
    assert sorted(ids) == sorted(q["qas"][0]["id"] for a in articles for q in a["paragraphs"])


def test_reading_comprehension_can_be_written_as_search(tmp_path: Path) -> None:
    context = "It rained. Ana was born in 1990. Bob came later."
    asked = {"id": "q", "question": "When?", "answers": [{"text": "1990", "answer_start": 27}]}
    data = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": [asked]}]}]}
    root = folder(tmp_path, **{"squad/train-v1.1.json": json.dumps(data)})
    squad = tasks.get("squad")
    identity = sources.identify(squad, str(root), "train", ["en"])
    out, _ = run(config("squad", "retrieval", identity, "train", ["en"]), tmp_path, sources.places(squad, str(root)))
    candidate, query = table.read(out / "en.parquet", "retrieval")
    assert candidate.text == f"Ana was born in 1990. {context}" and not candidate.query
    assert query == Passage(id="q_q", cluster="t/0", text="When?", query=True, gold=(candidate.id,))


def test_a_union_keeps_its_members_apart_by_id(tmp_path: Path) -> None:
    lines = '{"sentence1": "a", "sentence2": "b", "gold_label": "neutral"}\n'
    anli = '{"uid": "u", "context": "a", "hypothesis": "b", "label": "c"}\n'
    root = folder(
        tmp_path,
        **{
            "snli_1.0/snli_1.0_train.jsonl": lines + lines.replace("neutral", "-"),
            "multinli_1.0/multinli_1.0_train.jsonl": lines,
            **{f"anli_v1.0/R{i}/train.jsonl": anli for i in (1, 2, 3)},
        },
    )
    union = tasks.get("anli")
    identity = sources.identify(union, str(root), "train", ["en"])
    out, facts = run(config("anli", "pairs", identity, "train", ["en"]), tmp_path, sources.places(union, str(root)))
    found = table.read(out / "en.parquet", "pairs")
    assert [e.id for e in found] == ["snli/0", "mnli/0", "anli_r1/u", "anli_r2/u", "anli_r3/u"]
    assert [e.label for e in found] == ["neutral", "neutral", *["contradiction"] * 3]
    assert facts["languages"]["en"]["excluded"]["no agreed label"]["count"] == 1


def test_a_limit_of_a_search_keeps_what_its_queries_need(tmp_path: Path) -> None:
    foreign = "".join(f"de-{i}\tsatz {i}\n" for i in range(50))
    english = "".join(f"en-{i}\tsentence {i}\n" for i in range(50))
    files = {
        "bucc2018/de-en.dev.de": foreign,
        "bucc2018/de-en.dev.en": english,
        "bucc2018/de-en.dev.gold": "de-1\ten-40\n",
    }
    root = folder(tmp_path, **files)
    bucc = tasks.get("bucc")
    identity = sources.identify(bucc, str(root), "dev", ["de"])
    made = config("bucc", "retrieval", identity, "dev", ["de"], limit=3)
    out, _ = run(made, tmp_path, sources.places(bucc, str(root)))
    found = table.read(out / "de.parquet", "retrieval")
    assert [p.id for p in found if p.query] == ["de-0", "de-1", "de-2"]
    assert [p.id for p in found if not p.query] == ["en-0", "en-1", "en-2", "en-40"]
