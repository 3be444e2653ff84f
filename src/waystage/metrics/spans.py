"""Span F1 of tag sequences as seqeval reads them: lenient IOB, micro average. NER, and officially POS too.

Two generations of seqeval disagree about the type of a tag. Up to 0.0.13 (the reference for XTREME's numbers) it is
what follows the last hyphen, the whole tag if there is none. From 0.0.16 on the first letter is always cut off.
Everything else is the same state machine, which looks at two neighbouring tags at a time, so here it runs over the
whole file at once on integer codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from waystage.errors import InputError
from waystage.metrics.totals import f1_score, percent

Seqeval = Literal["0.0.12", "1.2.2"]

_B, _I, _E, _S, _O, _DOT = 1, 2, 4, 8, 16, 32
_LETTERS = {"B": _B, "I": _I, "E": _E, "S": _S, "O": _O, ".": _DOT}
BREAK = 0  # the code of what stands between two sentences; it counts as an "O"
_NO_KIND = 0  # the type of what stands before the first tag


class TagCodes(dict[bytes, int]):
    """Numbers for raw tags, handed out as they turn up; two spellings of a tag (spaces around it) share a number."""

    def __init__(self) -> None:
        super().__init__()
        self.tags = ["O"]  # number BREAK
        self._known: dict[str, int] = {}

    def __missing__(self, raw: bytes) -> int:
        code = self[raw] = self.code(raw.decode("utf-8").strip())
        return code

    def code(self, tag: str) -> int:
        """Blank is BREAK."""
        if not tag:
            return BREAK
        if tag not in self._known:
            self._known[tag] = len(self.tags)
            self.tags.append(tag)
        return self._known[tag]


@dataclass(frozen=True)
class TagStream:
    """The sentences of one file one after the other, a BREAK after each; `codes` is shared by gold and prediction."""

    stream: NDArray[np.int32]
    codes: TagCodes

    @property
    def ends(self) -> NDArray[np.intp]:
        """Where each sentence's BREAK stands."""
        return np.flatnonzero(self.stream == BREAK)

    def lengths(self) -> NDArray[np.intp]:
        gaps: NDArray[np.intp] = np.diff(self.ends, prepend=-1) - 1
        return gaps

    def tokens(self) -> NDArray[np.int32]:
        tags: NDArray[np.int32] = self.stream[self.stream != BREAK]
        return tags


def tag_stream(sentences: Iterable[Sequence[str]], codes: TagCodes) -> TagStream:
    def numbers(sentence: Sequence[str]) -> list[int]:
        found = [codes.code(tag) for tag in sentence]
        if BREAK in found:
            raise InputError(f"an empty tag in the sentence {list(sentence)!r}")
        return [*found, BREAK]

    return TagStream(np.fromiter(chain.from_iterable(map(numbers, sentences)), dtype=np.int32), codes)


def _streams(
    gold: Iterable[Sequence[str]] | TagStream, predictions: Iterable[Sequence[str]] | TagStream
) -> tuple[TagStream, TagStream]:
    if isinstance(gold, TagStream) and isinstance(predictions, TagStream):
        assert gold.codes is predictions.codes
        return gold, predictions
    assert not isinstance(gold, TagStream) and not isinstance(predictions, TagStream)
    codes = TagCodes()
    return tag_stream(gold, codes), tag_stream(predictions, codes)


@dataclass(frozen=True)
class _Spans:
    end: NDArray[np.intp]
    begin: NDArray[np.intp]
    kind: NDArray[np.int32]


def _spans(tags: TagStream, kind_of: NDArray[np.int32]) -> _Spans:
    letter_of = np.array([_LETTERS.get(tag[0], 0) for tag in tags.codes.tags], dtype=np.uint8)
    codes = np.append(tags.stream, np.int32(BREAK))
    t, y = letter_of[codes], kind_of[codes]
    before_t = np.concatenate((np.array([_O], dtype=np.uint8), t[:-1]))
    before_y = np.concatenate((np.array([_NO_KIND], dtype=np.int32), y[:-1]))
    changed = before_y != y

    ended = (before_t & (_E | _S)) != 0
    ended |= ((before_t & (_B | _I)) != 0) & ((t & (_B | _S | _O)) != 0)
    ended |= ((before_t & (_O | _DOT)) == 0) & changed
    started = (t & (_B | _S)) != 0
    started |= ((before_t & (_E | _S | _O)) != 0) & ((t & (_E | _I)) != 0)
    started |= ((t & (_O | _DOT)) == 0) & changed

    end, start = np.flatnonzero(ended), np.flatnonzero(started)
    # The machine remembers the last start before an end, and the very beginning if there was none.
    start = np.concatenate((np.zeros(1, dtype=start.dtype), start))
    begin = start[np.searchsorted(start[1:], end, side="left")]
    return _Spans(end=end, begin=begin, kind=before_y[end])


