"""Share of equal labels: xnli, pawsx, tatoeba, xcopa and most intermediate tasks."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from waystage.metrics.totals import percent, same_number


def accuracy(gold: Sequence[object], predictions: Sequence[object]) -> float:
    """Fraction of positions where the two are equal; labels as text are compared as text ("07" is not "7")."""
    same_number(gold, predictions, "labels")
    correct = sum(map(operator.eq, predictions, gold))
    return float(correct) / len(predictions)


def score_accuracy(gold: Sequence[object], predictions: Sequence[object]) -> dict[str, float]:
    return percent({"accuracy": accuracy(gold, predictions)})
