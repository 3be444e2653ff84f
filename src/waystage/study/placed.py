"""Where the training stages of a plan fit: the shape of the model and what its recipe trains, laid on devices."""

from __future__ import annotations

from typing import Any

from waystage import forms
from waystage.engines import devices as accelerators
from waystage.graph.stage import Stage
from waystage.models import placement, shapes
from waystage.models.memory import Work
from waystage.models.placement import Devices, Placement
from waystage.study.scale import Placing

ROWS = 40_000  # of the embedding table: about what English training data uses of a vocabulary of 250,000
OPTIONS = 4  # sequences of a choice
LARGE = 50_000_000  # parameters from which a plan assumes a GPU
ASSUMED = "80GB"  # where there is no GPU to ask
SPARE = 3 * 10**9  # bytes beside the part of a model that predicts: layers put together, one pass, CUDA itself


def placed(stage: Stage, placing: Placing = Placing(), *, here: Devices | None = None) -> Placement | None:  # noqa: B008
    """None where nobody knows the shape of the model."""
    shape = shapes.shape(stage.places.get("model", stage.config["model"]["name"]))
    if shape is None:
        return None
    where = devices(shape, placing, here)
    return placement.choose(
        shape, work_of(stage, shape), where, micro_tokens=placing.micro_tokens, checkpointing=placing.checkpointing,
        processes=placing.processes,
    )  # fmt: skip


def sharing(need: int, tuning: str, where: Devices, placing: Placing) -> tuple[int, bool]:
    """How many processes share a stage that predicts and needs so many bytes, and whether each holds a part."""
    if where.kind == "cpu":
        return placing.processes or 1, False
    count = min(placing.processes or 1, where.all)
    usable = placement.USABLE * where.memory
    if need <= usable or tuning == "qlora":
        return count, False
    if placing.processes:  # as many as are asked for, also where they do not suffice: training keeps to it too
        return count, count > 1
    groups = [group for group in where.groups if group > 1 and need / group + SPARE <= usable]
    return next(iter(groups), where.all), where.all > 1


def devices(shape: shapes.Shape, placing: Placing, here: Devices | None) -> Devices:
    if placing.devices:
        return placement.devices(placing.devices)
    if shape.parameters < LARGE:
        return placement.devices("cpu")
    return here or placement.devices(f"{placing.processes or 1}x{ASSUMED}")


def visible() -> Devices | None:
    """The GPUs that stages may use here (CUDA_VISIBLE_DEVICES), asked without torch; each counts as the smallest."""
    sizes = accelerators.sizes(accelerators.visible())
    return Devices(len(sizes), min(sizes)) if sizes and all(sizes) else None


def work_of(stage: Stage, shape: shapes.Shape) -> Work:
    """What a `train` stage trains, at its largest: the longest sequences, the widest head."""
    config, recipe = stage.config, stage.config["recipe"]
    given = stage.inputs["tokens"]
    members = list(zip(config["members"], given if isinstance(given, tuple) else (given,), strict=True))
    lengths = [int(tokens.config["max_length"]) for _, tokens in members]
    twice = 2 if recipe.get("consistency") else 1  # two readings of each example, but of running text one
    units = [
        n * sequences(member) * (1 if member["form"] == "masked" else twice)
        for n, (member, _) in zip(lengths, members, strict=True)
    ]
    heads = [forms.get(m["form"]).head(tuple(m["labels"]), m.get("options") or {}) for m, _ in members]
    kinds = [head.kind for head in heads]
    kind = next((k for k in ("vocabulary", "embed") if k in kinds), kinds[0])
    adapter: dict[str, Any] = recipe.get("adapter") or {}
    targets = adapter.get("targets", "all-linear")
    dropout = recipe.get("dropout")
    published = 0.0 if shape.decoder or shape.family in ("modernbert", "eurobert") else 0.1
    return Work(
        tuning=adapter.get("kind", "full"),
        precision=config["precision"],
        batch=int(recipe.get("batch", 32)),
        unit=max(units),
        length=max(lengths),
        head=kind,
        outputs=max(head.size for head in heads),
        rows=ROWS,
        dropout=(published if dropout is None else dropout) > 0,
        freeze=int(recipe.get("freeze") or 0),
        rank=int(adapter.get("rank", 16)),
        targets=targets if isinstance(targets, str) else tuple(targets),
        adapter_dropout=bool(adapter.get("dropout")),
        looks=bool(stage.inputs.get("dev")),
    )


def sequences(member: dict[str, Any]) -> int:
    """How many sequences one unit has."""
    options = member.get("options") or {}
    if member["form"] == "choice":
        return OPTIONS
    return 2 if member["form"] == "retrieval" or options.get("bi") else 1
