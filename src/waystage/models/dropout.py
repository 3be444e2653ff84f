"""Dropout whose randomness comes from (seed, step) alone, so that a resumed run draws what it would have drawn.

On the CPU torch's own generator takes a fifth of a training step; sixteen random bits per value from a fast counter
are several times cheaper. The probability is rounded to what sixteen bits can say, and in bf16 to the nearest one whose
scale 1 / (1 - p) is a bf16 number, so that the expectation stays exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Noise:
    """The source of all dropout of one model; `seed` is called before every micro-batch."""

    def __init__(self) -> None:
        self.seed(0)

    def seed(self, *key: int) -> None:
        words = np.random.SeedSequence(key).generate_state(2, np.uint64)
        self.bits = np.random.Generator(np.random.SFC64(np.random.SeedSequence([int(w) for w in words])))
        self.key = int(words[0] >> np.uint64(1))
        self.cuda: dict[torch.device, torch.Generator] = {}

    def sixteen(self, count: int) -> np.ndarray:
        words = self.bits.integers(0, 2**64 - 1, -(-count // 4), dtype=np.uint64, endpoint=True)
        return words.view(np.uint16)[:count]

    def generator(self, device: torch.device) -> torch.Generator:
        if device not in self.cuda:
            self.cuda[device] = torch.Generator(device).manual_seed(self.key)
        return self.cuda[device]

    def drop(self, x: Tensor, p: float) -> Tensor:
        if p == 0:
            return x
        out: Tensor = _Drop.apply(x, p, self)
        return out


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, noise: Noise) -> Tensor:
        ctx.scale = 1.0
        if x.dtype == torch.bfloat16 and not x.is_cuda:
            scale = torch.tensor(1 / (1 - p), dtype=torch.bfloat16)
            keep_from = round((1 - 1 / scale.item()) * 32768)
            words = torch.from_numpy(noise.sixteen(x.numel()).view(np.int16)).bitwise_and_(0x7FFF)
            words = words.neg_().add_(keep_from - 1).bitwise_right_shift_(15)  # all bits where kept, none where not
            factor = words.bitwise_and_(scale.view(torch.int16).item()).view(torch.bfloat16).view(x.shape)
            ctx.save_for_backward(factor)
            return x * factor
        if x.is_cuda:
            kept = torch.rand(x.shape, device=x.device, generator=noise.generator(x.device)) >= p
        else:
            kept = torch.from_numpy(noise.sixteen(x.numel()) >= round(p * 65536)).view(x.shape)
        ctx.scale = 1 / (1 - p)
        ctx.save_for_backward(kept)
        return _scaled(x, kept, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        grad = grads[0] * kept if kept.dtype != torch.bool else _scaled(grads[0], kept, ctx.scale)
        return grad, None, None


def _scaled(x: Tensor, kept: Tensor, scale: float) -> Tensor:
    out: Tensor = torch.ops.aten.native_dropout_backward(x.contiguous(), kept, scale)  # x * kept * scale in one pass
    return out


class Dropout(nn.Module):
    """Stands in for every nn.Dropout of a model."""

    def __init__(self, p: float, noise: Noise):
        super().__init__()
        self.p, self.noise = p, noise

    def forward(self, x: Tensor) -> Tensor:
        return self.noise.drop(x, self.p) if self.training else x


def replace(model: nn.Module, noise: Noise) -> None:
    """Put ours in place of torch's."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Dropout):
                setattr(module, name, Dropout(child.p, noise))
