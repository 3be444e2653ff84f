"""Killed anywhere, a run leaves a store from which the next run goes on to equal artifacts."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from waystage.engines import status
from waystage.engines.inline import Inline
from waystage.engines.run import execute
from waystage.graph import points
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality

HERE = Path(__file__).parent
PAUSE = 0.005


Files = list[tuple[str, str, str]]


@pytest.fixture(scope="module")
def study() -> Iterator[Callable[..., Plan]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        from toys.study import study

        yield study


@pytest.fixture(scope="module")
def undisturbed(study: Callable[..., Plan], tmp_path_factory: pytest.TempPathFactory) -> Files:
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    assert execute(study(pause=PAUSE), store, Inline()).ok
    return files(store)


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


def files(store: Store) -> Files:
    assert all(store.verify(fingerprint) == [] for fingerprint in store.fingerprints())
    return equality(store, store.fingerprints())


@pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("point", [*points.STORE, *points.DROP, *points.RECORD])
def test_kill_at_each_named_point(
    study: Callable[..., Plan], undisturbed: Files, tmp_path: Path, point: str, count: int
) -> None:
    store = Store(tmp_path / "store")
    killed = start(store.root, "inline", 1, PAUSE, WAYSTAGE_TEST_DIE_AT=f"{point}:{count}")
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL  # the point was reached
    outcome = execute(study(pause=PAUSE), store, Inline(), study="toy")
    assert outcome.ok and outcome.warnings == []
    assert files(store) == undisturbed
    assert list(store.root.glob("claims/*.json")) == []


@pytest.mark.parametrize("moment", range(3))
def test_kill_at_random_moments(study: Callable[..., Plan], undisturbed: Files, tmp_path: Path, moment: int) -> None:
    store = Store(tmp_path / "store", shared=moment == 2)  # once with leases, which no kernel takes back
    for _ in range(2):
        running = start(store.root, "local", 2, PAUSE)
        time.sleep(random.Random().uniform(0.05, 0.6))
        running.kill()
        running.communicate()  # returns when the workers are gone too: they hold the other end
    outcome = execute(study(pause=PAUSE), store, Inline())
    assert outcome.ok
    assert files(store) == undisturbed
    assert {state.status for state in status.read(store)} <= {"dead", "done"}


@pytest.mark.parametrize("point", ["payload-synced", "before-rename", "after-rename"])
def test_workers_killed_at_a_point_fail_their_stage_only(
    study: Callable[..., Plan], undisturbed: Files, tmp_path: Path, point: str
) -> None:
    store = Store(tmp_path / "store")
    run = start(store.root, "local", 2, PAUSE, WAYSTAGE_TEST_DIE_AT=f"{point}:2")  # the second stage of each worker
    said, _ = run.communicate()
    assert run.returncode == 1
    assert "its worker process died: SIGKILL" in said
    assert execute(study(pause=PAUSE), store, Inline()).ok
    assert files(store) == undisturbed


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_two_runs_at_once_share_the_work(study: Callable[..., Plan], tmp_path: Path, engine: str, shared: bool) -> None:
    tally, wide = tmp_path / "tally", 6
    store = Store(tmp_path / "store", shared=shared)
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
    study: Callable[..., Plan], tmp_path: Path, engine: str, number: signal.Signals
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
