"""The questions of a study, answered from what the store holds: scores, single answers, dev scores, facts."""

from __future__ import annotations

import json
import statistics
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from waystage.errors import InputError
from waystage.reports import known, made, outcomes
from waystage.reports.plain import plain
from waystage.results import Results
from waystage.study.cells import ZERO_SHOT, Cell
from waystage.study.regimes import follows_source
from waystage.study.schema import Question
from waystage.study.stages import find_task


def answers(results: Results) -> list[dict[str, Any]]:
    """Every question for every model and source language, as one family of tests, or why there is no answer yet.

    A trend over sizes has one answer for all models.
    """
    from waystage.claims import freeze
    from waystage.stats import Answer, as_family
    from waystage.stats.answering import BOTH

    frozen, gone = freeze.states(results), made.lost(results)
    asked: list[dict[str, Any]] = []
    given: list[Answer] = []
    for number, question in enumerate(results.study.question, 1):
        a, b = _names(question)
        for model in [None] if question.against == "size" else results.study.models:
            for source in ["sources"] if question.sources else results.study.source_languages:
                key = {
                    "number": number, "ask": question.ask, "kind": question.kind, "a": a, "b": b,
                    "model": model or ", ".join(results.study.models),
                    "source_language": BOTH.join(question.sources or [source]), "of": _of(results, model, source),
                    "frozen": frozen[number - 1],
                }  # fmt: skip
                failed = _failed(results, gone, question, model, source)
                try:
                    answer = _answer(results, question, model, source)
                    given.append(replace(answer, warnings=(*answer.warnings, *failed)))
                    asked.append({**key, "answered": True})
                except InputError as error:
                    asked.append({**key, "answered": False, "why": "\n".join([str(error), *failed])})
    family = iter(as_family(given))
    return [{**plain(next(family).as_dict()), **one} if one["answered"] else one for one in asked]


def _failed(
    results: Results, gone: list[tuple[Cell, str]], question: Question, model: str | None, source: str
) -> list[str]:
    """Runs of what is compared that came to nothing: an answer is about the seeds that went through."""
    arms = _arms(results, question)
    sources, targets = set(question.sources or [source]), question.targets or results.study.target_tasks()
    free = untrained(results)
    found: dict[tuple[str, str, str], dict[str, None]] = {}  # what is one stage may be lacking on many targets
    for cell, why in gone:
        here = cell.source_language in sources or (cell.target in free and not question.sources)
        if here and cell.intermediate in arms and cell.target in targets and model in (None, cell.model):
            seeds = " and ".join(map(str, dict.fromkeys((cell.intermediate_seed, cell.target_seed))))
            found.setdefault((cell.intermediate, seeds, why), {})[cell.target] = None
    return [
        f"failed, and in no average: {', '.join(on)} after {arm}, seed {seeds}: {why}"
        for (arm, seeds, why), on in found.items()
    ]


def _arms(results: Results, question: Question) -> set[str]:
    """All that a question is about."""
    chosen = (question.among or tuple(results.study.intermediate)) if question.kind == "best-of" else ()
    return {*question.compare, *chosen} & set(results.study.intermediate)


def _of(results: Results, model: str | None, source: str) -> str:
    """Which of several models and source languages an answer is of; empty where there is one."""
    said = [model] if model and len(results.study.models) > 1 else []
    if source != "sources" and len(results.study.source_languages) > 1:
        said.append(f"from {source}{'*' if results.rehearsal else ''}")
    return ", ".join(said)


def untrained(results: Results, arms: Collection[str] = (), source: str = "") -> list[str]:
    """Targets without training data, which have one row for all source languages: that of the first one.

    That row serves no other source where one of the `arms` goes with the source: there it would be another model.
    """
    study = results.study
    other = source not in ("", study.source_languages[0])
    if other and any(follows_source(study.intermediate[arm], study.intermediate) for arm in arms):
        return []
    return [target for target in study.target_tasks() if not find_task(study, target).has_training_data]


