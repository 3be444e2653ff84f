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
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from waystage.engines import Tell, devices, memory
from waystage.engines.job import Job, tail

GRACE = 10.0  # seconds that a stage has to stop by itself
ROOM = 0.9  # of the machine's memory may be spoken for by estimates


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


class Local:
    def __init__(self, *, jobs: int = 1, accelerators: list[str] | None = None, grace: float = GRACE):
        self.jobs = jobs
        self.accelerators = devices.visible() if accelerators is None else accelerators
        self.grace = grace
        self.workers: list[Worker] = []
        self.said: queue.SimpleQueue[tuple[Worker, dict[str, Any]]] = queue.SimpleQueue()

    def submit(self, job: Job, tell: Tell) -> bool:
        running = [worker for worker in self.workers if worker.job]
        needed = sum(worker.job.memory for worker in running if worker.job) + job.memory
        if running and needed > ROOM * memory.total():
            return False
        worker = self._worker(min(job.devices, len(self.accelerators)))
        if worker is None:
            return False
        worker.job, worker.tell = job, tell
        assert worker.process.stdin
        with suppress(BrokenPipeError):  # it died while idle: poll finds it with this job and says so
            worker.process.stdin.write(job.dump() + "\n")
            worker.process.stdin.flush()
        tell({"event": "started", "fingerprint": job.fingerprint, "log": job.log})
        return True

    def _worker(self, count: int) -> Worker | None:
        """An idle worker that sees `count` accelerators, a new one, or None when all places are taken."""
        if count == 0 and sum(1 for w in self.workers if w.job and not w.devices) >= self.jobs:
            return None
        for worker in [worker for worker in self.workers if not worker.job]:
            if worker.process.poll() is not None:
                self._forget(worker)
            elif len(worker.devices) == count:
                return worker
        busy = {device for worker in self.workers if worker.job for device in worker.devices}
        free = tuple(device for device in self.accelerators if device not in busy)[:count]
        if len(free) < count:
            return None
        for worker in [worker for worker in self.workers if not worker.job and set(worker.devices) & set(free)]:
            self._end(worker)  # idle, but it may still hold memory of a device that is needed now
        return self._start(free)

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
                worker.tell({"event": "failed", "fingerprint": fingerprint, "error": error, "tail": lines})
            self._forget(worker)

    def _pass_on(self, timeout: float) -> None:
        with suppress(queue.Empty):
            while True:
                worker, message = self.said.get(timeout=timeout) if timeout > 0 else self.said.get_nowait()
                timeout = 0.0
                tell = worker.tell
                assert tell
                if message["event"] != "progress":
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
