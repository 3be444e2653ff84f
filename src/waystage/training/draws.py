"""Random numbers by counter: number i of a stream is a function of (key, i), the same on every machine and version."""

from __future__ import annotations

import zlib

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)


def draws(count: int, *key: int | str, first: int = 0) -> np.ndarray:
    """uint64 [count]: numbers `first`, `first + 1`, ... of the stream that `key` names."""
    with np.errstate(over="ignore"):
        base = np.uint64(0)
        for part in key:
            word = zlib.crc32(part.encode()) if isinstance(part, str) else part
            base = _mixed(base + _STEP + np.uint64(word & 0xFFFFFFFFFFFFFFFF))
        return _mixed(base + np.arange(first + 1, first + count + 1, dtype=np.uint64) * _STEP)


def uniform(count: int, *key: int | str, first: int = 0) -> np.ndarray:
    """float64 [count] in [0, 1)."""
    return (draws(count, *key, first=first) >> np.uint64(11)) * 2.0**-53


def permutation(count: int, *key: int | str) -> np.ndarray:
    return np.argsort(draws(count, *key), kind="stable")


def _mixed(x: np.ndarray | np.uint64) -> np.ndarray:
    """A bijection of 64-bit words whose output bits all depend on all input bits (the finaliser of SplitMix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
