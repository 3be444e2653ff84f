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
_FEW = 16  # a block of which less than a sixteenth is better than what is known is merged, not searched


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
        forward.see(rows, columns, block)
        backward.see(columns, rows, block, transposed=True)
    return forward.neighbours(), backward.neighbours()


def _blocks(x: Vectors, y: Vectors) -> Iterator[tuple[slice, slice, Vectors]]:
    if x.shape[1] != y.shape[1]:
        raise InputError(f"the two sides have vectors of {x.shape[1]} and {y.shape[1]} dimensions")
    for row in range(0, len(x), _ROWS):
        for column in range(0, len(y), _COLUMNS):
            rows, columns = slice(row, row + _ROWS), slice(column, column + _COLUMNS)
            yield rows, columns, x[rows] @ y[columns].T


class _Best:
    """The k best per owner so far. Blocks come in order, so what is already there wins against its equals."""

    def __init__(self, owners: int, k: int):
        self.similarity = np.full((owners, k), -np.inf, dtype=np.float32)
        self.index = np.zeros((owners, k), dtype=np.int64)

    def see(self, owners: slice, others: slice, block: Vectors, *, transposed: bool = False) -> None:
        worst = self.similarity[owners, -1]
        better = block > (worst if transposed else worst[:, None])
        if np.count_nonzero(better) > block.size // _FEW:
            self._see_many(owners, others, block.T.copy() if transposed else block.copy())
            return
        row, column = np.divmod(np.flatnonzero(better), block.shape[1])  # several times faster than np.nonzero
        owner, other = (column, row) if transposed else (row, column)
        self._see_few(owner + owners.start, other + others.start, block[row, column])

    def _see_many(self, owners: slice, others: slice, block: Vectors) -> None:
        """The first blocks: take out the maximum k times."""
        each = np.arange(len(block))
        similarity, index = self.similarity[owners], self.index[owners]
        for _ in range(similarity.shape[1]):
            at = block.argmax(axis=1)
            similarity = np.column_stack((similarity, block[each, at]))
            index = np.column_stack((index, at + others.start))
            block[each, at] = -np.inf
            similarity, index = _sorted(similarity, index, similarity.shape[1] - 1)
        self.similarity[owners], self.index[owners] = similarity, index

    def _see_few(self, owner: NDArray[np.int64], other: NDArray[np.int64], value: Vectors) -> None:
        """Later hardly anything beats what is known: sort the few by owner and merge them in."""
        k = self.similarity.shape[1]
        order = np.lexsort((other, -value, owner))
        owner, other, value = owner[order], other[order], value[order]
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        count = np.diff(first, append=len(owner))
        place = np.arange(len(owner)) - np.repeat(first, count)
        slot = np.repeat(np.arange(len(first)), count)
        who, kept = owner[first], place < k
        similarity = np.column_stack((self.similarity[who], np.full((len(who), k), -np.inf, dtype=np.float32)))
        index = np.column_stack((self.index[who], np.zeros((len(who), k), dtype=np.int64)))
        similarity[slot[kept], k + place[kept]] = value[kept]
        index[slot[kept], k + place[kept]] = other[kept]
        self.similarity[who], self.index[who] = _sorted(similarity, index, k)

    def neighbours(self) -> Neighbours:
        return Neighbours(self.similarity, self.index)


def _sorted(similarity: Vectors, index: NDArray[np.int64], k: int) -> tuple[Vectors, NDArray[np.int64]]:
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarity, order, 1), np.take_along_axis(index, order, 1)
