"""A stage that several processes share: one result, one failure, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waystage.engines import crew
from waystage.engines.inline import Inline
from waystage.engines.job import job_of, team
from waystage.engines.local import Local
from waystage.engines.outcome import Outcome
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

HERE = Path(__file__).parent
Made = Callable[..., Stage]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Made:
    """`told`: rank -> what it does."""
    monkeypatch.syspath_prepend(str(HERE))

    def make(told: dict[str, str] | None = None, **resources: Any) -> Stage:
        how = Resources(**{"processes": 3, **resources})
        return Stage(kind="toys.shared", version=1, name="shared", config={"told": told or {}}, resources=how)

    return make


def run(stage: Stage, store: Store) -> tuple[Outcome, str]:
    """How it ended, and the log."""
    outcome = execute(Plan([stage]), store, Inline())
    return outcome, "".join(path.read_text() for path in store.root.rglob("*.log"))


def alive(store: Store) -> list[int]:
    """Processes of a stage that are still there. One that nobody has waited for yet is not."""
    found = []
    for path in store.root.glob("scratch/*/pid-*"):
        stat = Path(f"/proc/{path.read_text()}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            found.append(int(path.read_text()))
    return found


def test_the_first_one_writes_speaks_and_is_told_of(shared: Made, store: Store) -> None:
    stage = shared(sharded=True)
    outcome, log = run(stage, store)
    assert outcome.ok
    assert log.count("is here") == 1
    assert "process 0 is here" in log
    assert (store.use(stage.fingerprint) / "a.txt").read_text() == "3 True"
    record = store.manifest(stage.fingerprint)
    assert record["facts"] | {"meet": ""} == {"rank": 0, "device": "cpu", "local": 0, "meet": ""}
    assert record["peak_memory"] > 10**7


def test_how_many_share_a_stage_is_no_identity(shared: Made) -> None:
    assert shared(processes=1).fingerprint == shared(processes=8, sharded=True).fingerprint


def test_one_that_is_killed_ends_all_and_is_named(shared: Made, store: Store) -> None:
    outcome, _ = run(shared({"0": "wait", "1": "die", "2": "miss"}), store)
    (failure,) = outcome.failed
    assert "process 1 of its 3 was lost: SIGKILL (often: out of memory)" in failure.error
    assert alive(store) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("fail", "RuntimeError: the grief of one (in process 1 of its 3)"),
        ("wrong", "there is no column 'gold'"),
        ("leave", "without a word: exit codes {1: 7}"),
    ],
)
def test_one_that_fails_ends_all_and_says_why(shared: Made, store: Store, told: str, words: str) -> None:
    outcome, log = run(shared({"0": "wait", "1": told, "2": "wait"}), store)
    assert words in outcome.failed[0].error
    assert ("Traceback" in log) == (told != "wrong")
    assert alive(store) == []


def test_all_start_again_where_one_asks_for_it(shared: Made, store: Store) -> None:
    outcome, log = run(shared({"2": "again"}), store)
    assert outcome.ok
    assert "once more, with less" in log


SUPERVISOR = textwrap.dedent(
    """
    import sys
    from waystage.engines.inline import Inline
    from waystage.engines.local import Local
    from waystage.engines.run import execute
    from waystage.graph.plan import Plan
    from waystage.graph.stage import Resources, Stage
    from waystage.graph.store import Store
    told = {"0": "wait", "1": "wait"}
    stage = Stage(kind="toys.shared", version=1, name="shared", config={"told": told}, resources=Resources(processes=2))
    engine = Inline() if sys.argv[2] == "inline" else Local(jobs=1, accelerators=[])
    outcome = execute(Plan([stage]), Store(sys.argv[1]), engine)
    print(outcome.interrupted)
    """
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_nobody_is_left_behind(store: Store, engine: str, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(store.root), engine], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}, start_new_session=True,
    )  # fmt: skip
    while len(list(store.root.glob("scratch/*/pid-*"))) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    if engine == "inline" and number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does: to all of them
    else:
        process.send_signal(number)
    said, _ = process.communicate()
    assert said.strip() == ("SIGINT" if number == signal.SIGINT else "")
    deadline = time.monotonic() + 30
    while alive(store):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_places_on_several_machines(shared: Made, store: Store) -> None:
    job = job_of(shared(), store, resources=Resources(devices=5, processes=5), log=Path("log"), run="r")
    teams = [team(machines=2, number=n, each=3, host="10.0.0.1", port=2345) for n in range(2)]
    where = [crew.machine(job, "cuda", one) for one in teams]
    assert [(one.first, one.here, one.size) for one in where] == [(0, 3, 5), (3, 2, 5)]
    assert {one.meet for one in where} == {"tcp://10.0.0.1:2345"}


def test_what_is_there_counts_not_what_was_planned(shared: Made, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    planned = job_of(shared(), store, resources=Resources(devices=8, processes=8), log=Path("log"), run="r")
    assert crew.machine(planned, "cuda").size == 2
    assert crew.machine(planned, "cpu").size == 1, "eight accelerators are not eight processes on one processor"
    on_cpu = job_of(shared(), store, resources=Resources(processes=2), log=Path("log"), run="r")
    assert crew.machine(on_cpu, "cpu").size == 2


@pytest.mark.parametrize("size", [2, 3])
def test_several_machines_that_are_one(shared: Made, store: Store, tmp_path: Path, size: int) -> None:
    """Both halves of a stage on two machines, as Ray and SLURM start them."""
    from threading import Thread

    from waystage.engines.job import assist, perform

    stage = shared(processes=size)
    log = tmp_path / "a.log"
    job = job_of(stage, store, resources=stage.resources, log=log, run="r")
    teams = [team(machines=2, number=n, each=-(-size // 2), host="127.0.0.1", port=2345) for n in range(2)]
    other = Thread(target=lambda: assist(job, device="cpu", team=teams[1]))
    other.start()
    answer = perform(job, engine="inline", device="cpu", tell=lambda message: None, team=teams[0])
    other.join()
    assert answer["event"] == "done"
    assert (store.use(stage.fingerprint) / "a.txt").read_text() == f"{size} False"
    assert list(store.root.glob("scratch/*")) == []  # what is done needs none


def test_local_runs_it_too(shared: Made, store: Store) -> None:
    engine = Local(jobs=2, accelerators=[])
    try:
        assert execute(Plan([shared()]), store, engine).ok
    finally:
        engine.close()
