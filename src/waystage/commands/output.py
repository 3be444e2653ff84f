"""Printing for people and for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table


def console() -> Console:
    """Wide enough for a table when the output is not a terminal."""
    return Console(soft_wrap=False, width=None if sys.stdout.isatty() else 140, highlight=False)


def table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", numbers: Sequence[str] = ()
) -> None:
    from rich import box

    shown = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        shown.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
    console().print(shown)


def say(text: str = "") -> None:
    console().print(text, markup=False, soft_wrap=True)


def aside(text: str) -> None:
    """To the standard error: not between the lines of --json."""
    typer.echo(text, err=True)


def as_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    sys.stdout.write("\n")


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
