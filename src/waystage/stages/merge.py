"""One checkpoint out of several without training: their mean, or layers of the one in place of the other's.

config: model; how "average", or "swap" with lower and upper (how many layers, from below with the embedding, from
above); published (the places among the checkpoints that the model as published takes).
inputs: checkpoints. With "swap" the first one is changed and the second one gives layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import InputError
from waystage.stages import Context, Inputs
from waystage.stages.adopt import write

if TYPE_CHECKING:
    from torch import Tensor


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from waystage.models import adapters, load

    given = inputs["checkpoints"]
    folders: list[Path | None] = list(given if isinstance(given, list) else [given])
    for place in config["published"]:
        folders.insert(place, None)
    weights: list[dict[str, Tensor]] = []
    described: dict[str, Any] = {}
    layers = 0
    for folder in folders:
        merged = adapters.for_training(folder, None)  # adapters become part of the weights
        backbone = load.backbone(config["model"], context.places, start=folder, chain=merged)
        weights.append({name: tensor.detach().clone() for name, tensor in backbone.model.state_dict().items()})
        described = described or backbone.described
        layers = int(backbone.config.num_hidden_layers)
    if config["how"] == "average":
        made = average(weights)
    else:
        made = swap(weights[0], weights[1], lower=config["lower"], upper=config["upper"], layers=layers)
    write(out, config["model"], described, made)
    return {"checkpoints": len(folders)}


def average(weights: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    import torch

    return {
        name: torch.stack([one[name].float() for one in weights]).mean(0).to(tensor.dtype)
        for name, tensor in weights[0].items()
    }


def swap(
    into: dict[str, Tensor], giver: dict[str, Tensor], *, lower: int, upper: int, layers: int
) -> dict[str, Tensor]:
    """The embedding goes with the lowest layers, what comes after the last layer with the highest."""
    from waystage.models.layers import place

    if lower + upper > layers:
        raise InputError(f"swap: lower = {lower} and upper = {upper} are more than the model's {layers} layers")

    def given(name: str) -> bool:
        at = place(name, layers)
        return (at < lower and bool(lower)) or (at >= layers - upper and bool(upper))

    return {name: giver[name] if given(name) else tensor for name, tensor in into.items()}
