"""How a model, a recipe and devices fit together: tuning, precision, shards, micro-batch, activation checkpointing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from waystage.errors import InputError

GB = 10**9
DEVICES = re.compile(r"(?:(?:(\d+)\s*x\s*)?(\d+)\s*x\s*)?(\d+(?:\.\d+)?)\s*GB", re.IGNORECASE)


@dataclass(frozen=True)
class Devices:
    count: int  # of one machine
    memory: int  # bytes of each
    nodes: int = 1
    kind: str = "gpu"

    @property
    def all(self) -> int:
        return self.count * self.nodes

    def __str__(self) -> str:
        if self.kind == "cpu":
            return f"CPU with {self.memory / GB:.0f} GB"
        machines = f"{self.nodes} machines of " if self.nodes > 1 else ""
        return f"{machines}{self.count} x {self.memory / GB:.0f} GB"


def devices(text: str) -> Devices:
    """ "80GB", "8x80GB", "2x8x80GB" or "cpu"."""
    if text.strip().lower() == "cpu":
        return Devices(1, memory_here(), kind="cpu")
    found = DEVICES.fullmatch(text.strip())
    if not found or not float(found[3]) or not int(found[2] or 1) or not int(found[1] or 1):
        raise InputError(
            f'{text!r} does not say devices: write "80GB" (one), "8x80GB", "2x8x80GB" (two machines of eight) or "cpu"'
        )
    return Devices(int(found[2] or 1), int(float(found[3]) * GB), int(found[1] or 1))


def memory_here() -> int:
    import os

    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
