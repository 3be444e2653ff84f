"""Exact nearest neighbours of sentence vectors, in bounded memory.

Similarities are computed block by block and only the k best of every row (and, for mining, of every column) are
kept, so 200,000 x 200,000 needs one block and a few lists, not 160 GB. Equal similarities: the lower index wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from waystage.errors import InputError

Vectors = NDArray[np.float32]
_ROWS, _COLUMNS = 2048, 8192  # one block: 64 MB


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of every row, best first; both arrays are [rows, k]."""

    similarity: Vectors
    index: NDArray[np.int64]


def as_vectors(values: ArrayLike, name: str = "embeddings") -> Vectors:
    vectors = np.ascontiguousarray(values, dtype=np.float32)
    if vectors.ndim != 2 or not len(vectors):
        raise InputError(f"{name} must be a table with one row per sentence; this has shape {vectors.shape}")
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"{name}: row {row} holds NaN or infinity ({int(bad.sum())} such rows); the model has diverged"
        )
    return vectors


def unit(vectors: Vectors) -> Vectors:
    """Rows of length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return scaled


def nearest(queries: Vectors, keys: Vectors, k: int) -> Neighbours:
    """The k keys with the largest inner product, for every query."""
    best = _Best(len(queries), min(k, len(keys)))
    for rows, columns, block in _blocks(queries, keys):
        best.see(rows, columns, block)
    return best.neighbours()


def mutual_nearest(x: Vectors, y: Vectors, k: int) -> tuple[Neighbours, Neighbours]:
    """`nearest(x, y)` and `nearest(y, x)` from one pass over the similarities."""
    forward, backward = _Best(len(x), min(k, len(y))), _Best(len(y), min(k, len(x)))
    for rows, columns, block in _blocks(x, y):
        backward.see(columns, rows, np.ascontiguousarray(block.T))
        forward.see(rows, columns, block)
    return forward.neighbours(), backward.neighbours()


def _blocks(x: Vectors, y: Vectors) -> Iterator[tuple[slice, slice, Vectors]]:
    if x.shape[1] != y.shape[1]:
        raise InputError(f"the two sides have vectors of {x.shape[1]} and {y.shape[1]} dimensions")
    for row in range(0, len(x), _ROWS):
        for column in range(0, len(y), _COLUMNS):
            rows, columns = slice(row, row + _ROWS), slice(column, column + _COLUMNS)
            yield rows, columns, x[rows] @ y[columns].T


class _Best:
    def __init__(self, rows: int, k: int):
        self.similarity = np.full((rows, k), -np.inf, dtype=np.float32)
        self.index = np.zeros((rows, k), dtype=np.int64)

    def see(self, rows: slice, columns: slice, block: Vectors) -> None:
        """Takes the block apart: what is found is overwritten."""
        each = np.arange(len(block))
        similarity, index = self.similarity[rows], self.index[rows]
        for _ in range(similarity.shape[1]):
            at = block.argmax(axis=1)
            value = block[each, at]
            if not (value > similarity[:, -1]).any():
                break
            block[each, at] = -np.inf
            # Columns arrive in order, so what is already there has the lower index and stays in front of its equals.
            similarity = np.column_stack((similarity, value))
            index = np.column_stack((index, at + columns.start))
            order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
            similarity, index = np.take_along_axis(similarity, order, 1), np.take_along_axis(index, order, 1)
        self.similarity[rows], self.index[rows] = similarity, index

    def neighbours(self) -> Neighbours:
        return Neighbours(self.similarity, self.index)
