"""What one stage does. A kind is a module here with `run(config, inputs, out, context) -> facts`.

Engines know stages by name only and come in through `run`, so that a stage can travel to another process or machine
as a kind, a JSON config, the folders of its inputs and an empty folder to fill.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waystage.graph.seat import ONLY, Seat

Inputs = dict[str, Path | list[Path]]


def _silent(_: dict[str, Any]) -> None:
    return None


@dataclass
class Context:
    """How a stage runs: never part of its identity, never able to change its result."""

    scratch: Path  # private to the stage, survives a kill: exact checkpoints live here
    places: Mapping[str, str] = field(default_factory=dict)  # where things of this machine are: {"model": folder}
    device: str = "cpu"
    micro_tokens: int = 0  # most tokens that go through the model at once; 0: as the stage has it
    checkpointing: bool = False  # compute activations again in the backward pass
    seat: Seat = ONLY  # which of the processes that share the stage this is
    progress: Callable[[dict[str, Any]], None] = field(
        default=_silent
    )  # {"step": 3, "of": 100, "loss": 1.2, "rate": 250.0}
    log: Callable[[str], None] = field(default=lambda line: None)


def run(kind: str, config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """Fill `out` and return facts for the manifest (throughput, counts). The folder is complete when this returns.

    A kind with a dot in it is a module of somebody else's, such as `mylab.stages.distil`.
    """
    module = importlib.import_module(kind if "." in kind else f"waystage.stages.{kind}")
    facts: dict[str, Any] = module.run(config, inputs, out, context)
    return facts
