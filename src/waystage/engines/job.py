"""One stage as it travels to where it runs, and the one way to run it there."""

from __future__ import annotations

import json
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from waystage import stages
from waystage.engines import memory
from waystage.engines.schedule import near
from waystage.errors import InputError, WaystageError
from waystage.graph import canonical, locks, manifest
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Corrupt, Store

Team = dict[str, str]
Message = dict[str, Any]  # "event": queued, started, progress, then one of done, reused, busy, bad-input, failed

OFTEN = 0.2  # seconds between two progress messages: stages may report each step
TAIL = 15  # lines of a log that a failure shows


@dataclass(frozen=True, kw_only=True)
class Job:
    fingerprint: str
    kind: str
    name: str
    version: int
    config: dict[str, Any]
    inputs: dict[str, str | list[str]]  # fingerprints
    places: dict[str, str]
    devices: int
    threads: int
    memory: int
    store: str
    log: str
    run: str
    redo: bool = False
    seconds: float = 1.0
    near: str = ""  # the checkpoint that it reads
    micro_tokens: int = 0
    checkpointing: bool = False
    processes: int = 1
    sharded: bool = False
    host: int = 0
    note: str = ""

    @property
    def need(self) -> Resources:
        return Resources(
            devices=self.devices, memory=self.memory, threads=self.threads, seconds=self.seconds,
            processes=self.processes,
        )  # fmt: skip

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Job:
        return cls(**json.loads(text))


def job_of(stage: Stage, store: Store, *, resources: Resources, log: Path, run: str, redo: bool = False) -> Job:
    return Job(
        fingerprint=stage.fingerprint,
        kind=stage.kind,
        name=stage.name,
        version=stage.version,
        config=canonical.plain(stage.config),  # lists, not tuples, on every engine alike
        inputs={
            name: [s.fingerprint for s in given] if isinstance(given, tuple) else given.fingerprint
            for name, given in stage.inputs.items()
        },
        places=dict(stage.places),
        devices=resources.devices,
        threads=resources.threads,
        memory=resources.memory,
        micro_tokens=resources.micro_tokens,
        checkpointing=resources.checkpointing,
        processes=resources.processes,
        sharded=resources.sharded,
        host=resources.host,
        note=resources.note,
        store=str(store.root),
        log=str(log),
        run=run,
        redo=redo,
        seconds=resources.seconds,
        near=near(stage),
    )


def perform(
    job: Job, *, engine: str, device: str, tell: Callable[[Message], None], team: Team | None = None
) -> Message:
    """Run one stage under its lock, unless its artifact appeared meanwhile. The answer says how it ended.

    `team` is what `team` said, on the first of several machines.
    """
    store = _store(job.store)
    try:
        with store.lock(job.fingerprint):
            if not job.redo and store.verify(job.fingerprint, deep=False) == []:
                return {"event": "reused"}
            return _run(job, store, engine, device, tell, team)
    except locks.Busy:
        return {"event": "busy"}


def assist(job: Job, *, device: str, team: Team) -> None:
    """Be one of the other machines of a stage that runs on several: the first one, in `perform`, keeps the result.

    The machines find each other by what `team` said: it holds what `torchrun` asks for.
    """
    from waystage.engines import crew

    store = _store(job.store)
    if not job.redo and store.verify(job.fingerprint, deep=False) == []:
        return  # the first one will not come
    if job.processes > 1:
        where = crew.machine(job, device, team)
        crew.run(job, _inputs(job, store), None, where, device=device, tell=lambda message: None)
        return
    with tempfile.TemporaryDirectory() as folder, Path(job.log).with_suffix(".others.log").open("a") as lines:
        context = context_of(job, store, device=device, log=lambda line: print(line, file=lines))
        stages.run(job.kind, job.config, _inputs(job, store), Path(folder), context)


def team(*, machines: int, number: int, each: int, host: str, port: int) -> Team:
    """Where a stage that runs on several machines finds the others; torchrun takes these as its arguments."""
    said = {"NNODES": machines, "NODE_RANK": number, "NPROC_PER_NODE": each, "MASTER_ADDR": host, "MASTER_PORT": port}
    return {f"PET_{name}": str(value) for name, value in said.items()}


