"""How the training stages of a plan fit on devices, as a table and as sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from waystage.commands.output import say, size, span, table
from waystage.graph.stage import Resources, Stage
from waystage.models import placement, shapes
from waystage.models.placement import Devices, Placement
from waystage.study import estimate, placed
from waystage.study.scale import Placing

LINES = 12  # placements whose sums are shown, and any that does not fit


def cost(
    stage: Stage, known: Mapping[tuple[str, ...], estimate.Measured], placing: Placing
) -> estimate.Estimate:  # fmt: skip
    return estimate.estimate(stage, known, placing, _here())


def resources(stage: Stage, known: Mapping[tuple[str, ...], estimate.Measured], placing: Placing) -> Resources:
    """What the scheduler places stages by. An accelerator is asked for where there is one; else the CPU has to do."""
    found = cost(stage, known, placing)
    layout = found.placement.layout if found.placement else None
    micro = layout.micro_tokens if layout else placing.micro_tokens or placement.MICRO  # as said, where nobody computes
    return Resources(
        devices=found.processes if found.device == "gpu" else 0,
        memory=int(found.memory) * (1 if found.device == "gpu" else found.processes),
        processes=found.processes,
        sharded=found.sharded,
        host=_host(stage) if found.device == "gpu" else 0,
        threads=int(stage.config.get("threads", 1)),
        seconds=found.seconds,
        micro_tokens=0 if micro == placement.MICRO else micro,
        checkpointing=layout.checkpointing if layout else bool(placing.checkpointing),
        note=_note(found.placement) if found.placement else "",
    )


def _host(stage: Stage) -> int:
    """Bytes of a machine's memory that a stage on an accelerator fills on the way there: the weights as they are read.

    In fp32, or as the ground of adapters in bf16. Weights of 4 bits go there piece by piece.
    """
    shape = shapes.shape(stage.places.get("model", stage.config["model"]["name"])) if "model" in stage.config else None
    if shape is None:
        return 0
    kind = estimate.tuning(stage)
    small = 0 if kind == "qlora" else 2 if kind == "lora" and stage.config["precision"] == "bf16" else 4
    return small * shape.backbone_parameters


@cache
def _here() -> Devices | None:
    return placed.visible()


def _note(found: Placement) -> str:
    words = f"placement: {found.choice()}\nmemory, computed: {found.arithmetic()}"
    return words if found.fits else f"{words}\nthis does not fit: {found.advice}"


def groups(stages: list[Stage], costs: Mapping[str, estimate.Estimate]) -> list[dict[str, Any]]:
    """Training stages of one model that are placed alike, the largest memory first named."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for stage in stages:
        one = costs[stage.fingerprint]
        if one.placement is None:
            continue
        model = stage.config["model"]["name"]
        model = stage.places.get("model", model) if model == "local" else model
        group = found.setdefault(
            (model, one.placement.choice()),
            {"model": model, "placement": one.placement.choice(), "stages": 0, "hours": 0.0, "disk": 0, "memory": 0},
        )
        group["stages"] += 1
        group["hours"] += one.seconds * one.devices / 3600
        group["disk"] += 0 if stage.temporary else one.disk
        if one.placement.memory.total > group["memory"]:
            group |= {
                "memory": one.placement.memory.total,
                "device": str(one.placement.devices),
                "devices": one.devices,
                "fits": one.placement.fits,
                "advice": one.placement.advice,
                "arithmetic": one.placement.arithmetic(),
            }
    return sorted(found.values(), key=lambda group: (-group["memory"], group["model"]))


def predicting(
    stages: list[Stage], costs: Mapping[str, estimate.Estimate], placing: Placing
) -> list[dict[str, Any]]:  # fmt: skip
    """What evaluation takes with each model that a plan puts on accelerators, and whether one of them holds it."""
    found: dict[str, dict[str, Any]] = {}
    for stage in stages:
        one = costs[stage.fingerprint]
        name = stage.places.get("model", stage.config["model"]["name"]) if stage.kind == "evaluate" else ""
        shape = shapes.shape(name) if name and one.device == "gpu" else None
        if shape is None:
            continue
        where = placed.devices(shape, placing, _here())
        group = found.setdefault(
            name, {"model": name, "stages": 0, "memory": 0, "device": str(where), "of": where.memory}
        )
        group["stages"] += 1
        group["memory"] = max(group["memory"], one.memory)
        group["shards"] = max(group.get("shards", 1), one.processes if one.sharded else 1)
        group["fits"] = group["memory"] <= placement.USABLE * where.memory
    return sorted(found.values(), key=lambda group: (-group["memory"], group["model"]))


def unplaced(stages: list[Stage]) -> dict[str, int]:
    """Models whose shape nobody here knows, and how many stages train them: these are guessed, and cannot be placed."""
    names = [stage.config["model"]["name"] for stage in stages if stage.kind == "train" and "model" not in stage.places]
    return {name: count for name, count in Counter(names).items() if shapes.shape(name) is None}


def say_unplaced(found: dict[str, int]) -> None:
    for name, count in found.items():
        say(
            f"{name}: its shape is not known here, so its {count} training stages are counted as those of a base-sized "
            "encoder, and where they fit is not said. Fetch it and name its folder (models = ['./FOLDER'])"
        )


def say_predicting(found: list[dict[str, Any]]) -> None:
    for group in found:
        name, of = group["model"].rsplit("/", 1)[-1], size(group["of"])
        where = f"per device, sharded over {group['shards']}" if group["shards"] > 1 else "where one device does it"
        words = f"of {of}" if group["fits"] else f"which does not fit into {of}"
        say(f"predicting with {name}: up to {size(group['memory'])} {where}, {words}")


def show(found: list[dict[str, Any]]) -> None:
    if not found:
        return
    rows = [
        [
            g["model"].rsplit("/", 1)[-1], g["stages"], g["placement"], size(g["memory"]),
            ("fits " if g["fits"] else "too large for ") + g["device"], span(g["hours"] * 3600), size(g["disk"]),
        ]
        for g in found
    ]  # fmt: skip
    columns = ["model", "stages", "placement", "memory per device", "devices", "device time", "disk kept"]
    table(columns, rows, numbers=["stages", "memory per device", "device time", "disk kept"], title="Training")
    once = {(group["model"].rsplit("/", 1)[-1], group["arithmetic"]): group for group in reversed(found)}
    for number, ((name, arithmetic), group) in enumerate(reversed(once.items())):
        if number >= LINES and group["fits"]:
            continue
        say(f"{name}: {arithmetic}")
        if not group["fits"]:
            say(f"  does not fit: {group['advice']}")
