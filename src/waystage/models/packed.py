"""Many sequences as one stream of tokens without padding, and attention that stays inside each of them.

Everything in a transformer except attention works on single tokens, so padding is only ever needed there, and only
within a group of sequences of similar length. Rows are copied into the groups and back; each row occurs once, so both
directions and both backward passes are plain row selections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from waystage.models.asked import Asked, pick, place
from waystage.models.attend import attend
from waystage.models.dropout import Noise

ROUND = 128  # tokens of a stream are a multiple: few shapes, so that kernels are compiled once
ROUND_GROUP = 16  # lengths of a group likewise
LOOSE = 0.7  # a group takes sequences down to this share of its length
SHORT, TOGETHER = 128, 4  # sequences no longer than that are grouped by four, again for few shapes
BAND = 1024  # which keys a query may see is kept for blocks up to this length: the longest would fill gigabytes


@dataclass(frozen=True)
class Layout:
    """Which rows of a stream of `tokens` (the rest is a harmless tail) belong together in attention."""

    tokens: int
    groups: tuple[tuple[int, int], ...]  # (sequences, length) of each padded block
    into: Tensor  # for each row of the blocks, its row in the stream; padding points at the tail
    back: Tensor  # for each row of the stream, its row in the blocks
    keys: tuple[Tensor | None, ...]  # per group: which keys are real, [sequences, 1, 1, length]
    bounds: Tensor  # int32, offsets of the sequences, for kernels that take ragged input; the tail is the last one
    longest: int
    members: tuple[np.ndarray, ...]  # per group: which sequences


@dataclass(frozen=True)
class Stream:
    """One micro-batch as the model reads it."""

    ids: Tensor  # [T]
    positions: Tensor  # [T], within the sequence
    types: Tensor | None  # [T]
    lengths: np.ndarray  # [S]
    layout: Layout

    @property
    def starts(self) -> np.ndarray:
        return np.cumsum(self.lengths) - self.lengths


def stream(
    ids: np.ndarray, lengths: np.ndarray, *, types: np.ndarray | None = None, device: str | torch.device = "cpu"
) -> Stream:
    real = int(lengths.sum())
    total = -(-(real + 1) // ROUND) * ROUND  # at least one row of tail, which padding can point at
    starts = np.cumsum(lengths) - lengths
    flat = np.zeros(total, np.int64)
    flat[:real] = ids
    positions = np.zeros(total, np.int64)
    positions[:real] = np.arange(real) - np.repeat(starts, lengths)
    kinds = None
    if types is not None:
        kinds = np.zeros(total, np.int64)
        kinds[:real] = types
    return Stream(
        ids=torch.from_numpy(flat).to(device),
        positions=torch.from_numpy(positions).to(device),
        types=None if kinds is None else torch.from_numpy(kinds).to(device),
        lengths=lengths,
        layout=plan(lengths, total, device=device),
    )


def plan(lengths: np.ndarray, total: int, *, device: str | torch.device = "cpu") -> Layout:
    """Sort by length, cut where sequences become much shorter than the longest of the block."""
    starts = np.cumsum(lengths) - lengths
    real = int(lengths.sum())
    groups, into, keys = [], [], []
    blocks = _blocks(lengths)
    for members in blocks:
        size = -(-int(lengths[members].max()) // ROUND_GROUP) * ROUND_GROUP
        column = np.arange(size)
        there = column < lengths[members][:, None]
        into.append(np.where(there, starts[members][:, None] + column, total - 1).ravel())
        keys.append(None if there.all() else torch.from_numpy(there[:, None, None, :]).to(device))
        groups.append((len(members), size))
    rows = np.concatenate(into)
    back = np.zeros(total, np.int64)
    is_real = rows < real
    back[rows[is_real]] = np.flatnonzero(is_real)
    return Layout(
        tokens=real,
        groups=tuple(groups),
        into=torch.from_numpy(rows).to(device),
        back=torch.from_numpy(back).to(device),
        keys=tuple(keys),
        bounds=torch.from_numpy(np.r_[0, np.cumsum(lengths), total].astype(np.int32)).to(device),
        longest=max(int(lengths.max()), total - real),
        members=tuple(blocks),
    )


def _blocks(lengths: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(-lengths, kind="stable")
    blocks, first = [], 0
    for i in range(1, len(order) + 1):
        longest = lengths[order[first]]
        if i < len(order) and longest <= SHORT and (i - first) % TOGETHER:
            continue
        if i == len(order) or lengths[order[i]] < LOOSE * longest - ROUND_GROUP / 2:
            blocks.append(order[first:i])
            first = i
    return blocks


class _Into(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, layout: Layout | Asked) -> Tensor:
        ctx.layout = layout
        return rows.index_select(0, layout.into)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        out = grads[0].index_select(0, ctx.layout.back)
        out[ctx.layout.tokens :] = 0
        return out, None


class _Back(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, layout: Layout | Asked) -> Tensor:
        ctx.layout = layout
        out = rows.index_select(0, layout.back)
        out[layout.tokens :] = 0
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0].index_select(0, ctx.layout.into), None  # padding gets the tail's gradient, which is zero


def into_groups(rows: Tensor, layout: Layout | Asked) -> Tensor:
    out: Tensor = _Into.apply(rows, layout)
    return out


def back_to_stream(rows: Tensor, layout: Layout | Asked) -> Tensor:
    out: Tensor = _Back.apply(rows, layout)
    return out


def attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *,
    layout: Layout, noise: Noise, dropout: float = 0.0, scaling: float | None = None, sliding_window: int | None = None,
    softcap: float | None = None, asked: Asked | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Called by transformers in every layer: query [1, heads, T, size] -> [1, T, heads, size].

    With `asked` only these queries are answered; the other rows are zero.
    """
    causal = bool(getattr(module, "is_causal", False))
    if query.is_cuda and query.dtype != torch.float32 and dropout == 0 and softcap is None:
        return _ragged(query, key, value, layout, scaling, sliding_window, causal), None
    rows = _rows(query) if asked is None else pick(_rows(query), asked)
    seen = [_seen(layout, asked, group, sliding_window, causal) for group in range(len(layout.groups))]
    if dropout > 0 and softcap is None and key.shape[1] == query.shape[1]:
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        out = attend(
            (rows, _rows(key), _rows(value)), asked or layout, layout, seen, heads=query.shape[1], scale=scale,
            p=dropout, noise=noise,
        )  # fmt: skip
    else:
        q = _blocks_of(rows, asked or layout, query.shape[1])
        k, v = (_blocks_of(_rows(x), layout, x.shape[1]) for x in (key, value))
        plain = causal and asked is None
        parts = [
            _padded(qg, kg, vg, mask, noise, dropout, scaling, softcap, plain and _reaches(sliding_window, kg.shape[2]))
            for qg, kg, vg, mask in zip(q, k, v, seen, strict=True)
        ]
        flat = [part.transpose(1, 2).reshape(-1, rows.shape[1]) for part in parts]
        out = back_to_stream(flat[0] if len(flat) == 1 else torch.cat(flat), asked or layout)
    if asked is not None:
        out = place(out, asked, query.shape[2])
    return out.view(1, query.shape[2], query.shape[1], -1), None


