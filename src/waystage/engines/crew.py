"""The processes that share one stage on this machine: one per accelerator, or side by side on its CPU.

`run` starts them, passes on what the first one says, and ends all as soon as one is lost: a stage without one of its
processes would wait for ever. `python -m waystage.engines.crew` is one of them. It takes one JSON line, holds on to
the pipe that it came through, and ends when that is closed: whoever started it is gone then.
"""

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
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from waystage import stages
from waystage.engines import devices, memory
from waystage.engines.job import Job, Message, Team, context_of, seldom, text_of
from waystage.engines.worker import set_threads
from waystage.errors import InputError, StageError
from waystage.graph.seat import Seat
from waystage.graph.store import Store

LISTEN = 0.2  # seconds between two looks at whether all are alive
CAUSE = 0.5  # seconds until a process that was killed shows: those that waited for it may complain first
LAST = 60.0  # seconds that the others have to end after the first one is done


@dataclass(frozen=True)
class Machine:
    """This machine's part of a stage that runs on several."""

    first: int = 0  # the number of its first process among all
    size: int = 1  # processes of the whole stage
    here: int = 1
    meet: str = ""


def machine(job: Job, device: str, team: Team | None = None) -> Machine:
    """How many processes of the stage run here. `team`: what `job.team` said, where it runs on several machines."""
    if team and job.processes > 1:
        number, each = int(team["PET_NODE_RANK"]), int(team["PET_NPROC_PER_NODE"])
        size = min(job.processes, each * int(team["PET_NNODES"]))
        meet = f"tcp://{team['PET_MASTER_ADDR']}:{team['PET_MASTER_PORT']}"
        return Machine(number * each, size, min(each, size - number * each), meet)
    if device == "cuda":
        here = min(job.processes, len(devices.visible()) or 1)
    else:
        here = 1 if job.devices else job.processes  # planned for accelerators that are not there
    return Machine(0, here, here)


Answer = tuple[dict[str, Any], int]  # the facts of the stage, and the largest memory that one of its processes had


def run(
    job: Job, inputs: stages.Inputs, out: Path | None, where: Machine, *, device: str, tell: Callable[[Message], None],
) -> Answer:  # fmt: skip
    """Run a stage in several processes. `out` is for the first of all; on other machines there is none."""
    while True:
        with tempfile.TemporaryDirectory(prefix="waystage-") as folder:
            answer = _once(job, inputs, out, where, Path(folder), device=device, tell=tell)
        if answer is not None:
            return answer


def _once(
    job: Job, inputs: stages.Inputs, out: Path | None, where: Machine, folder: Path, *, device: str,
    tell: Callable[[Message], None],
) -> Answer | None:  # fmt: skip
    """None: all have to start again."""
    said: queue.SimpleQueue[tuple[int, Message]] = queue.SimpleQueue()
    order: dict[str, Any] = {"job": job.dump(), "inputs": _texts(inputs), "device": device, "size": where.size,
             "meet": where.meet or f"file://{folder}/meet"}  # fmt: skip
    alone = where.size == where.here
    with _processes(where.here, Path(job.log), alone=alone) as processes:
        for local, process in enumerate(processes):
            rank = where.first + local
            place = str(out) if out and not rank else str(folder / f"of-{rank}")
            threading.Thread(target=_read, args=(process, rank, said), daemon=True).start()
            assert process.stdin
            with suppress(BrokenPipeError):  # it died already: that is found below
                process.stdin.write(json.dumps({**order, "rank": rank, "local": local, "out": place}) + "\n")
                process.stdin.flush()
        done: dict[int, Message] = {}
        while len(done) < where.here:
            try:
                rank, message = said.get(timeout=LISTEN)
            except queue.Empty:
                if any(p.poll() not in (None, 0) for p in processes):
                    _failed(processes, where, said, [], alone)
                    return None
                continue
            if message["event"] == "progress":
                tell(message)
            elif message["event"] == "done":
                done[rank] = message
            else:
                _failed(processes, where, said, [(rank, message)], alone)
                return None
        _end(processes)
    facts = done[where.first]["facts"]
    return facts, max(message["peak"] for message in done.values())


