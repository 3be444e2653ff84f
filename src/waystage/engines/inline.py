"""In this process, one stage after the other: for debuggers, tests and a single small stage."""

from __future__ import annotations

from collections.abc import Iterable

from waystage.engines import Tell, devices
from waystage.engines.job import Job, perform


def start(*, jobs: int = 1) -> Inline:
    """`jobs` is what every engine is asked for; there is one of this process."""
    return Inline()


class Inline:
    ahead = False
    places = (1, 0)

    def __init__(self) -> None:
        self.accelerated = bool(devices.visible())

    def submit(self, job: Job, tell: Tell) -> bool:
        device = "cuda" if job.devices and self.accelerated else "cpu"

        def about(message: dict[str, object]) -> None:
            tell({**message, "fingerprint": job.fingerprint})

        about({"event": "started", "log": job.log})
        about(perform(job, engine="inline", device=device, tell=about))
        return True

    def poll(self, timeout: float) -> None:
        """All has been told by `submit`."""

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        """Nothing waits here."""

    def close(self, *, cancel: bool = False) -> None:
        """Nothing is held; an interrupt reaches the stage itself."""
