"""Which member of a mixture gives the batch of a step, and which of its batches: known for all steps beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from waystage.training.draws import uniform


@dataclass(frozen=True)
class Mixture:
    """Sizes are in units. One batch holds units of one member only."""

    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    batch: int
    seed: int
    steps: int

    @cached_property
    def members(self) -> np.ndarray:
        """The member of every step."""
        bounds = np.cumsum(np.array(self.weights) / sum(self.weights))
        found = np.searchsorted(bounds, uniform(self.steps, self.seed, "member"), side="right")
        return np.minimum(found, len(self.weights) - 1).astype(np.int16)

    @cached_property
    def _nth(self) -> np.ndarray:
        """How many earlier steps had the same member."""
        nth = np.zeros(self.steps, np.int64)
        for member in range(len(self.sizes)):
            mine = self.members == member
            nth[mine] = np.arange(int(mine.sum()))
        return nth

    def at(self, step: int) -> tuple[int, int, slice]:
        """(member, its epoch, which part of that epoch's order)."""
        member = int(self.members[step])
        per_epoch = -(-self.sizes[member] // self.batch)
        epoch, number = divmod(int(self._nth[step]), per_epoch)
        return member, epoch, slice(number * self.batch, (number + 1) * self.batch)


def weigh(
    sizes: Sequence[int], names: Sequence[str], sampling: Mapping[str, Any], replay: Mapping[int, float] | None = None
) -> tuple[float, ...]:
    """Shares of the members. `replay` fixes the share of some of them; the others divide the rest."""
    replay = replay or {}
    by = sampling.get("by", "size")
    raw = np.ones(len(sizes))
    if by == "size":
        raw = np.minimum(np.array(sizes, float), sampling.get("cap") or math.inf)
    elif by == "weights":
        said = sampling["weights"]
        raw = np.array([1.0 if i in replay else float(said[name]) for i, name in enumerate(names)])
    with np.errstate(over="ignore"):
        powered = raw ** (1.0 / sampling.get("temperature", 1.0))
    raw = powered if np.isfinite(powered).all() else (raw / raw.max()) ** (1.0 / sampling["temperature"])
    raw[list(replay)] = 0.0
    shares = raw / raw.sum() * (1 - sum(replay.values())) if raw.sum() else raw
    for member, share in replay.items():
        shares[member] = share
    return tuple(float(share) for share in shares / shares.sum())


def count_steps(
    sizes: Sequence[int],
    recipe: Mapping[str, Any],
    sampling: Mapping[str, Any],
    replay: Mapping[int, float] | None = None,
) -> int:
    """An epoch passes over as many units as the members have together, each counted up to the cap."""
    if recipe.get("steps") is not None:
        return int(recipe["steps"])
    replay = replay or {}
    cap = sampling.get("cap") or math.inf
    batches = sum(math.ceil(min(size, cap) / recipe["batch"]) for i, size in enumerate(sizes) if i not in replay)
    return math.ceil(recipe.get("epochs", 1) * batches / (1 - sum(replay.values())))
