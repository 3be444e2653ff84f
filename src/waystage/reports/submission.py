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
from waystage.metrics.benchmarks import FILE_TASKS, file_name
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
    if results.study.evaluate_on != "test":
        raise InputError(
            f"the study is scored on {results.study.evaluate_on} (evaluate_on), and a submission answers the tests: "
            "run and export it with --set evaluate_on=test"
        )
    known = results.study.intermediate
    if arm is not None and arm not in known:
        raise InputError(f"the study has no arm {arm!r}{did_you_mean(arm, known)}; it has {', '.join(known)}")
    arm = _one("arm", arm, tuple(known))
    if len(several := results.study.intermediate_seeds) > 1:
        raise InputError(
            f"the study crosses its seeds with intermediate seeds {', '.join(map(str, several))}: "
            f"say which, such as --set intermediate_seeds=[{several[0]}]"
        )
    seed = _one("seed", seed, results.study.seeds)
    model = _one("model", model, results.study.models)
    source_language = _one("source language", source_language, results.study.source_languages)
    chosen = [
        cell
        for cell in results.plan.cells
        if (cell.intermediate, cell.target_seed, cell.model) == (arm, seed, model)
        and not cell.selection
        and (cell.source_language == source_language or not find_task(results.study, cell.target).has_training_data)
    ]
    wanted = [one for cell in chosen for one in _files(results, cell, folder)]
    if not wanted:
        raise InputError(
            f"nothing of arm {arm!r}, seed {seed} has been evaluated yet. Type: waystage run {results.path or 'STUDY'}"
        )
    _alone(folder, [out for *_, out in wanted])
    for cell, path, out in wanted:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(_text(results, cell, path), encoding="utf-8")
    return [out for *_, out in wanted]


def _alone(folder: Path, wanted: list[Path]) -> None:
    """A submission of two arms would look like one of one."""
    others = sorted({*folder.glob("*/test-*")} - {*wanted})
    if others:
        raise InputError(
            f"{folder} holds {len(others)} files that this export would not write, such as "
            f"{others[0].relative_to(folder)}: of another arm or study? Name another folder with --out, or remove them"
        )


def _one(what: str, said: Any, known: tuple[Any, ...]) -> Any:
    if said is None and len(known) == 1:
        return known[0]
    if said not in known:
        told = f"{said!r} is not among them" if said is not None else "say which"
        option = f"--{what.partition(' ')[0]}"
        raise InputError(f"the study has {what}s {', '.join(map(str, known))}: {told}, such as {option} {known[0]}")
    return said


def _files(results: Results, cell: Cell, folder: Path) -> list[tuple[Cell, Path, Path]]:
    """The kept answers of a cell, and the files that they become."""
    if not official(cell.target) or not results.store.has(cell.evaluate.fingerprint):
        return []
    name = FOLDER.get(cell.target, cell.target)
    answers = sorted((results.store.use(cell.evaluate.fingerprint) / "predictions").glob("*.parquet"))
    return [(cell, path, folder / name / file_name(name, path.stem)) for path in answers]


def official(target: str) -> bool:
    """Whether the benchmarks take files of it: of LAReQA, and of what is in neither of them, they do not."""
    return FOLDER.get(target, target) in FILE_TASKS


def _text(results: Results, cell: Cell, path: Path) -> str:
    import pyarrow.parquet as pq

    write = WRITERS.get(cell.target) or WRITERS[find_task(results.study, cell.target).form]
    rows = cell.evaluate.inputs["rows"]
    assert isinstance(rows, Stage)
    predictions = pq.read_table(path).to_pydict()
    if "variant" in predictions:
        predictions = _only_first(predictions)
    return write(predictions, pq.read_table(results.store.use(rows.fingerprint) / path.name).to_pydict())


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
