"""A question of a study file, answered in plain English with what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol

from waystage.errors import InputError
from waystage.stats import items, words
from waystage.stats import languages as readings
from waystage.stats import verdict as verdicts
from waystage.stats.average import Contrast, contrast
from waystage.stats.interval import Interval
from waystage.stats.multiple import holm
from waystage.stats.seeds import sign_flip

Reading = Literal["fixed", "random"]


class QuestionLike(Protocol):
    """What is read of `waystage.study.schema.Question`; studies stand above statistics and are not imported here."""

    @property
    def ask(self) -> str: ...
    @property
    def compare(self) -> tuple[str, str]: ...
    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def languages(self) -> Any: ...


class StudyLike(Protocol):
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def source_languages(self) -> tuple[str, ...]: ...
    @property
    def target_tasks(self) -> Callable[[], tuple[str, ...]]: ...
    @property
    def select(self) -> Callable[[Any], tuple[str, ...]]: ...


@dataclass(frozen=True)
class Line:
    """A part of the answer: one target, or the average over some of the targets or languages."""

    what: str
    metric: str  # empty where metrics differ
    languages: tuple[str, ...]
    a: float  # mean score of the first arm
    b: float
    interval: Interval  # of the difference
    verdict: verdicts.Verdict
    share: float | None = None  # of the average over targets that comes from here


@dataclass(frozen=True)
class Answer:
    ask: str
    a: str
    b: str
    model: str
    source_language: str
    reading: Reading
    sentence: str
    interval: Interval
    verdict: verdicts.Verdict
    seeds: tuple[int, ...]
    languages: tuple[str, ...]
    targets: tuple[Line, ...]  # the decomposition of the average
    variants: tuple[Line, ...]  # the same average without untrained retrieval, without the source language
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    rehearsal: bool
    items: tuple[Line, ...] = ()  # by target, with the test items as a sample too
    p_holm: float | None = None  # over all questions of the study, where they were answered together

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def text(self) -> str:
        """The sentence, the decomposition and the warnings, a line each."""
        lines = [self.sentence]
        lines += [f"  {words.line(line)}" for line in (*self.targets, *self.variants, *self.items)]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, *(f"  ! {warning}" for warning in self.warnings)])


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


def as_family(found: Iterable[Answer]) -> tuple[Answer, ...]:
    """Answers that belong together, each with Holm's p; a verdict that does not outlast it gets a warning."""
    family = tuple(found)
    adjusted = holm([one.interval.p for one in family])
    return tuple(_adjusted(one, p, len(family)) for one, p in zip(family, adjusted, strict=True))


def _adjusted(one: Answer, p: float | None, questions: int) -> Answer:
    warnings = one.warnings
    if p is not None and p > 0.05 and one.verdict.word in ("better", "worse"):
        said = f"'{one.verdict.word}' does not outlast {questions} questions: p = {p:.3g} after Holm"
        warnings = (*warnings, said)
    return replace(one, p_holm=p, warnings=warnings)


