"""Pairs of translations hidden in two large collections: BUCC. The arithmetic is that of `waystage.metrics.mining`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from waystage.forms.common import Columns
from waystage.forms.examples import Passage
from waystage.forms.search import Precision, topk

Side = tuple[np.ndarray, Sequence[Passage]]
NEIGHBOURS = 4


def mined(
    sides: tuple[Side, Side], dev: tuple[Side, Side] | None, variant: str, k: int, precision: Precision, device: str
) -> Columns:
    """For each query the candidate that it was paired with, if any, and whether the pair reaches the threshold."""
    from waystage.metrics import best_threshold

    found = _pairs(sides, k, precision, device)
    queries = sides[0][1]
    if dev and dev[1][1] and gold_pairs(dev[0][1]):
        threshold, source = best_threshold(_pairs(dev, k, precision, device), gold_pairs(dev[0][1])), "dev"
    elif any(q.gold for q in queries):
        threshold, source = best_threshold(found, gold_pairs(queries)), "oracle"
    else:
        threshold, source = 0.0, "none"
    of = {query: (candidate, margin) for (query, candidate), margin in found.items()}
    pairs = [of.get(q.id) for q in queries]
    return {
        "id": [q.id for q in queries],
        "variant": [variant] * len(queries),
        "prediction": [[pair[0]] if pair and pair[1] >= threshold else [] for pair in pairs],
        "candidate": [pair[0] if pair else None for pair in pairs],
        "score": [pair[1] if pair else None for pair in pairs],
        "threshold": [threshold] * len(queries),
        "threshold_from": [source] * len(queries),
    }


def _pairs(sides: tuple[Side, Side], k: int, precision: Precision, device: str) -> dict[tuple[str, str], float]:
    from waystage.metrics import candidates, unify, with_ids

    lines = [[(p.id, p.text) for p in passages] for _, passages in sides]
    (x_texts, x), (y_texts, y) = (unify([p.text for p in passages], vectors) for vectors, passages in sides)
    found = candidates(topk(x, y, k, precision, device=device), topk(y, x, k, precision, device=device))
    named = (
        (float(score), x_texts[s], y_texts[t])
        for score, s, t in zip(found.score, found.source, found.target, strict=True)
    )
    return with_ids(named, *lines)


def gold_pairs(queries: Sequence[Passage]) -> set[tuple[str, str]]:
    return {(q.id, answer) for q in queries for answer in q.gold or ()}


def score(queries: Sequence[Passage], predictions: Columns) -> dict[str, float]:
    """`f1` at the threshold used, and as `f1/oracle` at the one that is best for the gold itself."""
    from waystage.metrics import best_threshold, extract, score_pairs

    gold = gold_pairs(queries)
    if not gold:
        return {}
    rows = list(
        zip(predictions["id"], predictions["prediction"], predictions["candidate"], predictions["score"], strict=True)
    )
    taken = [(query, answer) for query, answers, _, _ in rows for answer in answers]
    found = {(query, candidate): margin for query, _, candidate, margin in rows if candidate is not None}
    best = extract(found, best_threshold(found, gold))
    return score_pairs(gold, taken) | {"f1/oracle": score_pairs(gold, best)["f1"]}
