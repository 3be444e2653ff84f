"""Integer streams of the world's own: the same numbers on every machine, Python and library version.

Seeding mixes words with the finaliser of splitmix64; drawing is a 64-bit linear congruential step whose high half is
used. Nothing here depends on `random`, numpy or `hash`, all of which may change or are salted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

T = TypeVar("T")
_M = (1 << 64) - 1
START = 0x9E3779B97F4A7C15


def mix(*parts: int | str, after: int = START) -> int:
    """64 well-mixed bits of the parts, in order. `mix(a, b)` is `mix(b, after=mix(a))`."""
    state = after
    for part in parts:
        number = part if isinstance(part, int) else int.from_bytes(part.encode(), "little")
        while True:
            state = (state ^ (number & _M)) & _M
            state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _M
            state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _M
            state = (state ^ (state >> 31)) + 0x9E3779B97F4A7C15
            number >>= 64
            if not number:
                break
    return state & _M


begun = cache(mix)  # what the streams of a task have in common is mixed once


class Stream:
    """A sequence of draws. Cheap: one multiplication and one shift per draw."""

    __slots__ = ("state",)

    def __init__(self, *parts: int | str, after: int = START):
        self.state = mix(*parts, after=after)

    def below(self, n: int) -> int:
        """An integer in [0, n)."""
        self.state = state = (self.state * 6364136223846793005 + 1442695040888963407) & _M
        return ((state >> 32) * n) >> 32

    def bits(self) -> int:
        """32 bits, of which the higher are the better."""
        self.state = state = (self.state * 6364136223846793005 + 1442695040888963407) & _M
        return state >> 32

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def pick(self, items: Sequence[T]) -> T:
        self.state = state = (self.state * 6364136223846793005 + 1442695040888963407) & _M
        return items[((state >> 32) * len(items)) >> 32]  # `below`, without a call: most draws are picks

    def shuffled(self, items: Sequence[T]) -> list[T]:
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def sample(self, items: Sequence[T], k: int) -> list[T]:
        """`k` different positions of `items`, in random order."""
        out = list(items)
        for i in range(k):
            j = i + self.below(len(out) - i)
            out[i], out[j] = out[j], out[i]
        return out[:k]


def zipf_table(items: Sequence[T], *, size: int = 2048, offset: int = 3) -> list[T]:
    """`size` entries in which item k occurs in proportion to 1 / (k + offset)^2, and each at least once.

    Drawing from the table is one `pick`. The fall is steeper than Zipf's, because a small model sees little text: a
    few hundred words make up most of it, and a long tail remains. Integers only, so that no float differs anywhere.
    """
    weights = [10**12 // (k + offset) ** 2 for k in range(len(items))]
    total = sum(weights)
    counts = [max(1, w * size // total) for w in weights]
    return [item for item, count in zip(items, counts, strict=True) for _ in range(count)]
