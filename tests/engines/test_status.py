from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waystage.engines import status
from waystage.engines.inline import Inline
from waystage.engines.run import execute
from waystage.engines.status import Keeper, Row, State, read
from waystage.graph.alive import STALE, me
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store

Step = Callable[..., Stage]


def on_disk(store: Store, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((store.root / "runs" / run / "state.json").read_text())
    return found


def row(status: str = "pending", **what: Any) -> Row:
    return replace(Row("r", "train", 10.0), status=status, **what)


def test_a_finished_run_can_be_read_by_others(diamond: Plan, store: Store, step: Step) -> None:
    first = execute(diamond, store, Inline(), study="s")
    second = execute(Plan([*diamond.wanted, step(fail="x", name="bad")]), store, Inline())
    runs = {state.run: state for state in read(store)}
    assert set(runs) == {first.run, second.run}
    state = runs[first.run]
    assert (state.status, state.study, state.counts()) == ("done", "s", {"done": 5})
    assert state.by_kind() == {"toys.step": {"done": 5}}
    assert state.who["pid"] == me()["pid"] and state.ended >= state.started
    assert all(r.ended >= r.started > 0 and Path(r.log).exists() for r in state.rows.values())
    assert (runs[second.run].status, runs[second.run].reused) == ("failed", 1)
    assert [r.note for r in runs[second.run].rows.values()] == ["ValueError: told to fail: x"]


def test_others_see_a_stage_that_blocks_this_process(step: Step, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inline engine gives the scheduler no turn while a stage runs: the state is written all the same."""
    monkeypatch.setattr(status, "WRITE", 0.01)
    seen: list[Row] = []

    def events(event: dict[str, Any], state: State) -> None:
        while event.get("step") == 3 and not seen:
            (found,) = read(store)
            seen.extend(r for r in found.rows.values() if r.step == 3)
            time.sleep(0.01)

    execute(Plan([step(steps=3, pause=0.21)]), store, Inline(), events=events)
    assert (seen[0].status, seen[0].of, seen[0].rate) == ("running", 3, 10.0)
    assert seen[0].loss == pytest.approx(1 / 3)


def test_the_heart_beats_when_nothing_happens(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "WRITE", 0.01)
    monkeypatch.setattr(status, "HEART", 0.02)
    with Keeper(store, State("r", {})):
        first = on_disk(store, "r")["heartbeat"]
        while on_disk(store, "r")["heartbeat"] == first:
            time.sleep(0.01)


def test_writing_takes_a_small_share_of_the_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state with very many stages is written less often."""
    monkeypatch.setattr(status, "WRITE", 0.001)
    state = State("r", {str(n): row() for n in range(5000)})
    written: list[float] = []
    with Keeper(store, state) as keeper:
        own = keeper._write
        monkeypatch.setattr(keeper, "_write", lambda: written.append(own()) or written[-1])
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            keeper.change(lambda: None)
            time.sleep(0.001)
    assert 0 < sum(written[:-1]) < 0.5 * 0.5


def test_a_run_whose_process_is_gone_is_dead(store: Store) -> None:
    def put(run: str, **what: Any) -> None:
        (store.root / "runs" / run).mkdir(parents=True)
        (store.root / "runs" / run / "state.json").write_text(State(run, {"x": row()}, **what).dump())

    now = time.time()
    put("1-here", heartbeat=0.0)
    put("2-reborn", who={**me(), "born": 1}, heartbeat=now)
    put("3-far", who={"host": "far-away", "pid": 1, "born": 1}, heartbeat=now)
    put("4-far-silent", who={"host": "far-away", "pid": 1, "born": 1}, heartbeat=now - STALE - 10)
    put("5-ended", who={**me(), "born": 1}, status="done", heartbeat=0.0)
    assert [(state.run, state.status) for state in read(store)] == [
        ("5-ended", "done"),
        ("4-far-silent", "dead"),
        ("3-far", "running"),
        ("2-reborn", "dead"),
        ("1-here", "running"),
    ]


def test_no_runs(store: Store) -> None:
    assert read(store) == []
    for name, text in {"empty": "", "other": '{"run": "other", "rows": {"x": {"new": 1}}}', "list": "[]"}.items():
        (store.root / "runs" / name).mkdir(parents=True)
        (store.root / "runs" / name / "state.json").write_text(text)
    assert read(store) == []


def test_time_left_follows_the_pace_of_what_has_finished() -> None:
    now = time.time()
    assert State("r", {"a": row()}).left() is None
    twice_as_slow = row("done", started=now - 20, ended=now)
    alone = State("r", {"a": twice_as_slow, "b": row(), "c": row("waiting")}, started=now - 20)
    assert alone.left() == pytest.approx(40, rel=0.07)
    both = {"a": twice_as_slow, "b": replace(twice_as_slow), "c": row(), "d": row()}
    assert State("r", both, started=now - 20).left() == pytest.approx(20, rel=0.05)
    known = {"a": twice_as_slow, "b": row("running", started=now - 30, step=75, of=100)}
    assert State("r", known, started=now - 50).left() == pytest.approx(10, rel=0.02)
    resumed = {"a": twice_as_slow, "b": row("running", started=now - 30, step=75, of=100, first=60)}
    assert State("r", resumed, started=now - 50).left() == pytest.approx(50, rel=0.02)
    first = row("done", started=now - 3, ended=now, expected=0.1)  # with all that a process imports: no pace
    many = {str(number): row(expected=100) for number in range(10)}
    assert State("r", {"a": first, **many}, started=now - 3).left() == pytest.approx(1060, rel=0.01)
    overdue = {"a": twice_as_slow, "b": row("running", started=now - 300)}
    assert State("r", overdue, started=now - 320).left() == 0.0


def test_a_full_disk_stops_neither_the_heart_nor_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "WRITE", 0.01)
    monkeypatch.setattr(status, "HEART", 0.02)
    whole, broken = status.write_text, [False]

    def write(*given: Any, **how: Any) -> None:
        if broken[0]:
            raise OSError(28, "No space left on device")
        whole(*given, **how)

    monkeypatch.setattr(status, "write_text", write)
    with Keeper(store, State("r", {})):
        broken[0] = True
        time.sleep(0.1)
        first = on_disk(store, "r")["heartbeat"]
        broken[0] = False
        while on_disk(store, "r")["heartbeat"] == first:
            time.sleep(0.01)
        broken[0] = True  # and so it is at the end
