"""The engine: puts stages into the queue, hears how they fare, and finds out about those that ended without a word."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from waystage.engines import Tell
from waystage.engines.job import Job, Message, tail
from waystage.engines.said import Ear
from waystage.engines.slurm import talk
from waystage.engines.slurm.profile import Profile
from waystage.engines.slurm.script import batches, reads, script
from waystage.errors import WaystageError
from waystage.graph import locks, retention
from waystage.graph.store import Store

LISTEN = 1.0  # seconds between two looks at what stages say
LOOK = 10.0  # seconds between two questions to squeue
TRIES = 3  # times that a stage whose job vanished is submitted again
SILENCE = 3600.0  # seconds that SLURM may give no answer before the run gives up
COMPLAINTS = 5  # last lines of what a job printed outside of its stage
ENDED = ("done", "reused", "failed", "bad-input")
LOST = ("PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REQUEUED", "REVOKED", "CANCELLED", "TIMEOUT", "")  # worth another try


@dataclass(eq=False)
class Waiting:
    job: Job
    tell: Tell
    id: str = ""  # 17_3; empty: not submitted yet
    out: Path | None = None  # what the job prints outside of the stage
    began: bool = False
    unseen: int = 0  # times in a row that squeue did not know it
    tries: int = 0


class Slurm:
    ahead = True
    places = (0, 0)

    def __init__(self, profiles: dict[str, Profile], *, look: float = LOOK):
        self.profiles = profiles
        self.look = look
        self.jobs: dict[str, Waiting] = {}
        self.ear = Ear()
        self.listened = self.looked = 0.0
        self.answered = time.monotonic()
        self.pause = 0.0  # until then nothing is submitted
        self.count = 0
        self.before: dict[str, talk.Queued] | None = None  # in the queue since an earlier run
        self.run = ""
        self.home = Path()  # of this run's scripts

    def submit(self, job: Job, tell: Tell) -> bool:
        limit = self.profiles["gpu" if job.devices else "cpu"].max_jobs
        if len(self.jobs) >= limit:
            return False
        if self.before is None or job.run != self.run:
            Store(job.store, shared=True)
            self.before = {one.job.fingerprint: one for one in talk.there(job.store)}
            self.run, self.home, self.count = job.run, Path(job.log).parent.parent / "slurm", 0
        waiting = Waiting(job, tell)
        note = "in the queue"
        found = self.before.pop(job.fingerprint, None)
        if found and found.job.redo >= job.redo:  # else it would find that there is nothing to do
            waiting = Waiting(found.job, tell, found.id, found.out)
            note = f"in the queue since an earlier run: job {found.id}"
        self.jobs[job.fingerprint] = waiting
        tell({"event": "queued", "fingerprint": job.fingerprint, "note": note})
        return True

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        gone = [self.jobs.pop(one) for one in fingerprints if one in self.jobs]
        kept = {waiting.id for waiting in self.jobs.values()}  # a job may hold several stages
        self._cancel([(one.id, one.job) for one in gone if one.id and one.id not in kept])

    def poll(self, timeout: float) -> None:
        now = time.monotonic()
        if now >= self.pause:
            try:
                self._flush()
            except talk.Silent as error:
                self._wait(error, now)
        if now - self.listened >= LISTEN:
            self.listened = now
            self._listen()
        if now - self.looked >= self.look:
            self.looked = now
            try:
                self._look()
                self.answered = now
            except talk.Silent as error:
                self._wait(error, now)
        time.sleep(timeout)

    def _wait(self, error: talk.Silent, now: float) -> None:
        """A controller that is busy or begins anew is no reason to give up what runs there."""
        full = "limit" in str(error) and not any(waiting.id for waiting in self.jobs.values())  # nothing will end
        if full or now - self.answered > SILENCE:
            raise error
        self.pause = now + self.look

    def close(self, *, cancel: bool = False) -> None:
        if cancel and self.jobs:
            stages = [(one.id, one.job) for one in self.jobs.values() if one.id]
            with suppress(WaystageError):  # whoever stopped the run may have done so between sbatch and its answer
                seen = talk.there(next(iter(self.jobs.values())).job.store)
                stages += [(one.id, one.job) for one in seen if one.job.run == self.run]
            self._cancel(stages)
        self.jobs.clear()

    def _cancel(self, stages: Collection[tuple[str, Job]]) -> None:
        """But not what another run, alive now, waits for: it found these jobs in the queue, or this one found its."""
        needed: set[str] = set()
        for root in {job.store for _, job in stages}:
            store = Store(root)
            with suppress(locks.Busy), retention.claims(store):
                needed |= retention.claimed(store, but=self.run)
        theirs = {id for id, job in stages if job.fingerprint in needed}
        talk.cancel({id for id, _ in stages} - theirs)

    def _flush(self) -> None:
        new: dict[str, Job] = {}
        for fingerprint, waiting in self.jobs.items():
            if not waiting.id and self._may_go(waiting, new):
                new[fingerprint] = waiting.job
        for batch in batches(list(new.values())):
            first = batch.elements[0][0]
            path = script(batch, self.home, self.count, self.profiles["gpu" if first.devices else "cpu"])
            self.count += 1
            store = Store(first.store)
            after = sorted(
                {self.jobs[one].id for one in batch.after if one in self.jobs and (first.redo or not store.has(one))}
            )
            wait = [f"--dependency=afterok:{':'.join(after)}"] if after else []
            id = talk.ask("sbatch", "--parsable", *wait, str(path)).strip().partition(";")[0]
            for number, element in enumerate(batch.elements):
                for job in element:
                    waiting = self.jobs[job.fingerprint]
                    waiting.id, waiting.out = f"{id}_{number}", talk.out(path, number)

    def _may_go(self, waiting: Waiting, new: dict[str, Job]) -> bool:
        """Behind jobs that it can wait for."""
        above = (self.jobs.get(one) for one in reads(waiting.job))
        return all(other is None or other.id or other.job.fingerprint in new for other in above)

    def _listen(self) -> None:
        for waiting in list(self.jobs.values()):
            message = self.ear.listen(waiting.job)
            if message and waiting.id and message.get("job") == waiting.id:
                self._pass_on(waiting, message)

    def _pass_on(self, waiting: Waiting, message: Message) -> None:
        fingerprint, event = waiting.job.fingerprint, message["event"]
        if event == "queued":
            waiting.began = False
        elif not waiting.began:
            waiting.began = True
            waiting.tell({"event": "started", "fingerprint": fingerprint, "log": waiting.job.log,
                          "at": message["began"]})  # fmt: skip
        if event in ENDED:
            del self.jobs[fingerprint]
            if progress := message.get("progress"):
                waiting.tell({**progress, "fingerprint": fingerprint})
        if event != "started":
            waiting.tell(message)

    def _look(self) -> None:
        if not self.jobs:
            return
        seen = talk.queue()
        self._listen()  # what stages said before they were seen in the queue again comes first
        for waiting in list(self.jobs.values()):
            if not waiting.id:
                continue
            found = seen.get(waiting.id)
            if found and found.reason == "DependencyNeverSatisfied":
                talk.cancel({waiting.id})
            elif found:
                waiting.unseen = 0
                if found.state == "PENDING" and waiting.began:
                    waiting.began = False
                    note = f"back in the queue: job {waiting.id}, {found.reason}"
                    waiting.tell({"event": "queued", "fingerprint": waiting.job.fingerprint, "note": note})
                continue
            waiting.unseen += 1
            if waiting.unseen > 1:  # its last words may be on their way through the shared disk
                self._gone(waiting)

    def _gone(self, waiting: Waiting) -> None:
        """The job left the queue and the stage did not say how it ended."""
        job = waiting.job
        if (message := self.ear.listen(job)) and message["event"] in ENDED and message.get("job") == waiting.id:
            self._pass_on(waiting, message)
        elif _made(job):
            self._pass_on(waiting, {"event": "reused", "fingerprint": job.fingerprint, "began": time.time()})
        elif all(Store(job.store).has(one) or one in self.jobs for one in reads(job)):
            self._again(waiting)
        # else: what it reads has failed; the run is about to withdraw it

    def _again(self, waiting: Waiting) -> None:
        state = talk.why(waiting.id)
        waiting.tries += 1
        cancelled = waiting.began and state == "CANCELLED"  # by a person; one that had not begun, by SLURM too
        if state not in LOST or cancelled or waiting.tries > TRIES:
            del self.jobs[waiting.job.fingerprint]
            error = f"its SLURM job {waiting.id} ended without a word: {state or 'SLURM does not know it any more'}"
            waiting.tell({"event": "failed", "fingerprint": waiting.job.fingerprint, "error": error,
                          "tail": tail(Path(waiting.job.log)) + _complaints(waiting)})  # fmt: skip
            return
        note = f"submitted again, its job {waiting.id} went ({state or 'unknown to SLURM'})"
        waiting.id, waiting.unseen, waiting.began = "", 0, False
        waiting.tell({"event": "queued", "fingerprint": waiting.job.fingerprint, "note": note})


def _made(job: Job) -> bool:
    store = Store(job.store)
    whole = store.verify(job.fingerprint, deep=False) == []
    return whole and (not job.redo or store.manifest(job.fingerprint).get("run") == job.run)


def _complaints(waiting: Waiting) -> list[str]:
    """Why a job did not even come to its stage: a line of the profile's `setup`, a Python that is not there."""
    return tail(waiting.out)[-COMPLAINTS:] if waiting.out else []
