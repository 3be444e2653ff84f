"""What can go wrong, as a tree. Every message says what happened, with which value, where, and what to type next.

WaystageError                 shown without a traceback
├── InputError                exit code 2: something the user wrote or named must be mended
│   ├── StudyError            a study file; carries every problem found, not only the first
│   ├── DataError             a data, prediction or gold file; says file and line
│   ├── UnknownName           no task / model / language / study of that name; close matches
│   └── MissingExtra          an optional dependency is needed; says the pip line
├── StoreError                the store on disk: locked, corrupt, not writable
└── StageError                exit code 1: a stage failed; carries its name and its log
    └── TrainingDiverged      the loss became NaN or exploded; step, example ids, what to try
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


class WaystageError(Exception):
    """Base of all errors that are meant for the user's eyes."""

    exit_code = 1


class InputError(WaystageError):
    exit_code = 2


class StudyError(InputError):
    def __init__(self, problems: Sequence[object], path: str | Path | None = None):
        self.problems = list(problems)  # each prints itself
        self.path = path
        head = f"{path}: " if path else ""
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{head}{count}\n" + "\n".join(f"  - {p}" for p in self.problems))


class DataError(InputError):
    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None):
        self.path, self.line = path, line
        where = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(where + message)


class UnknownName(InputError):
    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = ""):
        self.kind, self.name = kind, name
        joined = "" if not hint else f" {hint}" if hint.startswith("(") else f". {hint}"
        super().__init__(f"no {kind} is called {name!r}" + did_you_mean(name, known) + joined)


class MissingExtra(InputError):
    def __init__(self, what: str, extra: str):
        super().__init__(f"{what} needs an optional part. Type: pip install 'waystage[{extra}]'")


class StoreError(WaystageError):
    pass


class StageError(WaystageError):
    pass


class TrainingDiverged(StageError):
    pass


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' (did you mean ...?)' with up to three close matches, or an empty string."""
    options = {k.lower(): k for k in known}
    close = difflib.get_close_matches(str(name).lower(), options, n=3, cutoff=0.6)
    return f" (did you mean {', '.join(repr(options[c]) for c in close)}?)" if close else ""
