"""Attention with dropout over blocks of similar length, forward and backward written out.

Left to torch's autograd the same mathematics copies, masks and scales every array of scores several times over; scores
are most of what attention touches. Here a block has one array of probabilities and one of dropout factors, and on a CPU
few heads of it go through all steps together, so that their scores stay in its cache.

    rows [T, H*d] ──> a block [n, length, H*d] ──> scores [n*H, length, length] ──> [n, length, H*d] ──> rows [T, H*d]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from waystage.models.dropout import Noise

SCORES = 2**19  # of heads that go through together


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
            shares, found = q.new_empty(len(q), from_[1], of[1]), torch.empty_like(q)
            factor = torch.empty_like(shares)
            bias = None if mask is None else _bias(mask, q.dtype)
            for part in _parts(shares):
                scores = torch.bmm(q[part], k[part].transpose(1, 2))
                if bias is not None:
                    scores.add_(bias if bias.dim() == 2 else bias[torch.arange(len(q), device=q.device)[part] // heads])
                torch.softmax(scores, dim=-1, out=shares[part])
                factor[part] = noise.factor(scores, p)
                torch.bmm(torch.mul(shares[part], factor[part], out=scores), v[part], out=found[part])
            _unblock(found, from_, heads, out)
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
            to_q, to_k, to_v = (torch.empty_like(x) for x in (q, k, v))
            for part in _parts(shares):
                share, kept = shares[part], factor[part]
                torch.bmm((share * kept).transpose(1, 2), out[part], out=to_v[part])
                to_shares = torch.bmm(out[part], v[part].transpose(1, 2)).mul_(kept)
                to_scores = torch._softmax_backward_data(to_shares, share, -1, share.dtype)
                torch.bmm(to_scores, k[part], out=to_q[part])
                torch.bmm(to_scores.transpose(1, 2), q[part], out=to_k[part])  # q is scaled already
            to_q.mul_(ctx.scale)
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


def _parts(shares: Tensor) -> Iterator[slice]:
    """The heads of a block that go through together."""
    step = len(shares) if shares.is_cuda else max(1, SCORES // shares[0].numel())
    return (slice(first, first + step) for first in range(0, len(shares), step))


def _bias(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """`seen` is [n, 1, 1 or length, length] or [length, length]; as what is added to scores, without its second."""
    bias = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf)
    return bias if bias.dim() == 2 else bias[:, 0]


def _back(joined: Tensor, layout: Any) -> Tensor:
    out = joined.index_select(0, layout.back)
    out[layout.tokens :] = 0
    return out
