"""Turn the rows of every language into tokens, once, in chunks: memory does not grow with the data."""

from __future__ import annotations

import hashlib
import heapq
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage import forms
from waystage.errors import DataError
from waystage.forms import table
from waystage.forms.writer import Writer
from waystage.stages import Context, Inputs

if TYPE_CHECKING:
    from tokenizers import Tokenizer

VERSION = 1
CHUNK = 8192  # examples


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from waystage.models.load import tokenizer as load_tokenizer

    rows = inputs["rows"]
    folders = [rows] if isinstance(rows, Path) else rows
    files = sorted((file for folder in folders for file in folder.glob("*.parquet")), key=lambda file: file.name)
    if not files:
        raise DataError("no rows to make tokens of", folders[0])
    form = forms.get(config["form"])
    tokenizer = load_tokenizer(config["tokenizer"], context.places)
    labels = labels_of(config, files)
    facts: dict[str, Any] = {}
    started = time.perf_counter()
    for done, file in enumerate(files):
        context.progress({"step": done, "of": len(files)})
        found = _language(config, form, labels, tokenizer, file, out / file.stem)
        facts[file.stem] = found | shares(found)
    seconds = time.perf_counter() - started
    tokens = sum(each["tokens"] for each in facts.values())
    return {"languages": facts, "tokens": tokens, "tokens_per_second": tokens / seconds}


def _language(
    config: dict[str, Any], form: ModuleType, labels: list[str], tokenizer: Tokenizer, file: Path, out: Path
) -> dict[str, Any]:
    options = {name: value for name, value in (config.get("options") or {}).items() if name != "labels"}
    with Writer(out) as writer:
        for numbers, examples in _chunks(config, options, file):
            part = form.encode(examples, tokenizer, labels=labels, max_length=config["max_length"], **options)
            writer.add(part, numbers)
        if from_train(config):
            writer.facts["labels"] = labels
        return writer.facts


def shares(facts: dict[str, Any]) -> dict[str, float]:
    """What a person wants to see of the counts: how much is cut off, and how finely the tokenizer cuts."""
    found = {}
    if facts.get("units") and "truncated" in facts:
        found["truncated share"] = round(facts["truncated"] / facts["units"], 4)
    if facts.get("words"):
        found["pieces per word"] = round(facts["pieces"] / facts["words"], 3)
    return found


def _chunks(config: dict[str, Any], options: dict[str, Any], file: Path) -> Iterator[tuple[np.ndarray, list[Any]]]:
    """Chunks of examples with their row numbers in the file; at least one."""
    search = config["form"] == "retrieval"
    chosen = chosen_rows(file, config.get("examples"), seed=config.get("seed", 0), queries=search)
    # Pairs of a query and its answer may stand anywhere in the file, so they are made from all of it.
    size = table.count(file) if options.get("paired") else CHUNK
    start = 0
    for examples in table.batches(file, config["form"], rows=max(size, 1)):
        numbers = np.arange(start, start + len(examples))
        start += len(examples)
        if chosen is not None:
            keep = np.flatnonzero(np.isin(numbers, chosen))
            numbers, examples = numbers[keep], [examples[i] for i in keep]
        if examples:
            yield numbers, examples
    if start == 0:  # a language without rows has empty arrays, not none
        yield np.zeros(0, np.int64), []


def chosen_rows(file: Path, limit: int | None, *, seed: int = 0, queries: bool = False) -> np.ndarray | None:
    """Row numbers of `limit` examples. A smaller limit chooses a part of what a larger one does; None: all.

    Chosen by a hash of the id, so the choice does not change when other examples are added to the file. With `queries`
    the limit is one of queries; every candidate stays, since a search without its answers would be another task.
    """
    if limit is None or limit >= table.count(file):
        return None
    asked = np.ones(table.count(file), bool)
    if queries:
        asked = np.fromiter((p.query for rows in table.batches(file, "retrieval") for p in rows), bool, len(asked))

    def key(name: str) -> bytes:
        return hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()

    keyed = ((key(name), row) for row, name in enumerate(table.ids(file)) if asked[row])
    best = np.asarray([row for _, row in heapq.nsmallest(limit, keyed)], np.int64)
    return np.sort(np.concatenate([best, np.flatnonzero(~asked)]))


def from_train(config: dict[str, Any]) -> bool:
    return (config.get("options") or {}).get("labels") == "from train"


def labels_of(config: dict[str, Any], files: list[Path]) -> list[str]:
    """The declared labels, or where the task says so the most frequent tags of the rows themselves."""
    if not from_train(config):
        return list(config["labels"])
    counts: Counter[str] = Counter()
    for file in files:
        for rows in table.batches(file, config["form"]):
            counts.update(tag for row in rows for tag in row.tags or ())
    ranked = sorted(counts, key=lambda tag: (-counts[tag], tag))
    return ranked[: config["options"].get("most")]
