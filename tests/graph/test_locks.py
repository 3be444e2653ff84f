from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from waystage.graph import locks
from waystage.graph.alive import STALE, alive, me
from waystage.graph.locks import Busy, hold

HOLD = """
import sys, time
from pathlib import Path
from waystage.graph.locks import hold
with hold(Path(sys.argv[1]), shared=sys.argv[2] == "True"):
    print("held", flush=True)
    time.sleep(600)
"""
# Read, wait, write: loses counts unless one at a time does it.
COUNT = """
import sys, time
from pathlib import Path
from waystage.graph.locks import hold
path, total = Path(sys.argv[1]), Path(sys.argv[1] + ".total")
for _ in range(10):
    with hold(path, shared=sys.argv[2] == "True", wait=60):
        seen = int(total.read_text())
        time.sleep(0.001)
        total.write_text(str(seen + 1))
"""


def start(code: str, path: Path, shared: bool) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, str(path), str(shared)], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("shared", [False, True])
def test_one_at_a_time_over_processes(tmp_path: Path, shared: bool) -> None:
    path = tmp_path / "x.lock"
    total = tmp_path / "x.lock.total"
    total.write_text("0")
    workers = [start(COUNT, path, shared) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert total.read_text() == "30"
    for worker in workers:
        worker.communicate()


@pytest.mark.parametrize("shared", [False, True])
def test_busy_while_held_and_free_after_kill(tmp_path: Path, shared: bool) -> None:
    path = tmp_path / "x.lock"
    with start(HOLD, path, shared) as owner:
        assert owner.stdout and owner.stdout.readline() == "held\n"
        with pytest.raises(Busy), hold(path, shared=shared):
            pass
        owner.kill()
    with hold(path, shared=shared):
        pass


@pytest.mark.parametrize("shared", [False, True])
def test_threads_of_one_process_exclude_each_other(tmp_path: Path, shared: bool) -> None:
    path = tmp_path / "x.lock"
    with hold(path, shared=shared), pytest.raises(Busy), hold(path, shared=shared):
        pass


def test_what_began_before_the_store_was_shared_keeps_its_lock(tmp_path: Path) -> None:
    with (
        hold(tmp_path / "a.lock"),
        pytest.raises(Busy, match="another process holds"),
        hold(tmp_path / "a.lock", shared=True),
    ):
        pass
    with hold(tmp_path / "a.lock", shared=True):
        assert (tmp_path / "a.lease").exists()
    assert not (tmp_path / "a.lease").exists()


@pytest.mark.parametrize("shared", [False, True])
def test_free_again_after_the_block_and_after_an_error(tmp_path: Path, shared: bool) -> None:
    path = tmp_path / "x.lock"
    with hold(path, shared=shared):
        pass
    with pytest.raises(ZeroDivisionError), hold(path, shared=shared):
        1 / 0
    with hold(path, shared=shared):
        pass


def _lease_of_another_machine(path: Path, age: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"host": "far-away", "pid": 1, "born": 1, "token": "theirs"}))
    then = time.time() - age
    os.utime(path, (then, then))


def test_a_lease_of_another_machine_holds_until_its_heart_has_stopped_for_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "x.lease"
    _lease_of_another_machine(path, STALE - 10)
    with pytest.raises(Busy, match="process 1 on far-away"), hold(tmp_path / "x.lock", shared=True):
        pass
    _lease_of_another_machine(path, STALE + 10)
    with hold(tmp_path / "x.lock", shared=True, wait=1.0):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lease_whose_content_a_power_cut_took_holds_for_a_minute_too(tmp_path: Path) -> None:
    path = tmp_path / "x.lease"
    path.write_text("")
    with pytest.raises(Busy, match="a machine that is not known"), hold(tmp_path / "x.lock", shared=True):
        pass
    then = time.time() - STALE - 10
    os.utime(path, (then, then))
    with hold(tmp_path / "x.lock", shared=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lease_is_renewed_while_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.01)
    path = tmp_path / "x.lease"
    with hold(tmp_path / "x.lock", shared=True):
        os.utime(path, (1, 1))
        while path.stat().st_mtime == 1:
            time.sleep(0.01)


def test_who_lost_a_lease_neither_renews_nor_removes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.01)
    path = tmp_path / "x.lease"
    with hold(tmp_path / "x.lock", shared=True):
        draft = tmp_path / "draft"
        _lease_of_another_machine(draft, 30)
        draft.replace(path)
        time.sleep(0.05)
        assert time.time() - path.stat().st_mtime > 20
    assert json.loads(path.read_text())["token"] == "theirs"


def test_alive() -> None:
    assert alive(me(), age=1e9)  # this process: the process table knows better than any heartbeat
    assert not alive({**me(), "born": 1}, age=0.0)  # its number was given to another process
    assert alive({"host": "far-away", "pid": 1, "born": 1}, age=STALE - 1)
    assert not alive({"host": "far-away", "pid": 1, "born": 1}, age=STALE + 1)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert not alive({**me(), "pid": child.pid, "born": None}, age=0.0)
