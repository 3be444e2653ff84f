"""The engine: puts stages into the queue, hears how they fare, and finds out about those that ended without a word."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from waystage.engines import Tell
from waystage.engines.job import Job, Message, tail
from waystage.engines.said import Ear
from waystage.engines.slurm import talk
from waystage.engines.slurm.profile import Profile
from waystage.engines.slurm.script import batches, reads, script
from waystage.graph.store import Store

LISTEN = 1.0  # seconds between two looks at what stages say
LOOK = 10.0  # seconds between two questions to squeue
TRIES = 3  # times that a stage whose job vanished is submitted again
SILENCE = 3600.0  # seconds that SLURM may give no answer before the run gives up
ENDED = ("done", "reused", "failed", "bad-input")
LOST = ("PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REQUEUED", "REVOKED", "CANCELLED", "TIMEOUT", "")  # worth another try


@dataclass(eq=False)
class Waiting:
    job: Job
    tell: Tell
    id: str = ""  # 17_3; empty: not submitted yet
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
        self.before: dict[str, tuple[str, Job]] | None = None  # in the queue since an earlier run

    def submit(self, job: Job, tell: Tell) -> bool:
        limit = self.profiles["gpu" if job.devices else "cpu"].max_jobs
        if len(self.jobs) >= limit:
            return False
        if self.before is None:
            Store(job.store, shared=True)
            self.before = talk.before(Path(job.store))
        id, job = self.before.pop(job.fingerprint, ("", job))
        self.jobs[job.fingerprint] = Waiting(job, tell, id)
        note = f"in the queue since an earlier run: job {id}" if id else "in the queue"
        tell({"event": "queued", "fingerprint": job.fingerprint, "note": note})
        return True

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        gone = [self.jobs.pop(one) for one in fingerprints if one in self.jobs]
        kept = {waiting.id for waiting in self.jobs.values()}
        talk.cancel({waiting.id for waiting in gone if waiting.id} - kept)  # a job may hold several stages

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
        if cancel:
            talk.cancel({waiting.id for waiting in self.jobs.values() if waiting.id})
        self.jobs.clear()

    def _flush(self) -> None:
        new: dict[str, Job] = {}
        for fingerprint, waiting in self.jobs.items():
            if not waiting.id and self._may_go(waiting, new):
                new[fingerprint] = waiting.job
        for batch in batches(list(new.values())):
            first = batch.elements[0][0]
            home = Path(first.log).parent.parent / "slurm"
            path = script(batch, home, self.count, self.profiles["gpu" if first.devices else "cpu"])
            self.count += 1
            store = Store(first.store)
            after = sorted({self.jobs[one].id for one in batch.after if one in self.jobs and not store.has(one)})
            wait = [f"--dependency=afterok:{':'.join(after)}"] if after else []
            id = talk.ask("sbatch", "--parsable", *wait, str(path)).strip().partition(";")[0]
            for number, element in enumerate(batch.elements):
                for job in element:
                    self.jobs[job.fingerprint].id = f"{id}_{number}"

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
        elif Store(job.store).verify(job.fingerprint, deep=False) == []:
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
                          "tail": tail(Path(waiting.job.log))})  # fmt: skip
            return
        note = f"submitted again, its job {waiting.id} went ({state or 'unknown to SLURM'})"
        waiting.id, waiting.unseen, waiting.began = "", 0, False
        waiting.tell({"event": "queued", "fingerprint": waiting.job.fingerprint, "note": note})
