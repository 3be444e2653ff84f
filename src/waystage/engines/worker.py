"""A worker process: imports once, runs many stages. `python -m waystage.engines.worker` is started by `local`.

One JSON line in is a job, JSON lines out are messages about it. While a stage runs, everything that it or a library
prints goes to the stage's log, at the level of file descriptors, so nothing can get between the messages.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO

from waystage.engines.job import Job, Message, perform


class Stopped(BaseException):
    """Asked to stop: passes through stage code like KeyboardInterrupt, so locks and work folders are let go."""


def main() -> None:
    # Descriptors 0 and 1 belong to stage code from now on; the conversation moves to private ones.
    jobs, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, _stop)
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, todo), daemon=True).start()
    try:
        while True:
            _work(Job.load(todo.get()), answers)
    except Stopped:
        sys.exit(128 + signal.SIGTERM)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def _listen(jobs: IO[str], todo: queue.SimpleQueue[str]) -> None:
    for line in jobs:
        todo.put(line)
    # The parent closed the pipe or died. Nobody waits for an answer: go at once, with whatever the stage started.
    os.killpg(0, signal.SIGKILL)


def set_threads(job: Job) -> None:
    if "torch" not in sys.modules and "numpy" not in sys.modules:
        threads = str(job.config.get("threads", job.threads))  # read once, when these libraries are imported
        os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads))


def _work(job: Job, answers: IO[str]) -> None:
    set_threads(job)

    def tell(message: Message) -> None:
        answers.write(json.dumps({**message, "fingerprint": job.fingerprint}) + "\n")
        answers.flush()

    with printing_to(Path(job.log)):
        answer = perform(job, engine="local", device=os.environ.get("WAYSTAGE_WORKER_DEVICE", "cpu"), tell=tell)
    tell(answer)


@contextmanager
def printing_to(log: Path) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    own = os.dup(2)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(own, 1)
        os.dup2(own, 2)
        os.close(own)


if __name__ == "__main__":
    main()
