"""How far two languages are from each other, from what is observed only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from waystage.errors import UnknownName
from waystage.languages.table import get, read_data, resolve

FEATURES = 103  # syntax features of URIEL
LEAST_SHARED = 30  # with fewer, a distance says more about the describers than about the languages
KINDS = ("syntactic", "genetic", "script", "featural")


@dataclass(frozen=True)
class Distance:
    value: float | None  # None: too few shared features
    shared: int  # features observed for both
    coverage: float  # shared / 103


@dataclass(frozen=True)
class Profile:
    uriel: str  # the code that the features were taken from; empty where URIEL has none
    values: tuple[float | None, ...]


@cache
def profiles() -> dict[str, Profile]:
    """Observed syntax features by code; None where nothing is known."""
    found = {}
    for row in read_data("typology.tsv"):
        code, uriel, *values = row.values()
        found[code] = Profile(uriel, tuple(float(v) if v else None for v in values))
    return found


def observed_features(code: str) -> int:
    return sum(value is not None for value in profiles()[resolve(code)].values)


def syntactic(a: str, b: str) -> Distance:
    """Cosine distance over the features observed for both, as lang2vec measures, but with nothing imputed."""
    mine, theirs = (profiles()[resolve(code)].values for code in (a, b))
    pairs = [(x, y) for x, y in zip(mine, theirs, strict=True) if x is not None and y is not None]
    value = None
    if len(pairs) >= LEAST_SHARED:
        dot = math.fsum(x * y for x, y in pairs)
        squares = math.fsum(x * x for x, _ in pairs) * math.fsum(y * y for _, y in pairs)
        value = max(0.0, 1.0 - dot / math.sqrt(squares))
    return Distance(value, len(pairs), len(pairs) / FEATURES)


def genetic(a: str, b: str) -> float:
    """0 in the same genus, 0.5 in the same family, 1 otherwise: the tree in between is not in the table."""
    one, other = get(a), get(b)
    if one.family != other.family:
        return 1.0
    return 0.0 if one.genus == other.genus else 0.5


def script(a: str, b: str) -> float:
    return float(get(a).script != get(b).script)


def distance(a: str, b: str, kind: str = "syntactic") -> float | None:
    """A distance in [0, 1]; None where fewer than 30 syntax features are known for both.

    `featural` is the mean of the three others, and None with the syntactic one: a mean over whatever happens to be
    known would not compare from pair to pair.
    """
    if kind == "genetic":
        return genetic(a, b)
    if kind == "script":
        return script(a, b)
    if kind not in KINDS:
        raise UnknownName("kind of distance", kind, KINDS, hint=f"It is one of {', '.join(KINDS)}.")
    apart = syntactic(a, b).value
    if kind == "syntactic" or apart is None:
        return apart
    return (apart + genetic(a, b) + script(a, b)) / 3


def shared_features(a: str, b: str) -> int:
    return syntactic(a, b).shared
