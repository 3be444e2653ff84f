"""Attention with dropout over blocks of similar length, forward and backward written out.

Left to torch's autograd the same mathematics copies, masks and scales every array of scores several times over; scores
are most of what attention touches. Here a block has one array of scores, which becomes the probabilities, and one of
dropout factors.

    rows [T, H*d] ──> a block [n, length, H*d] ──> scores [n*H, length, length] ──> [n, length, H*d] ──> rows [T, H*d]
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from waystage.models.dropout import Noise


def attend(
    rows: tuple[Tensor, Tensor, Tensor], layout: Any, seen: list[Tensor | None], *, heads: int, scale: float, p: float,
    noise: Noise,
) -> Tensor:  # fmt: skip
    """Query, key and value rows [T, H*d] -> [T, H*d]. `seen` says per block which key a query may look at."""
    out: Tensor = _Attend.apply(*rows, layout, seen, heads, scale, p, noise)
    return out


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, layout: Any, seen: list[Tensor | None], heads: int,
        scale: float, p: float, noise: Noise,
    ) -> Tensor:  # fmt: skip
        joined = query.new_empty(len(layout.into), query.shape[1])
        kept: list[Tensor] = []
        for group, into, out, mask in zip(
            layout.groups, _cut(layout.into, layout), _cut(joined, layout), seen, strict=True
        ):
            q, k, v = (_block(x, into, group, heads) for x in (query, key, value))
            q.mul_(scale)
            scores = torch.bmm(q, k.transpose(1, 2))
            if mask is not None:
                _hide(scores, mask, group[0], heads)
            shares = torch.softmax(scores, dim=-1)
            del scores
            factor = noise.factor(shares, p)
            _unblock(torch.bmm(shares * factor, v), group, heads, out)
            kept += [q, k, v, shares, factor]
        ctx.save_for_backward(*kept)
        ctx.layout, ctx.heads, ctx.scale = layout, heads, scale
        return _back(joined, layout)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        layout, heads = ctx.layout, ctx.heads
        joined = [grads[0].new_empty(len(layout.into), grads[0].shape[1]) for _ in range(3)]
        cuts = [_cut(x, layout) for x in joined]
        saved = ctx.saved_tensors
        for number, (group, into) in enumerate(zip(layout.groups, _cut(layout.into, layout), strict=True)):
            q, k, v, shares, factor = saved[5 * number : 5 * number + 5]
            out = _block(grads[0], into, group, heads)  # padding reads the tail's gradient, which is zero
            to_v = torch.bmm((shares * factor).transpose(1, 2), out)
            to_shares = torch.bmm(out, v.transpose(1, 2)).mul_(factor)
            to_scores = torch._softmax_backward_data(to_shares, shares, -1, shares.dtype)
            to_q = torch.bmm(to_scores, k).mul_(ctx.scale)
            to_k = torch.bmm(to_scores.transpose(1, 2), q)  # q is scaled already
            for found, cut in zip((to_q, to_k, to_v), cuts, strict=True):
                _unblock(found, group, heads, cut[number])
        return (*(_back(x, layout) for x in joined), None, None, None, None, None, None)


def _cut(rows: Tensor, layout: Any) -> tuple[Tensor, ...]:
    return rows.split([n * length for n, length in layout.groups])


def _block(rows: Tensor, into: Tensor, group: tuple[int, int], heads: int) -> Tensor:
    """[T, H*d] -> [n*H, length, d], a copy."""
    found = rows.index_select(0, into).view(*group, heads, -1).transpose(1, 2)
    return found.reshape(group[0] * heads, group[1], -1).contiguous()


def _unblock(block: Tensor, group: tuple[int, int], heads: int, out: Tensor) -> None:
    n, length = group
    out.view(n, length, heads, -1).copy_(block.view(n, heads, length, -1).transpose(1, 2))


def _hide(scores: Tensor, seen: Tensor, n: int, heads: int) -> None:
    """`seen` is [n, 1, 1 or length, length] or [length, length]."""
    bias = torch.zeros(seen.shape, dtype=scores.dtype, device=scores.device).masked_fill_(~seen, -torch.inf)
    scores.view(n, heads, *scores.shape[1:]).add_(bias)


def _back(joined: Tensor, layout: Any) -> Tensor:
    out = joined.index_select(0, layout.back)
    out[layout.tokens :] = 0
    return out
