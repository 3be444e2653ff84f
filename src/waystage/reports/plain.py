"""From what tables and statistics hold to what JSON knows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def plain(value: Any) -> Any:
    """No NaN, no numpy, no tuples."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, str | bool) or value is None:
        return value
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Iterable):
        return [plain(inner) for inner in value]
    return value
