"""Jobs of a SLURM cluster: the whole study goes into its queue, equal stages as arrays, each after what it reads.

What is true stands in the store: a manifest means done. What a stage says comes through the shared disk (`said.py`).
`squeue` tells what waits and runs; of what left the queue without a word, `scontrol` (and `sacct`, where a cluster
keeps accounts) tells why. So the process that submitted may go: the jobs stay, and the next run finds them there.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from waystage.engines import Tell
from waystage.engines.job import Job, Message, assist, perform, tail
from waystage.engines.said import Ear, teller
from waystage.engines.worker import Stopped, printing_to, set_threads
from waystage.errors import InputError, UnknownName, WaystageError
from waystage.graph.files import write_text
from waystage.graph.store import Store

LISTEN = 1.0  # seconds between two looks at what stages say
LOOK = 10.0  # seconds between two questions to squeue
TRIES = 3  # times that a stage whose job vanished is submitted again
BUSY = 5.0  # seconds between two tries of a stage that somebody else works on
SMALL = 300.0  # seconds: shorter stages that read one checkpoint share a job
ROOM = 1.2  # times the estimate of memory is asked for: SLURM kills what takes more
LEAST = 2_000_000_000  # bytes of memory that any stage gets
SPARE = 8_000_000_000  # bytes of a machine's memory for a stage on accelerators, each, beside the weights that it loads
SILENCE = 3600.0  # seconds that SLURM may give no answer before the run gives up
ALARM = 30.0  # seconds that the first machine of a stage has to say why, where another one fails
ENDED = ("done", "reused", "failed", "bad-input")
LOST = ("PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "REQUEUED", "REVOKED", "CANCELLED", "TIMEOUT", "")  # worth another try


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A cluster, as its users know it. `[cpu]` and `[gpu]` say what differs for stages without and with a GPU."""

    partition: str = ""
    account: str = ""
    time: str = ""  # as SLURM writes it; a stage that takes longer goes on in a second job
    gres: str = "gpu"  # what accelerators are called there
    gpus_per_node: int = 8  # 0: this cluster has none, the CPU has to do
    cpus_per_gpu: int = 4
    memory: bool = True  # ask for memory; false where a cluster gives whole machines
    max_jobs: int = 500  # of this study in the queue at once
    warning: int = 120  # seconds before the end of its time that a stage is told
    options: tuple[str, ...] = ()  # further lines for sbatch, such as "--constraint=a100"
    setup: tuple[str, ...] = ()  # shell lines before a stage, such as "module load cuda"


def profiles(path: Path | None) -> dict[str, Profile]:
    """For stages on the "cpu" and on a "gpu"."""
    if path is None:
        return {"cpu": Profile(), "gpu": Profile()}
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file. It says partition, account and time: docs/scaling.md"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not UTF-8 text") from None
    special = {kind: body.pop(kind, {}) for kind in ("cpu", "gpu")}
    for kind, more in special.items():
        if not isinstance(more, dict):
            raise InputError(
                f"{path}: {kind} = {more!r} is not a table: write [{kind}], and its keys on lines below it"
            )
    return {kind: _profile({**body, **more}, path) for kind, more in special.items()}


def _profile(body: dict[str, Any], path: Path) -> Profile:
    known = {one.name: one for one in fields(Profile)}
    for key, value in body.items():
        if key not in known:
            raise UnknownName("key of a SLURM profile", key, known, f"({path})")
        wanted = {"str": str, "int": int, "bool": bool}.get(str(known[key].type), list)
        if type(value) is not wanted or (wanted is list and not all(isinstance(one, str) for one in value)):
            form = {
                str: 'a text: write it in "quotes"',
                int: "a number",
                bool: "true or false",
                list: "a list of texts",
            }[wanted]
            raise InputError(f"{path}: {key} = {value!r} is not {form}")
        least = 0 if key == "gpus_per_node" else 1
        if wanted is int and value < least:
            raise InputError(f"{path}: {key} = {value} must be {least} or more")
    made = Profile(**{key: tuple(value) if isinstance(value, list) else value for key, value in body.items()})
    _in_time(made, path)
    return made


