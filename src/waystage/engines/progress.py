"""Showing a run: a live table on a terminal, plain lines in a file, nothing when quiet. It only looks at the state."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from waystage.engines.run import Events
from waystage.engines.status import ENDED, Row, State

SHOWN = 12  # running stages that get a line


def show(console: Console | None = None, *, quiet: bool = False) -> Events:
    """What to give `execute` as `events`."""
    if quiet:
        return lambda event, state: None
    console = console or Console()
    return Terminal(console) if console.is_terminal else Lines(console)


class Terminal:
    def __init__(self, console: Console):
        self.console = console
        self.live: Live | None = None

    def __call__(self, event: dict[str, Any], state: State) -> None:
        if event["event"] == "begin":
            self.live = Live(
                get_renderable=lambda: table(state), console=self.console, refresh_per_second=4, transient=True
            )
            self.live.start()
        elif event["event"] == "end" and self.live:
            self.live.stop()
        elif line := headline(event, state):
            self.console.print(line)


class Lines:
    """One line per stage that ended: what a log file or a CI page can hold."""

    def __init__(self, console: Console):
        self.console = console

    def __call__(self, event: dict[str, Any], state: State) -> None:
        line = headline(event, state)
        if line is None and event["event"] == "stage" and event.get("status") == "done":
            row = state.rows[event["fingerprint"]]
            left = state.left()
            rest = f", about {span(left)} left" if left else ""
            line = Text(f"[{_ended(state)}/{len(state.rows)}{rest}] {row.name} ({span(row.seconds)})")
        if line is not None:
            self.console.print(line, soft_wrap=True)


def headline(event: dict[str, Any], state: State) -> Text | None:
    """What must not scroll by unseen: how much there is to do, warnings, failures."""
    if event["event"] == "begin":
        return Text(f"run {state.run}: {len(state.rows)} stages to run, {state.reused} reused")
    if event["event"] == "warning":
        return Text(f"warning: {event['text']}", style="yellow")
    if event["event"] == "stage" and event.get("status") == "failed":
        return Text(f"failed: {state.rows[event['fingerprint']].name}: {event['note']}", style="red")
    return None


def table(state: State) -> Group:
    """Kinds with their counts, then what runs now."""
    kinds = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("stages", "", "done", "running", "waiting", "failed"):
        kinds.add_column(column, justify="left" if column in ("stages", "") else "right")
    for kind, counts in state.by_kind().items():
        total, ended = sum(counts.values()), sum(counts.get(status, 0) for status in ENDED)
        cells = [str(counts.get(status) or "") for status in ("running", "waiting", "failed")]
        kinds.add_row(kind, ProgressBar(total=total, completed=ended, width=24), f"{ended}/{total}", *cells)
    running = [row for row in list(state.rows.values()) if row.status == "running"]
    now = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("running", "", "step", "loss", "examples/s", "left"):
        now.add_column(column, justify="left" if column in ("running", "") else "right", no_wrap=True)
    for row in running[:SHOWN]:
        now.add_row(row.name, _bar(row), *_figures(row))
    if len(running) > SHOWN:
        now.add_row(f"and {len(running) - SHOWN} more")
    left = state.left()
    foot = f"{_ended(state)} of {len(state.rows)} stages, " + (f"about {span(left)} left" if left else "measuring")
    return Group(kinds, *([now] if running else []), Text(foot, style="dim"))


def _bar(row: Row) -> ProgressBar | Text:
    if row.of:
        return ProgressBar(total=row.of, completed=row.step, width=24)
    return Text(span(row.seconds), style="dim")


def _figures(row: Row) -> tuple[str, str, str, str]:
    return (
        f"{row.step}/{row.of}" if row.of else "",
        f"{row.loss:.4f}" if row.loss is not None else "",
        f"{row.rate:,.0f}" if row.rate is not None else "",
        span(row.left) if row.left is not None else "",
    )


def _ended(state: State) -> int:
    counts = state.counts()
    return sum(counts.get(status, 0) for status in ENDED)


def span(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
