"""The last layer only at the tokens that a head reads.

A head that reads one token of a sequence, or few, needs from the last layer the keys and values of all tokens; but
queries, what follows attention, the feed-forward part and the norms only where it reads. Nothing else changes: the
result and all gradients are those of the whole layer. Hooks do it, so that every family keeps its own code:

    into the layer       [T, D] -> the rows that are read [R, D], which become the residual
    `whole`              gets [T, D] after all: what keys and values are made of
    `query`              is computed for the rows, and put back to their places among T
    `out`                behind attention: the rows again, [R, D], up to the end of the layer
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import Tensor, nn

from waystage.models.asked import Asked, pick, place
from waystage.models.families import LastLayer

FEW = 0.7  # a head that reads more than this share of the tokens gets the whole layer


class Last:
    """The hooks of one model. `asked` holds for a forward pass, and `again` brings it back to a backward pass."""

    def __init__(self, model: nn.Module, names: LastLayer):
        self.asked: Asked | None = None
        self.hidden: Tensor | None = None
        layers: Any = model.get_submodule(names.layers)
        layer = layers[-1]
        layer.register_forward_pre_hook(self._enter, with_kwargs=True)
        layer.register_forward_hook(self._leave)
        layer.get_submodule(names.whole).register_forward_pre_hook(self._whole)
        layer.get_submodule(names.out).register_forward_pre_hook(self._picked)
        if names.query:
            layer.get_submodule(names.query).register_forward_pre_hook(self._picked)
            layer.get_submodule(names.query).register_forward_hook(self._placed)

    def _enter(self, layer: nn.Module, args: Any, named: dict[str, Any]) -> Any:
        if self.asked is None:
            return None
        self.hidden = args[0]
        return (pick(args[0][0], self.asked)[None], *args[1:]), {**named, "asked": self.asked}

    def _leave(self, layer: Any, args: Any, out: Any) -> None:
        self.hidden = None

    def again(self) -> AbstractContextManager[None]:
        """For a repetition of the pass that goes on now: there may be others between the two."""
        return self._again(self.asked, self.hidden)

    @contextmanager
    def _again(self, *then: Any) -> Iterator[None]:
        now = self.asked, self.hidden
        self.asked, self.hidden = then
        try:
            yield
        finally:
            self.asked, self.hidden = now

    def _whole(self, module: nn.Module, args: Any) -> Any:
        return None if self.asked is None else (self.hidden, *args[1:])

    def _picked(self, module: nn.Module, args: Any) -> Any:
        return None if self.asked is None else (pick(args[0][0], self.asked)[None], *args[1:])

    def _placed(self, module: nn.Module, args: Any, out: Tensor) -> Any:
        assert self.hidden is not None or self.asked is None
        return None if self.asked is None else place(out[0], self.asked, self.hidden.shape[1])[None]
