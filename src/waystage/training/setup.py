"""What the torch stages have in common: threads, device and precision at the start, the curve at the end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from waystage.models.backbone import Backbone
from waystage.training.loop import Job, State, full_precision
from waystage.training.network import Network
from waystage.training.ranks import ALONE, Ranks
from waystage.training.sharding import shard
from waystage.training.weights import Adam, linear_rate


def threads(count: int) -> None:
    """Set by the stage itself: the same count gives the same bits, whatever started the process."""
    torch.set_num_threads(count)


def checkpoint_seconds() -> float:
    """How often a run saves itself; shorter only where kills are tested."""
    return float(os.environ.get("WAYSTAGE_CHECKPOINT_SECONDS", "300"))


def place(network: Network, device: str, ranks: Ranks = ALONE, *, precision: str = "fp32") -> None:
    """`precision` is that of the layers where the weights are in parts, which are put together in it."""
    if device.startswith("cuda"):
        _deterministic()
    network.ranks = ranks
    network.device = torch.device(device)
    if ranks.sharded:
        shard(network, ranks, device=device, precision=precision)
    network.to(device)


def _deterministic() -> None:
    """The same bits from the same start, which resuming needs: on a GPU several kernels add up in any order."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when the first product is made
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads what it has not written
    torch.backends.cuda.enable_mem_efficient_sdp(False)  # its backward pass has no deterministic form


def compute(network: Network, precision: str) -> None:
    """For prediction: everything in bf16 but the embedding table and small heads, as in training."""
    if precision == "bf16":
        kept = {id(p) for p in full_precision(network)}
        for parameter in network.parameters():
            if id(parameter) not in kept:
                parameter.data = parameter.data.bfloat16()
        half(network.backbone)


def half(backbone: Backbone) -> None:
    """Compute in bf16 from the embedding on. The tables themselves stay fp32, rows are rounded when they are read."""
    for table in backbone.tables():
        table.register_forward_hook(_rounded)


def _rounded(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output.bfloat16()


def curve(path: Path, job: Job, state: State) -> None:
    """The whole run as a long table: step, task, name (loss, learning_rate, gradient_norm or a dev score), value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    adam = Adam.of(job.recipe)
    warmup = float(job.recipe.get("warmup", 0.1))
    rows: list[tuple[int, str, str, float]] = []
    for step, (loss, norm) in enumerate(zip(state.losses, state.norms, strict=True)):
        task = job.members[job.mixture.members[step]].name
        rate = linear_rate(step, job.mixture.steps, adam.learning_rate, warmup)
        rows += [(step, task, "loss", loss), (step, task, "gradient_norm", norm), (step, task, "learning_rate", rate)]
    rows += [(step, "", name, value) for step, scores in state.looks for name, value in scores.items()]
    columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
    types = {"step": pa.int64(), "task": pa.string(), "name": pa.string(), "value": pa.float64()}
    arrays = [pa.array(list(column), kind) for column, kind in zip(columns, types.values(), strict=True)]
    pq.write_table(pa.table(arrays, names=list(types)), path, compression="zstd", store_schema=False)
