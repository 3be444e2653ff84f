"""A stage: one step of work that is done once, whoever asks for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waystage.errors import UnknownName
from waystage.graph.canonical import identity, plain
from waystage.graph.kinds import VERSIONS

__all__ = ["Resources", "Stage", "identity"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a stage is expected to need. Engines place stages by it; results never depend on it."""

    devices: int = 0  # accelerators that it can use where there are some; 0: it stays on the CPU
    memory: int = 0  # bytes, an estimate
    host: int = 0  # bytes of a machine's memory for each process on an accelerator: what it loads
    threads: int = 1
    seconds: float = 1.0  # an estimate: the longest chain of stages is started first
    micro_tokens: int = 0  # most tokens that go through a model at once; 0: as the stage has it
    checkpointing: bool = False  # compute activations again in the backward pass
    processes: int = 1  # that share the stage, each on an accelerator of its own where there are some
    sharded: bool = False  # each of them holds a part of the weights; else each has a part of the batch only
    note: str = ""  # the placement and its arithmetic, for the stage's log


ANY = Resources()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False, slots=True)
class Stage:
    """`kind`, `version`, `config` and the fingerprints of `inputs` are the identity; the rest is not.

    Fingerprints are computed when a stage is made: its inputs exist by then, so no recursion, and a config without a
    stable form is refused where it was written. Do not change a config afterwards.
    """

    kind: str
    name: str  # for people, such as "train mnli seed 1"
    config: Mapping[str, Any]
    inputs: Mapping[str, Stage | tuple[Stage, ...]] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)  # where things of this machine are
    resources: Resources = ANY
    version: int = 0  # 0: the one of the kind; a kind that is a module of somebody else's says its own
    temporary: bool = False  # its artifact may be dropped as soon as all that is made from it exists
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.version:
            if self.kind not in VERSIONS:
                raise UnknownName("kind of stage", self.kind, VERSIONS, "Kinds of your own need version=1 or higher.")
            object.__setattr__(self, "version", VERSIONS[self.kind])
        body = {
            "kind": self.kind,
            "version": self.version,
            "config": plain(self.config, f"{self.kind} stage {self.name!r}: config"),
            "inputs": {
                name: given.fingerprint if isinstance(given, Stage) else [stage.fingerprint for stage in given]
                for name, given in self.inputs.items()
            },
        }
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
        object.__setattr__(self, "fingerprint", hashlib.sha256(text.encode("ascii")).hexdigest())

    def parents(self) -> Iterator[Stage]:
        """The stages that this one reads, in the order of its inputs."""
        for given in self.inputs.values():
            if isinstance(given, Stage):
                yield given
            else:
                yield from given

    # Equality by identity: comparing or printing whole graphs would recurse through every ancestor.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stage) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name!r} {self.fingerprint[:12]}>"
