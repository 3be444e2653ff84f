"""Where an answer is: from character offsets in a context to its pieces, with everything that can be wrong counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from waystage.forms.examples import Span
from waystage.forms.ragged import Ragged, offsets_of
from waystage.forms.writer import LISTED

Fault = Literal["repaired", "mismatched", "no piece", "in no window"]
_SPACES = [code for code in range(0x3001) if chr(code).isspace()]
_IS_SPACE = np.zeros(0x3002, bool)
_IS_SPACE[_SPACES] = True


def trimmed(chars: Ragged, contexts: Sequence[str]) -> Ragged:
    """Character ranges without the spaces at their ends: many tokenizers count the space before a word as its part."""
    lengths = offsets_of(np.fromiter(map(len, contexts), np.int64, len(contexts)))
    codes = np.frombuffer("".join(contexts).encode("utf-32-le"), np.uint32)
    space = _IS_SPACE[np.minimum(codes, len(_IS_SPACE) - 1)]
    place = np.arange(len(space) + 1)
    next_text = np.minimum.accumulate(np.where(np.append(space, False), len(space), place)[::-1])[::-1]
    last_text = np.maximum.accumulate(np.where(np.insert(space, 0, False), 0, place))  # one past it
    base = np.repeat(lengths[:-1], chars.lengths)
    start, end = chars.values[:, 0] + base, chars.values[:, 1] + base
    start = np.minimum(next_text[start], end)
    end = np.maximum(last_text[end], start)
    return Ragged(np.stack([start - base, end - base], axis=1).astype(np.int32), chars.offsets)


@dataclass
class Faults:
    """What was wrong with answers: how often, and the first ids."""

    ids: dict[Fault, list[str]] = field(default_factory=dict)

    def add(self, what: Fault, example: str) -> None:
        self.ids.setdefault(what, []).append(example)

    def facts(self) -> dict[str, Any]:
        counts: dict[str, Any] = {f"answers {what}": len(ids) for what, ids in self.ids.items()}
        return counts | {f"answers {what}, ids": ids[:LISTED] for what, ids in self.ids.items()}


def locate(example: Span, faults: Faults) -> tuple[int, int] | None:
    """The character range of the first answer that is where it says, without spaces around it.

    Where none is, an answer that occurs exactly once is taken from there, and otherwise there is none to train on.
    """
    given = [(text, start) for text, start in zip(example.answers, example.starts, strict=False) if text.strip()]
    for text, start in given:
        if start >= 0 and example.context.startswith(text, start):
            return _stripped(text, start)
    for text, _ in given:
        found = example.context.find(text)
        if found >= 0 and example.context.find(text, found + 1) < 0:
            faults.add("repaired", example.id)
            return _stripped(text, found)
    faults.add("mismatched", example.id)
    return None


def _stripped(text: str, start: int) -> tuple[int, int]:
    begin = start + len(text) - len(text.lstrip())
    return begin, begin + len(text.strip())


def covering(chars: np.ndarray, begin: int, end: int) -> tuple[int, int] | None:
    """The first and the last piece that hold a character of the range. Offsets need not be in order."""
    held = np.flatnonzero((chars[:, 1] > begin) & (chars[:, 0] < end))
    return (int(held[0]), int(held[-1])) if len(held) else None