def _failed(
    processes: list[subprocess.Popen[str]], where: Machine, said: queue.SimpleQueue[tuple[int, Message]],
    messages: list[tuple[int, Message]], alone: bool,
) -> None:  # fmt: skip
    """Say why; not where all can start again. The first to fail is the cause, unless one was killed."""
    deadline = time.monotonic() + CAUSE
    while time.monotonic() < deadline and all((p.poll() or 0) >= 0 for p in processes):
        with suppress(queue.Empty):
            messages.append(said.get(timeout=0.05))
    for local, process in enumerate(processes):
        code = process.poll()
        if code is not None and code < 0:
            why = " (often: out of memory)" if code == -signal.SIGKILL else ""
            raise StageError(
                f"process {where.first + local} of its {where.size} was lost: {signal.Signals(-code).name}{why}. The "
                "others were stopped. The same command goes on from the last checkpoint"
            )
    problems = [(rank, message) for rank, message in messages if message["event"] in ("failed", "again")]
    if not problems:
        codes = {where.first + n: p.poll() for n, p in enumerate(processes) if p.poll() not in (None, 0)}
        raise StageError(f"of its {where.size} processes some ended without a word: exit codes {codes}")
    rank, message = problems[0]
    if message["event"] == "again" and alone:
        return
    if message.get("input"):
        raise InputError(message["error"])
    raise StageError(f"{message['error']} (in process {rank} of its {where.size})")


@contextmanager
def _processes(count: int, log: Path, *, alone: bool) -> Iterator[list[subprocess.Popen[str]]]:
    """They see the accelerators that this process sees. Where all are on this machine, they talk over loopback only."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if alone:
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        environment |= {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}
    made: list[subprocess.Popen[str]] = []
    try:
        with log.open("a") as lines:
            for _ in range(count):
                made.append(
                    subprocess.Popen(
                        [sys.executable, "-P", "-m", "waystage.engines.crew"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lines, text=True, encoding="utf-8",
                        env=environment,
                    )
                )  # fmt: skip
        yield made
    finally:
        for process in made:
            process.kill()  # nothing is lost: what counts is in scratch
        for process in made:
            process.wait()
            assert process.stdin
            with suppress(BrokenPipeError):
                process.stdin.close()


def _read(process: subprocess.Popen[str], rank: int, said: queue.SimpleQueue[tuple[int, Message]]) -> None:
    assert process.stdout
    with process.stdout as lines:
        for line in lines:
            said.put((rank, json.loads(line)))


def _end(processes: list[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + LAST
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.0, deadline - time.monotonic()))


def _texts(inputs: stages.Inputs) -> dict[str, Any]:
    return {name: [str(one) for one in given] if isinstance(given, list) else str(given)
            for name, given in inputs.items()}  # fmt: skip


# One of the processes


def main() -> None:
    orders, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a library prints goes to the log of the stage
    for number in (
        signal.SIGINT,
        signal.SIGUSR1,
    ):  # the terminal's Ctrl-C is for whoever started this, SLURM's word too
        signal.signal(number, signal.SIG_IGN)
    order = json.loads(orders.readline())
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()

    def tell(message: Message) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    tell(_perform(order, tell))
    sys.stderr.flush()
    os._exit(0)  # all is said and written; threads of the process group can abort an end in good order


def _listen(orders: IO[str]) -> None:
    orders.read()
    os._exit(1)  # whoever started this has gone, or wants it to


def _perform(order: dict[str, Any], tell: Callable[[Message], None]) -> Message:
    job, rank = Job.load(order["job"]), order["rank"]
    set_threads(job)
    device = f"cuda:{order['local']}" if order["device"] == "cuda" else "cpu"
    seat = Seat(rank, order["size"], order["local"], order["meet"], job.sharded and order["size"] > 1)
    out = Path(order["out"])
    out.mkdir(parents=True, exist_ok=True)
    with Path(job.log).open("a", encoding="utf-8", buffering=1) as lines:
        context = context_of(job, Store(job.store), device=device, seat=seat)
        if not rank:
            context.progress = seldom(tell)
            context.log = lambda line: print(line, file=lines)
        inputs: Any = {name: [Path(one) for one in given] if isinstance(given, list) else Path(given)
                       for name, given in order["inputs"].items()}  # fmt: skip
        try:
            facts = stages.run(job.kind, job.config, inputs, out, context)
        except (Exception, SystemExit) as error:
            return _problem(error, lines, rank)
    return {"event": "done", "facts": facts, "peak": memory.peak()}


def _problem(error: BaseException, lines: IO[str], rank: int) -> Message:
    text = text_of(error)
    if type(error).__name__ == "StartAgain":  # by name: the class is where torch is
        print(text, file=lines)
        return {"event": "again", "error": text}
    if not isinstance(error, InputError):
        print(f"process {rank}:", file=lines)
        traceback.print_exception(error, file=lines)
    return {"event": "failed", "error": text, "input": isinstance(error, InputError)}


if __name__ == "__main__":
    main()
