"""A question of a study file and the scores so far: what is compared with what, and which kind of answer it gets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from waystage.errors import InputError
from waystage.stats.answering import Answer, Outcomes, QuestionLike, StudyLike, as_family, difference
from waystage.stats.average import Contrast, alike, contrast
from waystage.stats.on_best import answer as best_answer
from waystage.stats.on_gaps import answer as gap_answer
from waystage.stats.on_trends import Known
from waystage.stats.on_trends import answer as trend_answer


def answers(questions: Iterable[QuestionLike], scores: Any, study: StudyLike, **options: Any) -> tuple[Answer, ...]:
    """Every question, for every model and source language of the study, as one family of tests.

    `options` are those of `answer`.
    """
    return as_family(
        answer(question, scores, study, model=model, source_language=source, **options)
        for question in questions
        for model in study.models
        for source in study.source_languages
    )


def answer(
    question: QuestionLike,
    scores: Any,
    study: StudyLike,
    *,
    model: str | None = None,
    source_language: str | None = None,
    untrained: Collection[str] | None = None,
    families: Mapping[str, str] | None = None,
    outcomes: Outcomes | None = None,
    known: Known | None = None,
    chosen: Mapping[str, str] | None = None,
    rehearsal: bool = False,
    level: float = 0.95,
) -> Answer:
    """What the scores of one model and source language say to a question.

    `model` and `source_language` may be left out where the study has one. `untrained` names the targets without
    training data; left out, they are recognised where two seeds allow it. `families` maps languages to families and
    defaults to the language table. `outcomes` gives what each arm did on each test item. `known` holds, for a trend,
    what is known of the languages, by predictor; `chosen`, for the best of several arms, the arm of each target where
    the choice was made on dev data.
    """
    model = model or _only(study.models, "model")
    source = source_language or _only(study.source_languages, "source_language")

    def against(a: str) -> Contrast:
        return contrast(
            scores, a, question.compare[1], model=model, source_language=source,
            targets=question.targets or study.target_tasks(), languages=study.select(question.languages),
            untrained=untrained,
        )  # fmt: skip

    if question.kind == "best-of":
        arms = question.among or [name for name in study.intermediate if name != question.compare[1]]
        contrasts = alike([against(a) for a in arms])
        return best_answer(question, contrasts, outcomes=outcomes, chosen=chosen, rehearsal=rehearsal)
    found = against(question.compare[0])
    if question.kind == "gap":
        high = (source,) if question.high == "source" else study.select(question.high)
        low = [code for code in study.select(question.low) if question.high != "source" or code != source]
        found = _trained(found) if question.high == "source" else found
        return gap_answer(question, found, high=high, low=low, rehearsal=rehearsal)
    if question.kind == "trend":
        return trend_answer(question, found, known or {}, families=families, rehearsal=rehearsal)
    return difference(question, found, families=families, outcomes=outcomes, rehearsal=rehearsal, level=level)


def _trained(found: Contrast) -> Contrast:
    """A target that nothing was trained for has no source language, even where it scores one of that code."""
    free = [p.target for p in found.pairs if p.target in found.untrained and found.source_language in p.languages]
    if len(free) == len(found.targets):
        raise InputError(f"nothing is trained on {', '.join(free)}, so there is no source language to be near to")
    said = [f"{target}: nothing is trained on it, so it has no source language" for target in free]
    return replace(found.of([t for t in found.targets if t not in free]), left_out=(*found.left_out, *said))


def _only(names: Sequence[str], what: str) -> str:
    if len(names) > 1:
        raise InputError(f"the study has {len(names)} of {what} ({', '.join(names)}): say which, {what}={names[0]!r}")
    return names[0]
