"""Killed anywhere, a run leaves a store from which the next run goes on to equal artifacts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from waystage.engines import status
from waystage.engines.inline import Inline
from waystage.engines.run import execute
from waystage.graph import points
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality

HERE = Path(__file__).parent


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> type[Plan]:
    monkeypatch.syspath_prepend(str(HERE))
    from toys.study import study

    return study


def start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "toys.study", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(HERE), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def files(store: Store) -> list[tuple[str, str, str]]:
    assert all(store.verify(fingerprint) == [] for fingerprint in store.fingerprints())
    return equality(store, store.fingerprints())


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("point", [*points.STORE, *points.DROP, *points.RECORD])
def test_kill_at_each_named_point(study: type[Plan], tmp_path: Path, point: str, count: int) -> None:
    undisturbed, store = Store(tmp_path / "undisturbed"), Store(tmp_path / "store")
    assert execute(study(), undisturbed, Inline(), study="toy").ok
    killed = start(store.root, "inline", 1, WAYSTAGE_TEST_DIE_AT=f"{point}:{count}")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL  # the point was reached
    outcome = execute(study(), store, Inline(), study="toy")
    assert outcome.ok and outcome.warnings == []
    assert files(store) == files(undisturbed)
    assert [path.name for path in store.root.glob("claims/*.json")] == []


@pytest.mark.parametrize("moment", range(3))
def test_kill_at_random_moments(study: type[Plan], tmp_path: Path, moment: int) -> None:
    undisturbed, store = Store(tmp_path / "undisturbed"), Store(tmp_path / "store")
    assert execute(study(pause=0.02), undisturbed, Inline()).ok
    for _ in range(2):
        running = start(store.root, "local", 2, 0.02)
        time.sleep(random.Random().uniform(0.1, 0.9))
        running.kill()
        running.communicate()  # returns when the workers are gone too: they hold the other end
    outcome = execute(study(pause=0.02), store, Inline())
    assert outcome.ok
    assert files(store) == files(undisturbed)
    assert {state.status for state in status.read(store)} <= {"dead", "done"}


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_two_runs_at_once_share_the_work(study: type[Plan], tmp_path: Path, engine: str) -> None:
    tally, wide = tmp_path / "tally", 6
    store = Store(tmp_path / "store")
    runs = [start(store.root, engine, 2, 0.01, tally, wide) for _ in range(2)]
    ends = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], ends
    ran = Counter(tally.read_text().splitlines())
    assert set(ran.values()) == {1}
    assert len(ran) == 1 + 2 * wide
    plan = study(pause=0.01, wide=wide)
    assert plan.prune(store).run == {}
    assert not any(store.has(fingerprint) for fingerprint in plan.temporary)  # the last to finish cleaned up


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_an_interrupt_ends_the_run_in_order(
    study: type[Plan], tmp_path: Path, engine: str, number: signal.Signals
) -> None:
    store = Store(tmp_path / "store")
    run = start(store.root, engine, 2, 60)
    while not list(store.root.glob("scratch/*/step")):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(number)
    said, _ = run.communicate()
    assert run.returncode == 1
    assert f"stopped by {number.name}" in said and "run the same command to go on" in said
    (state,) = status.read(store)
    assert state.status == "interrupted"
    assert {row.status for row in state.rows.values()} == {"skipped"}
    with store.lock(next(iter(study(pause=60).stages))):  # nobody holds it any more
        pass
    assert list(store.root.glob("scratch/*/step"))  # where the stage goes on
