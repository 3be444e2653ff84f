"""Tokenised examples as flat arrays that are mapped from disk, never loaded whole.

    examples   0 .. N-1      what the task has
    units      0 .. U-1      what a batch counts: an example, or one window of a long one
    sequences  0 .. S-1      what the model reads: one per unit, or one per option of a choice
    tokens     0 .. T-1      all sequences one after the other, no padding

Which head reads what:

    head        reads                                     labels has one row per
    sequence    one pooled vector per sequence            unit        (class index, or a float for similarity)
    option      one pooled vector per sequence            unit        (index of the right option)
    token       the vectors at `where`                    where entry (class index; -100 is not trained on)
    span        every vector                              sequence    (start, end: token positions inside the sequence)
    embed       the mean vector per sequence              unit        (optional float), or none
    vocabulary  the vectors at positions drawn per batch  none: the tokens themselves

A label of -100 (NaN for a float) is never trained on and never counted: a hidden one, or an answer that does not match
its text.

`extra` may hold, beside what decoding needs: `types` (uint8 [T], token types; only when the tokenizer's template has
other ones than 0) and `word_start` (bool [T], where a word begins; only for the form `masked`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

HeadKind = Literal["sequence", "option", "token", "span", "embed", "vocabulary"]


@dataclass(frozen=True)
class Head:
    """The small layer on top of the encoder that a form needs."""

    kind: HeadKind
    size: int  # outputs per vector; 0 for embed and vocabulary


@dataclass(frozen=True)
class Targets:
    """What a form's `loss` gets beside the outputs: torch tensors for the units of one batch, laid side by side."""

    labels: Any  # rows as in the table above, or None
    sequences: Any  # int64 [s+1], offsets of the batch's sequences into its tokens
    units: Any  # int64 [u+1], offsets of the batch's units into its sequences


@dataclass
class Encoded:
    ids: np.ndarray  # uint32 [T]
    sequences: np.ndarray  # int64 [S+1], offsets into ids
    units: np.ndarray  # int64 [U+1], offsets into sequences
    example: np.ndarray  # int64 [U], the example of each unit
    labels: np.ndarray | None = None  # int32 or float32, see the table above; None when all are hidden
    where: np.ndarray | None = None  # int32 [P], positions inside their sequence
    where_offsets: np.ndarray | None = None  # int64 [S+1], offsets into where
    extra: dict[str, np.ndarray] = field(default_factory=dict)  # what decoding needs, e.g. character offsets
    facts: dict[str, Any] = field(default_factory=dict)  # counts: truncated, dropped answers, ...

    def __len__(self) -> int:
        return len(self.units) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each unit (all its sequences together)."""
        return np.diff(self.sequences[self.units])

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in self.arrays().items():
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (folder / "facts.json").write_text(json.dumps(self.facts, sort_keys=True, ensure_ascii=False), encoding="utf-8")

    def arrays(self) -> dict[str, np.ndarray]:
        named = {name: getattr(self, name) for name in _FIELDS}
        named |= {f"extra.{key}": value for key, value in self.extra.items()}
        return {name: value for name, value in named.items() if value is not None}

    @classmethod
    def load(cls, folder: Path) -> Encoded:
        arrays = {p.stem: np.load(p, mmap_mode="r", allow_pickle=False) for p in sorted(folder.glob("*.npy"))}
        extra = {key.removeprefix("extra."): arrays.pop(key) for key in list(arrays) if key.startswith("extra.")}
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        return cls(**arrays, extra=extra, facts=facts)


_FIELDS = ("ids", "sequences", "units", "example", "labels", "where", "where_offsets")
