"""A model in parts: each process holds a share of every weight, and a layer is put together while it computes.

torch's FSDP2 does this (docs/decisions/0004-fsdp2-under-one-optimizer.md). Each layer is a group of its own. So are the
embedding table and every head, which compute in another precision, and what the model has beside its layers. Gradients
are summed, not averaged: the loop divides once, by the count of the whole batch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from waystage.errors import InputError
from waystage.training.ranks import Ranks

if TYPE_CHECKING:
    from waystage.training.network import Network

Span = tuple[int, int]


def shard(network: Network, ranks: Ranks, *, device: str, precision: str) -> None:
    """`precision` is that of the layers; what the optimizer steps on is fp32 in any case."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
    from transformers.modeling_layers import GradientCheckpointingLayer

    if any(type(p).__name__ == "Params4bit" for p in network.parameters()):
        raise InputError(
            'adapter kind = "qlora" keeps a whole model of 4-bit weights on each device: it cannot be sharded. '
            'Use kind = "lora", or [placement] with devices that are large enough for one'
        )
    mesh = init_device_mesh("cuda" if device.startswith("cuda") else "cpu", (ranks.size,))
    exact = MixedPrecisionPolicy(reduce_dtype=torch.float32, cast_forward_inputs=False)
    rough = MixedPrecisionPolicy(torch.bfloat16, torch.float32, cast_forward_inputs=False)
    usual = rough if precision == "bf16" else exact
    layers = [module for module in network.backbone.modules() if isinstance(module, GradientCheckpointingLayer)]
    table = network.backbone.embedding
    heads: list[Any] = [head for head in network.heads.values() if any(True for _ in head.parameters())]
    policies = {
        **dict.fromkeys(layers, usual),
        table: exact if table.weight.dtype == torch.float32 else usual,
        network.backbone: usual,  # not the model in it, whose class transformers knows by name
        **{head: usual if head.kind == "vocabulary" else exact for head in heads},
    }
    for module, policy in policies.items():
        for parameter in module.parameters():  # one group after the other, so that little is whole in fp32 at once
            if parameter.requires_grad and parameter.dtype != torch.float32:
                parameter.data = parameter.data.float()
        group = fully_shard(module, mesh=mesh, mp_policy=policy, reshard_after_forward=module in layers)
        group.set_gradient_divide_factor(1.0)
        group.set_force_sum_reduction_for_comms(True)
    network.backbone.most = ranks.most
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing here changes it in place
    for head in heads:
        if head.kind == "vocabulary":
            register_fsdp_forward_method(head, "losses")


def groups(model: nn.Module) -> list[Any]:
    """What is put together at once."""
    from torch.distributed.fsdp import FSDPModule

    return [module for module in model.modules() if isinstance(module, FSDPModule)]


def local(tensor: Tensor) -> Tensor:
    """What this process has of it."""
    from torch.distributed.tensor import DTensor

    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(tensors: Mapping[str, Tensor], *, keep: bool) -> dict[str, Tensor]:
    """Put together on the CPU, one after the other. All processes have to ask; only those that `keep` get them."""
    from torch.distributed.tensor import DTensor

    found = {}
    for name, tensor in tensors.items():
        full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if keep:
            found[name] = full.detach().cpu()
    return found


def spans(parameters: Iterable[nn.Parameter], rank: int, size: int) -> list[Span]:
    """Which part of all weights, laid end to end, each parameter has here: FSDP2 cuts the first dimension."""
    found, begin = [], 0
    for parameter in parameters:
        rows = len(parameter) if parameter.ndim else 1
        each = -(-rows // size)
        row = parameter.numel() // max(rows, 1)
        first, last = min(rank * each, rows), min((rank + 1) * each, rows)
        found.append((begin + first * row, begin + last * row))
        begin += parameter.numel()
    return found
