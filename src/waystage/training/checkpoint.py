"""Exact checkpoints of a running stage: whole or absent, verified when read, the last two kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from waystage.graph.points import reach

KEPT = 2
MICRO = "micro-tokens"
POINTS = (
    "state-begun",
    "state-tensors",
    "state-json",
    "state-renamed",
    "state-removing",
    "state-rotated",
    "best-written",
    "best-renamed",
)


def save(scratch: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    final = scratch / f"state-{step:09d}"
    work = scratch / f"writing-{step:09d}"
    shutil.rmtree(work, ignore_errors=True)
    if final.exists():
        _remove(final)
    work.mkdir(parents=True)
    reach("state-begun")
    save_file({name: t.contiguous().cpu() for name, t in tensors.items()}, work / "tensors.safetensors")
    reach("state-tensors")
    said = {"step": step, "crc": _crc(work / "tensors.safetensors"), **facts}
    (work / "state.json").write_text(json.dumps(said), encoding="utf-8")
    for path in work.iterdir():
        sync(path)
    reach("state-json")
    work.rename(final)
    sync(scratch)
    reach("state-renamed")
    for old in _states(scratch)[:-KEPT]:
        _remove(old)
    reach("state-rotated")


def newest(scratch: Path, log: Callable[[str], None]) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """The newest whole checkpoint; damaged ones are put away with a word."""
    for folder in reversed(_states(scratch)):
        try:
            said = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            if _crc(folder / "tensors.safetensors") != said["crc"]:
                raise ValueError("its checksum is wrong")
            return said, load_file(folder / "tensors.safetensors")
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as problem:
            log(f"checkpoint {folder.name} is damaged ({problem}): going back to the one before")
            _remove(folder)
    return None


def clear(scratch: Path, *, everything: bool = False) -> None:
    """Remove what killed runs left half done, which nobody reads; `everything`: the checkpoints as well."""
    for folder in _states(scratch) if everything else ():
        _remove(folder)
    for path in [*scratch.glob("writing-*"), *scratch.glob("removing-*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in scratch.glob("best-*.safetensors") if everything else ():
        path.unlink()


def micro_tokens(scratch: Path, otherwise: int) -> int:
    """The micro-batch that memory allowed an earlier try of this stage."""
    path = scratch / MICRO
    return int(path.read_text(encoding="utf-8")) if path.exists() else otherwise


def keep_micro_tokens(scratch: Path, tokens: int) -> None:
    """The run is to go on with this micro-batch also after a kill: another one gives other bits."""
    scratch.mkdir(parents=True, exist_ok=True)
    work = scratch / f"writing-{MICRO}"
    work.write_text(str(tokens), encoding="utf-8")
    sync(work)
    work.rename(scratch / MICRO)
    sync(scratch)


def _remove(folder: Path) -> None:
    """Under another name first: a kill in the middle must not leave half a checkpoint under its own."""
    away = folder.with_name(f"removing-{folder.name}")
    shutil.rmtree(away, ignore_errors=True)
    folder.rename(away)
    reach("state-removing")
    shutil.rmtree(away)


def save_best(scratch: Path, step: int, weights: Tensor) -> str:
    """The best weights so far, kept beside the checkpoints until the stage ends."""
    scratch.mkdir(parents=True, exist_ok=True)
    name = f"best-{step:09d}.safetensors"
    work = scratch / f"writing-{name}"
    save_file({"master": weights.cpu()}, work)
    sync(work)
    reach("best-written")
    work.rename(scratch / name)
    reach("best-renamed")
    return name


def load_best(scratch: Path, name: str) -> Tensor:
    return load_file(scratch / name)["master"]


def forget_best(scratch: Path, *current: str) -> None:
    """Drop the best weights that neither the run nor a kept checkpoint speaks of.

    A checkpoint that cannot be read will never be gone back to, so what it spoke of is not needed.
    """
    spoken = set(current)
    for folder in _states(scratch):
        try:
            said = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            spoken |= {str(said["best_file"]), *(str(file) for *_, file in said.get("also", {}).values())}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    for path in scratch.glob("best-*.safetensors"):
        if path.name not in spoken:
            path.unlink()


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """A safetensors file whose bytes depend on the weights alone."""
    save_file({name: weights[name].detach().contiguous().cpu().clone() for name in sorted(weights)}, path)


def _states(scratch: Path) -> list[Path]:
    return sorted(path for path in scratch.glob("state-*") if re.fullmatch(r"state-\d+", path.name))


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def floats(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
