"""Write an `Encoded` a chunk at a time, so that a million examples take no more memory than some thousands.

Each array is an ordinary .npy file whose header is written again at the end, when its length is known.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from waystage.forms.encoded import Encoded

LISTED = 20  # how many ids a fact lists at most
OFFSETS = ("sequences", "units", "where_offsets")


class Writer:
    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.facts: dict[str, Any] = {}
        self._columns: dict[str, _Column] = {}
        self._ends = dict.fromkeys(OFFSETS, 0)
        self._rows = np.zeros(2, np.int64)  # so far: sequences; where entries, or units in a form that has none

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for column in self._columns.values():
            column.close()
        if kind is None:
            text = json.dumps(self.facts, sort_keys=True, ensure_ascii=False)
            (self.folder / "facts.json").write_text(text, encoding="utf-8")

    def add(self, part: Encoded, example: np.ndarray) -> None:
        """Append a chunk; `example` numbers the chunk's examples in the whole table."""
        arrays = part.arrays() | {"example": example[part.example]}
        for name in OFFSETS:
            if name in arrays:
                end = self._ends[name]
                self._ends[name] = end + int(arrays[name][-1])
                arrays[name] = (arrays[name] + end)[name in self._columns :]
        rows = np.asarray([len(part.sequences) - 1, len(part if part.where is None else part.where)])
        self._hidden(arrays, rows)
        self._rows += rows
        for name, values in arrays.items():
            self._column(name, values).append(values)
        self.facts = merged(self.facts, part.facts)

    def _hidden(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> None:
        """A chunk whose labels are all hidden has none; beside a chunk that has some, they are written out."""
        known = self._columns.get("labels")
        if known and "labels" not in arrays:
            arrays["labels"] = _blank(known.like, rows)
        elif "labels" in arrays and not known and self._rows.any():
            self._column("labels", arrays["labels"]).append(_blank(arrays["labels"], self._rows))

    def _column(self, name: str, values: np.ndarray) -> _Column:
        if name not in self._columns:
            self._columns[name] = _Column(self.folder / f"{name}.npy", values[:0])
        return self._columns[name]


class _Column:
    def __init__(self, path: Path, like: np.ndarray):
        self.like, self.rows = like, 0
        self._file = path.open("wb")
        self._start = self._write_header()

    def append(self, values: np.ndarray) -> None:
        assert values.dtype == self.like.dtype, (values.dtype, self.like.dtype)
        self._file.write(np.ascontiguousarray(values).data)
        self.rows += len(values)

    def close(self) -> None:
        self._file.seek(0)
        assert self._write_header() == self._start  # numpy pads a header for a first axis that grows
        self._file.close()

    def _write_header(self) -> int:
        shape = (self.rows, *self.like.shape[1:])
        descr = np.lib.format.dtype_to_descr(self.like.dtype)
        header = {"descr": descr, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)
        return self._file.tell()


def _blank(like: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Hidden labels: a start and an end for each sequence, or else one for each where entry or unit."""
    count = rows[0] if like.ndim == 2 else rows[1]
    return np.full((int(count), *like.shape[1:]), np.nan if like.dtype.kind == "f" else -100, like.dtype)


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Counts add up, lists go on (to a limit), anything else is the same in every chunk."""
    out = dict(first)
    for key, value in second.items():
        if key not in out:
            out[key] = value
        elif isinstance(value, int | float):
            out[key] += value
        elif isinstance(value, list):
            out[key] = [*out[key], *value][:LISTED]
    return out
