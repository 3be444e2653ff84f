"""Outputs for everything in an Encoded: sorted by length so that little is padded, the order undone at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from waystage.forms.encoded import Encoded
from waystage.forms.ragged import offsets_of, spread
from waystage.models.heads import pooled
from waystage.training import masking
from waystage.training.corpus import Batch
from waystage.training.network import Network
from waystage.training.ranks import Ranks

BUDGET = 4096  # tokens of one pass
TURNS = 64  # passes of each process whose results are brought together at once


@torch.no_grad()
def outputs(
    network: Network, head: str, encoded: Encoded, *, vocabulary: Mapping[str, Any] | None = None, budget: int = BUDGET
) -> np.ndarray:
    """fp32, one row per sequence, `where` entry or token, as the head has them, in the order of the Encoded.

    Several processes take turns with the passes, which are the same ones as with one; the first one gets the result.

    With a `vocabulary`: the loss of a language model on masks that are always the same, and on how many tokens.
    """
    network.eval()
    kind = network.head(head).kind
    result: np.ndarray | None = None
    total = {"token": _entries(encoded), "span": len(encoded.ids)}.get(kind, len(encoded.sequences) - 1)

    def compute(sequences: np.ndarray) -> np.ndarray:
        batch = _batch(encoded, sequences)
        if vocabulary is not None:
            return _losses(network, head, masking.ask(batch, vocabulary, seed=0, step=int(sequences[0])))
        found: np.ndarray = network(batch, head).float().cpu().numpy()
        return found

    def rows_of(sequences: np.ndarray) -> np.ndarray:
        if kind == "token":
            assert encoded.where_offsets is not None
            return _within(encoded.where_offsets, sequences)
        return _within(encoded.sequences, sequences) if kind == "span" else sequences

    for rows, out in _in_turns(network.ranks, list(_passes(encoded, budget)), rows_of, compute):
        if result is None:
            result = np.empty((total, *out.shape[1:]), np.float32)
        result[rows] = out
    if result is None:  # a language without an example
        size = {"option": (), "embed": (network.backbone.config.hidden_size,), "span": (2,), "vocabulary": (2,)}
        result = np.zeros((0, *size.get(kind, (network.head(head).size,))), np.float32)
    return result


@torch.no_grad()
def embeddings(
    network: Network, encoded: Encoded, *, layers: Sequence[int] = (), pooling: str = "mean", budget: int = BUDGET,
    into: Path | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """The vector of every sequence (see `pooled`) for each of the layers (none: the last one). One pass gives them all.

    With a folder `into` they are files of it, mapped: all layers of a large collection are more than memory holds.
    """
    network.eval()
    width = int(network.backbone.config.hidden_size)
    shape = (len(encoded.sequences) - 1, width)
    results = [_room(shape, into and into / f"{layer}.npy", network.ranks) for layer in layers or (None,)]

    def compute(sequences: np.ndarray) -> np.ndarray:
        batch = _batch(encoded, sequences)
        hidden = network.backbone(network.stream(batch), layers)
        return np.stack(
            [pooled(h, batch.lengths, pooling).cpu().numpy() for h in (hidden if layers else [hidden])], axis=1
        )

    for rows, vectors in _in_turns(network.ranks, list(_passes(encoded, budget)), lambda some: some, compute):
        for number, result in enumerate(results):
            result[rows] = vectors[:, number]
    return results


def _room(shape: tuple[int, int], file: Path | None, ranks: Ranks) -> np.ndarray:
    if file is None or not ranks.first or not shape[0]:
        return np.empty(shape if file is None or ranks.first else (0, shape[1]), np.float32)
    file.parent.mkdir(parents=True, exist_ok=True)
    found: np.ndarray = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=shape)
    return found


Rows = Callable[[np.ndarray], np.ndarray]


def _in_turns(
    ranks: Ranks, passes: list[np.ndarray], rows_of: Rows, compute: Rows
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows of each pass and what was computed for them; of several processes the first one gets them.

    All processes make equally many passes, because layers that are in parts are put together for all of them.
    """
    if ranks.size == 1 or not passes:
        yield from ((rows_of(some), compute(some)) for some in passes)
        return
    for first in range(0, len(passes), TURNS * ranks.size):
        yield from _turns(ranks, passes[first : first + TURNS * ranks.size], rows_of, compute)


def _turns(
    ranks: Ranks, passes: list[np.ndarray], rows_of: Rows, compute: Rows
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    shares = [passes[number :: ranks.size] for number in range(ranks.size)]
    mine = shares[ranks.rank]
    made = [compute(some) for some in mine] or [compute(passes[0])[:0]]
    for _ in range(len(shares[0]) - max(len(mine), 1)):
        compute(passes[0])
    rows = [np.concatenate([rows_of(some) for some in theirs] or [passes[0][:0]]) for theirs in shares]
    yield from zip(rows, ranks.brought(np.concatenate(made), list(map(len, rows))), strict=False)


def _losses(network: Network, head: str, batch: Batch) -> np.ndarray:
    """[units, 2]: the summed loss of the hidden tokens of each unit, and how many they are."""
    assert batch.where is not None
    loss = network.guesses(batch, head).cpu().numpy()
    unit = np.searchsorted(offsets_of(batch.lengths), batch.where, side="right") - 1
    count = len(batch.lengths)
    return np.stack([np.bincount(unit, loss, count), np.bincount(unit, minlength=count)], axis=1)


def _passes(encoded: Encoded, budget: int) -> Iterator[np.ndarray]:
    """Sequences of similar length together, the longest first."""
    lengths = np.diff(encoded.sequences)
    order = np.argsort(-lengths, kind="stable")
    cuts = np.cumsum(lengths[order])
    first = 0
    while first < len(order):
        before = cuts[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(cuts, before + budget, side="right")))
        yield order[first:last]
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
