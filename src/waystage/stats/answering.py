"""A difference between two arms, answered in plain English with what stands behind it; what all answers are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

from waystage.errors import InputError
from waystage.stats import equivalence, items, words
from waystage.stats import languages as readings
from waystage.stats import verdict as verdicts
from waystage.stats.average import Contrast, Pair, spread
from waystage.stats.components import components
from waystage.stats.interval import Interval
from waystage.stats.multiple import holm
from waystage.stats.power import Detectable, detectable, of_spread
from waystage.stats.seeds import sign_flip

Reading = Literal["fixed", "random"]
Kind = Literal["difference", "gap", "trend", "best-of"]
Outcomes = Callable[[Contrast], Mapping[str, Sequence[items.Block]]]  # what each arm did on each item, by target
FOUND = ("better", "worse", "equivalent", "not worse", "closes the gap", "widens the gap", "rises", "falls")
EQUAL = ("equivalent", "not worse")
BOTH = " / "  # between the source languages of a question that compares two of them


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
    @property
    def kind(self) -> Kind: ...
    @property
    def goal(self) -> verdicts.Goal: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def high(self) -> Any: ...
    @property
    def low(self) -> Any: ...
    @property
    def against(self) -> str | None: ...
    @property
    def reference(self) -> str: ...
    @property
    def beside(self) -> Sequence[str]: ...
    @property
    def among(self) -> Sequence[str]: ...
    @property
    def choose(self) -> str: ...


class StudyLike(Protocol):
    @property
    def models(self) -> tuple[str, ...]: ...
    @property
    def source_languages(self) -> tuple[str, ...]: ...
    @property
    def intermediate(self) -> Mapping[str, Any]: ...
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
    kind: Kind = "difference"
    goal: equivalence.Outcome | None = None  # the test against the margin, where one was fixed
    details: Mapping[str, Any] = field(default_factory=dict)  # what only this kind of question has

    @property
    def p(self) -> float | None:
        """Of what was asked: against the margin where the goal is to show that little was lost, else against zero."""
        return self.goal.p if self.goal and self.goal.goal != "better" else self.interval.p

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def text(self) -> str:
        """The sentence, the decomposition and the warnings, a line each."""
        lines = [self.sentence]
        lines += [f"  {words.line(line)}" for line in (*self.targets, *self.variants, *self.items)]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, *(f"  ! {warning}" for warning in self.warnings)])


def as_family(found: Iterable[Answer]) -> tuple[Answer, ...]:
    """Answers that belong together, each with Holm's p; a verdict that does not hold by it gets a warning."""
    family = tuple(found)
    adjusted = holm([one.p for one in family])
    return tuple(_adjusted(one, p, len(family)) for one, p in zip(family, adjusted, strict=True))


def _adjusted(one: Answer, p: float | None, questions: int) -> Answer:
    warnings = one.warnings
    against_margin = one.goal is not None and one.goal.goal != "better"
    tested = one.verdict.word in EQUAL if against_margin else one.verdict.word not in EQUAL  # by this p
    if p is not None and p > 0.05 and one.verdict.word in FOUND and tested:
        said = f"'{one.verdict.word}' does not hold for {questions} questions at once: p = {p:.3g} after Holm"
        warnings = (*warnings, said)
    return replace(one, p_holm=p, warnings=warnings)


def difference(
    question: QuestionLike,
    found: Contrast,
    *,
    families: Mapping[str, str] | None = None,
    outcomes: Outcomes | None = None,
    rehearsal: bool = False,
    level: float = 0.95,
) -> Answer:
    """Is A better than B (or no worse, or the same)? Headline metric of each target, averaged over languages, targets.

    `reading = "random"` of the question asks about a new language instead of these; `margin` is the smallest
    difference that would matter, fixed before looking. `outcomes` adds intervals over test items.
    """
    goal, margin = question.goal, question.margin
    if goal != "better" and margin is None:
        raise InputError(
            f"{goal!r} is shown against a margin only: write `margin`, the smallest difference that matters"
        )

    def judge(part: Contrast) -> tuple[Interval, verdicts.Verdict]:
        if question.reading == "random":
            interval = readings.new_language(part, families=families, level=level)
        else:
            interval = readings.these_languages(part, level=level)
        return interval, verdicts.of(interval, seeds=part.counted, margin=margin, goal=goal)

    def line(what: str, part: Contrast) -> Line:
        interval, verdict = judge(part)
        metrics = {pair.metric for pair in part.pairs}
        levels = [means(pair, part.seeds) for pair in part.pairs]
        of_a, of_b = (sum(side) / len(levels) for side in zip(*levels, strict=True))
        return Line(what, metrics.pop() if len(metrics) == 1 else "", part.languages, of_a, of_b, interval, verdict)

    interval, verdict = judge(found)
    on_items = {t: blocks for t in found.targets for blocks in outcomes(found.of((t,))).values()} if outcomes else {}
    by_target = _shares([line(target, found.of((target,))) for target in found.targets])
    could = _could(found, interval if question.reading == "fixed" else readings.these_languages(found), rehearsal)
    return Answer(
        ask=question.ask,
        a=found.a,
        b=found.b,
        model=found.model,
        source_language=found.source_language,
        reading=question.reading,
        sentence=words.sentence(found, interval, verdict, reading=question.reading, rehearsal=rehearsal, ask=question),
        interval=interval,
        verdict=verdict,
        seeds=found.seeds,
        languages=found.languages,
        targets=by_target,
        variants=tuple(line(what, part) for what, part in _variants(found, rehearsal)),
        notes=(*_notes(found), f"what it could have found on these languages: {could}"),
        warnings=warnings(found),
        rehearsal=rehearsal,
        items=tuple(
            _over_items(line, on_items[line.what], level, goal, margin) for line in by_target if line.what in on_items
        ),
        goal=equivalence.judge(interval, goal, margin=margin) if margin is not None else None,
        details={"detectable": asdict(could)},
    )


