"""Outputs for everything in an Encoded: sorted by length so that little is padded, the order undone at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from waystage.forms.encoded import Encoded
from waystage.forms.ragged import offsets_of, spread
from waystage.models.heads import mean
from waystage.training import masking
from waystage.training.corpus import Batch
from waystage.training.network import Network

BUDGET = 4096  # tokens of one pass


@torch.no_grad()
def outputs(
    network: Network, head: str, encoded: Encoded, *, vocabulary: Mapping[str, Any] | None = None, budget: int = BUDGET
) -> np.ndarray:
    """fp32, one row per sequence, `where` entry or token, as the head has them, in the order of the Encoded.

    With a `vocabulary`: the loss of a language model on masks that are always the same, and on how many tokens.
    """
    network.eval()
    kind = network.head(head).kind
    result: np.ndarray | None = None
    total = {"token": _entries(encoded), "span": len(encoded.ids)}.get(kind, len(encoded.sequences) - 1)
    for sequences, batch in _passes(encoded, budget):
        if vocabulary is not None:
            out = _losses(network, head, masking.ask(batch, vocabulary, seed=0, step=int(sequences[0])))
        else:
            out = network(batch, head).float().cpu().numpy()
        if kind == "token":
            assert encoded.where_offsets is not None
            rows = _within(encoded.where_offsets, sequences)
        else:
            rows = _within(encoded.sequences, sequences) if kind == "span" else sequences
        if result is None:
            result = np.empty((total, *out.shape[1:]), np.float32)
        result[rows] = out
    return np.zeros((0,), np.float32) if result is None else result


@torch.no_grad()
def embeddings(
    network: Network, encoded: Encoded, *, layers: Sequence[int] = (), budget: int = BUDGET
) -> list[np.ndarray]:
    """The mean vector of every sequence, for each of the layers (none: the last one). One pass gives them all."""
    network.eval()
    width = int(network.backbone.config.hidden_size)
    results = [np.empty((len(encoded.sequences) - 1, width), np.float32) for _ in layers or (None,)]
    for sequences, batch in _passes(encoded, budget):
        hidden = network.backbone(network.stream(batch), layers)
        for result, vectors in zip(results, hidden if layers else [hidden], strict=True):
            result[sequences] = mean(vectors, batch.lengths).cpu().numpy()
    return results


def _losses(network: Network, head: str, batch: Batch) -> np.ndarray:
    """[units, 2]: the summed loss of the hidden tokens of each unit, and how many they are."""
    assert batch.where is not None
    loss = network.guesses(batch, head).cpu().numpy()
    unit = np.searchsorted(offsets_of(batch.lengths), batch.where, side="right") - 1
    count = len(batch.lengths)
    return np.stack([np.bincount(unit, loss, count), np.bincount(unit, minlength=count)], axis=1)


def _passes(encoded: Encoded, budget: int) -> Iterator[tuple[np.ndarray, Batch]]:
    """Sequences of similar length together, the longest first."""
    lengths = np.diff(encoded.sequences)
    order = np.argsort(-lengths, kind="stable")
    cuts = np.cumsum(lengths[order])
    first = 0
    while first < len(order):
        before = cuts[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(cuts, before + budget, side="right")))
        chosen = order[first:last]
        yield chosen, _batch(encoded, chosen)
        first = last


def _batch(encoded: Encoded, sequences: np.ndarray) -> Batch:
    lengths = np.diff(encoded.sequences)[sequences]
    tokens = _within(encoded.sequences, sequences)
    where = None
    if encoded.where is not None and encoded.where_offsets is not None:
        count = np.diff(encoded.where_offsets)[sequences]
        begin = np.repeat(np.cumsum(lengths) - lengths, count)
        where = encoded.where[_within(encoded.where_offsets, sequences)].astype(np.int64) + begin
    return Batch(
        ids=encoded.ids[tokens].astype(np.int64),
        lengths=lengths,
        units=np.arange(len(sequences) + 1),
        labels=None,
        where=where,
        types=_extra(encoded, "types", tokens),
        word_start=_extra(encoded, "word_start", tokens),
    )


def _within(offsets: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return spread(np.asarray(offsets[rows]), np.asarray(offsets[rows + 1] - offsets[rows]))


def _extra(encoded: Encoded, name: str, rows: np.ndarray) -> np.ndarray | None:
    return np.asarray(encoded.extra[name][rows]) if name in encoded.extra else None


def _entries(encoded: Encoded) -> int:
    return 0 if encoded.where is None else len(encoded.where)
