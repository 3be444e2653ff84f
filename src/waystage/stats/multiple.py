"""Many comparisons at once. A family is declared by whoever asks: all questions of a study, or a whole gain matrix.

Holm keeps the chance of even one false finding in the family at 5 %; for the few questions of a study. Benjamini and
Hochberg keep the expected share of false findings among the findings at 5 %, also where tests hang together through a
shared baseline (positive dependence); for matrices of many cells. A comparison without a p value (one seed) is not
part of its family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values, in the order given."""
    return _adjusted(p_values, lambda p: np.maximum.accumulate(p * np.arange(len(p), 0, -1)))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """q values, in the order given: the smallest rate of false findings at which each is one."""
    return _adjusted(p_values, lambda p: np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1])


def _adjusted(p_values: Sequence[float | None], rule: object) -> list[float | None]:
    assert callable(rule)
    present = np.array([i for i, p in enumerate(p_values) if p is not None and p == p], dtype=int)
    result: list[float | None] = [None] * len(p_values)
    if not len(present):
        return result
    raw = np.array([p_values[i] for i in present], dtype=float)
    order = np.argsort(raw, kind="stable")
    for place, value in zip(present[order], np.minimum(rule(raw[order]), 1.0), strict=True):
        result[int(place)] = float(value)
    return result
