"""Which weights of a model belong to which layer, whatever its family calls them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

_LAYER = re.compile(r"(?:^|\.)(?:layers?|h)\.(\d+)\.")


def place(name: str, layers: int) -> int:
    """The number of the layer of a weight; -1 for the embedding, `layers` for what comes after the last one."""
    found = _LAYER.search(name)
    if found:
        number = int(found[1])
        assert number < layers, f"{name} is in layer {number} of {layers}"
        return number
    return -1 if "embed" in name else layers


def lower(model: nn.Module, count: int, layers: int) -> Iterator[tuple[str, nn.Parameter]]:
    """The embedding and the weights of so many layers from below."""
    for name, parameter in model.named_parameters():
        if place(name, layers) < count:
            yield name, parameter
