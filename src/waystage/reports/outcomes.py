"""What each arm did on each test item, from the kept predictions: the ground of intervals over items.

A score that is a sum over items divided by another sum (accuracy, F1, mean average precision) is taken apart into what
each item adds to the two. A correlation is no such sum, so similarity has no interval over items.

Items are the same in all languages of a parallel task, so one block holds all its languages and one draw of items
serves them all; an item that a language lacks adds nothing there. Elsewhere each language is a block of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from waystage.errors import StoreError
from waystage.forms.examples import Example
from waystage.results import Results
from waystage.stats.average import Contrast
from waystage.stats.items import Block
from waystage.study.stages import Cell, find_task
from waystage.tasks.task import Task

Items = dict[str, tuple[float, float]]  # id -> what it adds above and below the line
Names = dict[str, tuple[str, str]]  # id -> item and cluster


def reader(
    results: Results, sides: Mapping[str, tuple[str, str]] | None = None
) -> Callable[[Contrast], dict[str, list[Block]]]:
    """Blocks by target for any contrast of these results.

    `sides` says of a side that is called otherwise which arm it is, and from which source language.

    Absent are targets without kept answers or without sums, and studies whose two seeds are crossed: there a row of a
    contrast is a mean over several trained models.
    """
    if results.study.intermediate_seeds:
        return lambda found: {}
    cells = {
        (cell.model, cell.intermediate, cell.target, cell.source_language, cell.seed, code): cell
        for cell in results.plan.cells
        if not cell.selection  # scored beside, never what an answer is about
        for code in cell.languages
    }
    by_stage = {cell.evaluate.fingerprint: cell for cell in results.plan.cells}
    sources = dict.fromkeys(results.study.source_languages)

    @cache
    def items_of(fingerprint: str, language: str) -> Items | None:
        return _read(results, by_stage[fingerprint], language)

    def cell_of(found: Contrast, arm: str, target: str, seed: int, code: str) -> Cell:
        """Targets without training data have one row for all source languages, under the first of them."""
        arm, source = (sides or {}).get(arm, (arm, found.source_language))
        tried = [source, *sources]
        keys = ((found.model, arm, target, source, seed, code) for source in tried)
        return next(cells[key] for key in keys if key in cells)

    def blocks(found: Contrast) -> dict[str, list[Block]]:
        made = {}
        for pair in found.pairs:
            where = {
                code: [
                    [cell_of(found, arm, pair.target, seed, code) for seed in found.seeds] for arm in (found.a, found.b)
                ]
                for code in pair.languages
            }
            read = {
                code: [[items_of(cell.evaluate.fingerprint, code) for cell in side] for side in sides]
                for code, sides in where.items()
            }
            if all(one is not None for table in read.values() for side in table for one in side):
                task = find_task(results.study, pair.target)
                names = {code: _names(results, sides[0][0], code) for code, sides in where.items()}
                made[pair.target] = _blocks(task, read, names)
        return made

    return blocks


def _blocks(task: Task, read: Mapping[str, Any], names: Mapping[str, Names]) -> list[Block]:
    groups = [list(read)] if task.parallel else [[code] for code in read]
    return [_block({code: read[code] for code in group}, {code: names[code] for code in group}) for group in groups]


def _block(read: Mapping[str, Any], names: Mapping[str, Names]) -> Block:
    clusters: dict[str, str] = {}
    for own in names.values():
        for item, cluster in own.values():
            clusters.setdefault(item, cluster)
    every = sorted(clusters)
    place = {item: i for i, item in enumerate(every)}
    seeds = len(next(iter(read.values()))[0])
    over = np.zeros((2, seeds, len(read), len(every)))
    under = np.zeros_like(over)
    for number, (code, sides) in enumerate(read.items()):
        for side, of_seeds in enumerate(sides):
            for seed, found in enumerate(of_seeds):
                at = [place[names[code][one][0]] for one in found]
                both = np.array(list(found.values())).reshape(-1, 2)
                np.add.at(over[side, seed, number], at, both[:, 0])
                np.add.at(under[side, seed, number], at, both[:, 1])
    codes = np.unique([clusters[item] for item in every], return_inverse=True)[1]
    return Block(over, under, np.asarray(codes))


def _names(results: Results, cell: Cell, language: str) -> Names:
    """An item's own id, unless the task names one that other languages share; the item is its own cluster likewise."""
    found = {}
    for example in _examples(results, cell, language):
        item = example.item or example.id
        found[example.id] = (item, example.cluster or item)
    return found