TIME = re.compile(r"(?:(\d+)-(?=\d))?(\d+)(?::(\d+))?(?::(\d+))?")  # 30, 30:00, 12:00:00, 2-12, 2-12:00, 2-12:00:00
ENDLESS = ("", "0", "INFINITE", "UNLIMITED")
WARNED = 65535  # seconds: SLURM takes no more


def _in_time(profile: Profile, path: Path) -> None:
    """A job that is told at once that its time is up would go back into the queue for ever."""
    if profile.warning > WARNED:
        raise InputError(f"{path}: warning = {profile.warning}, but SLURM takes at most {WARNED} seconds")
    if profile.time.upper() in ENDLESS:
        return
    found = TIME.fullmatch(profile.time)
    if not found:
        form = 'minutes, "12:00:00" or "2-12:00" (days-hours:minutes)'
        raise InputError(f"{path}: time = {profile.time!r} is no time as SLURM writes it: {form}")
    days, *rest = found.groups()
    given = [int(one) for one in rest if one is not None]
    units = (3600, 60, 1) if days or len(given) == 3 else (60, 1)
    seconds = int(days or 0) * 86400 + sum(one * unit for one, unit in zip(given, units, strict=False))
    if seconds <= profile.warning:
        raise InputError(
            f"{path}: time = {profile.time!r} is over within warning = {profile.warning} seconds: a job would put "
            "itself back into the queue as soon as it begins. Ask for more time, or set a smaller warning"
        )


def start(*, jobs: int = 1, profile: Path | None = None) -> Slurm:
    """`jobs` is the cluster's business. `profile`: a file with partition, account, time."""
    missing = [name for name in ("sbatch", "squeue", "scontrol", "scancel") if shutil.which(name) is None]
    if missing:
        raise InputError(
            f"there is no {' and no '.join(missing)} on this machine: run this on a login node, or add --dry-run FOLDER"
        )
    return Slurm(profiles(profile))


# What goes into the queue


@dataclass(eq=False)
class Batch:
    """Equal stages that wait for the same: one script, one array. Elements are stages, or a few small ones together."""

    number: int  # in the order in which they are submitted
    elements: list[list[Job]]
    after: set[str]  # fingerprints

    @property
    def jobs(self) -> Iterator[Job]:
        return (job for element in self.elements for job in element)


def batches(jobs: Sequence[Job], size: int = 1000) -> list[Batch]:
    """From jobs, inputs first, to arrays, again inputs first. `size`: as many elements as one array may have."""
    made: dict[tuple[Any, ...], Batch] = {}
    shared: dict[tuple[Any, ...], tuple[Batch, list[Job], float]] = {}
    order: list[Batch] = []
    waiting = {job.fingerprint for job in jobs}
    place: dict[str, int] = {}  # the number of each stage's batch
    for job in jobs:
        after = {one for given in job.inputs.values() for one in ([given] if isinstance(given, str) else given)}
        needs = (job.kind, job.devices, job.memory.bit_length(), job.threads)
        together = (job.near, *needs)
        batch, element, seconds = shared.get(together, (None, [], 0.0))
        behind = batch and any(place.get(one, -1) >= batch.number for one in after)  # it cannot wait for these
        if batch and job.near and seconds + job.seconds <= SMALL and not behind:
            element.append(job)
            place[job.fingerprint] = batch.number
            batch.after |= after
            shared[together] = (batch, element, seconds + job.seconds)
            continue
        key = (*needs, frozenset(after & waiting), job.near if job.seconds <= SMALL else "")
        batch = made.get(key)
        if batch is None or len(batch.elements) >= size:
            batch = made[key] = Batch(len(order), [], set())
            order.append(batch)
        batch.elements.append([job])
        batch.after |= after
        place[job.fingerprint] = batch.number
        if job.near and job.seconds <= SMALL:
            shared[together] = (batch, batch.elements[-1], job.seconds)
    return order


