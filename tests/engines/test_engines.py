"""The contract of every engine, and what is particular to `inline` and `local`.

`ray` and `slurm` need something that a machine may lack: they go through the same contract where that is there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from waystage import engines
from waystage.engines import devices, memory
from waystage.engines.inline import Inline
from waystage.engines.local import Local
from waystage.engines.run import execute
from waystage.errors import UnknownName
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store, equality

Step = Callable[..., Stage]


NEEDS = {"ray": pytest.mark.slow, "slurm": pytest.mark.slow}


@pytest.fixture(params=[pytest.param(name, marks=NEEDS.get(name, ())) for name in engines.names()])
def engine(request: pytest.FixtureRequest) -> Iterator[engines.Engine]:
    if request.param == "ray":
        pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    if request.param == "slurm":
        yield request.getfixturevalue("slurm")
        return
    with contextlib.closing(engines.get(request.param)(jobs=2)) as made:
        yield made


# The contract


def test_every_engine_makes_equal_artifacts(
    engine: engines.Engine, diamond: Plan, store: Store, tmp_path: Path
) -> None:
    assert execute(diamond, store, engine).ok
    reference = Store(tmp_path / "reference")
    execute(diamond, reference, Inline())
    assert equality(store, diamond.stages) == equality(reference, diamond.stages)


def test_every_engine_runs_several_plans(engine: engines.Engine, step: Step, store: Store) -> None:
    for number in range(3):
        assert execute(Plan([step(id=number), step(id=f"x{number}")]), store, engine).ok


def test_every_engine_tells_of_progress_and_end(engine: engines.Engine, step: Step, store: Store) -> None:
    steps: list[Any] = []
    plan = Plan([step(steps=4, pause=0.01)])
    outcome = execute(
        plan, store, engine, events=lambda event, state: steps.append((event.get("step"), event.get("of")))
    )
    assert outcome.ok and (4, 4) in steps


def test_every_engine_is_described_on_one_line() -> None:
    assert engines.names() == ["inline", "local", "ray", "slurm"]
    for name in engines.names():
        assert 20 < len(engines.describe(name)) < 120


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(UnknownName, match=r"no engine is called 'locl' \(did you mean 'local'\?\)"):
        engines.get("locl")


def test_engines_import_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, waystage.engines.run, waystage.engines.local, waystage.engines.worker, waystage.engines.progress;"
        "import waystage.graph.plan, waystage.graph.draw;"
        "sys.exit(' '.join({'torch', 'numpy', 'pandas', 'pyarrow'} & set(sys.modules)) or 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Workers


def facts(store: Store, stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = store.manifest(stage.fingerprint)["facts"]
    return found


def test_workers_are_reused(step: Step, store: Store, local: Local) -> None:
    stages = [step() for _ in range(12)]
    execute(Plan(stages), store, local)
    assert 1 <= len({facts(store, stage)["pid"] for stage in stages}) <= 2
    assert os.getpid() not in {facts(store, stage)["pid"] for stage in stages}


def test_stages_run_side_by_side(step: Step, store: Store, local: Local, tmp_path: Path) -> None:
    """Each waits for a gate that opens when both wait: one after the other, they would wait for ever."""
    gate = tmp_path / "gate"
    stages = [step(id=name, places={"gate": str(gate)}) for name in ("a", "b")]

    def events(event: dict[str, Any], state: Any) -> None:
        if event.get("status") == "running" and state.counts().get("running") == 2:
            while len(list(tmp_path.glob("gate.*.waits"))) < 2:
                time.sleep(0.01)
            gate.touch()

    assert execute(Plan(stages), store, local, events=events).ok


def test_a_dead_worker_costs_its_stage_only(step: Step, store: Store, local: Local) -> None:
    plan = Plan([step(name="dies", die=True), *(step() for _ in range(6))])
    outcome = execute(plan, store, local)
    assert [(failure.name, failure.error) for failure in outcome.failed] == [
        ("dies", "its worker process died: SIGKILL (often: out of memory)")
    ]
    assert len(outcome.done) == 6
    assert len(local.workers) <= 2


def test_a_worker_that_dies_while_idle_is_replaced(step: Step, store: Store, local: Local) -> None:
    execute(Plan([step()]), store, local)
    for worker in local.workers:
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
    assert execute(Plan([step(), step()]), store, local).ok


def test_prints_go_to_the_log_and_never_between_messages(
    step: Step, store: Store, local: Local, capfd: pytest.CaptureFixture[str]
) -> None:
    loud, quiet = step(print=True), step()
    outcome = execute(Plan([loud, quiet]), store, local)
    assert outcome.ok
    (log,) = store.root.glob(f"runs/{outcome.run}/logs/{loud.fingerprint[:16]}.log")
    assert set(log.read_text().splitlines()) == {
        "to stdout", "to stderr", "straight to descriptor 1", "to the log",
    }  # fmt: skip
    assert capfd.readouterr() == ("", "")
    (other,) = store.root.glob(f"runs/{outcome.run}/logs/{quiet.fingerprint[:16]}.log")
    assert other.read_text() == ""


def test_accelerators_are_given_out_one_stage_each(step: Step, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    two, one, none = Resources(devices=2), Resources(devices=1), Resources()
    wide = step(resources=two)
    singles = [step(resources=one, steps=3, pause=0.02) for _ in range(6)]
    cpu = step(resources=none)
    many = step(resources=Resources(devices=8))
    with contextlib.closing(Local(jobs=1, accelerators=["3", "5"])) as engine:
        assert execute(Plan([*singles, wide, cpu, many]), store, engine).ok
    assert facts(store, wide)["cuda"] == "3,5"
    assert facts(store, many)["cuda"] == "3,5"  # as many as there are
    assert {facts(store, stage)["cuda"] for stage in singles} == {"3", "5"}
    assert {facts(store, stage)["device"] for stage in [wide, many, *singles]} == {"cuda"}
    assert facts(store, cpu) | {"cuda": "", "device": "cpu"} == facts(store, cpu)


def test_without_accelerators_stages_that_could_use_them_run_on_the_cpu(step: Step, store: Store, local: Local) -> None:
    stage = step(resources=Resources(devices=1))
    assert execute(Plan([stage]), store, local).ok
    assert facts(store, stage)["device"] == "cpu"


def test_estimates_of_memory_keep_stages_apart(step: Step, store: Store, local: Local) -> None:
    half = Resources(memory=int(memory.total() * 0.6))
    most = []
    stages = [step(resources=half, steps=2, pause=0.02) for _ in range(4)]
    execute(Plan(stages), store, local, events=lambda event, state: most.append(state.counts().get("running", 0)))
    assert max(most) == 1
    huge = step(resources=Resources(memory=memory.total() * 2))  # an estimate that cannot be met must not block
    assert execute(Plan([huge]), store, local).ok


def test_threads_are_set_before_libraries_are_imported(step: Step, store: Store) -> None:
    stage = step(threads=3)
    with contextlib.closing(Local(jobs=1, accelerators=[])) as engine:
        execute(Plan([stage]), store, engine)
    assert facts(store, stage)["omp"] == "3"


def test_a_stage_that_will_not_stop_is_made_to(step: Step, store: Store) -> None:
    """SIGTERM is answered by a signal handler, which a stage blocked in a library does not reach."""
    engine = Local(jobs=1, accelerators=[], grace=0.1)
    stage = step(deaf=True)

    def events(event: dict[str, Any], state: Any) -> None:
        if event.get("status") == "running":
            while not list(store.root.glob("scratch/*/deaf")):
                time.sleep(0.01)
            raise KeyboardInterrupt("SIGINT")

    outcome = execute(Plan([stage]), store, engine, events=events)
    assert outcome.interrupted == "SIGINT"
    assert engine.workers == []
    with store.lock(stage.fingerprint):
        pass


def test_visible_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3")
    assert devices.visible() == ["2", "3"]
    for said, there in {
        "0,-1,1": ["0"],
        "-1": [],
        "NoDevFiles": [],
        "1,1": ["1"],
        "GPU-8a,MIG-3": ["GPU-8a", "MIG-3"],
    }.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
        assert devices.visible() == there
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.visible() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert devices.visible() == []
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho '  MIG 1g: x'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    tool.chmod(0o755)
    assert devices.visible() == ["0", "1"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can forget a peak")
def test_peak_memory_is_that_of_one_stage() -> None:
    block = b"x" * (64 * 2**20)
    high = memory.peak()
    del block
    memory.forget_peak()
    assert memory.peak() < high - 32 * 2**20