def _examples(results: Results, cell: Cell, language: str) -> tuple[Example, ...]:
    rows = cell.evaluate.inputs["rows"]
    assert not isinstance(rows, tuple)
    path = results.store.find(rows.fingerprint, f"{language}.parquet")
    if path is None:
        raise StoreError(f"the texts of {cell.target} in {language} are not in the store any more. Run the study again")
    return _gold(path, cell.evaluate.config["form"])


@lru_cache(maxsize=64)
def _gold(path: Path, form: str) -> tuple[Example, ...]:
    """All arms and seeds are asked the same; an artifact never changes."""
    from waystage.forms import table

    return tuple(table.read(path, form))


def _read(results: Results, cell: Cell, language: str) -> Items | None:
    import pyarrow.parquet as pq

    task = find_task(results.study, cell.target)
    of = _FORMS.get(task.form)
    path = results.store.find(cell.evaluate.fingerprint, f"predictions/{language}.parquet")
    if of is None or path is None:
        return None
    answers = pq.read_table(path).to_pydict()
    if answers.get("variant"):  # a search is made in several ways; the official one stands first
        keep = [i for i, variant in enumerate(answers["variant"]) if variant == answers["variant"][0]]
        answers = {name: [values[i] for i in keep] for name, values in answers.items()}
    by_id = {example.id: example for example in _examples(results, cell, language)}
    return of(task, [by_id[one] for one in answers["id"]], answers["prediction"], language)


def _hits(task: Task, examples: list[Any], answers: list[Any], language: str) -> Items:
    return {
        e.id: (float(e.label == answer), 1.0)
        for e, answer in zip(examples, answers, strict=True)
        if e.label is not None
    }


def _overlaps(task: Task, examples: list[Any], answers: list[Any], language: str) -> Items:
    """Exact match or F1 of each question, by the rules of the task's own scorer."""
    from waystage.metrics.answers import answer_scores
    from waystage.metrics.mlqa import mlqa_rules
    from waystage.metrics.squad import SQUAD, score_squad2

    known = [
        (e, answer) for e, answer in zip(examples, answers, strict=True)
        if e.answerable is not None and (e.answers or not e.answerable)
    ]  # fmt: skip
    exact = task.metric == "exact_match"
    if task.options.get("unanswerable"):
        metric = "exact_match" if exact else "f1"
        return {e.id: (score_squad2([e.answers], [answer])[metric] / 100, 1.0) for e, answer in known}
    rules = mlqa_rules(language) if task.options.get("scorer") == "mlqa" else SQUAD
    same, overlap = answer_scores([e.answers for e, _ in known], [answer for _, answer in known], rules)
    return {e.id: (float(value), 1.0) for (e, _), value in zip(known, same if exact else overlap, strict=True)}


def _spans(task: Task, examples: list[Any], answers: list[Any], language: str) -> Items | None:
    """Twice the right spans over the predicted and wanted ones of each sentence; a span never leaves its sentence."""
    from waystage.metrics.spans import count_spans

    known = [(e, answer) for e, answer in zip(examples, answers, strict=True) if e.tags is not None]
    if task.metric == "token_accuracy":
        return {
            e.id: (float(sum(g == p for g, p in zip(e.tags, answer, strict=True))), float(len(e.tags)))
            for e, answer in known
        }
    if task.metric != "f1" or not known:
        return None
    right, found, wanted = count_spans([e.tags for e, _ in known], [answer for _, answer in known])
    return {
        e.id: (2.0 * r, float(f + w)) for (e, _), r, f, w in zip(known, right, found, wanted, strict=True)
    }  # fmt: skip


def _searches(task: Task, examples: list[Any], answers: list[Any], language: str) -> Items | None:
    """Mined pairs add their share of an F1; other searches a hit, or a precision averaged over the right answers."""
    from waystage.metrics.lareqa import average_precision_at_k

    mode = task.options.get("mode")
    asked = list(zip(examples, answers, strict=True))
    if mode == "margin":
        if all(e.gold is None for e in examples):
            return None
        return {
            e.id: (2.0 * len(set(answer) & set(e.gold or ())), float(len(answer) + len(e.gold or ())))
            for e, answer in asked
        }
    asked = [(e, answer) for e, answer in asked if e.gold]
    if mode == "pool":
        k = int(task.options.get("k", 20))
        return {e.id: (average_precision_at_k(e.gold, answer, k), 1.0) for e, answer in asked}
    return {e.id: (float(answer[0] in e.gold), 1.0) for e, answer in asked}


_FORMS: dict[str, Callable[[Task, list[Any], list[Any], str], Items | None]] = {
    "pairs": _hits,
    "choice": _hits,
    "spans": _overlaps,
    "tags": _spans,
    "retrieval": _searches,
}
