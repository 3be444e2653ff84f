"""Sentences about comparisons. Every sentence about a rehearsal says so in its first words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from waystage.stats.average import Contrast
from waystage.stats.interval import Interval
from waystage.stats.seeds import TWO_SEEDS
from waystage.stats.verdict import Verdict

if TYPE_CHECKING:
    from waystage.stats.answering import Line, QuestionLike

REHEARSAL = "In the rehearsal (artificial languages), "
LISTED = 12  # languages spelled out up to this many


def sentence(
    found: Contrast, interval: Interval, verdict: Verdict, *, reading: str, rehearsal: bool, ask: QuestionLike
) -> str:
    """What was found about two arms, with estimate, interval, seeds, targets and languages."""
    one = len(found.seeds) == 1
    a, b = (f"this checkpoint of {arm}" if one else arm for arm in (found.a, found.b))
    behind = numbers(interval, len(found.seeds))
    where = _where(found, ask, reading, "*" if rehearsal else "")
    size = f"{abs(interval.estimate):.2f} points"
    difference = f"the difference is {interval.estimate:+.2f} points ({behind}) {where}"
    match verdict.word:
        case "better" | "worse":
            aside = f", {verdict.why}" if verdict.why else ""
            said = f"{a} is {verdict.word} than {b} by {size}{aside} ({behind}) {where}"
        case "equivalent":
            said = f"{a} and {b} are equivalent, {verdict.why}: {difference}"
        case "not worse":
            said = f"{a} is not worse than {b}, {verdict.why}: {difference}"
        case "not distinguishable":
            said = f"{a} and {b} are not distinguishable: {difference}"
        case _:
            said = f"there is no verdict on {a} against {b}: {difference}"
    return start(said + ".", rehearsal=rehearsal)


def start(said: str, *, rehearsal: bool) -> str:
    """The beginning of a sentence: names of arms keep their spelling, our own words get a capital."""
    if rehearsal:
        return REHEARSAL + said
    first = said.split(" ", 1)[0]
    return said[0].upper() + said[1:] if first in ("there", "this") else said


def line(part: Line) -> str:
    """One row of a decomposition."""
    metric = f" {part.metric}" if part.metric else ""
    share = f", {part.share:.0%} of the average" if part.share is not None else ""
    return f"{part.what}:{metric} {part.a:.2f} against {part.b:.2f}, {part.interval}: {part.verdict.word}{share}"


def numbers(interval: Interval, seeds: int) -> str:
    """What stands in brackets behind an estimate."""
    spoken = count(seeds, "seed")
    if interval.low is None or interval.high is None:
        return f"{spoken}; no interval: {interval.note}"
    said = (
        f"{interval.level * 100:g} % interval {interval.low:+.2f} to {interval.high:+.2f}; {spoken}; {interval.method}"
    )
    return f"{said}; {interval.note}" if interval.note and interval.note != TWO_SEEDS else said


def count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def listed_targets(targets: Sequence[str]) -> str:
    return targets[0] if len(targets) == 1 else f"{len(targets)} targets ({', '.join(targets)})"


def _where(found: Contrast, ask: QuestionLike, reading: str, star: str) -> str:
    on = ("on " if len(found.targets) == 1 else "on average over ") + listed_targets(found.targets)
    codes = found.languages
    named = f" '{ask.languages}'" if isinstance(ask.languages, str) and ask.languages != "all" else ""
    listed = f": {', '.join(code + star for code in codes)}" if len(codes) <= LISTED else ""
    spoken = f"{count(len(codes), 'language')}{named}{listed}"
    if reading == "random":
        return f"{on}, for a new language, judged from {spoken}"
    return f"{on}, in {spoken}"
