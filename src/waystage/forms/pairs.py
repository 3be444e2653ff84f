"""Classification of one or two texts: NLI, paraphrase, topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses
from waystage.forms.common import Columns, numbered, present, scored
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Pair
from waystage.forms.pieces import counts, join, pieces, plain

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "pairs"


def encode(
    examples: Sequence[Pair], tokenizer: Tokenizer, *, labels: Sequence[str], max_length: int, **options: Any
) -> Encoded:
    plain(tokenizer)
    count = len(examples)
    texts = [e.first for e in examples] + [e.second for e in examples]
    both = pieces(tokenizer, texts)
    joined = join(tokenizer, [both.part(0, count)], both.part(count, 2 * count), max_length=max_length)
    return Encoded(
        ids=joined.ids.values,
        sequences=joined.ids.offsets,
        units=np.arange(count + 1),
        example=np.arange(count),
        labels=numbered((e.label for e in examples), labels, (e.id for e in examples)),
        extra=joined.extra(),
        facts={"examples": count, "units": count, **joined.counts(), **counts(texts, both)},
    )


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("sequence", len(labels))


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    return losses.classes(outputs, targets)


def apart(first: Any, second: Any, targets: Targets) -> Any:
    return losses.classes_apart(first, second, targets)


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Pair],
    *,
    labels: Sequence[str],
    logits: bool = False,
    **options: Any,
) -> Columns:
    _, shown = present(encoded, examples)
    best = np.argmax(outputs, axis=1)
    found: Columns = {"id": [e.id for e in shown], "prediction": [labels[i] for i in best.tolist()]}
    return found | {"logits": outputs.tolist()} if logits else found


def score(
    examples: Sequence[Pair], predictions: Columns, *, metric: str, language: str, **options: Any
) -> dict[str, float]:
    from waystage.metrics import score_accuracy

    return scored(examples, predictions, lambda e: e.label, score_accuracy)
