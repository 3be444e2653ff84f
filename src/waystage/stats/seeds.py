"""Would other random seeds have given the same? Intervals and tests in which the training seed is the unit.

Assumed: seeds are independent and their results roughly normal. t intervals hold their level from three seeds up, where
the percentile bootstrap covers 73 % instead of 95 (docs/statistics.md). One seed says nothing about other seeds, so it
gets no interval; two seeds get an interval (with one degree of freedom, 12.7 standard errors wide on each side) and no
verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from waystage.stats.interval import Interval, from_t, without

ONE_SEED = "what another seed would give is unknown"
TWO_SEEDS = "2 seeds: no verdict"
TINY = 1e-9  # points; what is smaller comes from the order of a sum
ENUMERATED = 16  # seeds up to which all sign flips are tried (65,536); more are sampled
SAMPLED = 20_000


def mean(values: Sequence[float], *, method: str = "t over seeds", level: float = 0.95) -> Interval:
    """The mean of one arm over its seeds."""
    found = np.asarray(values, dtype=float)
    n = len(found)
    assert n, "no values"
    found = np.where(np.abs(found) < TINY, 0.0, found)
    centre, same = float(found.mean()), bool(np.ptp(found) < TINY)
    if n == 1:
        return without(centre, method=method, n=1, why=ONE_SEED, level=level)
    se = float(found.std(ddof=1)) / n**0.5
    if same and centre != 0:
        why = f"{n} seeds gave exactly the same number, so their spread cannot be estimated"
        return without(centre, method=method, n=n, why=why, level=level)
    note = "exactly zero in every seed" if same else TWO_SEEDS if n == 2 else ""
    return from_t(centre, se, n - 1, method=method, n=n, note=note, level=level)


def paired(a: Mapping[int, float], b: Mapping[int, float], *, level: float = 0.95) -> Interval:
    """a minus b over the seeds that both have: what the two share through a seed cancels."""
    shared = sorted(a.keys() & b.keys())
    assert shared, "no seed in common"
    return mean([a[seed] - b[seed] for seed in shared], method="paired t over seeds", level=level)


def against(a: Sequence[float], fixed: float, *, level: float = 0.95) -> Interval:
    """a minus a result that no seed enters, such as retrieval with the model as published."""
    return mean([value - fixed for value in a], method="one-sample t over seeds", level=level)


def unpaired(a: Sequence[float], b: Sequence[float], *, level: float = 0.95) -> Interval:
    """a minus b where the seeds of the two have nothing in common: Welch, so the spreads may differ.

    A side with a single seed is not taken to have the spread of the other, so there is no interval then.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    difference, n = float(x.mean() - y.mean()), min(len(x), len(y))
    if n == 1:
        return without(difference, method="Welch t over seeds", n=1, why=ONE_SEED, level=level)
    parts = [float(side.var(ddof=1)) / len(side) for side in (x, y)]
    total = sum(parts)
    if total == 0:
        why = "every seed gave exactly the same number, so their spread cannot be estimated"
        return without(difference, method="Welch t over seeds", n=n, why=why, level=level)
    df = total**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (x, y), strict=True))
    note = TWO_SEEDS if n == 2 else ""
    return from_t(difference, total**0.5, df, method="Welch t over seeds", n=n, note=note, level=level)


def apart(a: Interval, b: Interval) -> Interval:
    """a minus b of two estimates that have nothing in common, by Welch's rule for their degrees of freedom."""
    difference, n, method = a.estimate - b.estimate, min(a.n, b.n), "Welch t over two intervals"
    lacking = next((one for one in (a, b) if one.se is None or not one.df), None)
    if lacking is not None:
        return without(difference, method=method, n=n, why=lacking.note, level=a.level)
    parts = [((one.se or 0.0) ** 2, one.df or 1.0) for one in (a, b)]
    total = sum(part for part, _ in parts)
    if total == 0:
        why = "every seed gave exactly the same number, so their spread cannot be estimated"
        return without(difference, method=method, n=n, why=why, level=a.level)
    df = total**2 / sum(part**2 / df for part, df in parts)
    return from_t(difference, total**0.5, df, method=method, n=n, note=TWO_SEEDS if n == 2 else "", level=a.level)


@dataclass(frozen=True)
class Permutation:
    p: float
    smallest: float  # no data of this many seeds can give less
    n: int
    exact: bool

    def __str__(self) -> str:
        return f"p = {self.p:.3g} by sign flips; with {self.n} seeds it cannot be below {self.smallest:.3g}"


def sign_flip(differences: Sequence[float], *, seed: int = 0) -> Permutation:
    """Two-sided p of "the sign of each paired difference is a coin toss", which needs no normal distribution.

    With n seeds there are 2^n sign patterns and the observed one always comes with its mirror image: p >= 2 / 2^n. Less
    than 0.05 needs six seeds.
    """
    found = np.asarray(differences, dtype=float)
    n = len(found)
    observed = abs(found.sum()) * (1 - 1e-12)
    if n <= ENUMERATED:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        p = float((np.abs(signs @ found) >= observed).mean())
        return Permutation(p, 2.0 / 2**n if n > 0 else 1.0, n, exact=True)
    signs = np.random.default_rng(seed).choice((-1, 1), size=(SAMPLED, n))
    extreme = int((np.abs(signs @ found) >= observed).sum())
    return Permutation((extreme + 1) / (SAMPLED + 1), 1 / (SAMPLED + 1), n, exact=False)
