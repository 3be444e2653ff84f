"""A transformers encoder or decoder that reads a stream of tokens and gives a vector for each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from waystage.models import dropout, norm
from waystage.models.asked import Asked, ask, filled, rounded
from waystage.models.families import Family
from waystage.models.last import FEW, Last
from waystage.models.packed import Stream, back_to_stream
from waystage.models.smoothing import Smoothing
from waystage.models.table import Table


class Backbone(nn.Module):
    def __init__(self, model: Any, family: Family, described: dict[str, Any]):
        """`described` is the config as published, without what a recipe changes in it."""
        super().__init__()
        self.described = {k: v for k, v in described.items() if k not in ("transformers_version", "_name_or_path")}
        self.model = model
        self.family = family
        self.noise = dropout.Noise()
        self.last: Last | None = None
        self.most: Callable[[int], int] = lambda count: count  # of all processes that put layers together, see sharding
        self.rows: np.ndarray | None = None  # token id -> row, while the embedding table is cut
        dropout.replace(model, self.noise)
        norm.replace(model)
        table = model.get_input_embeddings()
        if type(table) is nn.Embedding:  # a few families scale theirs
            model.set_input_embeddings(Table.of(table))
        self.smoothing = Smoothing(self.noise)
        self.smoothing.over(self.embedding)
        self.offset = int(model.config.pad_token_id) + 1 if family.after_padding else 0
        self.typed = family.types and getattr(model.config, "type_vocab_size", 0) > 1

    @property
    def config(self) -> Any:
        return self.model.config

    @property
    def drops(self) -> bool:
        """Whether it has dropout."""
        return any(getattr(self.config, name, 0.0) for name in self.family.dropouts)

    @property
    def embedding(self) -> nn.Embedding:
        table: nn.Embedding = self.model.get_input_embeddings()
        return table

    def tables(self) -> list[nn.Embedding]:
        """The embedding of tokens, and those of positions and types that are added to it."""
        around = getattr(self.model, "embeddings", self.embedding)
        return [module for module in around.modules() if isinstance(module, nn.Embedding)]

    @property
    def longest(self) -> int | None:
        """How many tokens a sequence may have, where positions are a table."""
        table = getattr(getattr(self.model, "embeddings", None), "position_embeddings", None)
        return table.num_embeddings - self.offset if isinstance(table, nn.Embedding) else None

    def forward(
        self, stream: Stream, layers: Sequence[int] = (), *, rows: np.ndarray | None = None
    ) -> Tensor | list[Tensor]:  # fmt: skip
        """[T, hidden] of the last layer, or a list of them: layer 0 is the embedding.

        With `rows` of the stream, ascending: their vectors, and some more that fill up to one of a few sizes.
        """
        read = self._packed if self.family.packed else self._padded
        if rows is None:
            return read(stream, layers)
        assert not layers
        if self.family.last is None or len(rows) > FEW * stream.layout.tokens:
            hidden = read(stream, ())
            assert isinstance(hidden, Tensor)
            chosen = filled(rows, rounded(len(rows) + 1), len(stream.ids) - 1)
            return hidden.index_select(0, torch.from_numpy(chosen).to(hidden.device))
        return self._packed(stream, (), ask(rows, stream.lengths, stream.layout, device=stream.ids.device))

    def _packed(self, stream: Stream, layers: Sequence[int], asked: Asked | None = None) -> Tensor | list[Tensor]:
        if self.last is None and self.family.last is not None:
            self.last = Last(self.model, self.family.last)  # only now: adapters take the place of layers
        if self.last is not None:
            self.last.asked = asked
        out = self.model(
            input_ids=stream.ids[None],
            position_ids=(stream.positions + self.offset)[None],
            output_hidden_states=bool(layers),
            layout=stream.layout,
            noise=self.noise,
            **self._types(stream.types, None),
            **self._cache(),
        )
        if layers:
            return [out.hidden_states[layer][0] for layer in layers]
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    def _padded(self, stream: Stream, layers: Sequence[int]) -> Tensor | list[Tensor]:
        """For families without an attention interface: one pass per group of similar length.

        Where other processes have more groups, the first one goes through again, and counts nothing.
        """
        layout = stream.layout
        sizes = [n * size for n, size in layout.groups]
        groups = list(zip(layout.groups, layout.into.split(sizes), layout.keys, strict=True))
        idle = self.most(len(groups)) - len(groups)
        blocks: list[list[Tensor]] = []
        for group, rows, keys in groups + idle * groups[:1]:
            mask = torch.ones(group, device=rows.device) if keys is None else keys[:, 0, 0].float()
            out = self.model(
                input_ids=stream.ids[rows].view(group),
                attention_mask=mask,
                output_hidden_states=bool(layers),
                **self._types(stream.types, rows.view(group)),
            )
            chosen = [out.hidden_states[layer] for layer in layers] or [out.last_hidden_state]
            blocks.append([x.reshape(-1, x.shape[-1]) for x in chosen])
        real = len(groups)
        hidden = [back_to_stream(torch.cat(parts[:real]), layout) for parts in zip(*blocks, strict=True)]
        for extra in blocks[real:]:
            hidden = [h + 0.0 * e.sum() for h, e in zip(hidden, extra, strict=True)]
        return hidden if layers else hidden[0]

    def _types(self, types: Tensor | None, rows: Tensor | None) -> dict[str, Tensor]:
        if types is None or not self.typed:
            return {}
        return {"token_type_ids": types[None] if rows is None else types[rows]}

    def _cache(self) -> dict[str, bool]:
        return {"use_cache": False} if self.family.causal else {}

    def forget_activations(self) -> None:
        """Keep only what goes into each layer, and compute the rest again in the backward pass: the same bits."""
        again = partial(checkpoint, use_reentrant=False, context_fn=self._replayed)
        layers = [m for m in self.model.modules() if isinstance(m, GradientCheckpointingLayer)]
        for layer in layers:
            layer.gradient_checkpointing = True
            layer._gradient_checkpointing_func = again

    def _replayed(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """For a layer and its repetition, which draws and reads what the layer did."""
        noted, noise = self.noise.replayed()
        asked = self.last.again() if self.last is not None else nullcontext()
        return noted, _both(noise, asked)

    def cut(self, used: np.ndarray) -> Tensor:
        """Keep only these rows of the embedding table, and give the whole table back for `whole_table`.

        Optimizer steps cost as much as the table is long; fine-tuning data uses a small part of a large vocabulary.
        """
        table = self.embedding
        whole = table.weight.data
        rows = np.full(len(whole), -1, np.int64)
        rows[used] = np.arange(len(used))
        self.rows = rows
        table.weight = nn.Parameter(whole[torch.from_numpy(used.astype(np.int64))].clone())
        table.num_embeddings = len(used)
        pad = table.padding_idx
        table.padding_idx = int(rows[pad]) if pad is not None and rows[pad] >= 0 else None
        return whole

    def whole_table(self, whole: Tensor, trained: Tensor, decayed: float) -> Tensor:
        """The full table with the trained rows put back; the idle ones have only decayed meanwhile."""
        assert self.rows is not None
        full = whole.float() * decayed
        full[torch.from_numpy(np.flatnonzero(self.rows >= 0))] = trained.to(full)
        return full


@contextmanager
def _both(first: AbstractContextManager[None], second: AbstractContextManager[None]) -> Iterator[None]:
    with first, second:
        yield
