"""Where stages run: in this process, in worker processes. One file or package per engine, found by listing this one.

It has `start(*, jobs, ...) -> Engine`. Engines know a stage as a `Job` (names, JSON, fingerprints) and run it through
`job.perform`, so what a stage does never depends on where it runs. `run.execute` decides what runs when.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from waystage.engines.job import Job, Message
from waystage.errors import UnknownName

__all__ = ["Engine", "Job", "Message", "Tell", "describe", "get", "names"]

Tell = Callable[[Message], None]
HOUSE = {
    "crew",
    "devices",
    "frontier",
    "job",
    "memory",
    "outcome",
    "progress",
    "run",
    "said",
    "schedule",
    "status",
    "worker",
}  # modules here that are no engines


class Engine(Protocol):
    ahead: bool  # it takes stages whose inputs are still being made, and minds the order itself

    @property
    def places(self) -> tuple[int, int]:
        """Stages side by side on CPUs, and accelerators: what can be kept busy. (0, 0): that is not known."""

    def submit(self, job: Job, tell: Tell) -> bool:
        """Take the job if there is room for it now: then `tell` hears "started", and all else from here or `poll`.

        An end may say when the stage truly "began", where it had to wait after it was taken.
        An engine with a queue says "queued" first, also later, of a stage that was put back into it.
        """

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        """These will not be submitted again; those in a queue go. Nothing more is told of them."""

    def poll(self, timeout: float) -> None:
        """Wait up to `timeout` seconds for messages and pass them on, in the caller's thread."""

    def close(self, *, cancel: bool = False) -> None:
        """Let go of all that is held. With `cancel`, running stages are told to stop, then made to."""


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in HOUSE)


def get(name: str) -> Callable[..., Engine]:
    """`get("local")(jobs=4)`"""
    start: Callable[..., Engine] = _module(name).start
    return start


def describe(name: str) -> str:
    return (_module(name).__doc__ or "").strip().partition("\n")[0]


def _module(name: str) -> Any:
    if name not in names():
        raise UnknownName("engine", name, names(), f"There are: {', '.join(names())}.")
    return importlib.import_module(f"{__name__}.{name}")
