"""A matrix of arms by targets: how much of it is more than "some arms are better and some targets move more"?

The additive null model says score = arm + target. Most of what looks like affinity between tasks is this (Choshen et
al. 2022), so the F test against interaction and the share of variance stand beside every matrix, and single cells are
shown shrunken towards the additive fit: a cell keeps as much of its residual as the matrix shows to be signal.

Assumed: scores crossed over arms, targets and seeds; effects of arm, target and seed of any size, and any part that the
targets share through an arm's checkpoint or the arms through a target's seed; residual noise of similar size over
cells. Needs two seeds; the noise is pooled over the cells, so two seeds are enough where cells are many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import fdtrc, stdtrit


@dataclass(frozen=True)
class Additive:
    """`interaction_share`: of the variance between arms within a target, beyond noise, the part that no additive model
    explains. How high a target's scores are is no part of it: whatever the arms do, that differs most."""

    f: float
    df: tuple[float, float]
    p: float
    interaction_share: float
    residuals: np.ndarray[Any, np.dtype[np.float64]]  # arms x targets: what the additive model leaves
    noise: float  # standard error of a residual's cell mean


def additive(scores: Any) -> Additive:
    """Test of "no interaction" on an array of arms x targets x seeds (raw scores of arms, baseline included).

    Raw scores, not gains: gains share their baseline's noise, which would look like structure. The degrees of freedom
    are scaled down as Box proposed where the noise differs between targets, so that the level holds.
    """
    y = np.asarray(scores, dtype=float)
    arms, targets, seeds = y.shape
    assert min(arms, targets, seeds) >= 2, "needs two arms, two targets and two seeds"
    cells = y.mean(axis=2)
    residuals = _doubly_centred(cells)
    noise = y - cells[:, :, None]
    noise = noise - noise.mean(axis=0, keepdims=True)
    noise = noise - noise.mean(axis=1, keepdims=True)
    df = (arms - 1) * (targets - 1)
    error = float((noise**2).sum()) / (df * (seeds - 1))
    between = seeds * float((residuals**2).sum()) / df
    f = between / error if error else float("inf") if between else 1.0
    shrink = _box(noise, axis=1) * _box(noise, axis=0)
    dfs = (df * shrink, df * (seeds - 1) * shrink)
    signal = max(0.0, (between - error) / seeds)
    arm = max(0.0, float(cells.mean(axis=1).var(ddof=1)) - (error / seeds + signal) / targets)
    share = signal / (signal + arm) if signal + arm else 0.0
    return Additive(f, dfs, float(fdtrc(*dfs, f)), share, residuals, (error / seeds) ** 0.5)


@dataclass(frozen=True)
class Pooled:
    estimates: np.ndarray[Any, np.dtype[np.float64]]
    low: np.ndarray[Any, np.dtype[np.float64]]
    high: np.ndarray[Any, np.dtype[np.float64]]
    kept: float  # of each residual: 0 is the additive fit, 1 the raw cell


def partially_pooled(gains: Any, variances: Any, df: float, *, level: float = 0.95) -> Pooled:
    """Gains of arms x targets, shrunken towards arm + target effects.

    `variances` are of the cell means (one number, or one per target) with `df` degrees of freedom. The signal variance
    comes from the residuals by moments; where it is zero the matrix shows nothing but arm and target effects. The
    intervals are those of a normal prior and take the amount of shrinking as known, so they are a picture of the
    matrix, not a test; stars come from the raw cells under FDR.
    """
    raw = np.asarray(gains, dtype=float)
    arms, targets = raw.shape
    noise = np.broadcast_to(np.asarray(variances, dtype=float), raw.shape)
    if min(arms, targets) < 2:
        fit, spread = np.full_like(raw, raw.mean()), raw.size - 1
    else:
        fit, spread = raw - _doubly_centred(raw), (arms - 1) * (targets - 1)
    residuals = raw - fit
    signal = max(0.0, float((residuals**2).sum()) / spread - float(noise.mean())) if spread else 0.0
    kept = np.divide(signal, signal + noise, out=np.ones_like(raw), where=signal + noise > 0)
    estimates = fit + kept * residuals
    fitted = 1 - spread / raw.size  # share of the cells' noise that stays in the additive fit
    sd = np.sqrt(noise * (kept + (1 - kept) * fitted))
    half = float(stdtrit(df, 0.5 + level / 2)) * sd
    return Pooled(estimates, estimates - half, estimates + half, float(kept.mean()))


def _doubly_centred(cells: Any) -> Any:
    return cells - cells.mean(axis=0, keepdims=True) - cells.mean(axis=1, keepdims=True) + cells.mean()


def _box(noise: Any, axis: int) -> float:
    """How unequal the noise is along an axis: 1 where equal, down to 1 / (levels - 1)."""
    variances = (noise**2).mean(axis=tuple(i for i in range(3) if i != axis))
    if not variances.any():
        return 1.0
    levels = len(variances)
    epsilon = float(variances.sum()) ** 2 / (levels * float((variances**2).sum()))
    return max(epsilon, 1 / (levels - 1))
