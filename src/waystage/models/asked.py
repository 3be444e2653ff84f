"""Some rows of a stream: those whose vectors a head reads, and how their queries stand in the blocks of attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from waystage.models.packed import Layout


def rounded(count: int, least: int = 16) -> int:
    """Up to one of a few sizes: every new shape of a product in bf16 costs milliseconds and is kept for good."""
    step = max(least, 1 << max(0, count.bit_length() - 4))
    return -(-count // step) * step


@dataclass(frozen=True)
class Asked:
    """The rows of a stream that are read, and their blocks in attention: as many as its `Layout` has, in its order."""

    rows: Tensor  # [R], rows of the stream; those from `tokens` on only fill up to one of a few sizes
    tokens: int
    groups: tuple[tuple[int, int], ...]  # (sequences, queries of each)
    into: Tensor  # for each query of the blocks, which of the rows; padding points at the last of them
    back: Tensor  # for each of the rows, its place in the blocks
    at: tuple[Tensor, ...]  # per group: where in its sequence each query stands, [sequences, queries]


def ask(rows: np.ndarray, lengths: np.ndarray, layout: Layout, *, device: str | torch.device = "cpu") -> Asked:
    """`rows` of the stream, in ascending order, none twice."""
    ends = np.cumsum(lengths)
    counts = np.bincount(np.searchsorted(ends, rows, side="right"), minlength=len(lengths))
    first = np.cumsum(counts) - counts
    size = rounded(len(rows) + 1)
    into, at, groups, back, begin = [], [], [], np.zeros(size, np.int64), 0
    for members, (n, _) in zip(layout.members, layout.groups, strict=True):
        most = int(counts[members].max())
        width = most if most <= 1 else rounded(most, 4)
        there = np.zeros((n, max(width, 1)), bool)
        there[: len(members)] = np.arange(there.shape[1]) < counts[members][:, None]
        sequence, column = np.nonzero(there)
        number = first[members][sequence] + column
        block, places = np.full(there.shape, size - 1), np.zeros(there.shape, np.int64)
        block[there] = number
        places[there] = rows[number] - (ends - lengths)[members][sequence]
        back[number] = begin + np.flatnonzero(there)
        begin += there.size
        groups.append(there.shape)
        into.append(block.ravel())
        at.append(torch.from_numpy(places).to(device))
    return Asked(
        rows=torch.from_numpy(filled(rows, size, len(layout.back) - 1)).to(device),
        tokens=len(rows),
        groups=tuple(groups),
        into=torch.from_numpy(np.concatenate(into)).to(device),
        back=torch.from_numpy(back).to(device),
        at=tuple(at),
    )


def filled(rows: np.ndarray, size: int, value: int) -> np.ndarray:
    return np.concatenate([rows, np.full(size - len(rows), value)])


class _Pick(torch.autograd.Function):
    """[T, D] -> [R, D]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, asked: Asked) -> Tensor:
        ctx.asked, ctx.total = asked, len(x)
        return x.index_select(0, asked.rows)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _placed(grads[0], ctx.asked, ctx.total), None


class _Place(torch.autograd.Function):
    """[R, D] -> [T, D], nothing elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, asked: Asked, total: int) -> Tensor:
        ctx.asked = asked
        return _placed(x, asked, total)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        out = grads[0].index_select(0, ctx.asked.rows)
        out[ctx.asked.tokens :] = 0
        return out, None, None


def _placed(x: Tensor, asked: Asked, total: int) -> Tensor:
    real = asked.rows[: asked.tokens]
    return x.new_zeros(total, x.shape[1]).index_copy_(0, real, x[: asked.tokens])


def pick(x: Tensor, asked: Asked) -> Tensor:
    out: Tensor = _Pick.apply(x, asked)
    return out


def place(x: Tensor, asked: Asked, total: int) -> Tensor:
    out: Tensor = _Place.apply(x, asked, total)
    return out
