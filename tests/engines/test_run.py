from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waystage.engines import run as run_module
from waystage.engines import status
from waystage.engines.inline import Inline
from waystage.engines.job import perform
from waystage.engines.local import Local
from waystage.engines.outcome import Failure, Outcome
from waystage.engines.run import execute
from waystage.engines.status import State
from waystage.errors import InputError, UnknownName
from waystage.graph import record, retention
from waystage.graph.locks import Busy
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

Step = Callable[..., Stage]
Tally = Callable[[], list[str]]


def names(plan: Plan, fingerprints: Any) -> list[str]:
    return [plan.stages[fingerprint].name for fingerprint in fingerprints]


def spoil(store: Store, stage: Stage, *, quietly: bool = False) -> None:
    """Change one byte; quietly: as a failing disk would, without touching size or time stamp."""
    path = store.path(stage.fingerprint) / "data" / "a.bin"
    times = path.stat()
    path.write_bytes(b"?" + path.read_bytes()[1:])
    if quietly:
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_runs_what_is_missing_and_nothing_twice(diamond: Plan, store: Store, tally: Tally) -> None:
    first = execute(diamond, store, Inline())
    assert first.ok and first.status == "done"
    assert names(diamond, first.done) == ["top", "middle 0", "middle 1", "middle 2", "end"]
    again = execute(diamond, store, Inline())
    assert again.ok and again.done == [] and names(diamond, again.reused) == ["end"]
    assert tally() == ["top", "m0", "m1", "m2", "end"]


def test_the_manifest_tells_the_story(diamond: Plan, store: Store) -> None:
    execute(diamond, store, Inline())
    end = diamond.wanted[0]
    found = store.manifest(end.fingerprint)
    assert found["stage"] == {
        "kind": "toys.step",
        "name": "end",
        "version": 1,
        "config": {"id": "end"},
        "inputs": {
            "from": [stage.fingerprint for stage in end.inputs["from"]],
            "first": end.inputs["first"].fingerprint,
        },
    }
    assert found["facts"]["device"] == found["device"] == "cpu"
    assert found["engine"] == "inline"
    assert found["versions"]["torch"] and found["host"]["cpus"] >= 1
    assert found["started"] <= found["finished"] and found["seconds"] >= 0
    assert found["peak_memory"] > 1_000_000


def test_the_time_of_earlier_tries_counts(step: Step, store: Store) -> None:
    resumed = step(earlier=3600.0)
    execute(Plan([resumed]), store, Inline())
    assert 3600 <= store.manifest(resumed.fingerprint)["seconds"] < 3660


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_failure_stops_only_what_hangs_on_it(
    step: Step, store: Store, engine: str, request: pytest.FixtureRequest
) -> None:
    bad = step(id="bad", name="bad", fail="loudly")
    lost = step(id="lost", name="lost", inputs={"from": bad})
    plan = Plan([step(id="last", name="last", inputs={"from": lost}), step(id="fine", name="fine", print=False)])
    outcome = execute(plan, store, Inline() if engine == "inline" else request.getfixturevalue("local"))
    assert names(plan, outcome.done) == ["fine"]
    assert not outcome.ok and outcome.status == "failed"
    (failure,) = outcome.failed
    assert failure.name == "bad"
    assert failure.error == "ValueError: told to fail: loudly"
    assert "ValueError: told to fail: loudly" in failure.tail[-1]
    assert "Traceback" in Path(failure.log).read_text()
    assert {plan.stages[fp].name: why for fp, why in outcome.skipped.items()} == {
        "lost": "bad failed",
        "last": "bad failed",
    }
    said = outcome.text()
    assert "failed: bad: ValueError: told to fail: loudly" in said and failure.log in said
    assert "run the same command" in said


def test_what_the_user_must_mend_is_said_without_a_traceback(step: Step, store: Store) -> None:
    outcome = execute(Plan([step(name="rows", wrong="mine.tsv")]), store, Inline())
    (failure,) = outcome.failed
    assert failure.error == "mine.tsv:7: there is no column 'gold'" and not failure.tail
    assert "Traceback" not in Path(failure.log).read_text() + outcome.text()


