"""Pearson and Spearman correlation for textual similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from waystage.errors import InputError
from waystage.metrics.totals import percent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pearson(gold: Sequence[float], predictions: Sequence[float]) -> float:
    """0 where one side is constant: a collapsed model has learnt nothing, and NaN would poison every average."""
    return _pearson(*_arrays(gold, predictions))


def spearman(gold: Sequence[float], predictions: Sequence[float]) -> float:
    """Pearson of the ranks; equal values share the mean of their ranks."""
    g, p = _arrays(gold, predictions)
    return _pearson(_ranks(g), _ranks(p))


def score_similarity(gold: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """`pearson` and `spearman` in percent, as GLUE prints them."""
    return percent({"pearson": pearson(gold, predictions), "spearman": spearman(gold, predictions)})


def _arrays(gold: Sequence[float], predictions: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    g, p = np.asarray(gold, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if g.shape != p.shape or g.ndim != 1:
        raise InputError(f"similarity scores must be two equally long rows; these have shapes {g.shape} and {p.shape}")
    if len(g) < 2:
        raise InputError(f"a correlation needs at least two pairs; there are {len(g)}")
    for name, values in (("gold", g), ("predicted", p)):
        if not np.isfinite(values).all():
            where = int(np.flatnonzero(~np.isfinite(values))[0])
            raise InputError(f"{name} similarity number {where + 1} is {values[where]}: only finite numbers correlate")
    return g, p


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    import numpy as np

    if (x == x[0]).all() or (y == y[0]).all():
        return 0.0
    x, y = _centred(x), _centred(y)
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _centred(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0, largest deviation 1: squares of very large or very small scores would leave double precision."""
    import numpy as np

    scaled = values / np.abs(values).max()
    scaled = scaled - scaled.mean()
    centred: NDArray[np.float64] = scaled / np.abs(scaled).max()
    return centred


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    _, group, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    mean: NDArray[np.float64] = (last - count + 1 + last) / 2.0
    return mean[group]