def answer(
    question: QuestionLike,
    scores: Any,
    study: StudyLike,
    *,
    model: str | None = None,
    source_language: str | None = None,
    reading: Reading = "fixed",
    margin: float | None = None,
    untrained: Collection[str] | None = None,
    families: Mapping[str, str] | None = None,
    outcomes: Mapping[str, Sequence[items.Block]] | None = None,
    rehearsal: bool = False,
    level: float = 0.95,
) -> Answer:
    """Is A better than B? Headline metric of each target, paired by seed, averaged over languages, then targets.

    `model` and `source_language` may be left out where the study has one. `reading = "random"` asks about a new
    language instead of these; `margin` is the smallest difference that would matter, fixed before looking.
    `untrained` names the targets without training data; left out, they are recognised where two seeds allow it.
    `outcomes` holds, by target, what each arm did on each item (arm A first); it adds intervals over items.
    """
    a, b = question.compare
    found = contrast(
        scores,
        a,
        b,
        model=model or _only(study.models, "model"),
        source_language=source_language or _only(study.source_languages, "source_language"),
        targets=question.targets or study.target_tasks(),
        languages=study.select(question.languages),
        untrained=untrained,
    )

    def judge(part: Contrast) -> tuple[Interval, verdicts.Verdict]:
        if reading == "random":
            interval = readings.new_language(part, families=families, level=level)
        else:
            interval = readings.these_languages(part, level=level)
        return interval, verdicts.of(interval, seeds=len(part.seeds), margin=margin)

    def line(what: str, part: Contrast) -> Line:
        interval, verdict = judge(part)
        metrics = {pair.metric for pair in part.pairs}
        levels = [(float(p.a.to_numpy().mean()), float(p.b.to_numpy().mean())) for p in part.pairs]
        of_a, of_b = (sum(side) / len(levels) for side in zip(*levels, strict=True))
        return Line(what, metrics.pop() if len(metrics) == 1 else "", part.languages, of_a, of_b, interval, verdict)

    interval, verdict = judge(found)
    by_target = _shares([line(target, found.of((target,))) for target in found.targets])
    return Answer(
        ask=question.ask,
        a=a,
        b=b,
        model=found.model,
        source_language=found.source_language,
        reading=reading,
        sentence=words.sentence(found, interval, verdict, reading=reading, rehearsal=rehearsal, ask=question),
        interval=interval,
        verdict=verdict,
        seeds=found.seeds,
        languages=found.languages,
        targets=by_target,
        variants=tuple(line(what, part) for what, part in _variants(found)),
        notes=_notes(found),
        warnings=_warnings(found),
        rehearsal=rehearsal,
        items=tuple(
            _over_items(line, outcomes[line.what], level) for line in by_target if outcomes and line.what in outcomes
        ),
    )


def _over_items(line: Line, blocks: Sequence[items.Block], level: float) -> Line:
    """With one seed the statement is about this checkpoint, with more about the method."""
    seeds = blocks[0].over.shape[1]
    if seeds == 1:
        interval = items.this_checkpoint(blocks, level=level)
        what, enough = f"{line.what}, this checkpoint, other test items", verdicts.FULL
    else:
        interval = items.this_method(blocks, level=level)
        what, enough = f"{line.what}, other seeds and other test items", seeds
    return replace(line, what=what, interval=interval, verdict=verdicts.of(interval, seeds=enough), share=None)


def _variants(found: Contrast) -> list[tuple[str, Contrast]]:
    """Averages whose difference from the main one a reader must see."""
    parts: list[tuple[str, Contrast]] = []
    free = [target for target in found.targets if target in found.untrained]
    if free and len(free) < len(found.targets):
        without = [target for target in found.targets if target not in free]
        parts.append((f"without untrained retrieval ({', '.join(free)})", found.of(without)))
        parts.append((f"untrained retrieval alone ({', '.join(free)})", found.of(free)))
    if found.source_language in found.languages:
        others = found.in_languages([code for code in found.languages if code != found.source_language])
        if others:
            parts.append((f"without the source language ({found.source_language})", others))
    return parts


def _shares(lines: Sequence[Line]) -> tuple[Line, ...]:
    total = sum(line.interval.estimate for line in lines)
    mixed = len({line.interval.estimate > 0 for line in lines}) > 1
    if len(lines) < 2 or mixed or not total:
        return tuple(lines)  # parts of opposite sign are no shares of a whole
    return tuple(replace(line, share=line.interval.estimate / total) for line in lines)


def _warnings(found: Contrast) -> tuple[str, ...]:
    said = [*found.left_out]
    metrics = sorted({pair.metric for pair in found.pairs})
    if len(metrics) > 1:
        said.append(f"the average is over different metrics ({', '.join(metrics)}): read the lines by target")
    if len(found.seeds) <= 2:
        said.append("1 seed: no interval, no verdict" if len(found.seeds) == 1 else "2 seeds: no verdict")
    return tuple(said)


def _notes(found: Contrast) -> tuple[str, ...]:
    said = []
    if len({pair.languages for pair in found.pairs}) > 1:
        said.append("targets have different languages: each target counts once, whatever the number of its languages")
    if len(found.seeds) > 2:
        flips = sign_flip(list(found.per_seed().values()))
        said.append(f"without assuming a normal distribution: {flips}")
    return tuple(said)


def _only(names: Sequence[str], what: str) -> str:
    if len(names) > 1:
        raise InputError(f"the study has {len(names)} of {what} ({', '.join(names)}): say which, {what}={names[0]!r}")
    return names[0]
