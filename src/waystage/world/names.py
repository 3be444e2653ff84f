"""Names of persons, places and organisations, in pools that never share a name.

A name is a beginning and an ending, numbered; pools share out these numbers, so that names of pretraining, intermediate
tasks, target tasks and of their splits are disjoint by construction. The pools of tasks are shuffled: each has
beginnings and endings of every sort, so that no part of a name tells in one split what it does not tell in another.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from waystage.world.clauses import Name
from waystage.world.stream import Stream, mix

_BEGINNINGS = [c + v for c in "tkbmnrls" for v in "aeiou"]
_ENDINGS = {
    "PER": [c + v for c in "tnrlmskvdbz" for v in ("a", "i", "o", "ian")],
    "LOC": [c + v for c in "tnrlmskvdgz" for v in ("iburg", "avil", "istan", "opol")],
    "ORG": [c + v for c in "tnrlmskvdgz" for v in ("iteks", "amart", "okorp", "izan")],
}
_TOTAL = len(_BEGINNINGS) * 44
POOLS = ("pretrain", *(f"{role}/{split}" for role in ("intermediate", "target") for split in ("train", "dev", "test")))
_PRETRAINED = 560  # names of the pretraining text; what is left is dealt out to the tasks
_SIZE = 200


@cache
def sounds(seed: int, kind: str, number: int) -> str:
    """Name number `number` of a kind: a bijection, so different numbers are different names."""
    assert number < _TOTAL
    place = (number * 7919 + mix("names", seed, kind)) % _TOTAL  # 7919 is prime and does not divide the total
    beginning, ending = divmod(place, 44)
    return _BEGINNINGS[beginning] + _ENDINGS[kind][ending]


class Pool:
    """The names that one role may use."""

    def __init__(self, seed: int, role: str):
        numbers: Sequence[int] = range(_PRETRAINED)
        if role != "pretrain":
            dealt = Stream("pools", seed).shuffled(range(_PRETRAINED, _TOTAL))
            numbers = dealt[(POOLS.index(role) - 1) * _SIZE :][:_SIZE]
        half = len(numbers) // 2
        self.first = [sounds(seed, "PER", i) for i in numbers[:half]]
        self.last = [sounds(seed, "PER", i) for i in numbers[half:]]
        self.places = [Name("LOC", (sounds(seed, "LOC", i),)) for i in numbers[:half]]
        self.groups = [Name("ORG", (sounds(seed, "ORG", i),)) for i in numbers[:half]]

    def person(self, draw: Stream) -> Name:
        rank = draw.below(256)
        first = self.first[(rank * rank * len(self.first)) >> 16]  # some names are far more frequent than others
        if draw.below(4):
            return Name("PER", (first,))
        return Name("PER", (first, self.last[(rank * draw.below(256) * len(self.last)) >> 16]))

    def place(self, draw: Stream) -> Name:
        return self.places[draw.below(len(self.places))]

    def group(self, draw: Stream) -> Name:
        return self.groups[draw.below(len(self.groups))]


@cache
def pool(seed: int, role: str) -> Pool:
    return Pool(seed, role)