def test_a_stage_that_exits_has_failed(step: Step, store: Store) -> None:
    outcome = execute(Plan([step(exit=True), step()]), store, Inline())
    assert [failure.error for failure in outcome.failed] == ["SystemExit: 3"]
    assert len(outcome.done) == 1


def test_without_keep_going_the_first_failure_ends_the_run(step: Step, store: Store) -> None:
    long = Resources(seconds=100.0)
    plan = Plan([step(name="ok"), step(name="bad", fail="x", resources=long)])
    outcome = execute(plan, store, Inline(), keep_going=False)
    assert outcome.done == [] and outcome.failed[0].name == "bad"
    assert list(outcome.skipped.values()) == ["bad failed and the run was not to keep going"]


def test_the_longest_chain_goes_first(step: Step, store: Store, tally: Tally) -> None:
    short = step(id="short", resources=Resources(seconds=5.0))
    head = step(id="head", resources=Resources(seconds=1.0))
    tail = step(id="tail", inputs={"from": head}, resources=Resources(seconds=10.0))
    tiny = step(id="tiny")
    execute(Plan([tiny, short, tail]), store, Inline())
    assert tally() == ["head", "tail", "short", "tiny"]


def test_resources_may_be_said_from_outside(step: Step, store: Store, tally: Tally) -> None:
    plan = Plan([step(id="a"), step(id="b")])
    execute(plan, store, Inline(), resources=lambda stage: Resources(seconds=9.0 if stage.config["id"] == "b" else 1.0))
    assert tally() == ["b", "a"]


# What exists


def test_redo_makes_all_again_in_place(diamond: Plan, store: Store, tally: Tally) -> None:
    execute(diamond, store, Inline())
    before = store.manifest(diamond.wanted[0].fingerprint)["run"]
    outcome = execute(diamond, store, Inline(), existing="redo")
    assert len(outcome.done) == 5 and len(tally()) == 10
    assert store.manifest(diamond.wanted[0].fingerprint)["run"] == outcome.run != before
    assert list((store.root / "tmp").iterdir()) == []


def test_only_what_exists(diamond: Plan, store: Store, tally: Tally) -> None:
    outcome = execute(diamond, store, Inline(), existing="only")
    assert tally() == [] and len(outcome.skipped) == 5 and not outcome.ok
    assert set(outcome.skipped.values()) == {"only what exists was to be used"}
    execute(diamond, store, Inline())
    assert execute(diamond, store, Inline(), existing="only").ok


def test_unknown_ways_are_refused(diamond: Plan, store: Store) -> None:
    with pytest.raises(UnknownName, match=r"'reus' \(did you mean 'reuse'\?\)"):
        execute(diamond, store, Inline(), existing="reus")
    with pytest.raises(InputError, match="no stage matches"):
        execute(diamond, store, Inline(), only="nothing*")
    assert list(store.root.glob("claims/*")) == []


def test_only_a_pattern_runs_with_what_it_needs(diamond: Plan, store: Store, tally: Tally) -> None:
    outcome = execute(diamond, store, Inline(), only="middle [01]")
    assert outcome.ok and tally() == ["top", "m0", "m1"]


def test_limit_counts_stages_that_run(diamond: Plan, store: Store, tally: Tally) -> None:
    outcome = execute(diamond, store, Inline(), limit=2)
    assert tally() == ["top", "m0"]
    assert set(outcome.skipped.values()) == {"the run was limited to 2 stages"} and len(outcome.skipped) == 3
    assert execute(diamond, store, Inline(), limit=3).ok


# Damage


@pytest.mark.parametrize("quietly", [False, True])
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_corrupt_input_is_noticed_before_use_and_made_again(
    diamond: Plan, store: Store, tally: Tally, engine: str, quietly: bool, request: pytest.FixtureRequest
) -> None:
    execute(diamond, store, Inline())
    top, end = next(iter(diamond.stages.values())), diamond.wanted[0]
    good = (store.path(end.fingerprint) / "b.txt").read_text()
    store.remove(end.fingerprint)
    spoil(store, top, quietly=quietly)
    outcome = execute(diamond, store, Inline() if engine == "inline" else request.getfixturevalue("local"))
    assert outcome.ok and sorted(names(diamond, outcome.done)) == ["end", "top"]
    (warning,) = outcome.warnings
    assert "a.bin has sha256" in warning and "to be made again" in warning
    assert (store.path(end.fingerprint) / "b.txt").read_text() == good
    assert store.verify(top.fingerprint) == []
    assert len(list((store.root / "quarantine").iterdir())) == 1


