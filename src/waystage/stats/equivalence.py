"""Equality has to be shown, not merely failed to be disproved: two one-sided tests, non-inferiority, superiority.

The margin is the smallest difference that would matter and is fixed before looking. Assumed: an interval from t, so a
single seed answers nothing; with few seeds the tests hold their level and rarely find equality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from waystage.errors import InputError
from waystage.stats.interval import Interval

Goal = Literal["equivalent", "not worse", "better"]


@dataclass(frozen=True)
class Outcome:
    goal: Goal
    margin: float
    p: float | None
    word: str  # "equivalent", "not worse", "better", or what could not be shown
    why: str


def judge(interval: Interval, goal: Goal, *, margin: float = 0.0, alpha: float = 0.05) -> Outcome:
    """a minus b against a margin.

    "equivalent": between -margin and +margin (two one-sided tests, the larger p). "not worse": above -margin.
    "better": above +margin; with margin 0 this is one-sided superiority.
    """
    if margin < 0 or (margin == 0 and goal != "better"):
        raise InputError(
            f"a margin of {margin:g} shows nothing about {goal!r}: write the smallest difference that matters"
        )
    above, under = interval.above(margin if goal == "better" else -margin), interval.below(margin)
    if above is None or under is None:
        return Outcome(goal, margin, None, "no verdict", interval.note)
    p = max(above, under) if goal == "equivalent" else above
    if p <= alpha:
        return Outcome(goal, margin, p, goal, _shown(goal, margin))
    return Outcome(goal, margin, p, f"not shown to be {goal}", f"p = {p:.3g} against a margin of {margin:g}")


def _shown(goal: Goal, margin: float) -> str:
    if goal == "equivalent":
        return f"the difference lies within ±{margin:g}"
    if goal == "not worse":
        return f"worse by {margin:g} or more is ruled out"
    return f"better by more than {margin:g}" if margin else "better"