def context_of(job: Job, store: Store, *, device: str, **more: Any) -> stages.Context:
    """What a job says of how and where its stage runs; `more` is for this process alone."""
    return stages.Context(
        scratch=store.scratch(job.fingerprint),
        places=job.places,
        device=device,
        micro_tokens=job.micro_tokens,
        checkpointing=job.checkpointing,
        **more,
    )


def text_of(error: BaseException) -> str:
    """In one line: our own errors speak for themselves."""
    return str(error) if isinstance(error, WaystageError) else f"{type(error).__name__}: {error}"


def _inputs(job: Job, store: Store) -> stages.Inputs:
    return {
        name: [store.use(one) for one in given] if isinstance(given, list) else store.use(given)
        for name, given in job.inputs.items()
    }


@cache
def _store(root: str) -> Store:
    """One per process: it remembers which inputs were hashed here already."""
    return Store(root)


def _run(
    job: Job, store: Store, engine: str, device: str, tell: Callable[[Message], None], team: Team | None
) -> Message:  # fmt: skip
    from waystage.engines import crew

    log = Path(job.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    started, clock = datetime.now(UTC), time.perf_counter()
    memory.forget_peak()
    with log.open("a", encoding="utf-8", buffering=1) as lines:
        try:
            if job.note:
                print(job.note, file=lines)
            if job.devices and device == "cpu":
                print("planned for an accelerator, but there is none here: it runs on the CPU", file=lines)
            inputs = _inputs(job, store)
            out = store.open(job.fingerprint)
            where = crew.machine(job, device, team)
            if where.size != job.processes:
                print(f"planned for {job.processes} processes, but there is room for {where.size} here", file=lines)
            if where.size > 1:
                facts, most = crew.run(job, inputs, out, where, device=device, tell=tell)
            else:
                context = context_of(
                    job, store, device=device, progress=seldom(tell), log=lambda line: print(line, file=lines)
                )
                facts, most = stages.run(job.kind, job.config, inputs, out, context), 0
            record = {
                "stage": {key: getattr(job, key) for key in ("kind", "name", "version", "config", "inputs")},
                "facts": facts,
                "started": started.isoformat(timespec="seconds"),
                "finished": datetime.now(UTC).isoformat(timespec="seconds"),
                # what a killed try left to go on from was paid for too
                "seconds": round(time.perf_counter() - clock + (facts or {}).get("earlier_seconds", 0.0), 3),
                "peak_memory": max(most, memory.peak()),
                "engine": engine,
                "device": device,
                "run": job.run,
                "versions": manifest.versions(),
                "host": manifest.machine(),
            }
            store.commit(job.fingerprint, out, record, replace=store.has(job.fingerprint))
        except Corrupt as error:
            return {"event": "bad-input", "input": error.fingerprint, "why": str(error)}
        except (Exception, SystemExit) as error:  # SystemExit: a library that gives up must not end the worker
            if isinstance(error, InputError):  # the message says what to mend; where our code stood helps nobody
                print(error, file=lines)
                return {"event": "failed", "error": str(error), "tail": ()}
            traceback.print_exc(file=lines)
            return {"event": "failed", "error": text_of(error), "tail": tail(log)}
    return {"event": "done", "seconds": record["seconds"], "peak_memory": record["peak_memory"], "facts": facts}


def seldom(tell: Callable[[Message], None]) -> Callable[[Mapping[str, Any]], None]:
    last = 0.0

    def progress(what: Mapping[str, Any]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= OFTEN or what.get("step") == what.get("of", ...):
            last = now
            tell({"event": "progress", **what})

    return progress


def tail(log: Path) -> list[str]:
    """The last lines, without reading a long log."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 16_384))
            return stream.read().decode("utf-8", "replace").splitlines()[-TAIL:]
    except FileNotFoundError:
        return []
