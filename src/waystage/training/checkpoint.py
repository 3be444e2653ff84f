"""Exact checkpoints of a running stage: whole or absent, verified when read, the last two kept.

Where the weights are in parts, each process writes a file of its own: its flat arrays, and `spans`, which says where
among all weights each piece of them lies. So they can be read by any number of processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from waystage.errors import StageError
from waystage.graph.points import reach
from waystage.training.ranks import ALONE, Ranks

Span = tuple[int, int]

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


def save(
    scratch: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], *, spans: Sequence[Span] = (),
    ranks: Ranks = ALONE,
) -> None:  # fmt: skip
    """`spans`: of the flat arrays among all weights, where the processes hold parts of them."""
    final = scratch / f"state-{step:09d}"
    work = scratch / f"writing-{step:09d}"
    if ranks.first:
        shutil.rmtree(work, ignore_errors=True)
        if final.exists():
            _remove(final)
        work.mkdir(parents=True)
        reach("state-begun")
    names = _parts("tensors", ranks)
    if ranks.sharded:
        ranks.wait()
        tensors = {**tensors, "spans": torch.tensor(spans)}
    crc = 0
    if ranks.sharded or ranks.first:
        path = work / names[ranks.rank]
        save_file({name: t.contiguous().cpu() for name, t in tensors.items()}, path)
        reach("state-tensors")
        sync(path)
        crc = _crc(path)
    crcs = ranks.sum(*(crc if number == ranks.rank else 0 for number in range(len(names))))
    if not ranks.first:
        return
    said = {"step": step, "files": {name: int(one) for name, one in zip(names, crcs, strict=True)}, **facts}
    (work / "state.json").write_text(json.dumps({**said, "crc": _crc_of(said)}), encoding="utf-8")
    sync(work / "state.json")
    reach("state-json")
    work.rename(final)
    sync(scratch)
    reach("state-renamed")
    for old in _states(scratch)[:-KEPT]:
        _remove(old)
    reach("state-rotated")


def newest(scratch: Path, log: Callable[[str], None]) -> tuple[dict[str, Any], list[Path]] | None:
    """The newest whole checkpoint: what it says, and its files. Damaged ones are put away with a word."""
    for folder in reversed(_states(scratch)):
        try:
            said = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            crc = said.pop("crc", None)
            if crc is not None and crc != _crc_of(said):
                raise ValueError("state.json is not what was written")
            if any(_crc(folder / name) != crc for name, crc in said["files"].items()):
                raise ValueError("its checksum is wrong")
            for name in _spoken_of(said):
                _best(scratch, name)
            return said, [folder / name for name in said["files"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as problem:
            log(f"checkpoint {folder.name} is damaged ({problem}): going back to the one before")
            _remove(folder)
    return None


def only(path: Path, *names: str) -> dict[str, Tensor]:
    """What every process' file of a checkpoint has alike."""
    with safe_open(str(path), framework="pt") as stored:
        return {name: stored.get_tensor(name) for name in names}


def read(files: Iterable[Path], spans: Sequence[Span], names: Iterable[str]) -> dict[str, Tensor]:
    """Flat arrays by name: the parts `spans` of all weights, whoever wrote them in whatever parts."""
    length = sum(last - first for first, last in spans)
    found = {name: torch.empty(length) for name in names}
    begins = [0, *np.cumsum([last - first for first, last in spans]).tolist()]
    for path in files:
        with safe_open(str(path), framework="pt") as stored:
            size = stored.get_slice(next(iter(found))).get_shape()[0]
            theirs = stored.get_tensor("spans").tolist() if "spans" in stored.keys() else [[0, size]]  # noqa: SIM118
            overlaps = list(_overlaps(theirs, spans, begins))
            for name, array in found.items():
                kept = stored.get_slice(name)
                for source, target, count in overlaps:
                    array[target : target + count] = kept[source : source + count]
    return found


