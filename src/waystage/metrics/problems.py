"""One thing that is wrong with a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from waystage.errors import DataError


@dataclass(frozen=True)
class Problem:
    path: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


def as_problem(error: DataError, path: Path) -> Problem:
    where = Path(error.path) if error.path else path
    head = f"{error.path}:{error.line}: " if error.path and error.line else f"{error.path}: " if error.path else ""
    return Problem(where, error.line, str(error).removeprefix(head))
