"""What stages on other machines say, through the disk that all of them see: their last message, one file per stage.

It needs no open port and no service, and it outlives the process that listens: who asks later still gets the answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from waystage.engines.job import Job, Message
from waystage.graph.files import write_text

OFTEN = 2.0  # seconds between two messages about progress: each is a file on a shared disk


def path(job: Job) -> Path:
    return Path(job.log).parent.parent / "said" / f"{job.fingerprint}.json"


def teller(job: Job) -> Callable[[Message], None]:
    """To give `perform` as `tell`, where the stage runs. A later message carries the progress that it covers up."""
    last = -OFTEN
    progress: Message = {}

    def tell(message: Message) -> None:
        nonlocal last, progress
        now = time.monotonic()
        if message["event"] == "progress":
            progress = message
        elif progress:
            message = {**message, "progress": progress}
        if message["event"] != "progress" or now - last >= OFTEN or message.get("step") == message.get("of"):
            last = now
            write_text(path(job), json.dumps({**message, "fingerprint": job.fingerprint}), durable=False)

    return tell


class Ear:
    """Hears each message once."""

    def __init__(self) -> None:
        self.heard: dict[str, int] = {}

    def listen(self, job: Job) -> Message | None:
        place = path(job)
        try:
            stamp = place.stat().st_mtime_ns
            if self.heard.get(job.fingerprint) == stamp:
                return None
            message: Message = json.loads(place.read_bytes())
        except FileNotFoundError:
            return None
        self.heard[job.fingerprint] = stamp
        return message
