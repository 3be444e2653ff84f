"""Worker processes on this machine: each imports once and runs many stages; a crash costs its stage only."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from waystage.engines import Tell, devices, memory
from waystage.engines.job import Job, tail
from waystage.engines.schedule import Node, Room

GRACE = 10.0  # seconds that a stage has to stop by itself


def start(*, jobs: int = 1) -> Local:
    """`jobs` stages on the CPU side by side (0: one per core), and one per accelerator besides."""
    return Local(jobs=jobs or os.cpu_count() or 1)


@dataclass(eq=False)
class Worker:
    process: subprocess.Popen[str]
    devices: tuple[str, ...]
    complaints: IO[bytes]  # what it says outside of any stage
    reader: threading.Thread = field(init=False)
    job: Job | None = None
    tell: Tell | None = None
    warm: frozenset[str] = frozenset()  # checkpoints that it made or read last


class Local:
    ahead = False

    def __init__(self, *, jobs: int = 1, accelerators: list[str] | None = None, grace: float = GRACE):
        self.jobs = jobs
        self.accelerators = devices.visible() if accelerators is None else accelerators
        self.grace = grace
        self.room = Room([Node(slots=jobs, memory=memory.total(), devices=devices.sizes(self.accelerators))])
        self.workers: list[Worker] = []
        self.said: queue.SimpleQueue[tuple[Worker, dict[str, Any]]] = queue.SimpleQueue()

    @property
    def places(self) -> tuple[int, int]:
        return self.jobs, len(self.accelerators)

    def submit(self, job: Job, tell: Tell) -> bool:
        place = self.room.place(job.fingerprint, job.need, now=time.monotonic(), near=job.near)
        if place is None:
            return False
        worker = self._worker(tuple(self.accelerators[number] for _, number in place.devices), job.near)
        worker.job, worker.tell = job, tell
        worker.warm = frozenset({job.fingerprint, job.near})
        assert worker.process.stdin
        with suppress(BrokenPipeError):  # it died while idle: poll finds it with this job and says so
            worker.process.stdin.write(job.dump() + "\n")
            worker.process.stdin.flush()
        tell({"event": "started", "fingerprint": job.fingerprint, "log": job.log})
        return True

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        for fingerprint in fingerprints:
            self.room.forget(fingerprint)

    def _worker(self, ids: tuple[str, ...], near: str) -> Worker:
        """An idle worker that sees these accelerators, if possible one with the checkpoint at hand, or a new one."""
        for worker in [worker for worker in self.workers if not worker.job and worker.process.poll() is not None]:
            self._forget(worker)
        idle = [worker for worker in self.workers if not worker.job]
        if able := [worker for worker in idle if worker.devices == ids]:
            return next((worker for worker in able if near in worker.warm), able[0])
        for worker in [worker for worker in idle if set(worker.devices) & set(ids)]:
            self._end(worker)  # idle, but it may still hold memory of a device that is needed now
        return self._start(ids)

    def _start(self, ids: tuple[str, ...]) -> Worker:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        if self.accelerators:
            environment |= {"CUDA_VISIBLE_DEVICES": ",".join(ids), "WAYSTAGE_WORKER_DEVICE": "cuda" if ids else "cpu"}
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the worker lives
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "waystage.engines.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            encoding="utf-8",
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches the parent alone, which then stops workers in order
        )
        worker = Worker(process, ids, complaints)
        worker.reader = threading.Thread(target=self._read, args=(worker,), daemon=True)
        worker.reader.start()
        self.workers.append(worker)
        return worker

    def _read(self, worker: Worker) -> None:
        assert worker.process.stdout
        for line in worker.process.stdout:
            self.said.put((worker, json.loads(line)))

    def poll(self, timeout: float) -> None:
        self._pass_on(timeout)
        for worker in [w for w in self.workers if w.job and w.process.poll() is not None]:
            worker.reader.join(timeout=1.0)  # its last words may still be in the pipe
            self._pass_on(0.0)
            if worker.job and worker.tell:
                fingerprint, log = worker.job.fingerprint, Path(worker.job.log)
                error = f"its worker process died: {_cause(worker.process.returncode)}"
                lines = tail(log) + self._complaints(worker)
                self.room.free(fingerprint)
                worker.tell({"event": "failed", "fingerprint": fingerprint, "error": error, "tail": lines})
            self._forget(worker)

    def _pass_on(self, timeout: float) -> None:
        with suppress(queue.Empty):
            while True:
                worker, message = self.said.get(timeout=timeout) if timeout > 0 else self.said.get_nowait()
                timeout = 0.0
                tell = worker.tell
                assert tell
                if message["event"] != "progress" and worker.job:
                    self.room.free(worker.job.fingerprint)
                    worker.job = worker.tell = None
                tell(message)

    @staticmethod
    def _complaints(worker: Worker) -> list[str]:
        worker.complaints.seek(0)
        return worker.complaints.read().decode("utf-8", "replace").splitlines()[-5:]

    def close(self, *, cancel: bool = False) -> None:
        busy = [worker for worker in self.workers if worker.job]
        try:
            if cancel:
                for worker in busy:
                    _signal(worker, signal.SIGTERM)
                deadline = time.monotonic() + self.grace
                for worker in busy:
                    with suppress(subprocess.TimeoutExpired):
                        worker.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        finally:  # a second Ctrl-C cuts the grace short
            for worker in list(self.workers):
                self._end(worker)

    def _end(self, worker: Worker) -> None:
        _signal(worker, signal.SIGKILL)  # nothing is lost: what counts is in the store or in scratch
        worker.process.wait()
        self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        self.workers.remove(worker)
        with suppress(ProcessLookupError):  # what its stage started and left behind
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.reader.join(timeout=1.0)
        assert worker.process.stdin and worker.process.stdout
        with suppress(BrokenPipeError):
            worker.process.stdin.close()
        if not worker.reader.is_alive():  # else a child of the stage holds the other end
            worker.process.stdout.close()
        worker.complaints.close()


def _signal(worker: Worker, number: signal.Signals) -> None:
    """To the stage's whole family: it may have started processes of its own."""
    with suppress(ProcessLookupError):
        if worker.process.poll() is None:
            os.killpg(worker.process.pid, number)


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    why = " (often: out of memory)" if code == -signal.SIGKILL else ""
    return f"{signal.Signals(-code).name}{why}"
