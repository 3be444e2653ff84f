"""Where one of several processes sits that share the work of one stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seat:
    rank: int = 0  # the first one writes
    size: int = 1
    local: int = 0  # its number on this machine: which accelerator is its own
    meet: str = ""  # where they find each other: "file://..." on one machine, "tcp://host:port" on several
    sharded: bool = False  # each holds a part of the weights; else each has all of them, and a part of the batch


ONLY = Seat()
