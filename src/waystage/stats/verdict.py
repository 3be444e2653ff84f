"""From an interval to words, by rules fixed beforehand.

Differences: *better* / *worse* (the interval excludes zero), *equivalent* (a margin was given and the 90 % interval
lies inside it), *not worse* (asked for: the 90 % interval ends above minus the margin), *not distinguishable*, *no
verdict* (fewer than three seeds). Gaps and trends have words of their own.

Claims: *reproduced*, *same direction*, *not distinguishable*, *opposite direction*, *contradicted*, *not tested*. Five
seeds allow every word; three or four give the direction only; two give none. What is no replication (another model,
recipe or metric) is a generalisation and can never contradict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from waystage.stats.interval import Interval

FULL, DIRECTION = 5, 3  # seeds
Goal = Literal["better", "equivalent", "not worse"]
Word = Literal[
    "better", "worse", "equivalent", "not worse", "not distinguishable", "no verdict",
    "closes the gap", "does not close the gap", "widens the gap", "rises", "falls",
]  # fmt: skip
ClaimWord = Literal[
    "reproduced", "same direction", "not distinguishable", "opposite direction", "contradicted", "not tested",
    "conforms", "does not conform", "no verdict",
]  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    word: Word
    why: str = ""


def of(interval: Interval, *, seeds: int, margin: float | None = None, goal: Goal = "better") -> Verdict:
    """What the difference is, given the smallest difference that would matter (`margin`), if one was fixed.

    With the goal "equivalent" what lies inside the margin is equivalent even where it is surely not zero; with "not
    worse" it is enough that being worse by the margin is ruled out.
    """
    if interval.low is None or interval.high is None:
        return Verdict("no verdict", interval.note)
    if seeds < DIRECTION:
        return Verdict("no verdict", f"{seeds} seeds: no verdict" if seeds > 1 else "one seed: no verdict")
    narrow = interval.at(0.90)
    assert narrow.low is not None and narrow.high is not None
    inside = margin is not None and -margin < narrow.low and narrow.high < margin
    if inside and goal == "equivalent":
        aside = ", though not zero" if interval.low > 0 or interval.high < 0 else ""
        return Verdict("equivalent", f"the 90 % interval lies within ±{margin:g}{aside}")
    if goal == "not worse" and margin is not None and interval.low <= 0 and narrow.low > -margin:
        return Verdict("not worse", f"worse by {margin:g} or more is ruled out")
    if interval.low > 0 or interval.high < 0:
        why = f"yet by less than the margin of {margin:g}" if inside else ""
        return Verdict("better" if interval.low > 0 else "worse", why)
    if inside:
        return Verdict("equivalent", f"the 90 % interval lies within ±{margin:g}")
    if interval.low == interval.high == 0:
        return Verdict("equivalent", "exactly equal in every seed")
    why = f"differences from {interval.low:+.2f} to {interval.high:+.2f} are compatible with the data"
    if goal != "better":
        why += f", {goal!r} with a margin of {margin:g} is not shown"
    return Verdict("not distinguishable", why)


def of_trend(slope: Interval, *, seeds: int) -> Verdict:
    """Whether gains rise or fall along something. Needs an interval of the slope, and seeds as a difference does."""
    found = of(slope, seeds=seeds)
    if found.word in ("better", "worse"):
        return Verdict("rises" if found.word == "better" else "falls")
    if found.word == "equivalent":
        return Verdict("not distinguishable", "every gain is the same")
    return found


Direction = Literal["up", "down", "none", "not up"]


@dataclass(frozen=True)
class ClaimVerdict:
    word: ClaimWord
    why: str = ""


def claim(
    measured: Interval,
    *,
    seeds: int,
    direction: Direction,
    published: float | None = None,
    tolerance: float | None = None,
    replication: bool = False,
) -> ClaimVerdict:
    """Does the measured difference bear out a published one?

    `direction` is what the claim says of the difference: "up", "down", "none" (no difference that matters; then
    `tolerance` is how much would matter), or "not up" (no gain that matters, a loss may be). With a published value,
    *reproduced* asks for the 90 % interval inside published ± tolerance; without one nothing beyond the direction can
    be borne out.
    """
    if measured.low is None or measured.high is None or seeds < DIRECTION:
        return ClaimVerdict("no verdict", measured.note if measured.low is None else f"{seeds} seeds: no verdict")
    if direction in ("none", "not up"):
        found = _no_difference(measured, tolerance, only_up=direction == "not up")
    else:
        found = _difference(measured, direction == "up", published, tolerance)
    if seeds < FULL and found.word in ("reproduced", "contradicted"):
        fits = direction in ("up", "down") or (direction == "not up" and measured.high < 0)
        agrees: ClaimWord = "same direction" if fits else "not distinguishable"
        word: ClaimWord = "opposite direction" if found.word == "contradicted" else agrees
        return ClaimVerdict(word, f"{seeds} seeds give the direction only, {FULL} a full verdict")
    if not replication and found.word == "contradicted":
        return ClaimVerdict("opposite direction", "another model, recipe or metric: this cannot contradict the claim")
    return found


def _difference(measured: Interval, up: bool, published: float | None, tolerance: float | None) -> ClaimVerdict:
    assert measured.low is not None and measured.high is not None
    if (measured.high < 0) if up else (measured.low > 0):
        return ClaimVerdict("contradicted", "the whole interval lies on the other side of zero")
    if not ((measured.low > 0) if up else (measured.high < 0)):
        return ClaimVerdict("not distinguishable", "the interval contains zero")
    if published is None or tolerance is None:
        return ClaimVerdict("same direction", "no published value and tolerance to be equal to")
    if _inside(measured, published - tolerance, published + tolerance):
        return ClaimVerdict("reproduced", f"the 90 % interval lies within {published:+g} ± {tolerance:g}")
    return ClaimVerdict("same direction", f"the 90 % interval does not lie within {published:+g} ± {tolerance:g}")


def _no_difference(measured: Interval, tolerance: float | None, *, only_up: bool) -> ClaimVerdict:
    assert measured.low is not None and measured.high is not None
    if tolerance is None:
        return ClaimVerdict("not tested", "the claim says how much would matter nowhere, so equality cannot be shown")
    if only_up and _inside(measured, float("-inf"), tolerance):
        return ClaimVerdict("reproduced", f"a gain of {tolerance:g} or more is ruled out")
    if only_up:
        if measured.low > tolerance:
            return ClaimVerdict("contradicted", f"the whole interval lies above {tolerance:g}")
        return ClaimVerdict("not distinguishable", f"a gain of {tolerance:g} is not ruled out")
    if _inside(measured, -tolerance, tolerance):
        return ClaimVerdict("reproduced", f"the 90 % interval lies within ±{tolerance:g}")
    if measured.low > tolerance or measured.high < -tolerance:
        return ClaimVerdict("contradicted", f"the whole interval lies outside ±{tolerance:g}")
    return ClaimVerdict("not distinguishable", f"the interval reaches beyond ±{tolerance:g} and into it")


def not_tested(why: str) -> ClaimVerdict:
    return ClaimVerdict("not tested", why)


def structural(conforms: bool, why: str = "") -> ClaimVerdict:
    """Claims about how a study is built are met or not; they never count as reproduced."""
    return ClaimVerdict("conforms" if conforms else "does not conform", why)


def not_comparable(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """Why two results must not be subtracted (split, scorer, baseline, ...), or an empty string.

    A tag that only one side carries is a mismatch: what is unknown is not taken to be equal.
    """
    different = [
        f"{tag}: {ours.get(tag, 'unknown')} here, {theirs.get(tag, 'unknown')} there"
        for tag in sorted(ours.keys() | theirs.keys())
        if tag not in ours or tag not in theirs or ours[tag] != theirs[tag]
    ]
    return "not comparable (" + "; ".join(different) + ")" if different else ""


def _inside(measured: Interval, low: float, high: float) -> bool:
    narrow = measured.at(0.90)
    assert narrow.low is not None and narrow.high is not None
    return low < narrow.low and narrow.high < high
