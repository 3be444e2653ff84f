"""Published claims, and what a study's results say about each: `waystage.claims.verdicts(results)`.

Each verdict is a `Judged`: the claim, what was published and how, what was measured (interval, seeds, targets), the
word and why. `as_dict()` is what a page or JSON shows.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waystage.claims.judge import Judged as Judged
    from waystage.claims.judge import verdicts as verdicts
    from waystage.claims.read import Claims as Claims
    from waystage.claims.read import load as load

_WHERE = {"Claims": "read", "Judged": "judge", "load": "read", "verdicts": "judge"}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
