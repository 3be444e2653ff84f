"""Waystage: intermediate-task training in zero-shot cross-lingual transfer.

`waystage.load("studies/quickstart.toml", rehearsal=True).scores` is a DataFrame with one row per score;
`.question(1)` and `.figure("gains")` display themselves in a notebook.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Study": "waystage.study",
    "Intermediate": "waystage.study",
    "Question": "waystage.study",
    "Recipe": "waystage.study",
    "Results": "waystage.results",
    "load": "waystage.loaded",
    "score_files": "waystage.metrics",
    "score_tree": "waystage.metrics",
    "WaystageError": "waystage.errors",
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from waystage.errors import WaystageError as WaystageError
    from waystage.loaded import load as load
    from waystage.metrics import score_files as score_files
    from waystage.metrics import score_tree as score_tree
    from waystage.results import Results as Results
    from waystage.study import Intermediate as Intermediate
    from waystage.study import Question as Question
    from waystage.study import Recipe as Recipe
    from waystage.study import Study as Study


def __getattr__(name: str) -> Any:
    """Names are imported when they are used, so that `import waystage` and `waystage --help` stay quick."""
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'waystage' has no attribute {name!r}")
