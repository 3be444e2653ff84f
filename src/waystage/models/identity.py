"""What a model *is*, as it goes into fingerprints: a name and a revision, never a folder of this machine."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from waystage.errors import InputError
from waystage.models.shapes import STANDINS, is_standin, known

DEFAULT = "standin-m"
UNRESOLVED = "main"  # a hub branch: `check` and `run` replace it by the commit in STUDY.lock


def identity(model: str) -> dict[str, str]:
    if is_standin(model):
        return {"name": model, "revision": _content(STANDINS / model, ("config.json", "model.safetensors"))}
    folder = local_folder(model)
    if folder:
        return {"name": "local", "revision": _content(folder, ("config.json", *_weights(folder), "tokenizer.json"))}
    return {"name": model, "revision": UNRESOLVED}


def tokenizer(model: str) -> dict[str, str]:
    """Stand-ins of all sizes share one tokenizer, so that their token arrays are shared too."""
    if not is_standin(model):
        return identity(model)
    mine = _content(STANDINS / model, ("tokenizer.json",))
    standins = [name for name in known() if is_standin(name)]
    for other in sorted(standins, key=lambda name: (name != DEFAULT, name)):  # one more size renames nothing
        if _content(STANDINS / other, ("tokenizer.json",)) == mine:
            return {"name": other, "revision": mine}
    raise AssertionError(f"{model} is not among the shipped stand-ins")


def local_folder(model: str) -> Path | None:
    """The folder that a name means, or None for a hub name. A folder is written with a leading '.', '/' or '~'."""
    if not model.startswith((".", "/", "~")):
        return None
    folder = Path(model).expanduser()
    if not (folder / "config.json").exists():
        raise InputError(f"model {model!r}: there is no checkpoint (no config.json) in {folder.resolve()}")
    return folder


def _weights(folder: Path) -> tuple[str, ...]:
    """One file, or the parts of a large checkpoint."""
    one = "model.safetensors"
    parts = sorted(path.name for path in folder.glob("model-*-of-*.safetensors"))
    return tuple(parts) if parts and not (folder / one).exists() else (one,)


@cache
def _content(folder: Path, names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = folder / name
        if not path.exists():
            only = "; only safetensors checkpoints are read" if name.endswith(".safetensors") else ""
            raise InputError(f"model folder {folder}: {name} is missing{only}")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
