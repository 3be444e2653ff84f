"""Extractive question answering: long contexts in overlapping windows, answers as character ranges of the context.

A window is a unit of one sequence: the question, then a stretch of the context. `extra["chars"]` gives the characters
of the context that each token stands for (-1 for any other token), so an answer is always a piece of the original
text, whatever the tokenizer did to it. Position 0 stands for "not in this window".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from waystage.forms import losses
from waystage.forms.answers import Faults, covering, locate, trimmed
from waystage.forms.common import HIDDEN, Columns, present, scored
from waystage.forms.encoded import Encoded, Head, Targets
from waystage.forms.examples import Span
from waystage.forms.pieces import counts, frame, lay_out, pieces, plain, room_for
from waystage.forms.ragged import Part, Ragged, spread

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NAME = "spans"
STRIDE = 128  # tokens from the beginning of one window to that of the next
LONGEST = 30  # tokens of an answer


def encode(
    examples: Sequence[Span],
    tokenizer: Tokenizer,
    *,
    labels: Sequence[str],
    max_length: int,
    stride: int = STRIDE,
    **options: Any,
) -> Encoded:
    plain(tokenizer)
    around = frame(tokenizer)
    total = room_for(around.pair_size, max_length)
    questions = pieces(tokenizer, [e.question for e in examples])
    contexts = pieces(tokenizer, [e.context for e in examples], chars=True)
    assert contexts.chars is not None
    chars = trimmed(contexts.chars, distinct_texts(examples))

    asked = np.minimum(questions.lengths, total // 2)
    room = total - asked
    step = np.minimum(stride, room)
    windows = 1 + np.maximum(0, -(-(contexts.lengths - room) // step))
    example = np.repeat(np.arange(len(examples)), windows)
    begin = spread(np.zeros(len(examples), np.int64), windows) * step[example]
    length = np.minimum(room[example], contexts.lengths[example] - begin)

    question = Part(questions.ids.values, questions.starts[example], asked[example])
    text = Part(contexts.ids.values, contexts.starts[example] + begin, length)
    joined = lay_out(around, [question], text, alone=np.zeros(len(example), bool))
    shown = np.full((len(joined.ids.values), 2), -1, np.int32)
    shown[spread(joined.ids.starts + joined.second, length)] = chars.values[spread(text.starts, length)]

    faults = Faults()
    marks = _marks(examples, contexts.index, chars, faults)
    spans = _labels(marks[example], begin, length, joined.second)
    nowhere = np.setdiff1d(example[(marks[example, 0] >= 0)], example[spans[:, 0] > 0])
    spans[np.isin(example, nowhere)] = HIDDEN
    for row in nowhere:
        faults.add("in no window", examples[row].id)
    return Encoded(
        ids=joined.ids.values,
        sequences=joined.ids.offsets,
        units=np.arange(len(example) + 1),
        example=example,
        labels=spans if (spans != HIDDEN).any() else None,
        extra={"chars": shown, **joined.extra()},
        facts={
            "examples": len(examples),
            "units": len(example),
            "tokens": len(joined.ids.values),
            "truncated": int((asked < questions.lengths).sum()),
            "contexts in several windows": int((windows > 1).sum()),
            **counts([e.context for e in examples], contexts),
            **faults.facts(),
        },
    )


def distinct_texts(examples: Sequence[Span]) -> list[str]:
    return list(dict.fromkeys(e.context for e in examples))


NULL, NONE = -1, -2  # marks of an unanswerable example and of one that is not trained on


def _marks(examples: Sequence[Span], index: np.ndarray, chars: Ragged, faults: Faults) -> np.ndarray:
    """First and last piece of the answer in the whole context of each example."""
    marks = np.full((len(examples), 2), NONE, np.int64)
    for row, e in enumerate(examples):
        if e.answerable is False:
            marks[row] = NULL
        elif e.answerable and e.answers and (place := locate(e, faults)):
            held = covering(chars[index[row]], *place)
            if held:
                marks[row] = held
            else:
                faults.add("no piece", e.id)
    return marks


def _labels(marks: np.ndarray, begin: np.ndarray, length: np.ndarray, offset: np.ndarray) -> np.ndarray:
    inside = (marks[:, 0] >= begin) & (marks[:, 1] < begin + length)
    placed = np.where(inside[:, None], marks - begin[:, None] + offset[:, None], 0)
    return np.where(marks == NONE, HIDDEN, np.where(marks == NULL, 0, placed)).astype(np.int32)


def head(labels: Sequence[str], options: Mapping[str, Any]) -> Head:
    return Head("span", 2)


def loss(outputs: Any, targets: Targets) -> losses.Loss:
    return losses.spans(outputs, targets)


def apart(first: Any, second: Any, targets: Targets) -> Any:
    return losses.spans_apart(first, second, targets)


def predict(
    outputs: np.ndarray,
    encoded: Encoded,
    examples: Sequence[Span],
    *,
    labels: Sequence[str],
    longest: int = LONGEST,
    unanswerable: bool = False,
    threshold: float = 0.0,
    **options: Any,
) -> Columns:
    """The best range of at most `longest` tokens over all windows: every one is tried, none leaves its window.

    With `unanswerable`, the answer is empty where the null score (the least over the windows) beats the best range by
    more than `threshold`. Both scores and the range are kept, so another threshold needs no new run.
    """
    rows, shown = present(encoded, examples)
    score, first, last = _best(np.asarray(outputs, np.float32), encoded, longest)
    best, chosen = _over_windows(score, np.searchsorted(rows, encoded.example), len(rows))
    null = np.full(len(rows), np.inf, np.float32)
    np.minimum.at(null, np.searchsorted(rows, encoded.example), outputs[encoded.sequences[:-1]].sum(axis=1))
    chars = encoded.extra["chars"]
    start, end = chars[first[chosen], 0], chars[last[chosen], 1]
    start, end = (np.where(np.isfinite(best), column, 0) for column in (start, end))
    empty = (null - best > threshold) if unanswerable else np.zeros(len(rows), bool)
    return {
        "id": [e.id for e in shown],
        "prediction": [
            "" if nothing else e.context[a:b] for e, a, b, nothing in zip(shown, start, end, empty, strict=True)
        ],
        "start": start.tolist(),
        "end": end.tolist(),
        "score": best.tolist(),
        "null_score": null.tolist(),
    }


def _best(outputs: np.ndarray, encoded: Encoded, longest: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each token the score of the best range that begins there; then per window the best of its tokens."""
    chars = np.asarray(encoded.extra["chars"])
    context = chars[:, 0] >= 0
    window = np.repeat(np.arange(len(encoded)), encoded.lengths)
    best = np.full(len(outputs), -np.inf, np.float32)
    last = np.zeros(len(outputs), np.int64)
    for more in range(min(longest, len(outputs))):
        stop = len(outputs) - more
        a, b = slice(0, stop), slice(more, None)
        together = outputs[a, 0] + outputs[b, 1]
        fits = context[a] & context[b] & (window[a] == window[b]) & (chars[b, 1] > chars[a, 0])
        better = np.flatnonzero(fits & (together > best[a]))
        best[better] = together[better]
        last[better] = better + more
    chosen = _first_maximum(best, encoded.sequences)
    return best[chosen], chosen, last[chosen]


