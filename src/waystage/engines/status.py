"""What a run is doing, in memory for whoever shows it and on disk for other terminals.

runs/RUN/state.json   everything `waystage status` shows; replaced as a whole, at most twice a second
runs/RUN/logs/        one log per stage
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from waystage.graph.alive import STALE, alive, me
from waystage.graph.files import write_text
from waystage.graph.retention import renew
from waystage.graph.store import Store

WRITE = 0.5  # seconds between two writes of the state
HEART = 5.0  # seconds between two heartbeats when nothing happens
SHARE = 0.05  # of a run's time may go into writing its state, however many stages it has
SLOWEST = STALE / 3  # seconds between two writes at most: the file and the claims are this run's heartbeat

TRUST = 0.05  # of a study's estimate: so much work weighs what was estimated as much as what was measured
ENDED = ("done", "reused", "failed", "skipped")


@dataclass
class Row:
    """One stage of a run."""

    name: str
    kind: str
    expected: float  # seconds, as estimated beforehand
    status: str = "pending"  # pending, running, waiting (for another run), done, reused, failed, skipped
    log: str = ""
    started: float = 0.0  # seconds since the epoch
    ended: float = 0.0
    step: int = 0
    of: int = 0
    first: int = 0  # where this try began: after a kill not at the first step
    loss: float | None = None
    rate: float | None = None  # examples per second
    note: str = ""  # why it runs, why it failed, was skipped or waits

    @property
    def seconds(self) -> float:
        return (self.ended or time.time()) - self.started if self.started else 0.0

    @property
    def left(self) -> float | None:
        """Seconds until a running stage ends, by its own pace; None before its first step."""
        here = self.step - self.first
        return self.seconds / here * (self.of - self.step) if here > 0 and self.of else None


@dataclass
class State:
    run: str
    rows: dict[str, Row]  # by fingerprint, only what this run set out to do
    study: str | None = None
    reused: int = 0  # artifacts that were there at the start
    who: dict[str, Any] = field(default_factory=me)
    started: float = field(default_factory=time.time)
    ended: float = 0.0
    status: str = "running"  # then done, failed, interrupted
    heartbeat: float = 0.0

    def counts(self) -> dict[str, int]:
        return dict(Counter(row.status for row in self.rows.values()))

    def by_kind(self) -> dict[str, dict[str, int]]:
        table: dict[str, Counter[str]] = {}
        for row in self.rows.values():
            table.setdefault(row.kind, Counter())[row.status] += 1
        return {kind: dict(counter) for kind, counter in table.items()}

    def left(self) -> float | None:
        """Seconds until the study is through: estimates, corrected by how the finished stages compared with theirs.

        None as long as nothing has finished: a bare estimate would pretend to know this machine.
        """
        done = [row for row in self.rows.values() if row.status == "done"]
        expected = sum(row.expected for row in done)
        if not expected:
            return None
        trust = TRUST * sum(row.expected for row in self.rows.values())
        pace = (sum(row.seconds for row in done) + trust) / (expected + trust)
        elapsed = max(row.ended for row in done) - self.started
        side_by_side = max(1.0, sum(row.seconds for row in done) / elapsed) if elapsed > 0 else 1.0
        left = 0.0
        for row in self.rows.values():
            if row.status == "running":
                left += row.left if row.left is not None else max(0.0, row.expected * pace - row.seconds)
            elif row.status in ("pending", "waiting"):
                left += row.expected * pace
        return left / side_by_side

    def dump(self) -> str:
        body = {key: value for key, value in vars(self).items() if key != "rows"}
        return json.dumps({**body, "rows": {fp: vars(row) for fp, row in self.rows.items()}})

    @classmethod
    def load(cls, text: str) -> Self:
        body = json.loads(text)
        return cls(**{**body, "rows": {fp: Row(**row) for fp, row in body["rows"].items()}})


class Keeper:
    """Writes the state of a run from a thread of its own: a stage that runs in this process must not stop the heart."""

    def __init__(self, store: Store, state: State):
        self.store, self.state = store, state
        self.lock = threading.Lock()  # held by whoever changes the state
        self.dirty = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Self:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(OSError):  # how the run ended is worth more than this file
            self._write()

    def change(self, what: Callable[[], None]) -> None:
        with self.lock:
            what()
            self.dirty = True

    def _keep(self) -> None:
        pause = WRITE
        while not self._stop.wait(pause):
            if self.dirty or time.time() - self.state.heartbeat > HEART:
                try:
                    pause = min(max(WRITE, self._write() / SHARE), SLOWEST)
                except OSError:  # a full disk may have room again; others must not take this run for dead till then
                    pause = HEART

    def _write(self) -> float:
        began = time.monotonic()
        with self.lock:
            self.state.heartbeat = time.time()
            self.dirty = False
            text = self.state.dump()
        renew(self.store, self.state.run)  # first: it needs no room on a full disk
        write_text(folder(self.store, self.state.run) / "state.json", text, durable=False)
        return time.monotonic() - began


def folder(store: Store, run: str) -> Path:
    return store.root / "runs" / run


def read(store: Store) -> list[State]:
    """Every run of this store, newest first. One whose process is gone says so: status `dead`."""
    found = []
    for path in sorted(store.root.glob("runs/*/state.json"), reverse=True):
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError):  # a power cut, another version
            state = State.load(path.read_text(encoding="utf-8"))
            if state.status == "running" and not alive(state.who, time.time() - state.heartbeat):
                state.status = "dead"
            found.append(state)
    return found
