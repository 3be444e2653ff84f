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


@dataclass
class Encoded:
    ids: np.ndarray  # uint32 [T]
    sequences: np.ndarray  # int64 [S+1], offsets into ids
    units: np.ndarray  # int64 [U+1], offsets into sequences
    example: np.ndarray  # int64 [U], the example of each unit
    labels: np.ndarray | None = None  # see the table above; None when hidden
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
        for name, array in self._arrays().items():
            np.save(folder / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (folder / "facts.json").write_text(json.dumps(self.facts, sort_keys=True, ensure_ascii=False), encoding="utf-8")

    def _arrays(self) -> dict[str, np.ndarray]:
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
