"""Cross-entropy over a large vocabulary, a block of tokens of it at a time.

    forward    for each block: its logits [P, block] -> kept in the precision of the model; running log-sum-exp [P]
    backward   for each block: (softmax - right answer) * gradient -> into the vectors, the table and the bias

The logits of all tokens in fp32, their softmax and its gradient would be several arrays of P x V, which cost more to
write and read than the products themselves. A block stays in the cache of the processor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from waystage.models.table import Slot

BLOCK = {"cpu": 1 << 19, "cuda": 1 << 27}  # logits of one block


def cross_entropy(
    x: Tensor, table: Tensor, bias: Tensor | None, labels: Tensor, slot: Slot | None = None, *, cap: float | None = None
) -> Tensor:
    """[P] in fp32: the loss of every row of `x` [P, D]. The products are made in the precision of `x`.

    What comes out for a row with the label -100 means nothing, and must get no gradient.

    The gradient of the table goes into the slot where there is one. `cap` is what no logit may pass (Gemma 2).
    """
    out: Tensor = _CrossEntropy.apply(x, table, bias, labels, slot, cap)
    return out


def capped(logits: Tensor, cap: float | None) -> Tensor:
    return logits if cap is None else cap * torch.tanh(logits / cap)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, bias: Tensor | None, labels: Tensor, slot: Slot | None, cap: float | None
    ) -> Tensor:  # fmt: skip
        top = torch.full((len(x),), -torch.inf, device=x.device)
        total = torch.zeros_like(top)
        right = torch.zeros_like(top)
        ctx.logits = []
        for first, rows in _blocks(len(x), table):
            logits = capped(torch.nn.functional.linear(x, rows.to(x.dtype), _part(bias, first, rows, x)), cap)
            inside, at = _inside(labels, first, len(rows))
            right[inside] = logits[inside, at].float()
            if any(ctx.needs_input_grad):
                ctx.logits.append(logits)
            exact = logits.float() if logits.dtype != torch.float32 else logits.clone()
            before, top = top, torch.maximum(top, exact.amax(dim=1))
            total = total * torch.exp(before - top) + exact.sub_(top[:, None]).exp_().sum(dim=1)
        whole = top + total.log()
        ctx.slot, ctx.cap = slot, cap
        ctx.save_for_backward(x, table, bias, labels, whole)
        return whole - right

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None, None, None]:
        x, table, bias, labels, whole = ctx.saved_tensors
        scale = grads[0].float()[:, None]
        to_x = torch.zeros(x.shape, device=x.device)
        wanted = ctx.needs_input_grad[1]
        to_table = torch.empty_like(table) if wanted and ctx.slot is None else None
        to_bias = None if bias is None else torch.empty(bias.shape, device=x.device)
        for (first, rows), logits in zip(_blocks(len(x), table), ctx.logits, strict=True):
            part = logits.float() if logits.dtype != torch.float32 else logits.clone()
            part.sub_(whole[:, None]).exp_()
            inside, at = _inside(labels, first, len(rows))
            part[inside, at] -= 1.0
            part.mul_(scale)
            if ctx.cap is not None:  # the slope of `capped`
                part.mul_(1 - (logits.float() / ctx.cap).square())
            if to_bias is not None:
                to_bias[first : first + len(rows)] = part.sum(dim=0)
            rounded = part.to(x.dtype)
            to_x += rounded @ rows.to(x.dtype)
            if not wanted:
                continue
            values = rounded.T @ x
            if to_table is None:
                ctx.slot.add_block(first, values)
            else:
                to_table[first : first + len(rows)] = values
        ctx.logits = []
        return to_x.to(x.dtype), to_table, None if to_bias is None else to_bias.to(bias), None, None, None


def _blocks(count: int, table: Tensor) -> Iterator[tuple[int, Tensor]]:
    size = max(1024, BLOCK.get(table.device.type, BLOCK["cuda"]) // max(count, 1) // 256 * 256)
    for first in range(0, len(table), size):
        yield first, table[first : first + size]


def _part(bias: Tensor | None, first: int, rows: Tensor, x: Tensor) -> Tensor | None:
    return None if bias is None else bias[first : first + len(rows)].to(x.dtype)


def _inside(labels: Tensor, first: int, size: int) -> tuple[Tensor, Tensor]:
    """Which rows have their answer in this block, and where in it."""
    inside = torch.nonzero((labels >= first) & (labels < first + size)).squeeze(1)
    return inside, labels[inside] - first
