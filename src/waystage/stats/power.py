"""What a study of so many seeds could find, from the seed spread of stored real runs of that model and target.

A rehearsal says nothing about it, and neither does another model: without stored runs the answer is that a pilot is
needed. The spread of a few runs is itself uncertain, so the effect is given for the spread as estimated and for the
upper end of its 80 % interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from waystage.stats.seeds import TINY

UNKNOWN = "unknown: run a pilot"
NODES = 4000
PILOT = 3  # stored paired differences below which the spread is not known well enough to speak of


@dataclass(frozen=True)
class Detectable:
    """`effect` in points; None with `why` where nothing can be said."""

    effect: float | None
    cautious: float | None  # the same if the seeds spread as much as the pilot allows
    seeds: int
    pilot: int
    why: str = ""
    crossed: str = ""  # intermediate by target seeds, such as "3 x 5"

    def __str__(self) -> str:
        if self.effect is None or self.cautious is None:
            return self.why
        return (
            f"{self.crossed or self.seeds} seeds find a difference of {self.effect:.2f} points in 80 % of studies "
            f"({self.cautious:.2f} if seeds spread as much as the {self.pilot} stored runs allow)"
        )


def power(effect: float, sd: float, seeds: int, *, alpha: float = 0.05) -> float:
    """Chance that the paired t test over `seeds` finds an effect, where single differences spread by `sd`."""
    return _found(effect / sd * seeds**0.5, seeds - 1, alpha)


def _found(shift: float, df: float, alpha: float) -> float:
    """Chance that a t test finds an effect of so many standard errors."""
    # The noncentral t of scipy fails far out, so: average over the quantiles of the estimated spread.
    spread = np.sqrt(chdtri(df, (np.arange(NODES) + 0.5) / NODES) / df)
    limit = float(stdtrit(df, 1 - alpha / 2)) * spread
    return float(np.mean(ndtr(shift - limit) + ndtr(-shift - limit)))


def detectable(
    differences: Sequence[float], seeds: int, *, wanted: float = 0.8, alpha: float = 0.05, rehearsal: bool = False
) -> Detectable:
    """Smallest effect found with probability `wanted`; `differences` are a minus b of stored runs, one per seed."""
    pilot = len(differences)
    if rehearsal:
        return Detectable(None, None, seeds, 0, f"{UNKNOWN} (a rehearsal says nothing about real seeds)")
    if pilot < PILOT:
        return Detectable(None, None, seeds, pilot, f"{UNKNOWN} ({pilot} stored runs, {PILOT} are the fewest)")
    if seeds < 2:
        return Detectable(None, None, seeds, pilot, "one seed can find nothing")
    sd = float(np.std(differences, ddof=1))
    if sd < TINY:
        return Detectable(None, None, seeds, pilot, f"{UNKNOWN} (the stored runs do not differ at all)")
    unit = float(brentq(lambda effect: power(effect, 1.0, seeds, alpha=alpha) - wanted, 1e-3, 1e3))
    upper = sd * ((pilot - 1) / float(chdtri(pilot - 1, 0.9))) ** 0.5
    return Detectable(unit * sd, unit * upper, seeds, pilot)


def of_spread(se: float, df: float, shape: tuple[int, int], *, wanted: float = 0.8, alpha: float = 0.05) -> Detectable:
    """The same where intermediate seeds are crossed with target seeds: from the standard error of the mean of both."""
    fewest, crossed = min(shape), f"{shape[0]} x {shape[1]}"
    if fewest < PILOT:
        return Detectable(None, None, fewest, fewest, f"{UNKNOWN} ({crossed} seeds, {PILOT} of each are the fewest)")
    unit = float(brentq(lambda shift: _found(shift, df, alpha) - wanted, 1e-3, 1e3))
    return Detectable(unit * se, unit * se * (df / float(chdtri(df, 0.9))) ** 0.5, fewest, fewest, crossed=crossed)
