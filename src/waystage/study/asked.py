"""Questions that a study as planned can never answer. A run of weeks should not be what says so."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.study.cells import StudyPlan
from waystage.study.lookup import find_task
from waystage.study.schema import Question, Study

Scored = dict[tuple[str, str, str], set[str]]  # arm, source language, target -> languages
SHOWN = 6


def unanswered(plan: StudyPlan) -> list[str]:
    """Each with the reason: nothing is scored on both sides, or in none of the languages asked for."""
    scored: Scored = {}
    for cell in plan.cells:
        scored.setdefault((cell.intermediate, cell.source_language, cell.target), set()).update(cell.languages)
    said = []
    for number, question in enumerate(plan.study.question, 1):
        if why := _why(plan.study, question, scored):
            named = f" ({question.ask})" if question.ask else ""
            said.append(f"question {number}{named} will have no answer: {why}")
    return said


def _why(study: Study, question: Question, scored: Scored) -> str:
    shared = [pair for source in study.source_languages for pair in _shared(study, question, scored, source)]
    if not any(codes for _, codes in shared):
        return f"no target is scored after both {' and '.join(question.compare)}"
    groups = _groups(study, question)
    if any(all(codes & group for group in groups.values()) for _, codes in shared):
        return _too_few(study, question, scored, *groups.values()) if _is_line(question) else ""
    lacking = [what for what, group in groups.items() if not any(codes & group for _, codes in shared)]
    if not lacking:
        return f"no target has languages of both {' and '.join(groups)}"
    there = sorted(set().union(*(codes for _, codes in shared)))
    few = ", ".join(there[:SHOWN]) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
    return f"nothing of {' and of '.join(lacking)} is scored; scored are {few}"


def _is_line(question: Question) -> bool:
    """A trend over the languages that a model is carried to, its source not among them."""
    return question.kind == "trend" and question.against != "size"


def _too_few(study: Study, question: Question, scored: Scored, group: set[str]) -> str:
    """A line needs three points more than it has predictors; the level of every target after the first is one."""
    most = 0
    for source in study.source_languages:
        points = [len(codes & group) for _, codes in _shared(study, question, scored, source) if codes & group]
        if sum(points) >= len(points) + len(question.beside) + 3:
            return ""
        most = max(most, sum(points))
    return f"{most} points, one per target and language, are too few for a trend"


def _shared(study: Study, question: Question, scored: Scored, source: str) -> Iterator[tuple[str, set[str]]]:
    """Target by target the languages that both sides are scored in."""
    a, b = question.compare
    arms = (
        (question.among or tuple(arm for arm in study.intermediate if arm != b)) if question.kind == "best-of" else ()
    )
    first, second = question.sources or (source, source)
    for target in question.targets or study.target_tasks():
        mine: set[str] = set().union(*(scored.get((arm, first, target), set()) for arm in arms or (a,)))
        both = mine & scored.get((b, second, target), set())
        # what is not trained has no source language to be near to
        free = question.kind == "gap" and question.high == "source" and not find_task(study, target).has_training_data
        yield target, both - {source} if free or _is_line(question) else both


def _groups(study: Study, question: Question) -> dict[str, set[str]]:
    """What is asked for, as it was written -> languages, each of which has to be there."""
    all_ = set(study.select(question.languages))
    if question.kind != "gap":
        return {_written(question.languages): all_}
    sides = {
        f"{side} = {_written(said)}": set(study.source_languages) if said == "source" else set(study.select(said))
        for side, said in (("high", question.high), ("low", question.low))
    }
    return {what: group & all_ for what, group in sides.items()}


def _written(said: str | tuple[str, ...]) -> str:
    return repr(said) if isinstance(said, str) else ", ".join(said)
