"""Statistics that hold with few seeds, parallel items and related languages; docs/statistics.md has the checks.

Names are imported when first used, so that `waystage --help` does not pay for scipy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waystage.stats.answering import Answer as Answer
    from waystage.stats.answering import as_family as as_family
    from waystage.stats.asking import answer as answer
    from waystage.stats.asking import answers as answers
    from waystage.stats.average import contrast as contrast
    from waystage.stats.gains import gain_matrix as gain_matrix
    from waystage.stats.interval import Interval as Interval

_WHERE = {
    "Answer": "answering",
    "Interval": "interval",
    "answer": "asking",
    "answers": "asking",
    "as_family": "answering",
    "contrast": "average",
    "gain_matrix": "gains",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