def _overlaps(theirs: list[list[int]], spans: Sequence[Span], begins: list[int]) -> Iterator[tuple[int, int, int]]:
    """Where a piece begins in their array and in ours, and how long it is. Both lists ascend."""
    at, number = 0, 0
    for first, last in theirs:
        while number < len(spans) and spans[number][1] <= first:
            number += 1
        for ours in range(number, len(spans)):
            low, high = max(first, spans[ours][0]), min(last, spans[ours][1])
            if spans[ours][0] >= last:
                break
            if high > low:
                yield at + low - first, begins[ours] + low - spans[ours][0], high - low
        at += last - first


def _parts(name: str, ranks: Ranks) -> list[str]:
    """The files of what is written together."""
    if not ranks.sharded:
        return [f"{name}.safetensors"]
    return [f"{name}.{number:05d}.safetensors" for number in range(ranks.size)]


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
    work = scratch / f"writing-{MICRO}-{os.getpid()}"  # several processes may come to this at once
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


def save_best(
    scratch: Path, step: int, weights: Tensor, *, spans: Sequence[Span] = (), ranks: Ranks = ALONE
) -> str:  # fmt: skip
    """The best weights so far, kept beside the checkpoints until the stage ends."""
    name = f"best-{step:09d}" + (f"-of-{ranks.size}" if ranks.sharded else "")  # parts of two sizes never mix
    if ranks.first or ranks.sharded:
        scratch.mkdir(parents=True, exist_ok=True)
        file = _parts(name, ranks)[ranks.rank]
        work = scratch / f"writing-{file}"
        own = weights.cpu()
        tensors = {"master": own} | ({"spans": torch.tensor(spans)} if ranks.sharded else {})
        save_file(tensors, work, metadata={"crc": str(zlib.crc32(own.numpy().data))})
        sync(work)
        reach("best-written")
        work.rename(scratch / file)
        reach("best-renamed")
    ranks.wait()
    return f"{name}.safetensors"


def load_best(scratch: Path, name: str, spans: Sequence[Span]) -> Tensor:
    try:
        return read(_best(scratch, name), spans, ["master"])["master"]
    except (OSError, ValueError, SafetensorError) as problem:
        raise StageError(
            f"the best weights of this run are damaged ({problem}). Run it again: it goes back to the last checkpoint "
            "whose best weights are whole"
        ) from problem


def _best(scratch: Path, name: str) -> list[Path]:
    """The files of the best weights of this name, all there and as they were written."""
    files = sorted(path for path in scratch.glob("best-*.safetensors") if _best_name(path) == name)
    if len(files) != int(name.removesuffix(".safetensors").partition("-of-")[2] or 1):
        raise ValueError(f"{name} is not there")
    for path in files:
        with safe_open(str(path), framework="pt") as stored:
            crc = (stored.metadata() or {}).get("crc")
            if crc is not None and crc != str(zlib.crc32(stored.get_tensor("master").numpy())):
                raise ValueError(f"the checksum of {path.name} is wrong")
    return files


def _spoken_of(said: Mapping[str, Any]) -> set[str]:
    """The best weights that a checkpoint goes on with."""
    return {str(said.get("best_file", "")), *(str(file) for *_, file in said.get("also", {}).values())} - {""}


def _best_name(path: Path) -> str:
    return f"{path.name.split('.')[0]}.safetensors"


def forget_best(scratch: Path, *current: str) -> None:
    """Drop the best weights that neither the run nor a kept checkpoint speaks of.

    A checkpoint that cannot be read will never be gone back to, so what it spoke of is not needed.
    """
    spoken = set(current)
    for folder in _states(scratch):
        try:
            said = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            spoken |= _spoken_of(said)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    for path in scratch.glob("best-*.safetensors"):
        if _best_name(path) not in spoken:
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


def _crc_of(said: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(said).encode())


def _crc(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            value = zlib.crc32(block, value)
    return value


def floats(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
