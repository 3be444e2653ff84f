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
    rows: tuple[Tensor, Tensor, Tensor], asking: Any, layout: Any, seen: list[Tensor | None], *, heads: int,
    scale: float, p: float, noise: Noise,
) -> Tensor:  # fmt: skip
    """Query, key and value rows [T, H*d] -> [T, H*d]. `seen` says per block which key a query may look at.

    Queries may be fewer than keys: `asking` is their `Asked`, or the layout itself.
    """
    out: Tensor = _Attend.apply(*rows, asking, layout, seen, heads, scale, p, noise)
    return out


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, asking: Any, layout: Any, seen: list[Tensor | None],
        heads: int, scale: float, p: float, noise: Noise,
    ) -> Tensor:  # fmt: skip
        joined = query.new_empty(len(asking.into), query.shape[1])
        kept: list[Tensor] = []
        for (from_, of), (q_into, into), out, mask in zip(
            _groups(asking, layout), _intos(asking, layout), _cut(joined, asking), seen, strict=True
        ):
            q = _block(query, q_into, from_, heads).mul_(scale)
            k, v = (_block(x, into, of, heads) for x in (key, value))
            scores = torch.bmm(q, k.transpose(1, 2))
            if mask is not None:
                _hide(scores, mask, from_[0], heads)
            shares = torch.softmax(scores, dim=-1)
            del scores
            factor = noise.factor(shares, p)
            _unblock(torch.bmm(shares * factor, v), from_, heads, out)
            kept += [q, k, v, shares, factor]
        ctx.save_for_backward(*kept)
        ctx.asking, ctx.layout, ctx.heads, ctx.scale = asking, layout, heads, scale
        return _back(joined, asking)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        asking, layout, heads, width = ctx.asking, ctx.layout, ctx.heads, grads[0].shape[1]
        joined = [grads[0].new_empty(len(x.into), width) for x in (asking, layout, layout)]
        cuts = [_cut(x, of) for x, of in zip(joined, (asking, layout, layout), strict=True)]
        saved = ctx.saved_tensors
        each = zip(_groups(asking, layout), _intos(asking, layout), strict=True)
        for number, ((from_, of), (q_into, _)) in enumerate(each):
            q, k, v, shares, factor = saved[5 * number : 5 * number + 5]
            out = _block(grads[0], q_into, from_, heads)  # padding reads the tail's gradient, which is zero
            to_v = torch.bmm((shares * factor).transpose(1, 2), out)
            to_shares = torch.bmm(out, v.transpose(1, 2)).mul_(factor)
            to_scores = torch._softmax_backward_data(to_shares, shares, -1, shares.dtype)
            to_q = torch.bmm(to_scores, k).mul_(ctx.scale)
            to_k = torch.bmm(to_scores.transpose(1, 2), q)  # q is scaled already
            for found, group, cut in zip((to_q, to_k, to_v), (from_, of, of), cuts, strict=True):
                _unblock(found, group, heads, cut[number])
        return (*(_back(x, of) for x, of in zip(joined, (asking, layout, layout), strict=True)), *[None] * 7)


def _groups(asking: Any, layout: Any) -> Any:
    return zip(asking.groups, layout.groups, strict=True)


def _intos(asking: Any, layout: Any) -> Any:
    return zip(_cut(asking.into, asking), _cut(layout.into, layout), strict=True)


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
