"""Tatoeba: for every English sentence the nearest sentence of the other language; scored by accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from waystage.metrics.neighbours import Vectors, as_vectors, unit

_ROWS = 1024


def nearest_lines(other: ArrayLike, english: ArrayLike, *, normalize: bool = True) -> NDArray[np.int64]:
    """0-based number of the nearest `other` line per English line, by Euclidean distance; ties: the lowest number.

    With `normalize` (the official way) this is the highest cosine, except that a zero vector is at distance 1 from all.
    """
    x, y = as_vectors(other, "other-language embeddings"), as_vectors(english, "English embeddings")
    if normalize:
        x, y = unit(x), unit(y)
    found = [_nearest(y[start : start + _ROWS], x) for start in range(0, len(y), _ROWS)]
    return np.concatenate(found)


def _nearest(queries: Vectors, keys: Vectors) -> NDArray[np.int64]:
    square = np.einsum("ij,ij->i", keys, keys)
    distance = square - 2 * (queries @ keys.T)  # the query's own square is the same for all keys
    best = distance.min(axis=1)
    chosen: NDArray[np.int64] = distance.argmin(axis=1).astype(np.int64)
    # A matrix product may give two equal vectors results that differ in the last bit, and then the wrong one of a tie
    # wins. So whatever comes close to the best is measured again, exactly.
    size = square.max() + np.einsum("ij,ij->i", queries, queries)
    close = distance <= (best + 1e-5 * size)[:, None]
    for row in np.flatnonzero(close.sum(axis=1) > 1):
        rivals = np.flatnonzero(close[row])
        apart = keys[rivals].astype(np.float64) - queries[row].astype(np.float64)
        chosen[row] = rivals[np.einsum("ij,ij->i", apart, apart).argmin()]
    return chosen
