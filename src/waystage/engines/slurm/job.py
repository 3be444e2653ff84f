"""What runs on the cluster: `python -m waystage.engines.slurm.job` does the stages of one element of an array."""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from waystage.engines.job import Job, Message, assist, perform, tail
from waystage.engines.said import teller
from waystage.engines.slurm.script import reads
from waystage.engines.slurm.talk import Silent, ask
from waystage.engines.worker import Stopped, printing_to, set_threads
from waystage.errors import WaystageError
from waystage.graph.store import Store

BUSY = 5.0  # seconds between two tries of a stage that somebody else works on
ALARM = 30.0  # seconds that the first machine of a stage has to say why, where another one fails
TOLD = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")  # by SLURM, of what a job may use


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
    fresh = True  # until a stage has taken of the job's time
    for job in jobs:
        if failed.intersection(reads(job)):
            continue
        began, say, saved = time.time(), teller(job), _saved(job)

        def tell(message: Message, began: float = began, say: Callable[[Message], None] = say) -> None:
            say({**message, "began": began, "job": id})

        set_threads(job)
        try:
            tell({"event": "started"})
            if refusal:
                message: Message = {"event": "failed", "error": refusal, "tail": []}
            else:
                with printing_to(Path(job.log)):
                    while (message := _perform(job, device, tell))["event"] == "busy":
                        fresh = False
                        time.sleep(BUSY)
            tell(message)
        except TimeUp:
            if not (fresh and saved == _saved(job)):
                tell({"event": "queued", "note": f"its time was up, job {id} goes on later"})
                _requeue(os.environ["SLURM_JOB_ID"])
                return 0
            message = {"event": "failed", "error": _endless(time.time() - began), "tail": tail(Path(job.log))}
            tell(message)
        fresh = fresh and message["event"] == "reused"
        if message["event"] not in ("done", "reused"):
            failed.add(job.fingerprint)
    return 1 if failed else 0


def _saved(job: Job) -> set[str]:
    """What a stage keeps for the next try, by name: each checkpoint of a training has its own."""
    scratch = Store(job.store).root / "scratch" / job.fingerprint
    return {str(path.relative_to(scratch)) for path in scratch.rglob("*")}


def _endless(seconds: float) -> str:
    return (
        f"the time of its SLURM job was up after {seconds:.0f} seconds, and in these it saved nothing that a second "
        "job could go on from: that would end in the same way. Ask for more `time` in the profile"
    )


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
            ask("scontrol", "requeue", id)
            return
        except Silent:
            time.sleep(pause)
    ask("scontrol", "requeue", id)


def _perform(job: Job, device: str, tell: Callable[[Message], None]) -> Message:
    team = dict(os.environ) if "PET_NNODES" in os.environ else None  # on several machines
    return perform(job, engine="slurm", device=device, tell=tell, team=team)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
