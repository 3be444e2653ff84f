"""The embedding table: a large array of which a step reads and changes little, so its gradient is added up in place.

torch would make a new array as large as the table in every backward pass, fill it with zeros and add it to what is
there. That costs more than a step of a small model. Here a `Slot` is the one array, kept from step to step; it is
all zero between steps, and only the rows that were touched are cleared. The first step of a run with a language model
touches all rows, because every token is a possible answer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Slot:
    """Where the gradient of one table is added up, in fp32."""

    def __init__(self, grads: Tensor):
        self.grads = grads  # [V, D], a view of what the optimizer reads
        self.touched: list[Tensor] = []
        self.all_touched = False

    def add(self, rows: Tensor, values: Tensor) -> None:
        self.grads.index_add_(0, rows, values.float())
        self.touched.append(rows)

    def add_block(self, first: int, values: Tensor) -> None:
        self.grads[first : first + len(values)] += values
        self.all_touched = True

    def clear(self) -> None:
        if self.all_touched:
            self.grads.zero_()
        else:
            for rows in self.touched:
                self.grads.index_fill_(0, rows, 0.0)
        self.touched, self.all_touched = [], False


class Table(nn.Embedding):
    """torch's table. While it has a slot, gradients go there and `weight.grad` stays empty."""

    slot: Slot | None = None

    @classmethod
    def of(cls, other: nn.Embedding) -> Table:
        """The same weights."""
        made = cls(other.num_embeddings, other.embedding_dim, padding_idx=other.padding_idx, _weight=other.weight.data)
        made.weight = other.weight
        return made

    def forward(self, input: Tensor) -> Tensor:
        if self.slot is None or not torch.is_grad_enabled():
            return super().forward(input)
        out: Tensor = _Rows.apply(self.weight, input, self.slot, self.padding_idx)
        return out


class _Rows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, slot: Slot, padding: int | None) -> Tensor:
        ctx.ids, ctx.slot, ctx.padding = ids, slot, padding
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, None, None]:
        rows, values = ctx.ids.reshape(-1), grads[0].flatten(0, -2)
        if ctx.padding is not None:  # as torch has it: the row of the padding never learns
            values = values.masked_fill((rows == ctx.padding)[:, None], 0.0)
        ctx.slot.add(rows, values)
        return None, None, None, None
