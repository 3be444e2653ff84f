"""How much text each language has, and how often it is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from waystage.languages import get
from waystage.languages.groups import XTREME_R

# Relative amounts by Joshi class, far flatter than on the real web: a small model must meet every language.
AMOUNT = {5: 100, 4: 55, 3: 30, 2: 15, 1: 8, 0: 5}
PRETRAINED = tuple(sorted(XTREME_R))  # the languages that the stand-in models have seen


def amount(code: str) -> int:
    """Relative amount of text; English has as much as two languages of its class."""
    return AMOUNT[get(code).resource] * (2 if code == "en" else 1)


def shares(codes: Sequence[str], exponent: float = 0.7) -> dict[str, float]:
    """The probability of drawing each language, amounts raised to `exponent`; 1 is natural, 0 is equal."""
    weights = {code: amount(code) ** exponent for code in codes}
    total = sum(weights.values())
    return {code: weight / total for code, weight in weights.items()}
