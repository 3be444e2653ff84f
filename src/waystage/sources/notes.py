"""What was noticed while rows were read: which were left out and why, and which are kept although something is odd."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waystage.errors import DataError

SHOWN = 20  # places that are listed per reason; the count goes on


class RowFault(Exception):
    """One row cannot be used. A training split goes on without it; an evaluation split must not."""

    def __init__(self, reason: str, message: str):
        self.reason, self.message = reason, message
        super().__init__(message)


@dataclass
class Count:
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, where: str) -> None:
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(where)


@dataclass
class Notes:
    """Of one split in one language."""

    may_exclude: bool = False  # a training split
    rows: int = 0
    excluded: dict[str, Count] = field(default_factory=dict)
    kept: dict[str, Count] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)  # which copy, commit and files were used

    def exclude(self, reason: str, where: str) -> None:
        self.excluded.setdefault(reason, Count()).add(where)

    def remark(self, reason: str, where: str) -> None:
        self.kept.setdefault(reason, Count()).add(where)

    def fault(self, fault: RowFault, path: Path | str, line: int) -> None:
        """Leave a row out of training. More than one row in twenty means that the file is not what we think."""
        if not self.may_exclude:
            raise DataError(fault.message, path, line)
        self.exclude(fault.reason, f"{Path(path).name}:{line}")
        bad = sum(count.count for count in self.excluded.values())
        if bad > 20 and bad * 20 > self.rows:
            raise DataError(f"{fault.message}; {bad} of the first {self.rows} rows cannot be used", path, line)

    def as_dict(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "excluded": {reason: vars(count) for reason, count in sorted(self.excluded.items())},
            "kept": {reason: vars(count) for reason, count in sorted(self.kept.items())},
            **({"source": self.source} if self.source else {}),
        }