def script(batch: Batch, home: Path, number: int, profile: Profile) -> Path:
    """Writes the batch for the runner, and the script for sbatch."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    jobs = list(batch.jobs)
    devices = jobs[0].devices if profile.gpus_per_node else 0
    nodes = -(-devices // profile.gpus_per_node) if devices else 1
    each = -(-devices // nodes)
    memory = max(int(max(job.memory for job in jobs) * ROOM), LEAST)
    if devices:  # there the estimate is of an accelerator's memory; weights go through the machine's on their way
        memory = each * (SPARE + max(job.host for job in jobs))
    names = list(dict.fromkeys(job.name for job in jobs))
    file = home / f"{number:04}.json"
    write_text(file, json.dumps([[job.dump() for job in element] for element in batch.elements]))
    environment = Environment(loader=PackageLoader("waystage.engines", "."), undefined=StrictUndefined)
    text = environment.get_template("sbatch.sh.j2").render(
        name=_plain(names[0] + (f" and {len(names) - 1} more" if names[1:] else "")),
        array=f"0-{len(batch.elements) - 1}",
        batch=shlex.quote(str(file)),
        output=shlex.quote(str(home).replace("%", "%%") + f"/{number:04}-%a.out"),
        nodes=nodes,
        each=each,
        cpus=max(*(job.threads * (1 if devices else job.processes) for job in jobs), profile.cpus_per_gpu * each, 1),
        memory=memory // 10**6 if profile.memory else 0,
        gres=f"{profile.gres}:{each}" if devices else "",
        partition=profile.partition,
        account=profile.account,
        time=profile.time,
        warning=profile.warning,
        options=profile.options,
        setup=profile.setup,
        pythonpath=shlex.quote(os.pathsep.join(filter(None, sys.path))),
        python=shlex.quote(sys.executable),
    )
    path = file.with_suffix(".sh")
    write_text(path, text + "\n")
    path.chmod(0o755)
    return path


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.," else "-" for c in name)[:120]


def dry_run(jobs: Sequence[Job], home: Path, profile: Path | None = None) -> list[Path]:
    """The scripts, and `submit.sh`, which gives them to SLURM in order. Nothing is submitted."""
    found = profiles(profile)
    lines = ["#!/bin/bash", "set -euo pipefail", f"cd {shlex.quote(str(home))}"]
    element: dict[str, str] = {}
    scripts = []
    for number, batch in enumerate(batches(jobs)):
        scripts.append(script(batch, home, number, found["gpu" if batch.elements[0][0].devices else "cpu"]))
        after = sorted({element[one] for one in batch.after if one in element})
        wait = f" --dependency=afterok:{':'.join(after)}" if after else ""
        lines.append(f"j{number}=$(sbatch --parsable{wait} {scripts[-1].name})")
        for index, group in enumerate(batch.elements):
            element.update({job.fingerprint: f"${{j{number}%%;*}}_{index}" for job in group})
    submit = home / "submit.sh"
    write_text(submit, "\n".join(lines) + "\n")
    submit.chmod(0o755)
    return [*scripts, submit]


# The engine


@dataclass(eq=False)
class Waiting:
    job: Job
    tell: Tell
    id: str = ""  # 17_3; empty: not submitted yet
    began: bool = False
    unseen: int = 0  # times in a row that squeue did not know it
    tries: int = 0


@dataclass(frozen=True)
class Seen:
    state: str
    reason: str
    batch: str


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
            self.before = _before(Path(job.store))
        id, job = self.before.pop(job.fingerprint, ("", job))
        self.jobs[job.fingerprint] = Waiting(job, tell, id)
        note = f"in the queue since an earlier run: job {id}" if id else "in the queue"
        tell({"event": "queued", "fingerprint": job.fingerprint, "note": note})
        return True

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        gone = [self.jobs.pop(one) for one in fingerprints if one in self.jobs]
        kept = {waiting.id for waiting in self.jobs.values()}
        _cancel({waiting.id for waiting in gone if waiting.id} - kept)  # a job may hold several stages

    def poll(self, timeout: float) -> None:
        now = time.monotonic()
        if now >= self.pause:
            try:
                self._flush()
            except Silent as error:
                self._wait(error, now)
        if now - self.listened >= LISTEN:
            self.listened = now
            self._listen()
        if now - self.looked >= self.look:
            self.looked = now
            try:
                self._look()
                self.answered = now
            except Silent as error:
                self._wait(error, now)
        time.sleep(timeout)

    def _wait(self, error: Silent, now: float) -> None:
        """A controller that is busy or begins anew is no reason to give up what runs there."""
        full = "limit" in str(error) and not any(waiting.id for waiting in self.jobs.values())  # nothing will end
        if full or now - self.answered > SILENCE:
            raise error
        self.pause = now + self.look

    def close(self, *, cancel: bool = False) -> None:
        if cancel:
            _cancel({waiting.id for waiting in self.jobs.values() if waiting.id})
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
            id = _ask("sbatch", "--parsable", *wait, str(path)).strip().partition(";")[0]
            for number, element in enumerate(batch.elements):
                for job in element:
                    self.jobs[job.fingerprint].id = f"{id}_{number}"

    def _may_go(self, waiting: Waiting, new: dict[str, Job]) -> bool:
        """Behind jobs that it can wait for."""
        above = (self.jobs.get(one) for one in _reads(waiting.job))
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
        seen = queue()
        for waiting in list(self.jobs.values()):
            if not waiting.id:
                continue
            found = seen.get(waiting.id)
            if found and found.reason == "DependencyNeverSatisfied":
                _cancel({waiting.id})
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
        elif all(Store(job.store).has(one) or one in self.jobs for one in _reads(job)):
            self._again(waiting)
        # else: what it reads has failed; the run is about to withdraw it

    def _again(self, waiting: Waiting) -> None:
        why = _why(waiting.id)
        waiting.tries += 1
        cancelled = waiting.began and why == "CANCELLED"  # by a person; one that had not begun, by SLURM too
        if why not in LOST or cancelled or waiting.tries > TRIES:
            del self.jobs[waiting.job.fingerprint]
            error = f"its SLURM job {waiting.id} ended without a word: {why or 'SLURM does not know it any more'}"
            waiting.tell({"event": "failed", "fingerprint": waiting.job.fingerprint, "error": error,
                          "tail": tail(Path(waiting.job.log))})  # fmt: skip
            return
        note = f"submitted again, its job {waiting.id} went ({why or 'unknown to SLURM'})"
        waiting.id, waiting.unseen, waiting.began = "", 0, False
        waiting.tell({"event": "queued", "fingerprint": waiting.job.fingerprint, "note": note})


def _reads(job: Job) -> list[str]:
    return [one for given in job.inputs.values() for one in ([given] if isinstance(given, str) else given)]


# Talking to SLURM


def queue() -> dict[str, Seen]:
    """What is in the queue of this user: 17_3 -> its state."""
    found = {}
    for line in _ask("squeue", "--me", "-h", "-r", "-o", "%F|%K|%T|%r|%k").splitlines():
        if line.count("|") >= 4:  # a comment of some other job may have lines
            array, index, state, reason, comment = line.split("|", 4)
            found[f"{array}_{index}"] = Seen(state, reason, comment)
    return found


def _before(store: Path) -> dict[str, tuple[str, Job]]:
    """Stages of this store that an earlier run left in the queue."""
    found = {}
    for id, seen in queue().items():
        file = Path(seen.batch)
        if store in file.parents and seen.reason != "DependencyNeverSatisfied":
            with suppress(FileNotFoundError):
                for text in json.loads(file.read_bytes())[int(id.partition("_")[2])]:
                    job = Job.load(text)
                    found[job.fingerprint] = (id, job)
    return found


def _why(id: str) -> str:
    """How a job that left the queue ended, as far as SLURM still knows."""
    said = subprocess.run(["scontrol", "show", "job", "-o", id], capture_output=True, text=True, check=False)
    for word in said.stdout.split():
        if word.startswith("JobState="):
            return word.partition("=")[2]
    if shutil.which("sacct"):
        asked = ["sacct", "-n", "-X", "-P", "-o", "State", "-j", id]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)
        return said.stdout.split()[0] if said.returncode == 0 and said.stdout.strip() else ""
    return ""


def _cancel(ids: Iterable[str]) -> None:
    if ids := sorted(ids):
        subprocess.run(["scancel", *ids], capture_output=True, check=False)  # those that ended meanwhile are no error


class Silent(WaystageError):
    """SLURM cannot answer or take more now, and may later."""


LATER = re.compile(r"timed? ?out|temporar|unable to (contact|connect)|connection refused|zero bytes|submit limit", re.I)


def _ask(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        why = said.stderr.strip() or said.stdout.strip()
        raise (Silent if LATER.search(why) else WaystageError)(f"{shlex.join(command)} says: {why}")
    return said.stdout


# On the cluster


class TimeUp(Stopped):
    """The job's time is nearly over."""


