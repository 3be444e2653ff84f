"""Dropout whose randomness comes from (seed, step) alone, so that a resumed run draws what it would have drawn.

On the CPU torch's own generator takes a fifth of a training step; sixteen random bits per value from a fast counter
are several times cheaper. The probability is rounded to what sixteen bits can say, and in bf16 to the nearest one whose
scale 1 / (1 - p) is a bf16 number, so that the expectation stays exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
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

    def replayed(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """For a pass and its repetition: the second draws what the first drew, and leaves no trace."""
        state: list[Any] = []
        return self._noted(state), self._again(state)

    @contextmanager
    def _noted(self, state: list[Any]) -> Iterator[None]:
        state.append(self._state())
        yield

    @contextmanager
    def _again(self, state: list[Any]) -> Iterator[None]:
        now = self._state()
        self._set(state[0])
        try:
            yield
        finally:  # torch ends a repetition by an exception as soon as it has what it needs
            self._set(now)

    def _state(self) -> Any:
        return self.bits.bit_generator.state, {device: made.get_state() for device, made in self.cuda.items()}

    def _set(self, state: Any) -> None:
        self.bits.bit_generator.state, cuda = state
        for device in list(self.cuda):
            if device in cuda:
                self.cuda[device].set_state(cuda[device])
            else:
                del self.cuda[device]  # it did not exist yet: made anew from the key

    def sixteen(self, count: int) -> np.ndarray:
        words = self.bits.integers(0, 2**64 - 1, -(-count // 4), dtype=np.uint64, endpoint=True)
        return words.view(np.uint16)[:count]

    def generator(self, device: torch.device) -> torch.Generator:
        if device not in self.cuda:
            self.cuda[device] = torch.Generator(device).manual_seed(self.key)
        return self.cuda[device]

    def kept(self, x: Tensor, p: float) -> Tensor:
        """Which values stay, as true and false."""
        if x.is_cuda:
            return torch.rand(x.shape, device=x.device, generator=self.generator(x.device)) >= p
        return torch.from_numpy(self.sixteen(x.numel()) >= round(p * 65536)).view(x.shape)

    def factor(self, x: Tensor, p: float) -> Tensor:
        """What dropout multiplies each value of x with: 0, or 1 / (1 - p) in the type of x."""
        if x.dtype != torch.bfloat16 or x.is_cuda:
            return self.kept(x, p).to(x.dtype).mul_(1 / (1 - p))
        scale = torch.tensor(1 / (1 - p), dtype=torch.bfloat16)
        keep_from = round((1 - 1 / scale.item()) * 32768)
        words = torch.from_numpy(self.sixteen(x.numel()).view(np.int16)).bitwise_and_(0x7FFF)
        words = words.neg_().add_(keep_from - 1).bitwise_right_shift_(15)  # all bits where kept, none where not
        return words.bitwise_and_(scale.view(torch.int16).item()).view(torch.bfloat16).view(x.shape)

    def drop(self, x: Tensor, p: float) -> Tensor:
        if p == 0:
            return x
        out: Tensor = _Drop.apply(x, p, self)
        return out

    def normal(self, x: Tensor) -> Tensor:
        """As many standard normal values as x has, in its type."""
        if x.is_cuda:
            return torch.randn(x.shape, device=x.device, generator=self.generator(x.device)).to(x.dtype)
        return torch.from_numpy(self.bits.standard_normal(tuple(x.shape), np.float32)).to(x.dtype)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float, noise: Noise) -> Tensor:
        ctx.scale = 1.0
        if x.dtype == torch.bfloat16 and not x.is_cuda:
            factor = noise.factor(x, p)
            ctx.save_for_backward(factor)
            return x * factor
        kept = noise.kept(x, p)
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
