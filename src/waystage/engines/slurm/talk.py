"""Questions to SLURM, through its programs, and what they answer."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from waystage.engines.job import Job
from waystage.errors import WaystageError

LATER = re.compile(r"timed? ?out|temporar|unable to (contact|connect)|connection refused|zero bytes|submit limit", re.I)


class Silent(WaystageError):
    """SLURM cannot answer or take more now, and may later."""


@dataclass(frozen=True)
class Seen:
    state: str
    reason: str
    batch: str


def queue() -> dict[str, Seen]:
    """What is in the queue of this user: 17_3 -> its state."""
    found = {}
    for line in ask("squeue", "--me", "-h", "-r", "-o", "%F|%K|%T|%r|%k").splitlines():
        if line.count("|") >= 4:  # a comment of some other job may have lines
            array, index, state, reason, comment = line.split("|", 4)
            found[f"{array}_{index}"] = Seen(state, reason, comment)
    return found


@dataclass(frozen=True)
class Queued:
    """A stage in the queue, whoever put it there."""

    id: str
    job: Job
    out: Path  # what its job prints outside of the stage


def there(store: str) -> list[Queued]:
    """The stages of this store that are in the queue."""
    found, batches = [], cache(_batch)
    for id, seen in queue().items():
        index = id.partition("_")[2]
        if seen.reason != "DependencyNeverSatisfied" and index.isdigit():
            elements = batches(seen.batch)
            for job in elements[int(index)] if int(index) < len(elements) else ():
                if job.store == store:
                    found.append(Queued(id, job, out(Path(seen.batch), int(index))))
    return found


def _batch(comment: str) -> list[list[Job]]:
    """What a job was given, if it is one of ours: any job of this user may have any comment."""
    if not (comment.startswith("/") and comment.endswith(".json")):
        return []
    try:
        return [[Job.load(text) for text in element] for element in json.loads(Path(comment).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def out(batch: Path, index: int) -> Path:
    """As the script says it."""
    return batch.with_name(f"{batch.stem}-{index}.out")


def why(id: str) -> str:
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


def cancel(ids: Iterable[str]) -> None:
    if ids := sorted(ids):
        subprocess.run(["scancel", *ids], capture_output=True, check=False)  # those that ended meanwhile are no error


def ask(*command: str) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    if said.returncode:
        why = said.stderr.strip() or said.stdout.strip()
        raise (Silent if LATER.search(why) else WaystageError)(f"{shlex.join(command)} says: {why}")
    return said.stdout
