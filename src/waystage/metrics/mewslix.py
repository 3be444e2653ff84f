"""Mewsli-X: officially "map@20", which with one right entity per mention is the mean reciprocal rank."""

from __future__ import annotations

from collections.abc import Sequence

from waystage.errors import InputError
from waystage.metrics.totals import add_up


def reciprocal_rank(gold: object, ranked: Sequence[object], k: int = 20) -> float:
    """1 / the first place of `gold` among the first k, or 0."""
    return next((1.0 / rank for rank, found in enumerate(ranked[:k], 1) if found == gold), 0.0)


def score_mewslix(gold: Sequence[str], ranked: Sequence[Sequence[object]], k: int = 20) -> dict[str, float]:
    """`map@k` in percent over mentions; an empty ranking counts 0, no mention at all gives 0 as officially."""
    if len(gold) != len(ranked):
        raise InputError(f"{len(ranked)} rankings for {len(gold)} mentions: the numbers must be equal")
    total = add_up(reciprocal_rank(g, r, k) for g, r in zip(gold, ranked, strict=True))
    return {f"map@{k}": total / len(gold) * 100 if gold else 0.0}
