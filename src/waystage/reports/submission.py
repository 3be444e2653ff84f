"""A study's predictions as the folder that XTREME's evaluator reads: one arm, one model, one seed.

TASK/test-LANGUAGE.EXT      labels, tags, indices one per line; answers and rankings as JSON
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from waystage.errors import InputError, did_you_mean
from waystage.graph.stage import Stage
from waystage.metrics.benchmarks import file_name
from waystage.results import Results
from waystage.study.stages import Cell, find_task

FOLDER = {"bucc": "bucc2018"}  # where XTREME has another name
FIRST = "cosine"  # of a search's variants, the one that the benchmark means
Table = dict[str, list[Any]]


def export(
    results: Results, folder: Path, *, arm: str | None = None, seed: int | None = None, model: str | None = None,
    source_language: str | None = None,
) -> list[Path]:  # fmt: skip
    """Write what has been predicted so far; returns the files. Refuses rehearsals: they are no submission."""
    if results.rehearsal:
        raise InputError("a rehearsal cannot be handed in: its languages are artificial. Export the real run instead")
    known = results.study.intermediate
    if arm is not None and arm not in known:
        raise InputError(f"the study has no arm {arm!r}{did_you_mean(arm, known)}; it has {', '.join(known)}")
    arm = _one("arm", arm, tuple(known))
    seed = _one("seed", seed, results.study.seeds)
    model = _one("model", model, results.study.models)
    source_language = _one("source language", source_language, results.study.source_languages)
    chosen = [
        cell
        for cell in results.plan.cells
        if (cell.intermediate, cell.seed, cell.model, cell.source_language) == (arm, seed, model, source_language)
        and not cell.selection
    ]
    written = [path for cell in chosen for path in _cell(results, cell, folder)]
    if not written:
        raise InputError(
            f"nothing of arm {arm!r}, seed {seed} has been evaluated yet. Type: waystage run {results.path or 'STUDY'}"
        )
    return written


def _one(what: str, said: Any, known: tuple[Any, ...]) -> Any:
    if said is None and len(known) == 1:
        return known[0]
    if said not in known:
        told = f"{said!r} is not among them" if said is not None else "say which"
        option = f"--{what.partition(' ')[0]}"
        raise InputError(f"the study has {what}s {', '.join(map(str, known))}: {told}, such as {option} {known[0]}")
    return said


def _cell(results: Results, cell: Cell, folder: Path) -> list[Path]:
    import pyarrow.parquet as pq

    if not results.store.has(cell.evaluate.fingerprint):
        return []
    write = WRITERS.get(cell.target) or WRITERS.get(find_task(results.study, cell.target).form)
    if write is None:
        return []
    rows = cell.evaluate.inputs["rows"]
    assert isinstance(rows, Stage)
    written = []
    for path in sorted((results.store.path(cell.evaluate.fingerprint) / "predictions").glob("*.parquet")):
        predictions = pq.read_table(path).to_pydict()
        if "variant" in predictions:
            predictions = _only_first(predictions)
        text = write(predictions, pq.read_table(results.store.path(rows.fingerprint) / path.name).to_pydict())
        name = FOLDER.get(cell.target, cell.target)
        out = folder / name / file_name(name, path.stem)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        written.append(out)
    return written


def _only_first(table: Table) -> Table:
    keep = [i for i, variant in enumerate(table["variant"]) if variant in (FIRST, table["variant"][0])]
    return {name: [values[i] for i in keep] for name, values in table.items()}


def _lines(values: Iterable[str]) -> str:
    return "".join(f"{value}\n" for value in values)


def _labels(predictions: Table, rows: Table) -> str:
    return _lines(predictions["prediction"])


def _tags(predictions: Table, rows: Table) -> str:
    return "\n".join(_lines(tags) for tags in predictions["prediction"])


def _answers(predictions: Table, rows: Table) -> str:
    answers = dict(zip(predictions["id"], predictions["prediction"], strict=True))
    return json.dumps(answers, ensure_ascii=False, indent=0) + "\n"


def _options(predictions: Table, rows: Table) -> str:
    return _lines(json.dumps({"label": int(choice)}) for choice in predictions["prediction"])


def _indices(predictions: Table, rows: Table) -> str:
    """Tatoeba: for each English line the 0-based line of its nearest neighbour in the other language."""
    candidates = (i for i, query in zip(rows["id"], rows["query"], strict=True) if not query)
    line = {identifier: number for number, identifier in enumerate(candidates)}
    return _lines(str(line[found[0]]) for found in predictions["prediction"])


def _pairs(predictions: Table, rows: Table) -> str:
    """BUCC: the id of the other language, a tab, the English id."""
    pairs = [(q, a) for q, found in zip(predictions["id"], predictions["prediction"], strict=True) for a in found]
    return _lines("\t".join((a, q) if q.startswith("en-") else (q, a)) for q, a in pairs)


def _rankings(predictions: Table, rows: Table) -> str:
    ranked = dict(zip(predictions["id"], (list(found[:20]) for found in predictions["prediction"]), strict=True))
    return json.dumps(ranked, ensure_ascii=False) + "\n"


WRITERS: dict[str, Callable[[Table, Table], str]] = {
    "pairs": _labels,
    "tags": _tags,
    "spans": _answers,
    "choice": _options,
    "tatoeba": _indices,
    "bucc": _pairs,
    "mewslix": _rankings,
}  # by task, else by form; LAReQA is not handed in as files
