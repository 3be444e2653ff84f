"""The tokenised examples of one member of a mixture, mapped from disk, and what a batch takes out of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from waystage.errors import DataError
from waystage.forms.encoded import Encoded
from waystage.forms.ragged import offsets_of, spread
from waystage.training.draws import permutation


@dataclass(frozen=True)
class Batch:
    """Some units side by side, as numpy arrays."""

    ids: np.ndarray  # int64 [T]
    lengths: np.ndarray  # int64 [S], tokens of each sequence
    units: np.ndarray  # int64 [u+1], offsets into sequences
    labels: np.ndarray | None
    where: np.ndarray | None  # int64 [P], rows of ids
    types: np.ndarray | None
    word_start: np.ndarray | None

    def part(self, units: slice, labels_of: str) -> Batch:
        """Some consecutive units of it."""
        ends = offsets_of(self.lengths)
        sequences = slice(int(self.units[units.start]), int(self.units[units.stop]))
        tokens = slice(int(ends[sequences.start]), int(ends[sequences.stop]))
        where, entries = None, slice(0, 0)
        if self.where is not None:
            entries = slice(*np.searchsorted(self.where, [tokens.start, tokens.stop]))
            where = self.where[entries] - tokens.start
        rows = {"unit": units, "sequence": sequences, "where": entries}[labels_of]
        return Batch(
            ids=self.ids[tokens],
            lengths=self.lengths[sequences],
            units=self.units[units.start : units.stop + 1] - sequences.start,
            labels=None if self.labels is None else self.labels[rows],
            where=where,
            types=None if self.types is None else self.types[tokens],
            word_start=None,
        )

    def tokens(self) -> np.ndarray:
        """How many tokens each unit has."""
        return np.diff(offsets_of(self.lengths)[self.units])


@dataclass(frozen=True)
class Corpus:
    """One Encoded per language. With `exponent` < 1 an epoch takes more of the small languages than they have."""

    parts: Sequence[Encoded]
    names: Sequence[str]
    exponent: float = 1.0
    labels_of: str = "unit"  # whose rows the labels are: "unit", "sequence", "where"
    _cache: dict[tuple[int, int], np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: Path, *, exponent: float = 1.0, labels_of: str = "unit") -> Corpus:
        folders = sorted(path for path in folder.iterdir() if (path / "ids.npy").exists())
        return cls([Encoded.load(path) for path in folders], [path.name for path in folders], exponent, labels_of)

    @cached_property
    def starts(self) -> np.ndarray:
        return offsets_of(np.array([len(part) for part in self.parts]))

    @cached_property
    def units(self) -> np.ndarray:
        """The units that can be trained on: those whose label is known, as numbers over all parts."""
        labelled = any(part.labels is not None for part in self.parts)  # beside them, a part without any has none
        kept = [
            _known(part, self.labels_of, labelled=labelled) + start
            for part, start in zip(self.parts, self.starts, strict=False)
        ]
        return np.concatenate(kept) if kept else np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self.units)

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """Unit numbers of one epoch in random order: a function of (sizes, seed, epoch)."""
        key = (seed, epoch)
        if key not in self._cache:
            self._cache.clear()
            chosen = self.units if self.exponent == 1.0 else self._balanced(seed, epoch)
            self._cache[key] = chosen[permutation(len(chosen), seed, "order", epoch)]
        return self._cache[key]

    def _balanced(self, seed: int, epoch: int) -> np.ndarray:
        part = np.searchsorted(self.starts, self.units, side="right") - 1
        sizes = np.bincount(part, minlength=len(self.parts))
        shares = np.where(sizes > 0, np.maximum(sizes, 1) ** self.exponent, 0.0)
        ends = np.round(np.cumsum(shares) / shares.sum() * sizes.sum()).astype(np.int64)
        firsts = offsets_of(sizes)
        chosen = []
        for number, (size, want) in enumerate(zip(sizes, np.diff(ends, prepend=0), strict=True)):
            # pass after pass over the language; where a pass is cut, each epoch goes on where the last one stopped
            at = epoch * want + np.arange(want)
            passes = {int(p): permutation(size, seed, "pass", number, int(p)) for p in np.unique(at // max(size, 1))}
            picked = [order[at[at // size == p] % size] for p, order in passes.items()]
            chosen.append(self.units[firsts[number] + np.concatenate([np.zeros(0, np.int64), *picked])])
        return np.concatenate(chosen)

    def name_of(self, unit: int) -> tuple[str, int]:
        """Language and example number, for messages."""
        part = int(np.searchsorted(self.starts, unit, side="right")) - 1
        return self.names[part], int(self.parts[part].example[unit - self.starts[part]])

    def gather(self, units: np.ndarray) -> Batch:
        """Units of several languages are laid out language by language; their order within a batch means nothing."""
        part = np.searchsorted(self.starts, units, side="right") - 1
        pieces = [
            take(self.parts[number], units[part == number] - self.starts[number], self.labels_of)
            for number in np.unique(part)
        ]
        return pieces[0] if len(pieces) == 1 else join(pieces)

    def mark(self, used: np.ndarray) -> None:
        """Set `used[id]` for every token id that occurs."""
        for part in self.parts:
            for first in range(0, len(part.ids), 1 << 22):
                used[part.ids[first : first + (1 << 22)]] = True


def _known(part: Encoded, labels_of: str, *, labelled: bool) -> np.ndarray:
    every = np.arange(len(part), dtype=np.int64)
    if part.labels is None:
        return every[:0] if labelled else every
    if labels_of == "where":
        return every
    labels = np.asarray(part.labels)
    known = ~np.isnan(labels) if labels.dtype.kind == "f" else labels != -100
    if known.ndim > 1:
        known = known.all(axis=1)
    if labels_of == "sequence":  # one sequence per unit
        known = known[np.asarray(part.units[:-1])]
    return every[known]


def take(encoded: Encoded, units: np.ndarray, labels_of: str) -> Batch:
    width = encoded.units[units + 1] - encoded.units[units]
    sequences = spread(np.asarray(encoded.units[units]), width)
    begin = np.asarray(encoded.sequences[sequences])
    lengths = np.asarray(encoded.sequences[sequences + 1]) - begin
    tokens = spread(begin, lengths)
    where, entries = None, None
    if encoded.where is not None and encoded.where_offsets is not None:
        first = np.asarray(encoded.where_offsets[sequences])
        count = np.asarray(encoded.where_offsets[sequences + 1]) - first
        entries = spread(first, count)
        where = encoded.where[entries].astype(np.int64) + np.repeat(np.cumsum(lengths) - lengths, count)
    rows = {"unit": units, "sequence": sequences, "where": entries}[labels_of]
    labels = None if encoded.labels is None or rows is None else np.asarray(encoded.labels[rows])
    return Batch(
        ids=encoded.ids[tokens].astype(np.int64),
        lengths=lengths,
        units=offsets_of(width),
        labels=labels,
        where=where,
        types=_part(encoded, "types", tokens),
        word_start=_part(encoded, "word_start", tokens),
    )


def _part(encoded: Encoded, name: str, rows: np.ndarray) -> np.ndarray | None:
    return np.asarray(encoded.extra[name][rows]) if name in encoded.extra else None


def join(pieces: Sequence[Batch]) -> Batch:
    sequences = offsets_of(np.array([len(p.lengths) for p in pieces]))
    tokens = offsets_of(np.array([len(p.ids) for p in pieces]))

    def together(values: Iterable[np.ndarray | None]) -> np.ndarray | None:
        there = [v for v in values if v is not None]
        if there and len(there) != len(pieces):
            raise DataError("some languages of this stage have labels or token types and others have none")
        return np.concatenate(there) if there else None

    offsets = [p.units[1:] + start for p, start in zip(pieces, sequences, strict=False)]
    return Batch(
        ids=np.concatenate([p.ids for p in pieces]),
        lengths=np.concatenate([p.lengths for p in pieces]),
        units=np.concatenate([[0], *offsets]),
        labels=together(p.labels for p in pieces),
        where=together(None if p.where is None else p.where + t for p, t in zip(pieces, tokens, strict=False)),
        types=together(p.types for p in pieces),
        word_start=together(p.word_start for p in pieces),
    )


def micro_batches(tokens: np.ndarray, budget: int) -> list[slice]:
    """Consecutive units with at most `budget` tokens together; a unit longer than that stands alone."""
    cuts, held = [0], 0
    for i, count in enumerate(tokens.tolist()):
        if held and held + count > budget:
            cuts.append(i)
            held = 0
        held += count
    return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(tokens)], strict=True)]


def labels_of(kind: str) -> str:
    """Whose rows the labels of a head kind are."""
    return {"token": "where", "vocabulary": "where", "span": "sequence"}.get(kind, "unit")
