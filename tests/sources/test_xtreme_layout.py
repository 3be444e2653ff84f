"""The tree that XTREME's download script leaves, as an invented miniature: everything in it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from waystage import sources, tasks
from waystage.errors import DataError
from waystage.sources import folder
from waystage.sources.notes import Notes


def read(root: Path, task: str, split: str, lg: str) -> list[Any]:
    it = tasks.get(task)
    identity = sources.identify(it, str(root), split, (lg,))
    return list(sources.read(it, identity, split, lg, place={"data": str(root)}, notes=Notes()))


def test_every_file_belongs_to_a_task_and_language(xtreme_example: Path) -> None:
    found: set[Path] = set()
    for name in {*tasks.benchmark("xtreme"), *tasks.benchmark("xtreme-r"), "copa"}:
        task = tasks.get(name)
        for split in ("train", "dev", "test"):
            for lg in dict.fromkeys((*task.languages, *task.train_languages)):
                try:
                    found.update(folder.find(xtreme_example, task, split, lg).paths)
                except DataError:
                    continue
    every = {p for p in xtreme_example.rglob("*") if p.is_file() and "_raw_inputs" not in p.parts}
    unread = {str(p.relative_to(xtreme_example)) for p in every - found}
    # a context and a question in different languages are not what zero-shot transfer scores
    mixed = {n for n in unread if "-context-" in n and n.split("-context-")[1][:2] != n.split("-question-")[1][:2]}
    whole = {"tydiqa/tydiqa-goldp-v1.1-train/tydiqa-goldp-v1.1-train.json"}  # the languages of it are there one by one
    assert unread - mixed - whole == set()


@pytest.mark.parametrize("name", [*tasks.benchmark("xtreme"), "xcopa", "mewslix"])
def test_test_sets_of_every_language_hide_their_answers(name: str, xtreme_example: Path) -> None:
    official = {**tasks.benchmark("xtreme-r").languages, **tasks.benchmark("xtreme").languages}
    there = 0
    for lg in official[name]:
        try:
            examples = read(xtreme_example, name, "test", lg)
        except DataError as error:
            assert name == "udpos" and "looked for" in str(error)  # the miniature has two languages of it
            continue
        there += 1
        for example in examples:
            hidden = [getattr(example, field, None) for field in ("label", "tags", "gold", "answerable")]
            candidate = getattr(example, "query", True) is False
            assert hidden == [None] * 4 or candidate, example
        assert examples
    assert there == (2 if name == "udpos" else len(official[name]))


def test_dev_sets_show_them(xtreme_example: Path) -> None:
    assert [e.label for e in read(xtreme_example, "xnli", "dev", "fr")] == ["neutral", "contradiction"]
    assert [e.first for e in read(xtreme_example, "xnli", "dev", "fr")] == ['fr one "q"', "fr three"]
    assert [e.label for e in read(xtreme_example, "pawsx", "dev", "fr")] == ["1", "0"]
    assert read(xtreme_example, "panx", "dev", "fr")[0].tags == ("B-PER", "O", "O", "B-LOC")
    assert read(xtreme_example, "mlqa", "dev", "vi")[0].answers == ("1990",)
    queries = [p for p in read(xtreme_example, "bucc", "dev", "de") if p.query]
    assert [p.gold for p in queries] == [("en-000000002",), ()]
    assert [p.gold for p in read(xtreme_example, "mewslix", "dev", "tr")] == [("Q1",), ("Q2",)]
