"""Would other test items have given the same? Bootstrap over clusters of items.

Parallel tasks (XNLI, PAWS-X, XQuAD, XCOPA, LAReQA) have the same items in every language, so items are crossed with
languages: a `Block` holds all languages that share items, and one draw of items serves all its languages, both arms and
all seeds. Drawing anew for each language would give intervals that are too narrow. Languages with items of their own
are one block each. Items that share a text (the questions of a passage) are drawn together, as a cluster.

Scores are sums over sums: accuracy is hits over items, F1 is 2 tp over (predicted + gold), so both resample exactly.

Two intervals, for two statements. `this_checkpoint`: the items are a sample, the trained models are what they are.
`this_method`: seeds and items are both samples, crossed. With one seed only the first can be had.

Small samples: the bootstrap gives the standard error (times sqrt(C / (C - 1)), as resampling C clusters shows too
little by that), the quantile is Student's with C - 1 degrees of freedom. With fewer than about 20 clusters the
distribution of a ratio is skewed and coverage falls a little short (docs/statistics.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from waystage.stats.crossed import combined
from waystage.stats.interval import Interval, from_t, without
from waystage.stats.seeds import ONE_SEED, TWO_SEEDS

DRAWS = 2000
ONE_CLUSTER = "one cluster of items says nothing about other items"
CELLS = 4_000_000  # of the table of draws that is held at once
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Block:
    """Outcomes of languages that share their items, as two arrays of arms (a, b) x seeds x languages x items.

    `over` sums to what is counted and `under` to what it is divided by; `clusters` names the cluster of each item.
    """

    over: Array
    under: Array
    clusters: Array

    def __post_init__(self) -> None:
        assert self.over.shape == self.under.shape and self.over.ndim == 4 and self.over.shape[0] == 2
        assert self.clusters.shape == self.over.shape[-1:]


def of_values(values: Array, clusters: Sequence[Any] | None = None) -> Block:
    """Scores that are means over items: right or wrong, or the F1 of each answer."""
    found = np.asarray(values, dtype=float)
    return Block(found, np.ones_like(found), _clusters(clusters, found.shape[-1]))


def of_spans(tp: Array, predicted: Array, gold: Array, clusters: Sequence[Any] | None = None) -> Block:
    """Scores that are an F1 over all items: true positives, predicted and gold spans of each item."""
    under = np.asarray(predicted, dtype=float) + np.asarray(gold, dtype=float)
    return Block(2 * np.asarray(tp, dtype=float), under, _clusters(clusters, under.shape[-1]))


def this_checkpoint(blocks: Sequence[Block], *, draws: int = DRAWS, seed: int = 0, level: float = 0.95) -> Interval:
    """a minus b in points, averaged over seeds and languages: other items, the same trained models."""
    per_seed = _difference(blocks)
    estimate, n = float(per_seed.mean()), _count(blocks)
    method = "bootstrap over clusters of items, t"
    if n < 2:
        return without(estimate, method=method, n=n, why=ONE_CLUSTER, level=level)
    drawn = _draw(blocks, draws, seed).mean(axis=1)
    return from_t(estimate, float(drawn.std(ddof=1)), n - 1, method=method, n=n, level=level)


def this_method(blocks: Sequence[Block], *, draws: int = DRAWS, seed: int = 0, level: float = 0.95) -> Interval:
    """a minus b in points, averaged over seeds and languages: other items and other seeds."""
    per_seed = _difference(blocks)
    seeds, estimate = len(per_seed), float(per_seed.mean())
    method = "seeds crossed with clusters of items, Howe t"
    if seeds < 2:
        return without(estimate, method=method, n=seeds, why=ONE_SEED, level=level)
    if _count(blocks) < 2:
        return without(estimate, method=method, n=seeds, why=ONE_CLUSTER, level=level)
    drawn = _draw(blocks, draws, seed)
    by_items = float(drawn.mean(axis=1).var(ddof=1))
    apart = drawn - drawn.mean(axis=1, keepdims=True)
    twice = float(apart.var(axis=0, ddof=1).sum()) / (seeds - 1) / seeds
    by_seed = float(per_seed.var(ddof=1)) / seeds
    return combined(
        estimate, by_seed=(by_seed, seeds - 1), by_unit=(by_items, _count(blocks) - 1), twice=twice, method=method,
        n=seeds, note=TWO_SEEDS if seeds == 2 else "", level=level,
    )  # fmt: skip


def by_seed(blocks: Sequence[Block]) -> list[float]:
    """a minus b in points by seed: each language counts once."""
    return [float(value) for value in _difference(blocks)]


def halves(block: Block) -> tuple[Block, Block]:
    """Two halves of the clusters, the same two whenever the clusters are the same."""
    count = int(block.clusters.max()) + 1
    first = np.isin(block.clusters, np.random.default_rng(0).permutation(count)[: count // 2])
    return _part(block, first), _part(block, ~first)


def _part(block: Block, keep: Array) -> Block:
    return Block(block.over[..., keep], block.under[..., keep], _clusters(block.clusters[keep].tolist(), 0))


def _clusters(names: Sequence[Any] | None, items: int) -> Array:
    if names is None:
        return np.arange(items)
    return np.asarray(np.unique(np.asarray(names), return_inverse=True)[1])


def _difference(blocks: Sequence[Block]) -> Array:
    """a minus b by seed: each language counts once."""
    languages = sum(block.over.shape[2] for block in blocks)
    total = sum(_scores(block.over.sum(-1), block.under.sum(-1)).sum(axis=1) for block in blocks)
    return np.asarray(np.asarray(total) / languages)


def _draw(blocks: Sequence[Block], draws: int, seed: int) -> Array:
    """The same of resampled items, draws x seeds, already widened for the number of clusters."""
    rng = np.random.default_rng(seed)
    languages = sum(block.over.shape[2] for block in blocks)
    total = np.zeros((draws, blocks[0].over.shape[1]))
    for block in blocks:
        count = int(block.clusters.max()) + 1
        over, under = (_by_cluster(values, block.clusters, count) for values in (block.over, block.under))
        at_once = max(1, CELLS // count)
        parts = []
        for start in range(0, draws, at_once):
            times = _times(rng, min(at_once, draws - start), count)
            parts.append(_scores(np.tensordot(over, times, (3, 1)), np.tensordot(under, times, (3, 1))))
        scores = np.concatenate(parts, axis=-1)
        spread = scores - scores.mean(axis=-1, keepdims=True)
        total += spread.sum(axis=1).T * (count / max(count - 1, 1)) ** 0.5
    return np.asarray(total / languages)


def _times(rng: np.random.Generator, draws: int, count: int) -> Array:
    """How often each cluster is drawn, draws x clusters."""
    drawn = rng.integers(count, size=(draws, count)) + count * np.arange(draws)[:, None]
    return np.bincount(drawn.ravel(), minlength=draws * count).reshape(draws, count).astype(float)


def _by_cluster(values: Array, clusters: Array, count: int) -> Array:
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(count))
    return np.asarray(np.add.reduceat(values[..., order], starts, axis=-1))


def _scores(over: Array, under: Array) -> Array:
    """a minus b in points; where nothing is predicted and nothing to be found the score is zero, as officially."""
    scores = 100 * np.divide(over, under, out=np.zeros_like(over), where=under > 0)
    return np.asarray(scores[0] - scores[1])


def _count(blocks: Sequence[Block]) -> int:
    """Independent clusters: languages with items of their own add theirs up."""
    return sum(int(block.clusters.max()) + 1 for block in blocks)
