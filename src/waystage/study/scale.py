"""What a study says about size: the devices to plan for, what may be overridden there, and attention in decoders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from waystage.errors import InputError
from waystage.models import placement, shapes
from waystage.study.check import Problem


class Placing(BaseModel):
    """How stages are laid on devices. Never part of a result's identity; not said: chosen, and shown by `plan`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    devices: str | None = Field(None, description='"80GB", "8x80GB", "2x8x80GB" (two machines of eight), or "cpu"')
    processes: Annotated[int, Field(ge=1, le=4096, strict=True)] | None = Field(
        None, description="how many share a stage, each on a device of its own; on a CPU side by side"
    )
    micro_tokens: Annotated[int, Field(ge=128, strict=True)] | None = Field(
        None, description="most tokens that go through the model at once; the batch of a step stays what it is"
    )
    checkpointing: bool | None = Field(
        None, description="compute activations again in the backward pass instead of keeping them"
    )


def problems(values: dict[str, Any]) -> Iterator[Problem]:
    said = values.get("placement")
    devices = said.get("devices") if isinstance(said, dict) else getattr(said, "devices", None)
    processes = said.get("processes") if isinstance(said, dict) else getattr(said, "processes", None)
    if isinstance(devices, str):
        try:
            where = placement.devices(devices)
            if where.kind != "cpu" and isinstance(processes, int) and processes > where.all:
                words = f"is {processes}, but devices = {devices!r} has {where.all}: each process needs one of its own"
                yield Problem(("placement", "processes"), words)
        except InputError as error:
            yield Problem(("placement", "devices"), str(error))
    if values.get("attention") == "bidirectional":
        yield from _both_ways(values)


def _both_ways(values: dict[str, Any]) -> Iterator[Problem]:
    models = [name for name in values.get("models") or () if isinstance(name, str)]
    try:
        found = {name: shapes.shape(name) for name in models}
    except (OSError, InputError):
        return  # a folder that is no checkpoint is said elsewhere
    if models and all(shape is not None and not shape.decoder for shape in found.values()):
        yield Problem(("attention",), "'bidirectional' is for decoders, and every model of this study is an encoder")
    arms = values.get("intermediate")
    for arm, body in arms.items() if isinstance(arms, dict) else ():
        replay = body.get("replay") if isinstance(body, dict) else getattr(body, "replay", None)
        if replay and any(shape is not None and shape.decoder for shape in found.values()):
            yield Problem(
                ("intermediate", arm, "replay"),
                "asks decoders for the next token, which attention = 'bidirectional' shows them: choose one of the two",
            )
