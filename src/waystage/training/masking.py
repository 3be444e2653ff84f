"""What a language-model member is asked: hidden words of an encoder's text, the next token of a decoder's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from waystage.forms import masked
from waystage.training.corpus import Batch


def ask(batch: Batch, vocabulary: Mapping[str, Any], *, seed: int, step: int) -> Batch:
    """`vocabulary` is what `masked.vocabulary` says of the tokenizer."""
    if vocabulary["mask_id"] is None:
        last = np.cumsum(batch.lengths) - 1
        where = np.setdiff1d(np.arange(len(batch.ids)), last, assume_unique=True)
        return replace(batch, where=where, labels=batch.ids[where + 1])
    assert batch.word_start is not None
    ids, where, labels = masked.draw(batch.ids, batch.word_start, seed=seed, step=step, **vocabulary)
    return replace(batch, ids=ids, where=where, labels=labels)
