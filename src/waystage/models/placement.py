"""How a model, a recipe and devices fit together: shards, micro-batch, activations kept or computed again.

What a study says (full tuning or an adapter, precision, the batch) is identity and never changed here. Where that does
not fit, the placement says so, and which line of the study would.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from waystage.errors import InputError
from waystage.models.memory import Layout, Memory, Work, adapter_parameters, memory, tokens
from waystage.models.shapes import Shape

GB = 10**9
USABLE = 0.92  # share of a device's memory; the rest is lost to fragments
MICRO = 8192  # tokens; what the engine takes where nothing is said
SMALLEST = 512
DEVICES = re.compile(r"(?:(?:(\d+)\s*x\s*)?(\d+)\s*x\s*)?(\d+(?:\.\d+)?)\s*GB", re.IGNORECASE)


@dataclass(frozen=True)
class Devices:
    count: int  # of one machine
    memory: int  # bytes of each
    nodes: int = 1
    kind: str = "gpu"

    def __str__(self) -> str:
        if self.kind == "cpu":
            return f"CPU with {self.memory / GB:.0f} GB"
        machines = f"{self.nodes} machines of " if self.nodes > 1 else ""
        return f"{machines}{self.count} x {self.memory / GB:g} GB"

    @property
    def all(self) -> int:
        return self.count * self.nodes

    @property
    def groups(self) -> list[int]:
        """How many devices may share a stage."""
        within = [n for n in (1, 2, 4, 8, 16) if n < self.count]
        return [*within, self.count] + [self.count * nodes for nodes in range(2, self.nodes + 1)]


@dataclass(frozen=True)
class Placement:
    work: Work
    layout: Layout
    memory: Memory
    devices: Devices
    fits: bool
    advice: str = ""  # what to write in the study instead

    @property
    def passes(self) -> int:
        """Micro-batches per device and step; the batch of a step is always the same."""
        return -(-self.work.batch * self.work.unit // (self.layout.processes * tokens(self.work, self.layout)))

    def choice(self) -> str:
        """In a few words."""
        layout = self.layout
        parts = [self.work.tuning, self.work.precision]
        if layout.shards > 1:
            parts.append(f"sharded over {layout.shards}")
        elif layout.copies > 1:
            parts.append(f"{layout.copies} processes with all weights")
        else:
            parts.append(f"one {layout.device.upper()}")
        parts.append(f"{self.passes} x up to {tokens(self.work, layout)} tokens per step")
        if layout.checkpointing:
            parts.append("activations computed again")
        return ", ".join(parts)

    def arithmetic(self) -> str:
        """Where the memory goes."""
        named = {name: size for name, size in vars(self.memory).items() if size >= GB / 100}
        terms = " + ".join(f"{name} {size / GB:.2f}" for name, size in named.items())
        return f"{terms} = {self.memory.total / GB:.2f} GB per device, of {self.devices.memory / GB:.3g} GB"


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
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@cache
def choose(
    shape: Shape,
    work: Work,
    where: Devices,
    *,
    micro_tokens: int | None = None,
    checkpointing: bool | None = None,
    processes: int | None = None,
) -> Placement:
    """The cheapest layout that fits; where none does, the leanest one, with advice.

    `processes`: so many are to share a stage, with all weights each where that fits, else with parts of them.
    """
    tried = [
        _placed(shape, work, layout, where) for layout in _layouts(where, work, micro_tokens, checkpointing, processes)
    ]
    fitting = next((placement for placement in tried if placement.fits), None)
    if fitting:
        return fitting
    leanest = min(tried, key=lambda placement: placement.memory.total)
    said = {"micro_tokens": micro_tokens, "checkpointing": checkpointing, "processes": processes}
    narrow = [name for name, value in said.items() if value is not None]
    if narrow and (other := choose(shape, work, where)).fits:  # the same result, so the first thing to try
        words = f"without {', '.join(narrow)} in [placement] it fits, with the same result: {other.choice()}"
        return replace(leanest, advice=words)
    return replace(leanest, advice=_advice(shape, work, where))


def _layouts(
    where: Devices, work: Work, micro_tokens: int | None, checkpointing: bool | None, processes: int | None = None
) -> Iterator[Layout]:  # fmt: skip
    """The cheapest first: smaller micro-batches cost little, activations computed again a third, shards devices.

    Weights of 4 bits are not sharded.
    """
    sizes = [micro_tokens] if micro_tokens else [MICRO, MICRO // 2, MICRO // 4]
    small = [micro_tokens] if micro_tokens else [MICRO // 4, MICRO // 8, SMALLEST]
    if processes:
        count = processes if where.kind == "cpu" else min(processes, where.all)
        groups = [(1, count), (count, 1)] if count > 1 else [(1, 1)]
    else:
        groups = [(count, 1) for count in where.groups]
    for shards, copies in groups:
        if shards > 1 and work.tuning == "qlora":
            continue
        for again, most in ((False, sizes), (True, [*sizes, *small[1:]])):
            if checkpointing in (None, again):
                for size in most:
                    yield Layout(
                        device=where.kind, shards=shards, copies=copies, micro_tokens=size, checkpointing=again
                    )  # fmt: skip


def _placed(shape: Shape, work: Work, layout: Layout, where: Devices) -> Placement:
    needed = memory(shape, work, layout)
    together = layout.processes if where.kind == "cpu" else 1  # on one processor all share one memory
    fits = together * needed.total <= USABLE * where.memory and not (work.tuning == "qlora" and where.kind == "cpu")
    return Placement(work, layout, needed, where, fits)


def _advice(shape: Shape, work: Work, where: Devices) -> str:
    order = {"full": ("lora", "qlora"), "lora": ("qlora",), "qlora": ()}[work.tuning]
    for kind in order:
        if kind == "qlora" and where.kind == "cpu":
            continue
        other = choose(
            shape, replace(work, tuning=kind, precision="bf16" if kind == "qlora" else work.precision), where
        )
        if other.fits:
            line = f'[recipe] adapter = {{ kind = "{kind}" }}'
            needs = f"{other.memory.total / GB:.1f} GB per device"
            more = f"[placement] devices = {_more(shape, work)}"
            return f"{line} would fit with {needs} (another result: it is identity); or more devices, {more}"
    if work.tuning == "qlora" and where.kind == "cpu":
        return 'qlora needs a CUDA device: [placement] devices = "80GB", or adapter = { kind = "lora" }'
    return f"nothing fits on {where}: name more or larger devices, such as [placement] devices = " + _more(shape, work)


def _more(shape: Shape, work: Work) -> str:
    for text in ("80GB", "2x80GB", "4x80GB", "8x80GB", "2x8x80GB", "4x8x80GB"):
        where = devices(text)
        if any(_placed(shape, work, layout, where).fits for layout in _layouts(where, work, None, None)):
            return f'"{text}"'
    return '"8x8x80GB"'


def trained(shape: Shape, work: Work) -> int:
    """Parameters of the model that a stage trains, heads aside."""
    if work.tuning == "full":
        return shape.backbone_parameters
    return adapter_parameters(shape, work.rank, work.targets)
