"""MLQA's exact match and F1: punctuation of all scripts, articles per language, Chinese by character."""

from __future__ import annotations

import string
import sys
import unicodedata
from collections.abc import Sequence
from functools import cache

from waystage.errors import UnknownName
from waystage.metrics.answers import Rules, score_answers

MLQA_LANGUAGES = ("en", "es", "hi", "vi", "de", "ar", "zh")

_ARTICLES = {
    "en": ("a", "an", "the"),
    "es": ("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "hi": (),
    "vi": ("của", "là", "cái", "chiếc", "những"),  # composed characters only: decomposed text keeps them
    "de": tuple("ein eine einen einem eines einer der die das den dem des".split()),
    "ar": ("ال",),  # meant as a prefix, but the official pattern takes it out wherever it stands
    "zh": (),
}


@cache
def _punctuation() -> str:
    """All of Unicode's P* (as this Python knows it) and ASCII's signs. A tenth of a second, so only when needed."""
    marks = {c for c in map(chr, range(sys.maxunicode)) if unicodedata.category(c)[0] == "P"}
    return "".join(sorted(marks | set(string.punctuation)))


@cache
def mlqa_rules(language: str) -> Rules:
    if language not in _ARTICLES:
        raise UnknownName("MLQA language", language, MLQA_LANGUAGES, f"MLQA has {' '.join(MLQA_LANGUAGES)}.")
    return Rules(
        punctuation=_punctuation(),
        articles=_ARTICLES[language],
        inside_words=language == "ar",
        ideographs=language == "zh",
    )


def mlqa_normalize(text: str, language: str) -> str:
    return mlqa_rules(language).normalize([text])[0]


def score_mlqa(golds: Sequence[Sequence[str]], predictions: Sequence[str | None], language: str) -> dict[str, float]:
    """`exact_match` and `f1` in percent; one prediction per question, None where there is none."""
    return score_answers(golds, predictions, mlqa_rules(language))
