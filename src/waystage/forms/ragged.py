"""Rows of unequal length as one flat array and offsets, and how to lay such rows side by side without a Python loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np


@dataclass(frozen=True)
class Ragged:
    values: np.ndarray  # [T] or [T, k]
    offsets: np.ndarray  # int64 [n+1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def starts(self) -> np.ndarray:
        return self.offsets[:-1]

    @property
    def lengths(self) -> np.ndarray:
        found: np.ndarray = np.diff(self.offsets)
        return found


def ragged(rows: Sequence[Sequence[int]], dtype: type) -> Ragged:
    offsets = offsets_of(np.fromiter(map(len, rows), np.int64, len(rows)))
    return Ragged(np.fromiter(chain.from_iterable(rows), dtype, int(offsets[-1])), offsets)


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def spread(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The positions of all the ranges `starts[i] : starts[i] + lengths[i]`, one range after the other."""
    before = np.cumsum(lengths) - lengths
    found: np.ndarray = np.arange(int(lengths.sum()), dtype=np.int64) + np.repeat(starts - before, lengths)
    return found


@dataclass(frozen=True)
class Part:
    """One column of a layout: row i takes `lengths[i]` values of `source` from `starts[i]` on."""

    source: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


def constant(values: Iterable[int], present: np.ndarray, dtype: type = np.uint32) -> Part:
    """The same few values in every row where `present`."""
    source: np.ndarray = np.asarray(list(values), dtype=dtype)
    return Part(source, np.zeros(len(present), np.int64), len(source) * present.astype(np.int64))


def lay(parts: Sequence[Part], dtype: type = np.uint32) -> tuple[Ragged, np.ndarray]:
    """Each row is its parts one after the other. Also gives where each part begins in the flat array, [parts, rows]."""
    lengths = np.stack([part.lengths for part in parts])
    offsets = offsets_of(lengths.sum(axis=0))
    begins = offsets[:-1] + np.cumsum(lengths, axis=0) - lengths
    flat: np.ndarray = np.empty(int(offsets[-1]), dtype)
    for part, begin in zip(parts, begins, strict=True):
        flat[spread(begin, part.lengths)] = part.source[spread(part.starts, part.lengths)]
    return Ragged(flat, offsets), begins
