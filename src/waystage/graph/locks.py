"""One lock per fingerprint, over processes and, where the store is shared, over machines.

On a local disk: flock, through the `filelock` package (torch and huggingface_hub bring it). The kernel frees it when
its owner dies, however it dies. On a disk shared by several machines flock cannot be trusted: there the lock is a
lease, a file made with O_EXCL whose owner renews its time stamp; a lease not renewed for a minute belongs to the dead.
Locks only save work. What keeps an artifact whole is the atomic rename at its end, so a lease broken too early costs
a second run of one stage and nothing else.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from waystage.errors import StoreError
from waystage.graph.alive import BEAT, alive, me

POLL = 0.1


class Busy(StoreError):
    """Somebody else holds the lock."""


@contextmanager
def hold(path: Path, *, shared: bool = False, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `path` for the block; `Busy` when somebody else still holds it after `wait` seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lease(path.with_suffix(".lease"), wait) if shared else _flock(path, wait):
        if shared and path.exists():
            _free(path, wait)
        yield


def _free(path: Path, wait: float) -> None:
    """Until what was begun before the store was shared has ended: it holds the file. All later ones take leases."""
    with suppress(OSError, NotImplementedError), _flock(path, wait):  # somebody else's file, a disk without flock
        pass


@contextmanager
def _flock(path: Path, wait: float) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=wait, poll_interval=POLL)
    except Timeout:
        raise Busy(f"{path}: another process holds this lock") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _lease(path: Path, wait: float) -> Iterator[None]:
    token = uuid.uuid4().hex
    deadline = time.monotonic() + wait
    while not _take(path, token):
        if _break_if_stale(path):
            continue
        if time.monotonic() > deadline:
            raise Busy(f"{path}: {_owner(path)} holds this lease")
        time.sleep(min(POLL, max(wait, 0.001)))
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(path, token, stop), daemon=True)
    beats.start()
    try:
        yield
    finally:
        stop.set()
        beats.join()
        if _read(path).get("token") == token:
            path.unlink(missing_ok=True)


def _take(path: Path, token: str) -> bool:
    """The lease appears with its content: link() fails where it exists, like O_EXCL, and is atomic on NFS too."""
    draft = path.with_name(f".{path.name}.{token}")
    draft.write_text(json.dumps({**me(), "token": token}))
    try:
        os.link(draft, path)
        return True
    except FileExistsError:
        return False
    finally:
        draft.unlink()


def _beat(path: Path, token: str, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        if _read(path).get("token") != token:  # broken by somebody who took us for dead: never renew theirs
            return
        with suppress(FileNotFoundError):
            os.utime(path)


def _break_if_stale(path: Path) -> bool:
    """Whether it is worth trying again at once."""
    owner = _read(path)
    if not owner:
        return True
    if alive(owner, age(path)):
        return False
    grave = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with suppress(FileNotFoundError):  # somebody was faster
        path.rename(grave)
        if _read(grave).get("token") != owner["token"]:  # it had been broken and taken anew in between: give it back
            with suppress(FileExistsError):
                os.link(grave, path)
        grave.unlink()
    return True


def age(path: Path) -> float:
    """Seconds since the last heartbeat by the clock of the file server: those of two machines may disagree."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    probe.touch()
    try:
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
    finally:
        probe.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    except FileNotFoundError:
        return {}
    except ValueError:  # a power cut took its content: it belongs to nobody who could be asked, only its age counts
        return {"host": "a machine that is not known", "pid": 0, "token": ""}


def _owner(path: Path) -> str:
    owner = _read(path)
    return f"process {owner['pid']} on {owner['host']}" if owner else "another process"
