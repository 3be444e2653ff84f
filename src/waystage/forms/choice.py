"""Multiple choice: one sequence per option, any number of options. Context and question first, then the option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.errors import DataError
from waystage.forms import losses
from waystage.forms.common import HIDDEN, Columns, present, scored
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Choice
from waystage.forms.pieces import Pieces, counts, join, lead, pieces, plain
from waystage.forms.ragged import offsets_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "choice"


def encode(
    examples: Sequence[Choice], tokenizer: Tokenizer, *, labels: Sequence[str], max_length: int, **options: Any
) -> Encoded:
    plain(tokenizer)
    widths = np.fromiter((len(e.options) for e in examples), np.int64, len(examples))
    example_of = np.repeat(np.arange(len(examples)), widths)
    space = lead(tokenizer)
    contexts = pieces(tokenizer, [e.context for e in examples])
    questions = pieces(tokenizer, [space + e.question if e.context and e.question else e.question for e in examples])
    second = pieces(tokenizer, list(chain.from_iterable(e.options for e in examples)))
    first = [Pieces(part.ids, part.index[example_of]) for part in (contexts, questions)]
    joined = join(tokenizer, first, second, max_length=max_length)
    return Encoded(
        ids=joined.ids.values,
        sequences=joined.ids.offsets,
        units=offsets_of(widths),
        example=np.arange(len(examples)),
        labels=_labels(examples),
        extra=joined.extra(),
        facts={
            "examples": len(examples),
            "units": len(examples),
            "sequences": len(joined.ids),
            **joined.counts(),
            **counts([e.context for e in examples], contexts),
        },
    )


def _labels(examples: Sequence[Choice]) -> np.ndarray | None:
    for e in examples:
        if not e.options:
            raise DataError(f"example {e.id!r} has no options to choose from")
        if e.label is not None and not 0 <= e.label < len(e.options):
            raise DataError(f"example {e.id!r} says that option {e.label} is right and has {len(e.options)} of them")
    found = np.asarray([HIDDEN if e.label is None else e.label for e in examples], np.int32)
    return found if (found != HIDDEN).any() else None


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("option", 1)


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    return losses.options(outputs, targets)


def apart(first: Any, second: Any, targets: Targets) -> Any:
    return losses.options_apart(first, second, targets)


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Choice],
    *,
    labels: Sequence[str],
    logits: bool = False,
    **options: Any,
) -> Columns:
    _, shown = present(encoded, examples)
    values, widths = np.asarray(outputs).reshape(-1), np.diff(encoded.units)
    table = np.full((len(widths), int(widths.max(initial=1))), -np.inf, np.float32)
    table[np.arange(table.shape[1]) < widths[:, None]] = values
    found: Columns = {"id": [e.id for e in shown], "prediction": table.argmax(axis=1).tolist()}
    each = [values[a:b].tolist() for a, b in pairwise(encoded.units)] if logits else []
    return found | {"logits": each} if logits else found


def score(
    examples: Sequence[Choice], predictions: Columns, *, metric: str, language: str, **options: Any
) -> dict[str, float]:
    from waystage.metrics import score_accuracy

    return scored(examples, predictions, lambda e: e.label, score_accuracy)
