"""What a data or gold tree says about the predictions that belong to it: how many, how long, which ids."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from waystage.errors import DataError
from waystage.metrics.benchmarks import QA_TASKS, TAG_TASKS, file_name
from waystage.metrics.reading import raw_lines, read_lines, read_object, read_questions, read_tags, read_text


@dataclass(frozen=True)
class Expected:
    source: Path
    items: int | None = None
    lengths: tuple[int, ...] | None = None  # tags per sentence
    ids: tuple[str, ...] | None = None
    pair_ids: tuple[frozenset[str], frozenset[str]] | None = None  # bucc2018: the ids of either side
    choices: int | None = None  # tatoeba: lines to choose from


def expected(reference: Path, task: str, language: str) -> Expected | None:
    """From XTREME's download (where it has the task in a layout of its own) or from a tree of gold files; else None."""
    download = reference / task / _DOWNLOAD.get(task, "{0}").format(language)
    if task in _DOWNLOAD and download.exists():
        if task == "tatoeba":
            other = reference / task / f"{language}-en.{language}"
            return Expected(download, items=len(read_lines(download)), choices=len(read_lines(other)))
        if task == "bucc2018":
            english = reference / task / f"{language}-en.test.en"
            return Expected(download, pair_ids=(_first_column(download), _first_column(english)))
        return Expected(download, ids=_ids(task, download))
    gold = reference / task / file_name(task, language)
    if not gold.exists():
        return None
    if task in TAG_TASKS:
        from waystage.metrics.spans import TagCodes

        return Expected(gold, lengths=tuple(read_tags(gold, TagCodes()).lengths().tolist()))
    if task in QA_TASKS or task == "mewslix":
        return Expected(gold, ids=_ids(task, gold))
    if task == "bucc2018":
        return Expected(gold)  # gold pairs do not say which ids exist
    count = _rows(gold)
    return Expected(gold, items=count, choices=count)


_DOWNLOAD = {
    "xquad": "xquad.{0}.json",
    "mlqa": "MLQA_V1/test/test-context-{0}-question-{0}.json",
    "tydiqa": "tydiqa-goldp-v1.1-dev/tydiqa.goldp.{0}.dev.json",
    "mewslix": "wikinews_labels/test-{0}.json",
    "tatoeba": "{0}-en.en",
    "bucc2018": "{0}-en.test.{0}",
}


def _ids(task: str, path: Path) -> tuple[str, ...]:
    return tuple(read_object(path, "ids") if task == "mewslix" else read_questions(path)[0])


def _first_column(path: Path) -> frozenset[str]:
    return frozenset(line.split("\t")[0] for line in read_lines(path))


def _rows(path: Path) -> int:
    """Rows of a data file (tab-separated, quoted, so a text may hold a newline) or lines of a gold file."""
    text = read_text(path)
    if "\t" not in text or path.suffix != ".tsv":
        return len(raw_lines(text))
    try:
        return sum(1 for _ in csv.reader(StringIO(text), delimiter="\t"))
    except csv.Error as problem:
        raise DataError(f"not a tab-separated table: {problem}", path) from problem
