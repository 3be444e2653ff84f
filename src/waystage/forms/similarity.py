"""How alike two texts are. By regression on the pair, or with `bi` by the cosine of two texts read separately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses
from waystage.forms.common import Columns, present, scored
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Similar
from waystage.forms.pieces import counts, join, pieces, plain

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "similarity"


def encode(
    examples: Sequence[Similar],
    tokenizer: Tokenizer,
    *,
    labels: Sequence[str],
    max_length: int,
    bi: bool = False,
    scale: float = 5.0,
    **options: Any,
) -> Encoded:
    """A score of `scale` is a label of 1."""
    plain(tokenizer)
    count = len(examples)
    if bi:
        texts = list(chain.from_iterable((e.first, e.second) for e in examples))
        both = first = pieces(tokenizer, texts)
        second = pieces(tokenizer, [""] * len(texts))
    else:
        texts = [e.first for e in examples] + [e.second for e in examples]
        both = pieces(tokenizer, texts)
        first, second = both.part(0, count), both.part(count, 2 * count)
    joined = join(tokenizer, [first], second, max_length=max_length)
    scores = np.asarray([np.nan if e.score is None else e.score / scale for e in examples], np.float32)
    return Encoded(
        ids=joined.ids.values,
        sequences=joined.ids.offsets,
        units=np.arange(count + 1) * (2 if bi else 1),
        example=np.arange(count),
        labels=None if np.isnan(scores).all() else scores,
        extra=joined.extra(),
        facts={"examples": count, "units": count, **joined.counts(), **counts(texts, both)},
    )


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("embed", 0) if options.get("bi") else Head("sequence", 1)


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    """Two vectors per unit come from two separate readings, one number from a reading of the pair."""
    return (losses.cosines if _separate(outputs, targets) else losses.squares)(outputs, targets)


def apart(first: Any, second: Any, targets: Targets) -> Any:
    return (losses.cosines_apart if _separate(first, targets) else losses.squares_apart)(first, second, targets)


def _separate(outputs: Any, targets: Targets) -> bool:
    return bool(len(outputs) == 2 * len(targets.labels))


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Similar],
    *,
    labels: Sequence[str],
    bi: bool = False,
    scale: float = 5.0,
    **options: Any,
) -> Columns:
    _, shown = present(encoded, examples)
    if bi:
        first, second = outputs[0::2].astype(np.float64), outputs[1::2].astype(np.float64)
        sizes = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        found = (first * second).sum(axis=1) / np.maximum(sizes, 1e-12)
    else:
        found = np.asarray(outputs, np.float64).reshape(-1)
    return {"id": [e.id for e in shown], "prediction": (found * scale).tolist()}


def score(
    examples: Sequence[Similar], predictions: Columns, *, metric: str, language: str, **options: Any
) -> dict[str, float]:
    from waystage.metrics import score_similarity

    def metric_of(gold: list[Any], found: list[Any]) -> dict[str, float]:
        return score_similarity(gold, found) if len(gold) > 1 else {}  # one pair has no correlation

    return scored(examples, predictions, lambda e: e.score, metric_of)
