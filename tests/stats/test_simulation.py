"""Intervals cover and tests hold their level, on studies of known truth (the table of docs/statistics.md)."""

from __future__ import annotations

import pytest

from waystage.stats.simulated_answers import ANSWERS
from waystage.stats.simulation import BROKEN, CHECKS, Check

JUDGED = [check for check in (*CHECKS, *ANSWERS) if check.group != BROKEN and "2 seeds" not in check.name]
QUICK = [check for check in JUDGED if check.cost <= 10 or "3 seeds" in check.name]


def bounds(check: Check, draws: int) -> tuple[float, float]:
    """Widened by three standard errors of the simulation."""
    wide = 3 * (0.95 * 0.05 / draws) ** 0.5
    return (0.94 - wide, 1.0) if check.is_test else (0.93 - wide, check.upper + wide)


@pytest.mark.parametrize("check", QUICK, ids=lambda check: check.name)
def test_quickly(check):
    draws = check.draws(3000)
    low, high = bounds(check, draws)
    assert low <= check.rate(draws, seed=1) <= high


@pytest.mark.slow
@pytest.mark.parametrize("check", JUDGED, ids=lambda check: check.name)
def test_fully(check):
    draws = check.draws(40_000)
    low, high = bounds(check, draws)
    assert low <= check.rate(draws, seed=2) <= high


def test_a_wrong_method_would_be_caught():
    """The normal quantile in place of Student's covers too little with three seeds, and the bounds see it."""
    from functools import partial

    import numpy as np

    def normal(n, rng):
        values = rng.normal(0, 1, n)
        return abs(values.mean()) <= 1.96 * values.std(ddof=1) / np.sqrt(n)

    wrong = Check("seeds", "normal quantile", partial(normal, 3))
    assert wrong.rate(3000) < bounds(wrong, 3000)[0]