def _rows(x: Tensor) -> Tensor:
    """[1, heads, T, size] -> [T, heads * size]: a view where the projection was not rotated."""
    return x.transpose(1, 2).reshape(x.shape[2], -1)


def _blocks_of(rows: Tensor, layout: Layout | Asked, heads: int) -> list[Tensor]:
    """[T, heads * size] -> [sequences, heads, length, size] of each group."""
    cut = into_groups(rows, layout).split([n * length for n, length in layout.groups])
    return [part.view(*group, heads, -1).transpose(1, 2) for part, group in zip(cut, layout.groups, strict=True)]


def _padded(
    q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None, noise: Noise, dropout: float, scaling: float | None,
    softcap: float | None, only_causal: bool,
) -> Tensor:  # fmt: skip
    if k.shape[1] != q.shape[1]:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    if softcap is None and dropout == 0:
        mask = None if only_causal else seen
        return scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=only_causal, scale=scaling)
    scores = torch.matmul(q * (scaling or q.shape[-1] ** -0.5), k.transpose(2, 3))
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return torch.matmul(noise.drop(torch.softmax(scores, dim=-1), dropout), v)


def _reaches(window: int | None, size: int) -> bool:
    return window is None or window >= size


def _seen(layout: Layout, asked: Asked | None, group: int, window: int | None, causal: bool) -> Tensor | None:
    """Which key a query of a block may look at, [sequences, 1, 1 or queries, keys] or [keys, keys]; None: every one."""
    keys, size, device = layout.keys[group], layout.groups[group][1], layout.into.device
    if not causal and _reaches(window, size):
        return keys
    if asked is not None:
        distance = asked.at[group][:, None, :, None] - torch.arange(size, device=device)
        near = distance.abs() < (size if window is None else window)
        near = near & (distance >= 0) if causal else near
        # a query that only fills up stands at the first token, which is always real
        return near if keys is None or causal else near & keys
    band = _band(size, size if window is None else window, causal, device)
    # behind a causal mask padding is hidden already; elsewhere a query of the padding must see at least itself
    return band if keys is None or causal else (keys & band) | _band(size, 1, True, device)


def _band(size: int, window: int, causal: bool, device: torch.device) -> Tensor:
    """Which key a query sees: nearer than `window` on either side, or only behind it."""
    return (_short_band if size <= BAND else _new_band)(size, window, causal, device)


def _new_band(size: int, window: int, causal: bool, device: torch.device) -> Tensor:
    distance = torch.arange(size, device=device)[:, None] - torch.arange(size, device=device)
    seen = distance.abs() < window
    return seen & (distance >= 0) if causal else seen


_short_band = lru_cache(64)(_new_band)


def _ragged(
    query: Tensor, key: Tensor, value: Tensor, layout: Layout, scaling: float | None, window: int | None, causal: bool
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn

    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))
    reach = -1 if window is None else window - 1
    out: Any = varlen_attn(
        q, k, v, layout.bounds, layout.bounds, layout.longest, layout.longest, scale=scaling,
        window_size=(reach, 0 if causal else reach), enable_gqa=key.shape[1] != query.shape[1],
    )  # fmt: skip
    return out[None]


AttentionInterface.register("packed", attention)
AttentionMaskInterface.register("packed", lambda *args, **kwargs: None)  # transformers would build a T x T mask
