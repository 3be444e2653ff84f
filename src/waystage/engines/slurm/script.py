"""What goes into the queue: equal stages as arrays, each after what it reads, and the scripts that say so to sbatch."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystage.engines.job import Job
from waystage.engines.slurm.profile import Profile, profiles
from waystage.errors import InputError
from waystage.graph.files import write_text

SMALL = 300.0  # seconds: shorter stages that read one checkpoint share a job
ROOM = 1.2  # times the estimate of memory is asked for: SLURM kills what takes more
LEAST = 2_000_000_000  # bytes of memory that any stage gets
SAVED = 300  # seconds between two checkpoints of a training where nothing else is said
SPARE = 8_000_000_000  # bytes of a machine's memory for a stage on accelerators, each, beside the weights that it loads


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
        after = set(reads(job))
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


def reads(job: Job) -> list[str]:
    return [one for given in job.inputs.values() for one in ([given] if isinstance(given, str) else given)]


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
    if set(str(home)) & set("\\\n"):
        raise InputError(f"{str(home)!r}: SLURM cannot write into a folder with such a name. Call the store otherwise")
    names = list(dict.fromkeys(job.name for job in jobs))
    worked = max((profile.seconds or 0) - profile.warning, 0)  # of a job, before it is told to end
    file = home / f"{number:04}.json"
    write_text(file, json.dumps([[job.dump() for job in element] for element in batch.elements]))
    environment = Environment(loader=PackageLoader("waystage.engines.slurm", "."), undefined=StrictUndefined)
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
        often=worked // 4 if 0 < worked < 4 * SAVED else 0,
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
