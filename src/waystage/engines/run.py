"""`execute`: what runs when. Where it runs is the engine's business, what it does is the stage's."""

from __future__ import annotations

import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from types import FrameType
from typing import Any

from waystage.engines import Engine, Message
from waystage.engines.frontier import Frontier
from waystage.engines.job import job_of
from waystage.engines.outcome import Failure, Outcome
from waystage.engines.status import Keeper, Row, State, folder
from waystage.errors import UnknownName
from waystage.graph import retention
from waystage.graph.locks import Busy
from waystage.graph.plan import Plan, Todo
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

EXISTING = ("reuse", "redo", "only")
TICK = 0.2  # seconds to wait for news at a time
AGAIN = 0.3  # seconds until a stage that another run works on is looked at again
CPU, ACCELERATORS = "places on the CPU", "accelerators"
PATIENCE = 3  # times that one artifact may turn out corrupt within a run

Events = Callable[[dict[str, Any], State], None]


def execute(
    plan: Plan,
    store: Store,
    engine: Engine,
    *,
    existing: str = "reuse",
    only: str | None = None,
    limit: int | None = None,
    keep_going: bool = True,
    keep: str = "default",
    study: str | None = None,
    resources: Callable[[Stage], Resources] = lambda stage: stage.resources,
    events: Events = lambda event, state: None,
) -> Outcome:
    """Make what is missing, each stage once, also when several runs do this at the same time.

    `existing`: "reuse" what is there, "redo" all of it, use "only" what is there and run nothing. `only`: a pattern of
    stage names; these run, and what they need. `limit`: run no more stages than this. `keep`: "default" drops
    temporary checkpoints when all that is made from them exists, "all" keeps them. `study` names the plan in the store,
    so that the next one can say what changed. `resources` overrides what stages say themselves. `events` sees every
    change, with the state of the run. SIGINT and SIGTERM end the run in order; the outcome says so.
    """
    if existing not in EXISTING:
        raise UnknownName("way to treat what exists", existing, EXISTING, f"There are: {', '.join(EXISTING)}.")
    part = plan.matching(only) if only else plan
    resources = cache(resources)  # an estimate may be costly, and is asked for several times
    run = f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    retention.claim(store, run, part.stages)  # before looking at what exists: what is seen must not go
    try:
        todo = part.prune(store, study=study)
        if existing == "redo":
            todo = Todo(part, dict.fromkeys(part.stages, "asked to run again"), ())
        if study:
            plan.record(store, study)
        frontier = Frontier(part, () if existing == "only" else todo.run, resources)
        rows = {fp: Row(part.stages[fp].name, part.stages[fp].kind, resources(part.stages[fp]).seconds, note=reason)
                for fp, reason in todo.run.items()}  # fmt: skip
        state = State(run, rows, study, reused=len(todo.reused))
        scheduler = Scheduler(plan, store, engine, frontier, state, Outcome(run, reused=list(todo.reused)), events)
        scheduler.redo = existing == "redo"
        scheduler.limit = limit
        scheduler.keep_going = keep_going
        scheduler.drops = keep == "default"
        outcome = scheduler.go(todo)
        if study:
            plan.record(store, study)  # now with what has been made
        return outcome
    finally:
        retention.release(store, run)


