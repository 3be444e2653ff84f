"""A backbone with the heads of one stage, and how a batch of numpy arrays goes through them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from waystage.errors import InputError
from waystage.forms.encoded import Targets
from waystage.forms.ragged import offsets_of
from waystage.models.backbone import Backbone
from waystage.models.heads import Reads
from waystage.models.packed import Stream, stream
from waystage.training.corpus import Batch
from waystage.training.ranks import ALONE


class Network(nn.Module):
    def __init__(self, backbone: Backbone, heads: Mapping[str, nn.Module]):
        super().__init__()
        named = {key(name): name for name in heads}
        for name in heads:
            if named[key(name)] != name:
                raise InputError(
                    f"heads {name!r} and {named[key(name)]!r} differ only in '.' and '-': rename one of them"
                )
        self.backbone = backbone
        self.heads = nn.ModuleDict({key(name): head for name, head in heads.items()})
        self.names = tuple(heads)
        self.device = torch.device("cpu")
        self.ranks = ALONE

    def head(self, name: str) -> Any:
        return self.heads[key(name)]

    def forward(self, batch: Batch, head: str) -> Tensor:
        """The outputs of a head, as `models.heads` lists them."""
        hidden, reads = self._vectors(batch, head)
        out: Tensor = self.head(head)(hidden, reads, self.backbone.embedding.weight)
        return out

    def loss(
        self, batch: Batch, head: str, form: ModuleType, *, consistency: float = 0.0
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """The summed loss of a batch and how many terms it sums.

        `consistency`: the labels teach a plain reading, which a second, smoothed one is pulled to with this weight.
        """
        if self.head(head).kind == "vocabulary":
            losses = self.guesses(batch, head)
            return losses.sum(), torch.tensor(len(losses))
        targets = self.targets(batch)
        if not consistency:
            total, count = form.loss(self(batch, head), targets)
            return total, count
        with self.backbone.smoothing.paused():
            plain = self(batch, head)
        total, count = form.loss(plain, targets)
        return total + consistency * form.apart(plain, self(batch, head), targets), count

    def guesses(self, batch: Batch, head: str) -> Tensor:
        """The loss of each guess of a language model."""
        hidden, reads = self._vectors(batch, head)
        labels = torch.from_numpy(np.asarray(batch.labels)).to(self.device)
        losses: Tensor = self.head(head).losses(hidden, reads, self.backbone.embedding, labels)
        return losses

    def _vectors(self, batch: Batch, head: str) -> tuple[Tensor, Reads]:
        reads: Reads = self.head(head).reads(batch.lengths, batch.where)
        return self.backbone(self.stream(batch), rows=reads.rows), reads

    def stream(self, batch: Batch) -> Stream:
        ids = batch.ids if self.backbone.rows is None else self.backbone.rows[batch.ids]
        return stream(ids, batch.lengths, types=batch.types, device=self.device)

    def targets(self, batch: Batch) -> Targets:
        return Targets(
            labels=None if batch.labels is None else torch.from_numpy(np.asarray(batch.labels)).to(self.device),
            sequences=torch.from_numpy(offsets_of(batch.lengths)).to(self.device),
            units=torch.from_numpy(batch.units).to(self.device),
        )


@cache
def key(name: str) -> str:
    said = name.replace(".", "-")  # torch keeps the dot for itself, and names such as "train" and "values"
    return f"{said}-" if hasattr(nn.ModuleDict(), said) else said