def _answer(results: Results, question: Question, model: str | None, source: str) -> Any:
    from waystage import stats

    if not len(results.scores):
        raise InputError("nothing has been scored yet")
    if model is None:
        return _over_sizes(results, question, source)
    if question.sources:
        return _between_sources(results, question, model)
    return stats.answer(
        question, results.scores, results.study, model=model, source_language=source,
        untrained=untrained(results, _arms(results, question), source),
        rehearsal=results.rehearsal, outcomes=outcomes.reader(results),
        known=known.of(results, question, model=model, source_language=source) if question.kind == "trend" else None,
        chosen=chosen_on_dev(results, question, model, source) if question.choose == "dev" else None,
    )  # fmt: skip


def _between_sources(results: Results, question: Question, model: str) -> Any:
    """Two source languages of the target stage as two arms. What nothing was trained for has none, and stays out."""
    import pandas

    from waystage import stats
    from waystage.stats.answering import BOTH

    assert question.sources is not None
    frame, free = results.scores, untrained(results)
    frame = frame[~frame["target"].isin(free)]
    both = BOTH.join(question.sources)
    sides = dict(zip(_names(question), zip(question.compare, question.sources, strict=True), strict=True))
    parts = [
        frame[(frame["intermediate"] == arm) & (frame["source_language"] == source)].assign(
            intermediate=name, source_language=both
        )
        for name, (arm, source) in sides.items()
    ]
    return stats.answer(
        question.model_copy(update={"compare": tuple(sides)}), pandas.concat(parts), results.study, model=model,
        source_language=both, untrained=free, rehearsal=results.rehearsal, outcomes=outcomes.reader(results, sides),
    )  # fmt: skip


def _names(question: Question) -> tuple[str, str]:
    """The two sides of a question; the same arm from two source languages is two sides."""
    a, b = question.compare
    if question.sources is None:
        return a, b
    first, second = question.sources
    return f"{a} from {first}", f"{b} from {second}"


def _over_sizes(results: Results, question: Question, source: str) -> Any:
    from waystage.stats import contrast
    from waystage.stats.on_trends import over_sizes

    sizes = known.parameters(results.study.models)
    lacking = [model for model in results.study.models if model not in sizes]
    if lacking:
        raise InputError(f"the size of {', '.join(lacking)} is not known here")
    if len(sizes) < 2:
        raise InputError(f"a trend over sizes needs two models or more, here is {', '.join(sizes)}")
    a, b = question.compare
    each = {
        model: contrast(
            results.scores, a, b, model=model, source_language=source,
            targets=question.targets or results.study.target_tasks(),
            languages=results.study.select(question.languages), untrained=untrained(results, (a, b), source),
        )
        for model in sizes
    }  # fmt: skip
    return over_sizes(question, each, sizes, rehearsal=results.rehearsal)


def chosen_on_dev(results: Results, question: Question, model: str, source: str) -> dict[str, str]:
    """By target the arm with the best dev score in the source language, on average over seeds.

    A target is absent where some arm has no such score: no training data, a training that never looked at dev, or one
    on the target in the evaluated languages.
    """
    arms = set(question.among or results.study.intermediate) - {question.compare[1]}
    scores: dict[str, dict[str, list[float | None]]] = {}
    for cell in results.plan.cells:
        if cell.model == model and cell.source_language == source and cell.intermediate in arms:
            by_arm = scores.setdefault(cell.target, {})
            there = cell.protocol != ZERO_SHOT  # its dev data are in the evaluated language
            by_arm.setdefault(cell.intermediate, []).append(None if there else _dev_score(results, cell.evaluate))
    return {
        target: max(by_arm, key=lambda arm: statistics.fmean(v for v in by_arm[arm] if v is not None))
        for target, by_arm in scores.items()
        if all(value is not None for values in by_arm.values() for value in values)
    }


def _dev_score(results: Results, evaluate: Any) -> float | None:
    """The best look at dev of the training on the target itself."""
    checkpoint = evaluate.inputs.get("checkpoint")
    members = checkpoint.config.get("members", ()) if checkpoint else ()  # none of a merged or adopted checkpoint
    if not members or members[-1]["task"] not in _trained(results, evaluate):
        return None  # an untrained target: the intermediate stage's dev score says nothing about it
    path = results.store.find(checkpoint.fingerprint, "training.json")
    best = json.loads(path.read_text(encoding="utf-8")).get("best") if path else None
    return None if best is None else float(best)


def _trained(results: Results, evaluate: Any) -> tuple[str, ...]:
    task = find_task(results.study, evaluate.config["task"])
    return (task.train_on or (task.name,)) if task.has_training_data else ()
