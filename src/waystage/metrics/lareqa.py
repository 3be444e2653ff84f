"""LAReQA's mean average precision: every question has several right candidates, in any language."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from waystage.errors import InputError


def average_precision_at_k(targets: Collection[object], ranked: Sequence[object], k: int | None = 20) -> float:
    """Precision at each first hit among the first k, added, over min(|targets|, k). k = 0 or None: no limit."""
    if not targets:
        raise InputError("a question without any right candidate has no average precision: leave it out")
    wanted = set(targets)
    seen: set[object] = set()
    hits, total = 0, 0.0
    for rank, found in enumerate(ranked[:k] if k else ranked, 1):
        if found in wanted and found not in seen:
            seen.add(found)
            hits += 1
            total += hits / rank
    return total / (min(len(wanted), k) if k else len(wanted))


def mean_average_precision(
    questions: Iterable[tuple[Collection[object], Sequence[object]]], k: int | None = 20
) -> float:
    """Plain mean over (targets, ranking) of all questions, a fraction. Added in numpy's order, as officially."""
    import numpy as np

    values = [average_precision_at_k(targets, ranked, k) for targets, ranked in questions]
    if not values:
        raise InputError("no question to score")
    return float(np.mean(values))


def score_lareqa(
    targets: Sequence[Collection[object]], ranked: Sequence[Sequence[object]], k: int = 20
) -> dict[str, float]:
    """`map@k` in percent."""
    if len(targets) != len(ranked):
        raise InputError(f"{len(ranked)} rankings for {len(targets)} questions: the numbers must be equal")
    return {f"map@{k}": 100 * mean_average_precision(zip(targets, ranked, strict=True), k)}
