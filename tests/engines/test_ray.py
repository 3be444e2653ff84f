"""What is particular to Ray. Minutes on a small machine: each cluster is a dozen processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from waystage import engines
from waystage.engines.inline import Inline
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store, equality

Step = Callable[..., Stage]
HERE = Path(__file__).parent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ray_engine() -> Iterator[engines.Engine]:
    pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    with contextlib.closing(engines.get("ray")(jobs=2)) as engine:
        yield engine


def test_a_lost_worker_costs_nothing_but_the_steps_since_its_checkpoint(
    ray_engine: engines.Engine, step: Step, store: Store, tmp_path: Path, tally: Callable[[], list[str]]
) -> None:
    top = step(id="top")
    dies = step(id="dies", steps=4, places={"die once": str(tmp_path / "died")}, inputs={"from": top})
    plan = Plan([step(id="end", inputs={"from": dies}), step(id="other", inputs={"from": top})])
    outcome = execute(plan, store, ray_engine)
    assert outcome.ok and (tmp_path / "died").exists()
    assert Counter(tally()) == {"top": 1, "dies": 2, "end": 1, "other": 1}
    reference = Store(tmp_path / "reference")
    execute(plan, reference, Inline())
    assert equality(store, plan.stages) == equality(reference, plan.stages)


def test_a_stage_that_always_kills_its_worker_fails_with_a_word(
    ray_engine: engines.Engine, step: Step, store: Store
) -> None:
    outcome = execute(Plan([step(name="dies", die=True), step()]), store, ray_engine)
    assert len(outcome.done) == 1
    assert outcome.failed[0].name == "dies" and "its Ray worker was lost 4 times" in outcome.failed[0].error


def test_a_worker_that_cannot_write_is_not_called_lost(
    ray_engine: engines.Engine, step: Step, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ray_engine, "run", ray.remote(full))
    (failure,) = execute(Plan([step()]), store, ray_engine).failed
    assert failure.error == "its Ray task ended with OSError: [Errno 28] No space left on device"


def test_stages_that_stand_in_line_do_not_count_as_busy(ray_engine: engines.Engine, step: Step, store: Store) -> None:
    plan = Plan([step(steps=2, pause=0.1) for _ in range(12)])
    outcome = execute(plan, store, ray_engine)
    assert 0.3 < outcome.busy["places on the CPU"][0] <= 1.0


def test_prints_go_to_the_log(ray_engine: engines.Engine, step: Step, store: Store) -> None:
    stage = step(print=True)
    outcome = execute(Plan([stage]), store, ray_engine)
    (log,) = store.root.glob(f"runs/{outcome.run}/logs/{stage.fingerprint[:16]}.log")
    assert {"to stdout", "to stderr", "to the log"} <= set(log.read_text().splitlines())


def test_a_stage_on_the_cpu_takes_as_many_places_as_it_has_processes(
    ray_engine: engines.Engine, step: Step, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    options = ray_engine.run.options  # type: ignore[attr-defined]

    def noted(**how: Any) -> Any:
        asked[how["name"]] = how["num_cpus"]
        return options(**how)

    monkeypatch.setattr(ray_engine.run, "options", noted)  # type: ignore[attr-defined]
    how: dict[str, Any] = {"kind": "toys.shared", "version": 1, "config": {}}
    one = Stage(name="one", **{**how, "config": {"n": 1}}, resources=Resources(processes=1))
    two = Stage(name="two", **how, resources=Resources(processes=2))
    many = Stage(name="many", **{**how, "config": {"n": 3}}, resources=Resources(processes=3))
    assert execute(Plan([one, two, many]), store, ray_engine).ok
    assert asked == {"one": 1, "two": 2, "many": 2}, "no more than the machine has"


def test_short_stages_stand_in_line_and_each_runs_once(
    ray_engine: engines.Engine, step: Step, store: Store, tally: Callable[[], list[str]]
) -> None:
    most = 0

    def count(event: dict[str, Any], state: Any) -> None:
        nonlocal most
        most = max(most, len(ray_engine.tasks))  # type: ignore[attr-defined]

    short = [step(id=f"short{n}") for n in range(12)]
    long = [step(id=f"long{n}", resources=Resources(seconds=100.0)) for n in range(4)]
    assert execute(Plan([*short, *long]), store, ray_engine, events=count).ok
    assert Counter(tally()) == {stage.config["id"]: 1 for stage in (*short, *long)}
    assert most == 4, "two places, and as many in line"
    assert not ray_engine.line and not ray_engine.room.places  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["closed", "killed"])
def test_nobody_is_left_of_a_cluster_of_our_own(how: str) -> None:
    pytest.importorskip("ray")
    code = "import sys, waystage.engines.ray as r; e = r.start(); print('up', flush=True); sys.stdin.read(); e.close()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe) as driver:
        assert driver.stdin and driver.stdout
        assert driver.stdout.readline() == b"up\n"
        theirs = descendants(driver.pid)
        assert len(theirs) >= 4
        if how == "killed":
            driver.kill()
    end = time.monotonic() + 60  # a worker that was just beginning looks for its cluster for half a minute
    while left := [pid for pid in theirs if alive(pid)]:
        assert time.monotonic() < end, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(path.read_text().rpartition(")")[2].split()[1]) == pid:
                found += [int(path.parent.name), *descendants(int(path.parent.name))]
    return found


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def test_where_ray_does_not_begin_lean_it_begins_as_it_does() -> None:
    """In a process of its own: this one has a cluster."""
    pytest.importorskip("ray")
    code = (
        "import ray, waystage.engines.ray as e; e.NOBODY = ['/bin/false']; e.ANSWER = 3.0\n"
        "one = e.start(jobs=1); print(ray.get(ray.remote(lambda: 7).remote())); one.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.stdout.strip().endswith("7"), done.stderr


def test_the_driver_is_killed_and_the_next_run_repeats_nothing(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    store, tally, wide = Store(tmp_path / "store"), tmp_path / "tally", 4
    command = [sys.executable, "-m", "toys.study", str(store.root), "ray", "2", "0.3", str(tally), str(wide)]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    while len(list(store.fingerprints())) < 2:
        assert driver.poll() is None
        time.sleep(0.05)
    finished = {store.manifest(one)["stage"]["config"]["id"] for one in store.fingerprints()}
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode == 0
    ran = Counter(tally.read_text().splitlines())
    assert len(ran) == 1 + 2 * wide
    assert {name: ran[name] for name in finished} == dict.fromkeys(finished, 1)
    assert all(store.verify(one) == [] for one in store.fingerprints())