def means(pair: Pair, seeds: Sequence[int]) -> tuple[float, float]:
    """Scores of the two arms in the seeds that a difference is of."""
    a, b = (float(side.loc[list(seeds)].to_numpy().mean()) for side in (pair.a, pair.b))
    return a, b


def _could(found: Contrast, fixed: Interval, rehearsal: bool) -> Detectable:
    """Where the two seeds are crossed, from what the mean of both spreads by."""
    if found.grid is not None and fixed.se and fixed.df and not rehearsal:
        return of_spread(fixed.se, fixed.df, found.grid.shape)
    return detectable(list(found.per_seed().values()), len(found.seeds), rehearsal=rehearsal)


def _over_items(
    line: Line, blocks: Sequence[items.Block], level: float, goal: verdicts.Goal, margin: float | None
) -> Line:
    """With one seed the statement is about this checkpoint, with more about the method."""
    seeds = blocks[0].over.shape[1]
    if seeds == 1:
        interval = items.this_checkpoint(blocks, level=level)
        what, enough = f"{line.what}, this checkpoint, other test items", verdicts.FULL
    else:
        interval = items.this_method(blocks, level=level)
        what, enough = f"{line.what}, other seeds and other test items", seeds
    verdict = verdicts.of(interval, seeds=enough, margin=margin, goal=goal)  # of what was asked, as the line above
    return replace(line, what=what, interval=interval, verdict=verdict, share=None)


def _variants(found: Contrast, rehearsal: bool) -> list[tuple[str, Contrast]]:
    """Averages whose difference from the main one a reader must see."""
    parts: list[tuple[str, Contrast]] = []
    free = [target for target in found.targets if target in found.untrained]
    if free and len(free) < len(found.targets):
        without = [target for target in found.targets if target not in free]
        parts.append((f"without untrained retrieval ({', '.join(free)})", found.of(without)))
        parts.append((f"untrained retrieval alone ({', '.join(free)})", found.of(free)))
    marked = [pair.target for pair in found.pairs if pair.marks]
    if marked and len(marked) < len(found.targets):
        without = [target for target in found.targets if target not in marked]
        parts.append((f"without marked cells ({', '.join(marked)})", found.of(without)))
        parts.append((f"marked cells alone ({', '.join(marked)})", found.of(marked)))
    trained = {code for pair in found.pairs if pair.target not in free for code in pair.languages}
    sources = [code for code in found.source_language.split(BOTH) if code in trained]
    others = found.on({p.target: set(p.languages) - set(() if p.target in free else sources) for p in found.pairs})
    if sources and others.pairs:
        what = "language" if len(sources) == 1 else "languages"
        named = ", ".join(code + "*" * rehearsal for code in sources)
        parts.append((f"without the source {what} ({named})", others))
    return parts


def _shares(lines: Sequence[Line]) -> tuple[Line, ...]:
    total = sum(line.interval.estimate for line in lines)
    mixed = len({line.interval.estimate > 0 for line in lines}) > 1
    if len(lines) < 2 or mixed or not total:
        return tuple(lines)  # parts of opposite sign are no shares of a whole
    return tuple(replace(line, share=line.interval.estimate / total) for line in lines)


def warnings(found: Contrast) -> tuple[str, ...]:
    said = [*found.left_out]
    metrics = sorted({pair.metric for pair in found.pairs})
    if len(metrics) > 1:
        said.append(f"the average is over different metrics ({', '.join(metrics)}): read the lines by target")
    if found.counted <= 2:
        both = "" if found.grid is None else f" of one kind ({' x '.join(map(str, found.grid.shape))} seeds)"
        said.append("1 seed: no interval, no verdict" if found.counted == 1 else f"2 seeds{both}: no verdict")
    return tuple(said)


def _notes(found: Contrast) -> tuple[str, ...]:
    said = [f"{pair.target}: {mark}" for pair in found.pairs for mark in pair.marks]
    grid, parts = found.grid, components(found) if len(found.seeds) > 2 else None
    if grid is not None:
        first, second, rest = spread(grid.to_numpy()).parts
        said.append(
            f"standard deviation of one intermediate seed {first:.2f}, of one target seed {second:.2f}, "
            f"of their meeting {rest:.2f} points ({grid.shape[0]} x {grid.shape[1]} seeds: rough)"
        )
    elif parts is not None:
        said.append(
            f"standard deviation over seeds: {parts.checkpoint:.2f} points shared by all targets (the intermediate "
            f"checkpoint), {parts.target:.2f} of a target's own training ({parts.seeds} seeds: rough)"
        )
    if len({pair.languages for pair in found.pairs}) > 1:
        said.append("targets have different languages: each target counts once, whatever the number of its languages")
    if len(found.seeds) > 2 and grid is None:  # crossed, all rows share their target seeds, which no sign flip sees
        flips = sign_flip(list(found.per_seed().values()))
        said.append(f"without assuming a normal distribution: {flips}")
    return tuple(said)