class Scheduler:
    """One run: its stages wait, are ready, run, and end."""

    redo = False
    limit: int | None = None
    keep_going = True
    drops = True

    def __init__(
        self,
        plan: Plan,  # the whole study, also where only a part of it runs: it says who else needs a checkpoint
        store: Store,
        engine: Engine,
        frontier: Frontier,
        state: State,
        outcome: Outcome,
        events: Events,
    ):
        self.plan, self.store, self.engine, self.frontier = plan, store, engine, frontier
        self.state, self.outcome, self.events = state, outcome, events
        self.keeper = Keeper(store, state)
        self.running: set[str] = set()
        self.queued: set[str] = set()  # the engine has it, it has not begun
        self.elsewhere: dict[str, float] = {}  # another run works on it -> when to look again
        self.worked = 0  # stages that ran or run here: what `limit` limits
        self.corrupt: Counter[str] = Counter()

    def go(self, todo: Todo) -> Outcome:
        began = time.monotonic()
        crashed = True
        with _interruptible(), self.keeper:
            self.events({"event": "begin"}, self.state)
            try:
                self._make_way(todo)
                self._loop()
                crashed = False
            except KeyboardInterrupt as stop:
                self.outcome.interrupted = str(stop) or "SIGINT"
                crashed = False
            finally:
                try:
                    if crashed or self.outcome.interrupted:
                        self.engine.close(cancel=True)
                finally:  # a second Ctrl-C comes out of `close`: who shows the run still has to hear of its end
                    self._finish(time.monotonic() - began, crashed)
        return self.outcome

    def _make_way(self, todo: Todo) -> None:
        for fingerprint, reason in todo.run.items():
            if reason.startswith("corrupt") and (aside := self.store.quarantine(fingerprint)):
                self._warn(aside)
        needs = {parent.fingerprint for stage in todo.stages for parent in stage.parents()}
        retention.claim(self.store, self.state.run, needs | todo.run.keys())

    def _loop(self) -> None:
        while True:
            self._look_elsewhere()
            if self.engine.ahead:
                self.frontier.unfold(self._submit, but=self.running | self.queued)
            else:
                self.frontier.offer(self._submit)
            if self.queued and self.outcome.failed and not self.keep_going:
                self._withdraw(self.queued)
            if not self.running and not self.queued:
                idle = not self.frontier.open if self.engine.ahead else self.frontier.idle
                if self._halted() or (idle and not self.elsewhere):
                    return
                if idle:
                    time.sleep(TICK)  # another run works on all that could go on here
            self.engine.poll(TICK if self.running or self.queued else 0.0)

    def _halted(self) -> bool:
        full = self.limit is not None and self.worked >= self.limit
        return full or (bool(self.outcome.failed) and not self.keep_going)

    def _submit(self, fingerprint: str) -> bool:
        if self._halted():
            return False
        job = job_of(
            self.frontier.plan.stages[fingerprint],
            self.store,
            resources=self.frontier.resources(fingerprint),
            log=folder(self.store, self.state.run) / "logs" / f"{fingerprint[:16]}.log",
            run=self.state.run,
            redo=self.redo,
        )
        return self.engine.submit(job, self._hear)

    def _look_elsewhere(self) -> None:
        now = time.monotonic()
        for fingerprint in [fp for fp, when in self.elsewhere.items() if when <= now]:
            del self.elsewhere[fingerprint]
            if self.store.has(fingerprint) and not self.redo:
                self._complete(fingerprint, "reused")
            else:
                self.frontier.push(fingerprint)

    # What engines say about stages

    def _hear(self, message: Message) -> None:
        fingerprint, event = message["fingerprint"], message["event"]
        if event == "queued":
            self.worked += fingerprint not in self.running
            self.running.discard(fingerprint)
            self.queued.add(fingerprint)
            self._mark(fingerprint, status="waiting", started=0.0, note=message["note"])
            return
        if event == "started":
            self.worked += fingerprint not in self.queued
            self.queued.discard(fingerprint)
            self.running.add(fingerprint)
            started = message.get("at", time.time())
            self._mark(fingerprint, status="running", started=started, ended=0.0, step=0, first=0, log=message["log"])
            return
        if event == "progress":
            told = ("step", "of", "first", "loss", "rate")
            self._mark(fingerprint, **{key: message[key] for key in told if key in message})
            return
        self.running.discard(fingerprint)
        self.queued.discard(fingerprint)
        if event in ("reused", "busy", "bad-input"):
            self.worked -= 1
        if event in ("done", "reused"):
            self._complete(fingerprint, event, began=message.get("began", 0.0) if event == "done" else 0.0)
        elif event == "busy":
            self.elsewhere[fingerprint] = time.monotonic() + AGAIN
            self._mark(fingerprint, status="waiting", started=0.0, note="another run works on it")
        elif event == "bad-input":
            self._mend(fingerprint, message["input"], message["why"])
        else:
            self._fail(fingerprint, message["error"], message["tail"])

    def _complete(self, fingerprint: str, how: str, *, began: float = 0.0) -> None:
        """`began`: when it truly did, where it had to wait after the engine had taken it."""
        started = max(self.state.rows[fingerprint].started, min(began, time.time()))
        (self.outcome.done if how == "done" else self.outcome.reused).append(fingerprint)
        self.frontier.complete(fingerprint)
        self._mark(fingerprint, status=how, started=started, ended=time.time())
        self._drop(parent.fingerprint for parent in self.frontier.plan.stages[fingerprint].parents())

    def _fail(self, fingerprint: str, error: str, tail: list[str]) -> None:
        row = self.state.rows[fingerprint]
        self.outcome.failed.append(Failure(fingerprint, row.name, error, row.log, tuple(tail)))
        self._mark(fingerprint, status="failed", ended=time.time(), note=error)
        lost = self.frontier.cut(fingerprint)
        self._withdraw(lost)
        for one in lost:
            self._skip(one, f"{row.name} failed")

    def _withdraw(self, fingerprints: Iterable[str]) -> None:
        self.engine.withdraw(list(fingerprints))
        self.queued.difference_update(list(fingerprints))

    def _mend(self, fingerprint: str, bad: str, why: str) -> None:
        """An input turned out corrupt or gone: it is made again first, with whatever is missing above it."""
        if bad not in self.frontier.open:
            self._warn(why)
            self.corrupt[bad] += 1
            if self.corrupt[bad] > PATIENCE:
                doubt = "is the disk failing, or not one that all machines see?"
                self._fail(fingerprint, f"an input does not stay whole; {doubt} {why}", [])
                return
            missing, above = [], [bad]
            while above:
                lost = above.pop()
                if lost in missing or lost in self.frontier.open:
                    continue
                missing.append(lost)
                stage = self.frontier.plan.stages[lost]
                seconds = self.frontier.resources(lost).seconds
                self._insert(lost, Row(stage.name, stage.kind, seconds, note=why))
                above += [p.fingerprint for p in stage.parents() if not self.store.has(p.fingerprint)]
            self.frontier.add(missing)
        self.frontier.wait(fingerprint)
        self._mark(fingerprint, status="pending", started=0.0)

    # Checkpoints that have served

    def _drop(self, fingerprints: Iterable[str]) -> None:
        served = [fp for fp in fingerprints if self._served(fp)] if self.drops else []
        if served:
            with suppress(Busy):  # somebody clears up this store for long: they go at the end, or with the next run
                self.outcome.dropped += retention.drop(self.store, served, run=self.state.run)

    def _served(self, fingerprint: str) -> bool:
        readers = self.plan.dependents[fingerprint]
        return (
            fingerprint in self.plan.temporary
            and bool(readers)
            and fingerprint not in self.frontier.open
            and self.store.has(fingerprint)
            and all(
                reader not in self.frontier.open and (self.store.has(reader) or self.store.dropped(reader).exists())
                for reader in readers
            )
        )

    # Telling

    def _mark(self, fingerprint: str, **what: Any) -> None:
        row = self.state.rows[fingerprint]
        self.keeper.change(lambda: vars(row).update(what))
        self.events({"event": "stage", "fingerprint": fingerprint, **what}, self.state)

    def _insert(self, fingerprint: str, row: Row) -> None:
        self.keeper.change(lambda: self.state.rows.update({fingerprint: row}))
        self.events({"event": "stage", "fingerprint": fingerprint, "status": row.status}, self.state)

    def _skip(self, fingerprint: str, why: str) -> None:
        self.outcome.skipped[fingerprint] = why
        self._mark(fingerprint, status="skipped", note=why)

    def _warn(self, text: str) -> None:
        self.outcome.warnings.append(text)
        self.events({"event": "warning", "text": text}, self.state)

    def _finish(self, seconds: float, crashed: bool) -> None:
        if not crashed and not self.outcome.interrupted:
            # Claims first: when two runs end together, the later one to let go sees that nobody needs them any more.
            retention.release(self.store, self.state.run)
            self._drop(fp for fp in self.plan.stages if fp in self.plan.temporary)
        for fingerprint, row in self.state.rows.items():
            if row.status in ("pending", "running", "waiting"):
                self._skip(fingerprint, self._why_not())
        self.outcome.seconds = seconds
        self.outcome.busy = self._busy(seconds)
        self.outcome.together = sum(self.state.rows[one].seconds for one in self.outcome.done) / max(seconds, 1e-9)
        status = "failed" if crashed else self.outcome.status
        self.keeper.change(lambda: vars(self.state).update(status=status, ended=time.time()))
        self.events({"event": "end", "outcome": self.outcome}, self.state)

    def _busy(self, seconds: float) -> dict[str, tuple[float, int]]:
        """How much of the time the engine's places had a stage, and how many places there are."""
        slots, accelerators = self.engine.places
        worked = dict.fromkeys((CPU, ACCELERATORS), 0.0)
        for fingerprint in self.outcome.done:
            used = min(self.frontier.resources(fingerprint).devices, accelerators)
            worked[ACCELERATORS if used else CPU] += (used or 1) * self.state.rows[fingerprint].seconds
        places = {CPU: slots, ACCELERATORS: accelerators}
        return {what: (worked[what] / (of * seconds), of) for what, of in places.items() if worked[what] and of}

    def _why_not(self) -> str:
        if self.outcome.interrupted:
            return f"the run was stopped by {self.outcome.interrupted}"
        if self.limit is not None and self.worked >= self.limit:
            return f"the run was limited to {self.limit} stages"
        if self.outcome.failed:
            return f"{self.outcome.failed[0].name} failed and the run was not to keep going"
        return "only what exists was to be used"


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a run like Ctrl-C does. Signals are a matter of the main thread; elsewhere its owner decides."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    wanted = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
