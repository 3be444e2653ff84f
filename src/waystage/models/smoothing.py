"""Noise on the vectors of the words while a model trains (randomized smoothing): words that are near are read alike.

The words of another language lie near those of the source language, not on them (Huang et al. 2021). The noise is drawn
from the same source as dropout, so a resumed run draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from waystage.models.dropout import Noise


class Smoothing:
    """Adds to each vector normal noise, as a share of the vector's own size."""

    def __init__(self, noise: Noise):
        self.noise = noise
        self.share = 0.0

    def over(self, table: nn.Module) -> None:
        table.register_forward_hook(self._smoothed)

    @contextmanager
    def paused(self) -> Iterator[None]:
        share, self.share = self.share, 0.0
        try:
            yield
        finally:
            self.share = share

    def _smoothed(self, table: nn.Module, _: Any, vectors: Tensor) -> Tensor | None:
        if not (self.share and table.training):
            return None
        size = vectors.detach().float().pow(2).mean(-1, keepdim=True).sqrt().to(vectors.dtype)
        return vectors + self.share * size * self.noise.normal(vectors)
