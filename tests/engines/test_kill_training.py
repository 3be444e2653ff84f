"""Killed in the middle of real training, dropout and replay too: what comes of it is equal, nothing is repeated."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from waystage import engines
from waystage.engines.inline import Inline
from waystage.engines.run import execute
from waystage.engines.slurm import Slurm, queue
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent

Files = list[tuple[str, str, str]]
Make = Callable[[Path], tuple[Plan, Store]]


@pytest.fixture(scope="module")
def make(small_model: Path) -> Iterator[Make]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        patch.setenv("WAYSTAGE_TEST_MODEL", str(small_model))
        patch.setenv("WAYSTAGE_CHECKPOINT_SECONDS", "0")
        from toys.training import plan

        yield plan


@pytest.fixture(scope="module")
def undisturbed(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Files:
    plan, store = make(tmp_path_factory.mktemp("undisturbed"))
    assert execute(plan, store, Inline()).ok
    return equality(store, plan.stages)


class Middle:
    """Waits until the last training stage of the chain has saved itself, and knows what had been finished by then."""

    def __init__(self, plan: Plan, store: Store):
        self.plan, self.store = plan, store
        self.stage = [stage for stage in plan.stages.values() if stage.kind == "train"][-1]
        self.finished: dict[str, str] = {}

    def reached(self) -> bool:
        if not list(self.store.root.glob(f"scratch/{self.stage.fingerprint}/state-*")):
            return False
        self.finished = {one: self.store.manifest(one)["started"] for one in self.store.fingerprints()}
        assert self.stage.fingerprint not in self.finished
        return True

    def check(self, undisturbed: Files) -> None:
        assert len(self.finished) > 3
        assert {one: self.store.manifest(one)["started"] for one in self.finished} == self.finished
        assert self.store.manifest(self.stage.fingerprint)["facts"]["resumed_at"] > 0
        assert equality(self.store, self.plan.stages) == undisturbed


def watch(middle: Middle, then: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        while not middle.reached():
            time.sleep(0.01)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def processes(title: str) -> list[int]:
    """Those that call themselves so."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if line.read_bytes().decode("utf-8", "replace").startswith(title):
                found.append(int(line.parent.name))
    return found


def test_a_ray_worker(make: Make, undisturbed: Files, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    middle = Middle(*make(tmp_path / "store"))

    def kill() -> None:
        (worker,) = processes(f"ray::{middle.stage.name}")
        os.kill(worker, signal.SIGKILL)

    with contextlib.closing(engines.get("ray")(jobs=2)) as engine:
        watching = watch(middle, kill)
        assert execute(middle.plan, middle.store, engine).ok
    watching.join()
    middle.check(undisturbed)


@pytest.mark.parametrize("name", ["local", "ray"])
def test_the_driver(make: Make, undisturbed: Files, tmp_path: Path, name: str) -> None:
    if name == "ray":
        pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    middle = Middle(*make(tmp_path / "store"))
    driver = subprocess.Popen(
        [sys.executable, "-m", "toys.training", str(middle.store.root), name],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.DEVNULL,
    )
    while not middle.reached():
        assert driver.poll() is None
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    with contextlib.closing(engines.get(name)(jobs=2)) as engine:
        assert execute(middle.plan, middle.store, engine).ok
    middle.check(undisturbed)


def test_a_slurm_job_is_preempted(slurm: Slurm, make: Make, undisturbed: Files, tmp_path: Path) -> None:
    """SLURM puts it back into the queue, where it would wait for two minutes."""
    middle = Middle(*make(tmp_path / "store"))

    def put_back() -> None:
        id = slurm.jobs[middle.stage.fingerprint].id
        subprocess.run(["scontrol", "requeue", id], check=True)
        while queue()[id].reason != "BeginTime":  # sooner it is still being killed, and forgets what it is told
            time.sleep(0.1)
        time.sleep(2)  # in the second of its end SLURM takes the new start for the old one, and refuses it
        subprocess.run(["scontrol", "update", f"jobid={id}", "StartTime=now"], check=True)

    watching = watch(middle, put_back)
    assert execute(middle.plan, middle.store, slurm).ok
    watching.join()
    middle.check(undisturbed)


def test_a_slurm_job_is_cancelled(slurm: Slurm, make: Make, undisturbed: Files, tmp_path: Path) -> None:
    middle = Middle(*make(tmp_path / "store"))
    watching = watch(
        middle, lambda: subprocess.run(["scancel", slurm.jobs[middle.stage.fingerprint].id], check=True) and None
    )
    first = execute(middle.plan, middle.store, slurm)
    watching.join()
    assert [failure.name for failure in first.failed] == [middle.stage.name]
    assert "CANCELLED" in first.failed[0].error
    assert execute(middle.plan, middle.store, slurm).ok
    middle.check(undisturbed)
