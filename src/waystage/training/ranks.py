"""The processes of one stage, and what they say to each other. A stage that runs alone talks to nobody.

All of them run the same stage on the same data and take the same decisions. Each has a share of every batch (`share`).
The first one writes, logs and scores. What decides (a dev score, the clock) is therefore told by it. Only numbers and
JSON travel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from waystage.errors import StageError
from waystage.graph.seat import Seat
from waystage.training.corpus import Batch, labels_of, micro_batches

PATIENCE = timedelta(hours=2)  # the first process may write long meanwhile; one that is lost is found otherwise


class StartAgain(StageError):
    """All processes of the stage have to start anew: this one could not do its share as it was cut."""


@dataclass(frozen=True)
class Ranks:
    rank: int = 0
    size: int = 1
    sharded: bool = False  # each holds a part of the weights

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, *values: float) -> list[float]:
        """Of all processes. Small numbers go through the CPU, also where the work is done elsewhere."""
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(found)
        return [float(value) for value in found]

    def most(self, count: int) -> int:
        """The largest that any process says."""
        found = torch.tensor(count)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return int(found)

    def wait(self) -> None:
        self.sum(0.0)

    def told(self, value: Any) -> Any:
        """What the first process has; anything that JSON can say."""
        if self.size == 1:
            return value
        text = json.dumps(value).encode() if self.first else b""
        (length,) = self.sum(len(text))
        letters = torch.zeros(int(length), dtype=torch.uint8)
        if self.first:
            letters = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        dist.broadcast(letters, 0)
        return json.loads(letters.numpy().tobytes())

    def add_up(self, values: Tensor) -> None:
        """In place: what each process has of a gradient becomes that of the whole batch."""
        if self.size > 1:
            dist.all_reduce(values)

    def joined(self, rows: Tensor, counts: list[int]) -> Tensor:
        """The rows of all processes, in their order; `counts` says how many each has."""
        if self.size == 1:
            return rows
        padded = rows.new_zeros(max(counts), *rows.shape[1:])
        padded[: len(rows)] = rows
        every = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(every, padded)
        return torch.cat([some[:count] for some, count in zip(every, counts, strict=True)])

    def brought(self, rows: np.ndarray, counts: list[int]) -> list[np.ndarray]:
        """The rows of each process, for the first one; the others get nothing."""
        if self.size == 1:
            return [rows]
        padded = np.zeros((max(counts), *rows.shape[1:]), rows.dtype)
        padded[: len(rows)] = rows
        mine = torch.from_numpy(padded)
        every = [torch.empty_like(mine) for _ in counts] if self.first else None
        dist.gather(mine, every, 0)
        return [some.numpy()[:count] for some, count in zip(every or [], counts, strict=False)]


ALONE = Ranks()


@contextmanager
def together(seat: Seat, device: str) -> Iterator[Ranks]:
    """Find the other processes of the stage, as long as it runs."""
    if seat.size == 1:
        yield ALONE
        return
    backend = "gloo"
    if device.startswith("cuda"):
        torch.cuda.init()
        torch.cuda.set_device(seat.local)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(
        backend, init_method=seat.meet, rank=seat.rank, world_size=seat.size, timeout=PATIENCE
    )  # fmt: skip
    yield Ranks(seat.rank, seat.size, seat.sharded)
    dist.destroy_process_group()  # not after an error: others may be in the middle of something, and this process ends


@dataclass(frozen=True)
class Share:
    """What one process has of a batch: parts of at most the budget, one after the other through the model."""

    parts: list[Batch]
    first: int  # the number of its first part among those of all
    sequences: list[int]  # of each process
    most: int = 1  # parts of a process that has the most of them
    idle: Batch | None = None  # stands in where others have more parts; it counts nothing
    idles: int = 0  # how often

    @property
    def passes(self) -> Iterator[tuple[int, Batch, bool]]:
        """The number of each part, the part, and whether it counts."""
        yield from ((self.first + i, part, True) for i, part in enumerate(self.parts))
        if self.idle is not None:
            yield from ((self.first, self.idle, False) for _ in range(self.idles))


def share(batch: Batch, kind: str, budget: int, ranks: Ranks) -> Share:
    """Consecutive units with about as many tokens for each process.

    Every process computes all shares, so none has to ask. Where the weights are in parts all have to go through the
    model equally often, because each layer is put together for all of them.
    """
    if len(batch.ids) <= budget and ranks.size == 1:
        return Share([batch], 0, [len(batch.lengths)])
    tokens = batch.tokens()
    cuts = _cuts(tokens, ranks.size)
    every = [
        [slice(a + s.start, a + s.stop) for s in micro_batches(tokens[a:b], budget)] if b > a else []
        for a, b in pairwise(cuts)
    ]
    mine, most = every[ranks.rank], max(map(len, every))
    parts = [batch.part(units, labels_of(kind)) for units in mine]
    idles = most - len(mine) if ranks.sharded else 0
    idle = (parts[-1] if parts else batch.part(slice(0, 1), labels_of(kind))) if idles else None
    first = sum(map(len, every[: ranks.rank]))
    return Share(parts, first, np.diff(batch.units[cuts]).tolist(), most, idle, idles)


def _cuts(tokens: np.ndarray, size: int) -> list[int]:
    """Where each share begins, and the end."""
    ends = np.cumsum(tokens)
    wanted = ends[-1] * np.arange(1, size) / size
    return [0, *(int(cut) for cut in np.searchsorted(ends - tokens / 2, wanted)), len(tokens)]
