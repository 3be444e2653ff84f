"""Sums whose last digit must not depend on the Python version."""

from __future__ import annotations

from collections.abc import Iterable, Sized

from waystage.errors import InputError


def add_up(values: Iterable[float]) -> float:
    """Left to right in double precision. The official numbers were added so; `sum` compensates since Python 3.12."""
    total = 0.0
    for value in values:
        total += value
    return total


def percent(fractions: dict[str, float]) -> dict[str, float]:
    return {name: value * 100 for name, value in fractions.items()}


def f1_score(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def same_number(gold: Sized, predictions: Sized, what: str) -> None:
    if len(gold) != len(predictions):
        raise InputError(f"{len(predictions)} predicted {what} for {len(gold)} gold {what}: the numbers must be equal")
    if not len(gold):
        raise InputError(f"no {what} to score")