def _kinds(tags: list[str], seqeval: Seqeval) -> NDArray[np.int32]:
    kinds = [t.split("-")[-1] if seqeval == "0.0.12" else t[1:].split("-", 1)[-1] or "_" for t in tags]
    numbers: dict[str, int] = {"": _NO_KIND}
    return np.array([numbers.setdefault(kind, len(numbers)) for kind in kinds], dtype=np.int32)


def score_spans(
    gold: Iterable[Sequence[str]] | TagStream,
    predictions: Iterable[Sequence[str]] | TagStream,
    *,
    seqeval: Seqeval = "0.0.12",
) -> dict[str, float]:
    """`f1`, `precision` and `recall` in percent.

    The reference does not mind sentences of unequal length (the rest of the file is then shifted), 1.2.2 does.
    """
    g, p = _streams(gold, predictions)
    _same_sentences(g, p)
    if seqeval == "1.2.2":
        _aligned(g, p)
    kind_of = _kinds(g.codes.tags, seqeval)
    wanted, found = _spans(g, kind_of), _spans(p, kind_of)
    right = int(np.count_nonzero(_right(wanted, found)))
    precision = right / len(found.end) if len(found.end) else 0.0
    recall = right / len(wanted.end) if len(wanted.end) else 0.0
    return percent({"f1": f1_score(precision, recall), "precision": precision, "recall": recall})


def count_spans(
    gold: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Of each sentence the right, the predicted and the wanted spans, whose sums make up `score_spans`.

    Gold and prediction must be of equal length: a span that lies in other sentences in the two belongs to none.
    """
    g, p = _streams(gold, predictions)
    _same_sentences(g, p)
    _aligned(g, p)
    kind_of = _kinds(g.codes.tags, "0.0.12")
    wanted, found = _spans(g, kind_of), _spans(p, kind_of)
    count = len(g.ends)

    def by_sentence(ends: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.bincount(np.searchsorted(g.ends, ends), minlength=count)[:count]

    return by_sentence(found.end[_right(wanted, found)]), by_sentence(found.end), by_sentence(wanted.end)


def _right(wanted: _Spans, found: _Spans) -> NDArray[np.bool_]:
    """Which of the spans found are wanted."""
    if not len(wanted.end):
        return np.zeros(len(found.end), dtype=bool)
    # Both lists are sorted by end and no two spans of a list share one, so a match can only stand in one place.
    place = np.minimum(np.searchsorted(wanted.end, found.end), len(wanted.end) - 1)
    same = (wanted.end[place] == found.end) & (wanted.begin[place] == found.begin)
    right: NDArray[np.bool_] = same & (wanted.kind[place] == found.kind)
    return right


def _same_sentences(gold: TagStream, predictions: TagStream) -> None:
    g, p = len(gold.ends), len(predictions.ends)
    if g != p:
        raise InputError(f"{p} predicted sentences for {g} gold sentences: the numbers must be equal")


def _aligned(gold: TagStream, predictions: TagStream) -> None:
    g, p = gold.lengths(), predictions.lengths()
    if not len(g):
        raise InputError("no sentences to score")
    wrong = np.flatnonzero(g != p)
    if len(wrong):
        first = int(wrong[0])
        raise InputError(
            f"sentence {first + 1} has {p[first]} predicted tags for {g[first]} gold tags"
            f" ({len(wrong)} such sentences in all)"
        )


def token_accuracy(
    gold: Iterable[Sequence[str]] | TagStream, predictions: Iterable[Sequence[str]] | TagStream
) -> float:
    """Percent of tokens with the right tag. Not official: XTREME's POS score is a span F1 all the same."""
    g, p = _streams(gold, predictions)
    _same_sentences(g, p)
    _aligned(g, p)
    if not len(g.tokens()):
        raise InputError("no tags to score")
    right = int(np.count_nonzero(g.tokens() == p.tokens()))
    return 100.0 * right / len(g.tokens())
