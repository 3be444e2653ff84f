"""What a search finds without any model: texts as bags of their character n-grams. The floor of every retrieval score.

N-grams of 1 to 4 characters are hashed to a fixed number of columns with a sign each, weighted by how rare they are,
and scaled to length 1, so a bag is a vector like any other and is searched like one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST = 4
CHUNK = 1024  # texts
_MIX = np.uint64(0x9E3779B97F4A7C15)
_FINISH = np.uint64(0xBF58476D1CE4E5B9)


def bags(texts: Sequence[str], *, columns: int | None = None) -> np.ndarray:
    """float32 [texts, columns]. Fewer columns for many texts keep it within memory and cost some accuracy."""
    columns = columns or (4096 if len(texts) <= 20_000 else 1024 if len(texts) <= 100_000 else 256)
    out = np.zeros((len(texts), columns), np.float32)
    for start in range(0, len(texts), CHUNK):
        out[start : start + CHUNK] = _counts(texts[start : start + CHUNK], columns)
    held = np.zeros(columns)
    for start in range(0, len(texts), CHUNK):
        held += (out[start : start + CHUNK] != 0).sum(axis=0)
    out *= np.log((1 + len(texts)) / (1 + held)).astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
    return np.divide(out, length, out=out, where=length > 0)


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
