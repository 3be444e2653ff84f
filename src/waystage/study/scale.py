"""What a study says about size: the devices to plan for, what may be overridden there, and attention in decoders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from waystage.errors import InputError, did_you_mean
from waystage.models import placement, shapes
from waystage.study.check import Path, Problem, _get, _list, _plain, _strings, _table, recipes, running_text


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
    yield from _layers(_plain(values))


def _layers(raw: dict[str, Any]) -> Iterator[Problem]:
    """More layers than a model has would freeze or swap all of it; an adapter stands on layers that are there."""
    try:
        said = {name: shapes.shape(name) for name in raw.get("models") or () if isinstance(name, str)}
    except (OSError, InputError, TypeError):
        return  # said elsewhere
    found = {name: shape for name, shape in said.items() if shape}
    most = min((shape.layers for shape in found.values()), default=None)
    for path, count in _counted(raw):
        if most is not None and count > most:
            yield Problem(path, f"says {count} layers, but the model has {most}")
    for path, recipe in recipes(raw):
        targets = _get(_get(recipe, "adapter"), "targets")
        if isinstance(targets, list | tuple) and not targets:
            yield Problem((*path, "adapter", "targets"), 'names no layer: write "all-linear", "attention", or names')
        for target in targets if isinstance(targets, list | tuple) else ():
            for name, shape in found.items():
                if isinstance(target, str) and shape.lacks(target):
                    yield Problem((*path, "adapter", "targets"), _no_layer(target, name, shape))


def _no_layer(target: str, model: str, shape: shapes.Shape) -> str:
    names = list(dict.fromkeys(matrix.name.rpartition(".")[2] for matrix in shape.linears))
    return f"{target!r} is no linear layer of {model}{did_you_mean(target, names)}. It has: {', '.join(names)}"


def _counted(raw: dict[str, Any]) -> Iterator[tuple[Path, int]]:
    for arm, body in _table(raw, "intermediate").items():
        swap = _get(body, "swap")
        if all(isinstance(_get(swap, side) or 0, int) for side in ("lower", "upper")):
            yield ("intermediate", arm, "swap"), (_get(swap, "lower") or 0) + (_get(swap, "upper") or 0)
    tables = recipes(raw)
    yield from (((*path, "freeze"), said["freeze"]) for path, said in tables if isinstance(_get(said, "freeze"), int))


def _both_ways(values: dict[str, Any]) -> Iterator[Problem]:
    models = [name for name in values.get("models") or () if isinstance(name, str)]
    try:
        found = {name: shapes.shape(name) for name in models}
    except (OSError, InputError):
        return  # a folder that is no checkpoint is said elsewhere
    if models and all(shape is not None and not shape.decoder for shape in found.values()):
        yield Problem(("attention",), "'bidirectional' is for decoders, and every model of this study is an encoder")
    for path in _running_text(_plain(values)):
        if any(shape is not None and shape.decoder for shape in found.values()):
            yield Problem(
                path,
                "asks decoders for the next token, which attention = 'bidirectional' shows them: choose one of the two",
            )


def _running_text(raw: dict[str, Any]) -> Iterator[Path]:
    """Where arms ask for language modelling."""
    for arm, body in _table(raw, "intermediate").items():
        path: Path = ("intermediate", arm)
        if _get(body, "control") == "mlm-only":
            yield (*path, "control")
        steps = [(path, body), *(((*path, "then", i), step) for i, step in enumerate(_list(_get(body, "then"))))]
        for place, step in steps:
            if _get(step, "replay"):
                yield (*place, "replay")
            for at, name in _strings(_get(step, "tasks"), (*place, "tasks")):
                if running_text(name):
                    yield at
