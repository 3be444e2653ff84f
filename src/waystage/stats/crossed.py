"""The variance of an average over two crossed samples: seeds and items, or seeds and families of languages.

Every seed meets every unit (the same items, the same languages), so the error of the grand mean has a part of the
seeds, a part of the units and a part of the single meetings:

    var(mean) = seeds / S + units / U + meetings / (S U)

The spread of the S seed means over seeds estimates the first and the third, the spread of the U unit means the second
and the third; the third is thus counted twice and taken off once. The degrees of freedom are Satterthwaite's.
"""

from __future__ import annotations

from waystage.stats.interval import Interval, from_t


def combined(
    estimate: float,
    *,
    by_seed: tuple[float, float],
    by_unit: tuple[float, float],
    twice: float,
    method: str,
    n: int,
    note: str = "",
    level: float = 0.95,
) -> Interval:
    """`by_seed`, `by_unit`: variance of the estimate from that side alone, and its degrees of freedom.

    The estimate of what was counted twice may exceed one side; taking it off never makes the whole smaller than the
    larger side.
    """
    (seeds, seed_df), (units, unit_df) = by_seed, by_unit
    variance = max(seeds + units - twice, seeds, units)
    if variance == 0:
        return from_t(estimate, 0.0, min(seed_df, unit_df), method=method, n=n, note=note, level=level)
    shrink = variance / (seeds + units)
    df = 1 / sum((shrink * part / variance) ** 2 / own for part, own in (by_seed, by_unit))
    return from_t(estimate, variance**0.5, df, method=method, n=n, note=note, level=level)
