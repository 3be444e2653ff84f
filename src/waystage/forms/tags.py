"""One tag per word. A word is tagged at its first piece (or its last one, for models that only look back).

Sentences that do not fit are cut between words into several units and put together again by `extra["word"]`, the
word's number in its sentence. Every word stands in exactly one unit: one that becomes no piece is the unknown piece,
one that is longer than a whole sequence keeps as many of its pieces as fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses
from waystage.forms.common import HIDDEN, Columns, numbered, present, scored
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Tags
from waystage.forms.pieces import Pieces, frame, plain, room_for, word_pieces
from waystage.forms.ragged import Part, constant, lay, offsets_of, spread

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "tags"


def encode(
    examples: Sequence[Tags],
    tokenizer: Tokenizer,
    *,
    labels: Sequence[str],
    max_length: int,
    label_piece: str = "first",
    most: int | None = None,
    **options: Any,
) -> Encoded:
    plain(tokenizer)
    around = frame(tokenizer)
    before, after = around.single
    room = room_for(around.single_size, max_length)
    words = word_pieces(tokenizer, list(chain.from_iterable(e.words for e in examples)))
    none = words.lengths == 0
    kept = np.minimum(np.where(none, 1, words.lengths), room)
    sentences = offsets_of(np.fromiter((len(e.words) for e in examples), np.int64, len(examples)))
    first, example = _windows(sentences, kept, room)
    count = np.diff(first)

    text, begins = _text(words, none, kept, around.filler)
    inside = begins - np.repeat(begins[first[:-1][count > 0]], count[count > 0])
    at = len(before) + inside + (kept - 1 if label_piece == "last" else 0)
    piece_offsets = np.concatenate([begins, [len(text)]])
    window_starts, window_ends = piece_offsets[first[:-1]], piece_offsets[first[1:]]
    every = np.ones(len(count), bool)
    empty = window_ends == window_starts
    ids, _ = lay(
        [
            constant(before, every),
            Part(text, window_starts, window_ends - window_starts),
            constant((around.filler,), empty & (around.single_size == 0)),
            constant(after, every),
        ]
    )
    return Encoded(
        ids=ids.values,
        sequences=ids.offsets,
        units=np.arange(len(count) + 1),
        example=example,
        labels=_labels(examples, labels, rare=most is not None),
        where=at.astype(np.int32),
        where_offsets=first,
        extra={"word": (np.arange(len(kept)) - np.repeat(sentences[:-1], np.diff(sentences))).astype(np.int32)},
        facts={
            "examples": len(examples),
            "units": len(count),
            "tokens": len(ids.values),
            "words": len(kept),
            "pieces": int(kept.sum()),
            "words without a piece": int(none.sum()),
            "truncated": int((words.lengths > room).sum()),
            "sentences in several windows": len(count) - len(examples),
        },
    )


def _windows(sentences: np.ndarray, sizes: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of windows into all words, and the sentence of each. No word is cut off, no window holds too much."""
    totals = offsets_of(sizes)
    long = np.flatnonzero(totals[sentences[1:]] - totals[sentences[:-1]] > room)
    inner: list[int] = []
    for sentence in long:
        start, end = int(sentences[sentence]), int(sentences[sentence + 1])
        while (start := int(np.searchsorted(totals, totals[start] + room, side="right")) - 1) < end:
            inner.append(start)
    first = np.sort(np.concatenate([sentences, np.asarray(inner, np.int64)]), kind="stable")
    # A sentence without words is a window without words: it repeats an offset, so windows are counted per sentence.
    cuts = np.bincount(np.searchsorted(sentences, inner, side="right") - 1, minlength=len(sentences) - 1)
    return first, np.repeat(np.arange(len(sentences) - 1), cuts[: len(sentences) - 1] + 1)


def _text(words: Pieces, none: np.ndarray, kept: np.ndarray, filler: int) -> tuple[np.ndarray, np.ndarray]:
    """The kept pieces of all words one after the other, and where each word begins among them."""
    source = np.concatenate([words.ids.values, np.asarray([filler], np.uint32)])
    starts = np.where(none, len(source) - 1, words.starts)
    return source[spread(starts, kept)], np.cumsum(kept) - kept


def _labels(examples: Sequence[Tags], labels: Sequence[str], *, rare: bool) -> np.ndarray | None:
    """Where only the most frequent tags are labels, the others are not trained on; anywhere else they are mistakes."""
    tags = chain.from_iterable(e.tags if e.tags is not None else [None] * len(e.words) for e in examples)
    return numbered(tags, labels, chain.from_iterable([e.id] * len(e.words) for e in examples), rare=rare)


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("token", len(labels))


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    return losses.classes(outputs, targets)


def apart(first: Any, second: Any, targets: Targets) -> Any:
    return losses.classes_apart(first, second, targets)


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Tags],
    *,
    labels: Sequence[str],
    logits: bool = False,
    **options: Any,
) -> Columns:
    rows, shown = present(encoded, examples)
    assert encoded.where_offsets is not None
    sentence = np.repeat(np.searchsorted(rows, encoded.example), np.diff(encoded.where_offsets))
    starts = offsets_of(np.fromiter((len(e.words) for e in shown), np.int64, len(shown)))
    found = np.full(int(starts[-1]), HIDDEN, np.int64)
    at = starts[sentence] + encoded.extra["word"]
    found[at] = np.argmax(outputs, axis=1) if len(outputs) else 0
    assert (found != HIDDEN).all(), "a word has no tag"
    tags = [labels[i] for i in found.tolist()]
    answers: Columns = {"id": [e.id for e in shown], "prediction": [tags[a:b] for a, b in pairwise(starts)]}
    if logits:
        by_word = np.zeros((len(found), len(labels)), np.float32)
        by_word[at] = outputs
        answers["logits"] = [by_word[a:b].tolist() for a, b in pairwise(starts)]
    return answers


def score(
    examples: Sequence[Tags], predictions: Columns, *, metric: str, language: str, **options: Any
) -> dict[str, float]:
    from waystage.metrics import score_pos

    return scored(examples, predictions, lambda e: e.tags, score_pos)