def main(batch: str, element: str, accelerators: str = "0") -> int:
    """What a job does: the stages of one element, one after the other. `accelerators`: so many were asked for here."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeUp if number == signal.SIGUSR1 else Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, stop)
    jobs = [Job.load(text) for text in json.loads(Path(batch).read_bytes())[int(element)]]
    Store(jobs[0].store, shared=True)
    device, note, refusal = _device(jobs[0], int(accelerators))
    jobs = [replace(job, note="\n".join(filter(None, (job.note, note)))) for job in jobs]
    id = f"{os.environ['SLURM_ARRAY_JOB_ID']}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    os.environ["PET_NODE_RANK"] = os.environ.get("SLURM_NODEID", "0")
    if os.environ["PET_NODE_RANK"] != "0":
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # the first machine puts all back into the queue
        try:
            if refusal:
                raise WaystageError(refusal)
            for job in jobs:
                assist(job, device=device, team=dict(os.environ))
        except WaystageError:
            time.sleep(ALARM)  # this end makes srun end all
            raise
        return 0
    failed: set[str] = set()
    for job in jobs:
        if failed.intersection(_reads(job)):
            continue
        began, say = time.time(), teller(job)

        def tell(message: Message, began: float = began, say: Callable[[Message], None] = say) -> None:
            say({**message, "began": began, "job": id})

        set_threads(job)
        tell({"event": "started"})
        if refusal:
            tell({"event": "failed", "error": refusal, "tail": []})
            failed.add(job.fingerprint)
            continue
        try:
            with printing_to(Path(job.log)):
                while (message := _perform(job, device, tell))["event"] == "busy":
                    time.sleep(BUSY)
        except TimeUp:
            tell({"event": "queued", "note": f"its time was up, job {id} goes on later"})
            _requeue(os.environ["SLURM_JOB_ID"])
            return 0
        tell(message)
        if message["event"] not in ("done", "reused"):
            failed.add(job.fingerprint)
    return 1 if failed else 0


TOLD = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")  # by SLURM, of what a job may use


def _device(job: Job, asked: int) -> tuple[str, str, str]:
    """Where the job's stages run, what is to be said of it, and why they cannot: never on a CPU without a word."""
    if not job.devices:
        return "cpu", "", ""
    if not asked:
        return "cpu", "gpus_per_node is 0 in the profile", ""
    said = {name: os.environ[name] for name in TOLD if name in os.environ}
    if any(value not in ("", "-1", "NoDevFiles") for value in said.values()):
        return "cuda", "", ""
    if not said:  # nobody said, so torch has to look
        import torch

        if torch.cuda.is_available():
            return "cuda", f"SLURM does not say which accelerator ({', '.join(TOLD)}): the first that there is", ""
    words = ", ".join(f"{name} is {value!r}" for name, value in said.items()) or "and torch sees none"
    why = (
        f"SLURM was asked for {asked} accelerators, but on {platform.node()} there is none for this job ({words}). "
        "What are they called there (`gres` of the profile)? gpus_per_node = 0 in the profile lets the CPU do it"
    )
    return "cpu", "", why


def _requeue(id: str) -> None:
    """Where many jobs of a study end together, the controller may be busy with the others."""
    for pause in (5.0, 10.0, 20.0):
        try:
            _ask("scontrol", "requeue", id)
            return
        except Silent:
            time.sleep(pause)
    _ask("scontrol", "requeue", id)


def _perform(job: Job, device: str, tell: Callable[[Message], None]) -> Message:
    team = dict(os.environ) if "PET_NNODES" in os.environ else None  # on several machines
    return perform(job, engine="slurm", device=device, tell=tell, team=team)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
