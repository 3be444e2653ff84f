"""What a search finds without any model: texts as bags of their character n-grams. The floor of every retrieval score.

N-grams of 1 to 4 characters are hashed to a fixed number of columns with a sign each, weighted by how rare they are,
and scaled to length 1, so a bag is a vector like any other and is searched like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

LONGEST = 4
CHUNK = 1024  # texts
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FINISH = np.uint64(0xBF58476D1CE4E5B9)


def bags(groups: Sequence[tuple[str, ...]], *, columns: int | None = None) -> list[np.ndarray]:
    """float32 [texts, columns] for each group. How rare an n-gram is counts over all groups together.

    Fewer columns for many texts keep them within memory and cost some accuracy.
    """
    total = sum(map(len, groups))
    columns = columns or (4096 if total <= 20_000 else 1024 if total <= 100_000 else 256)
    counted = [_group(texts, columns) for texts in groups]
    held = np.sum([held for _, held in counted], axis=0)
    rarity = np.log((1 + total) / (1 + held)).astype(np.float32)
    return [_scaled(counts * rarity) for counts, _ in counted]


def _scaled(vectors: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    scaled: np.ndarray = np.divide(vectors, length, out=vectors, where=length > 0)
    return scaled


@lru_cache(maxsize=16)  # the candidates of a pool are searched once per language of queries
def _group(texts: tuple[str, ...], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts, and in how many texts each column occurs. A count above 127 tells no more than 127."""
    counts = np.zeros((len(texts), columns), np.int8)
    held = np.zeros(columns)
    for start in range(0, len(texts), CHUNK):
        found = _counts(texts[start : start + CHUNK], columns)
        held += (found != 0).sum(axis=0)
        counts[start : start + CHUNK] = np.clip(found, -127, 127)
    return counts, held


def _counts(texts: Sequence[str], columns: int) -> np.ndarray:
    framed = [f" {text.casefold()} " for text in texts]
    sizes = np.fromiter(map(len, framed), np.int64, len(framed))
    codes = np.frombuffer("".join(framed).encode("utf-32-le"), np.uint32).astype(np.uint64)
    text = np.repeat(np.arange(len(framed)), sizes)
    left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(codes))  # characters from here to the end of the text
    found = np.zeros(len(framed) * columns)
    state = np.zeros(len(codes), np.uint64)
    for n in range(1, LONGEST + 1):
        state = state[: len(codes) - n + 1]
        state = (state ^ codes[n - 1 :]) * _MIX
        state ^= state >> np.uint64(29)
        inside = left[: len(state)] >= n
        mixed = state[inside] * _FINISH
        place = text[: len(state)][inside] * columns + (mixed >> np.uint64(33)).astype(np.int64) % columns
        sign = (mixed >> np.uint64(32) & np.uint64(1)).astype(np.float64) * 2 - 1
        found += np.bincount(place, weights=sign, minlength=len(found))
    return found.reshape(len(framed), columns)
