from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from waystage.engines.inline import Inline
from waystage.engines.progress import Lines, Terminal, show, span, table
from waystage.engines.run import execute
from waystage.engines.status import Row, State
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store

Step = Callable[..., Stage]


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=120, color_system=None, legacy_windows=False), out


def test_lines_tell_each_end_and_each_failure(step: Step, store: Store) -> None:
    shown, out = console(terminal=False)
    view = show(shown)
    assert isinstance(view, Lines)
    bad = step(name="bad [bold]", fail="x")
    plan = Plan([step(name="good [red]"), bad, step(name="lost", inputs={"from": bad})])
    execute(plan, store, Inline(), events=view)
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("run ") and lines[0].endswith(": 3 stages to run, 0 reused")
    assert any("/3" in line and "good [red] (" in line for line in lines)
    assert "failed: bad [bold]: ValueError: told to fail: x" in lines
    assert len(lines) == 3


def test_a_terminal_gets_a_live_table_that_leaves_the_headlines(step: Step, store: Store) -> None:
    shown, out = console(terminal=True)
    view = show(shown)
    assert isinstance(view, Terminal)
    execute(Plan([step(name="good"), step(name="bad", fail="x")]), store, Inline(), events=view)
    assert view.live and not view.live.is_started
    assert "failed: bad: ValueError: told to fail: x" in out.getvalue()
    assert "2 of 2 stages" in out.getvalue()


def test_quiet_shows_nothing(step: Step, store: Store) -> None:
    shown, out = console(terminal=True)
    execute(Plan([step(fail="x")]), store, Inline(), events=show(shown, quiet=True))
    assert out.getvalue() == ""


def test_the_table_shows_kinds_and_what_runs() -> None:
    now = time.time()
    done = Row("rows mnli", "rows", 1.0, status="done", started=now - 10, ended=now - 8)
    runs = Row("train mnli", "train", 60.0, status="running", started=now - 40, step=20, of=60, loss=0.5, rate=1234.5)
    fresh = [replace(runs, name=f"train {n}", step=0, of=0, loss=None, rate=None) for n in range(15)]
    state = State("r", {str(n): row for n, row in enumerate([done, runs, *fresh, replace(done, status="failed")])})
    state.started = now - 10
    shown, out = console(terminal=False)
    shown.print(table(state))
    text = out.getvalue()
    assert "2/2" in text and "0/16" in text
    (line,) = [line for line in text.splitlines() if "train mnli" in line]
    assert [word for word in line.split() if "━" not in word][2:] == ["20/60", "0.5000", "1,234", "80", "s"]
    assert "and 4 more" in text
    assert "2 of 18 stages, about" in text


def test_span() -> None:
    assert [span(s) for s in (1.23, 42.0, 600.0, 7 * 3600.0)] == ["1.2 s", "42 s", "10 min", "7.0 h"]