def test_a_corrupt_result_is_noticed_by_the_next_run(diamond: Plan, store: Store, tally: Tally) -> None:
    execute(diamond, store, Inline())
    end = diamond.wanted[0]
    spoil(store, end)
    outcome = execute(diamond, store, Inline())
    assert names(diamond, outcome.done) == ["end"] and len(outcome.warnings) == 1
    assert store.verify(end.fingerprint) == []


def test_an_input_and_all_above_it_may_be_gone(step: Step, store: Store, tally: Tally) -> None:
    a = step(id="a")
    b = step(id="b", inputs={"from": a})
    c = step(id="c", inputs={"from": b})
    d = step(id="d", inputs={"from": c, "too": b})
    plan = Plan([d])
    execute(plan, store, Inline())
    for stage in (a, b, d):
        store.remove(stage.fingerprint)
    spoil(store, c, quietly=True)  # so the plan believes in c, and nobody looks for a and b until d needs them
    outcome = execute(plan, store, Inline())
    assert outcome.ok and tally() == [*"abcd", *"abcd"]


def test_a_failing_disk_is_not_fed_for_ever(step: Step, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    a = step(id="a")
    plan = Plan([step(id="b", inputs={"from": a})])

    def rotten(job: Any, **how: Any) -> Any:
        answer = perform(job, **how)
        if job.config["id"] == "a":
            spoil(store, a)
        return answer

    monkeypatch.setattr("waystage.engines.inline.perform", rotten)
    outcome = execute(plan, store, Inline())
    assert "does not stay whole" in outcome.failed[0].error
    assert len(outcome.warnings) == run_module.PATIENCE + 1


# Retention


def chain(step: Step, readers: int = 2) -> tuple[Plan, Stage]:
    checkpoint = step(id="checkpoint", name="checkpoint", temporary=True)
    return Plan([step(id=f"e{n}", name=f"e{n}", inputs={"from": checkpoint}) for n in range(readers)]), checkpoint


def test_temporary_checkpoints_go_when_all_that_reads_them_exists(step: Step, store: Store, tally: Tally) -> None:
    plan, checkpoint = chain(step)
    first = execute(plan, store, Inline(), limit=2)
    assert first.dropped == [] and store.has(checkpoint.fingerprint)  # e1 still needs it
    second = execute(plan, store, Inline())
    assert second.ok and second.dropped == [checkpoint.fingerprint] and not store.has(checkpoint.fingerprint)
    assert store.manifest(checkpoint.fingerprint)["stage"]["name"] == "checkpoint"
    assert execute(plan, store, Inline()).done == []
    assert tally() == ["checkpoint", "e0", "e1"]


def test_keep_all(step: Step, store: Store) -> None:
    plan, checkpoint = chain(step)
    outcome = execute(plan, store, Inline(), keep="all")
    assert outcome.dropped == [] and store.has(checkpoint.fingerprint)


def test_a_checkpoint_stays_when_a_reader_failed_or_was_not_asked_for(step: Step, store: Store) -> None:
    checkpoint = step(id="c", temporary=True)
    plan = Plan(
        [step(name="good", inputs={"from": checkpoint}), step(name="bad", fail="x", inputs={"from": checkpoint})]
    )
    assert execute(plan, store, Inline()).dropped == []
    assert store.has(checkpoint.fingerprint)
    other, checkpoint = chain(step)
    assert execute(other, store, Inline(), only="e0").dropped == []
    assert store.has(checkpoint.fingerprint)


def test_a_dropped_checkpoint_is_made_again_when_a_new_reader_needs_it(step: Step, store: Store, tally: Tally) -> None:
    plan, checkpoint = chain(step, readers=1)
    execute(plan, store, Inline())
    larger = Plan([*plan.wanted, step(id="new", inputs={"from": checkpoint})])
    assert execute(larger, store, Inline()).ok
    assert tally() == ["checkpoint", "e0", "checkpoint", "new"]


def test_who_clears_up_the_store_for_long_ends_no_run(
    step: Step, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, checkpoint = chain(step)

    def busy(*given: Any, **how: Any) -> list[str]:
        raise Busy("claims.lock: another process holds this lock")

    with monkeypatch.context() as patched:
        patched.setattr(retention, "drop", busy)
        assert execute(plan, store, Inline()).ok
    assert store.has(checkpoint.fingerprint)
    assert execute(plan, store, Inline()).dropped == [checkpoint.fingerprint]


# Telling


def test_the_study_is_recorded_with_what_was_made(diamond: Plan, store: Store) -> None:
    execute(diamond, store, Inline(), study="s", limit=2)
    found = record.load(store, "s")
    assert found and [noted.label for noted in found.stages if noted.done] == ["top", "middle 0"]
    assert set(diamond.prune(store, study="s").run.values()) == {"not run yet"}


def test_events_tell_every_change_in_order(step: Step, store: Store) -> None:
    seen: list[tuple[str, Any]] = []

    def events(event: dict[str, Any], state: State) -> None:
        seen.append((event["event"], event.get("status") or event.get("step")))

    execute(Plan([step(steps=2)]), store, Inline(), events=events)
    assert seen[:3] == [("begin", None), ("stage", "running"), ("stage", 1)]
    assert seen[-2:] == [("stage", "done"), ("end", None)]


def test_a_crash_of_the_scheduler_leaves_no_run_behind(step: Step, store: Store, local: Local) -> None:
    def events(event: dict[str, Any], state: State) -> None:
        if event.get("status") == "running":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        execute(Plan([step(steps=10**6, pause=0.01)]), store, local, events=events)
    assert local.workers == []
    assert list(store.root.glob("claims/*.json")) == []
    (path,) = store.root.glob("runs/*/state.json")
    assert json.loads(path.read_text())["status"] == "failed"


def test_a_second_interrupt_leaves_no_run_behind_either(step: Step, store: Store) -> None:
    engine = Inline()
    seen: list[str] = []

    def close(*, cancel: bool = False) -> None:
        raise KeyboardInterrupt("SIGINT")

    def events(event: dict[str, Any], state: State) -> None:
        seen.append(event["event"])
        if event.get("step"):
            raise KeyboardInterrupt("SIGINT")

    engine.close = close  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        execute(Plan([step(steps=2)]), store, engine, events=events)
    assert seen[-1] == "end"
    assert [state.status for state in status.read(store)] == ["interrupted"]


def test_outcome_text_of_an_interrupt() -> None:
    outcome = Outcome("r", done=["a"], interrupted="SIGINT", skipped={"b": "the run was stopped by SIGINT"})
    assert not outcome.ok and outcome.status == "interrupted"
    assert "1 stages did not run" in outcome.text() and "run the same command to go on" in outcome.text()


def test_outcome_text_of_a_stage_that_never_began() -> None:
    said = Outcome(
        "r", failed=[Failure("f", "top", "its SLURM job 17_0 ended without a word", "", ("no python",))]
    ).text()
    assert "  | no python" in said and "log:" not in said


def test_a_stage_that_another_run_works_on_is_waited_for(step: Step, store: Store, local: Local) -> None:
    """The other run is this test, which holds the lock, then puts the artifact there."""
    stage = step(id="a")
    plan = Plan([step(id="b", inputs={"from": stage})])
    waited: list[float] = []

    def events(event: dict[str, Any], state: State) -> None:
        if event.get("status") == "waiting" and not waited:
            waited.append(time.monotonic())
            folder = store.open(stage.fingerprint)
            (folder / "data").mkdir()
            (folder / "data" / "a.bin").write_bytes(b"theirs")
            store.commit(stage.fingerprint, folder, {})

    with store.lock(stage.fingerprint):
        outcome = execute(plan, store, local, events=events)
    assert waited and outcome.ok
    assert names(plan, outcome.reused) == ["step a"] and names(plan, outcome.done) == ["step b"]
