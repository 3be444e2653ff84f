"""How numbers are written, everywhere the same, so that the page, the tables and the terminal never disagree."""

from __future__ import annotations

from typing import Any

NONE = "–"


def score(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"


def gain(value: float | None) -> str:
    """With its sign; nothing rounds to minus zero."""
    return NONE if value is None else f"{value + 0.0:+.2f}".replace("-0.00", "+0.00")


def interval(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else f"{gain(low)} to {gain(high)}"


def p_value(value: float | None) -> str:
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def share(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"


def span(seconds: float | None) -> str:
    if seconds is None:
        return NONE
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def size(count: float | None) -> str:
    if count is None:
        return NONE
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def many(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def text(value: Any) -> str:
    return "" if value is None else str(value)


FORMATS = {
    "score": score,
    "gain": gain,
    "p": p_value,
    "share": share,
    "span": span,
    "size": size,
    "many": many,
    "text": text,
}


def written(value: Any, kind: str) -> str:
    return FORMATS[kind](value)


def counted(n: int, one: str, many_: str = "") -> str:
    return f"{n} {one if n == 1 else many_ or one + 's'}"


def listed(names: list[str], most: int = 8) -> str:
    """Names with commas, or the first of them and how many more."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"