def _over_windows(score: np.ndarray, example: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    bounds = np.searchsorted(example, np.arange(count + 1))
    chosen = _first_maximum(score, bounds)
    return score[chosen], chosen


def _first_maximum(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The position of the largest value of each (non-empty) row, the first of equals."""
    if len(offsets) == 1:
        return np.zeros(0, np.int64)
    starts = np.asarray(offsets[:-1])
    row = np.repeat(np.arange(len(starts)), np.diff(offsets))
    largest = np.flatnonzero(values == np.maximum.reduceat(values, starts)[row])
    return largest[np.searchsorted(row[largest], np.arange(len(starts)))]


def score(
    examples: Sequence[Span],
    predictions: Columns,
    *,
    metric: str,
    language: str,
    unanswerable: bool = False,
    scorer: str = "squad",
    **options: Any,
) -> dict[str, float]:
    """SQuAD's score in every language, as XTREME has it; `scorer="mlqa"` is that of MLQA, which knows the language."""
    from waystage.metrics import score_mlqa, score_squad, score_squad2

    def gold(example: Span) -> tuple[str, ...] | None:
        hidden = example.answerable is None or (example.answerable and not example.answers)
        return None if hidden else example.answers

    def metric_of(golds: list[Any], found: list[Any]) -> dict[str, float]:
        if scorer == "mlqa":
            return score_mlqa(golds, found, language)
        return score_squad2(golds, found) if unanswerable else score_squad(golds, found)

    return scored(examples, predictions, gold, metric_of)
