"""Does an effect grow with the size of the model? A line over log10 of the parameters, honest about few sizes.

Sizes are the unit: seeds within a size tell how well a point is known, not whether the points lie on a line. Three
sizes leave one degree of freedom, so the interval of the slope is 12.7 standard errors wide on each side and prediction
beyond the largest size mostly says that nothing can be predicted; two sizes give a line and no interval. Assumed: one
family of models, the same precision, recipe and token budget at every size; otherwise the line is of something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from waystage.errors import InputError
from waystage.stats.interval import Interval, from_t, without
from waystage.stats.seeds import TINY

METHOD = "line over log10 of the parameters, sizes as the unit"


@dataclass(frozen=True)
class Scaling:
    slope: Interval  # points per tenfold size
    intercept: float  # at one parameter
    sizes: tuple[float, ...]
    spread: float | None  # of the sizes around the line
    note: str

    def predict(self, size: float, *, level: float = 0.95) -> Interval:
        """What a model of that size would show: prediction interval, not the interval of the mean."""
        x = np.log10(np.array(self.sizes))
        at = float(np.log10(size))
        value = self.intercept + self.slope.estimate * at
        n, method = len(self.sizes), "prediction from a " + METHOD
        if self.spread is None:
            return without(value, method=method, n=n, why=self.note, level=level)
        leverage = 1 / n + (at - float(x.mean())) ** 2 / float(((x - x.mean()) ** 2).sum())
        half = float(stdtrit(n - 2, 0.5 + level / 2)) * self.spread * (1 + leverage) ** 0.5
        beyond = size > max(self.sizes) or size < min(self.sizes)
        note = "outside the sizes that were run" if beyond else ""
        return Interval(value, value - half, value + half, n - 2, method, n, note, level=level)


def fit(values: Mapping[float, float], *, level: float = 0.95) -> Scaling:
    """`values` by number of parameters: gains, or scores, each averaged over its seeds."""
    if len(values) < 2:
        raise InputError(f"a trend over sizes needs two sizes, there is {len(values)}")
    sizes = sorted(values)
    x, y = np.log10(np.array(sizes, dtype=float)), np.array([values[size] for size in sizes], dtype=float)
    centred = x - x.mean()
    width = float(centred @ centred)
    slope = float(centred @ y) / width
    if np.ptp(y) < TINY:
        slope = 0.0
    intercept = float(y.mean() - slope * x.mean())
    n = len(sizes)
    if n == 2:
        why = "two sizes: every line fits"
        return Scaling(without(slope, method=METHOD, n=n, why=why, level=level), intercept, tuple(sizes), None, why)
    rest = y - intercept - slope * x
    rest = np.where(np.abs(rest) < TINY, 0.0, rest)
    spread = (float(rest @ rest) / (n - 2)) ** 0.5
    note = "three sizes: one degree of freedom, nothing is known about the shape" if n == 3 else ""
    interval = from_t(slope, spread / width**0.5, n - 2, method=METHOD, n=n, note=note, level=level)
    return Scaling(interval, intercept, tuple(sizes), spread, note)
