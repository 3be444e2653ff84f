"""The manifest of an artifact: what its files are, what made it, where and how. It is written last."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from waystage.errors import StoreError
from waystage.graph.alive import host
from waystage.graph.files import sha256

NAME = "manifest.json"
LIBRARIES = ("waystage", "torch", "transformers", "tokenizers", "datasets", "numpy", "pyarrow", "safetensors", "peft")


def payload(folder: Path) -> list[Path]:
    """Every file that a stage wrote, sorted by its path inside the folder."""
    found = []
    for where, folders, files in os.walk(folder):
        for name in files + folders:
            path = Path(where, name)
            if path.is_symlink():
                raise StoreError(
                    f"{path} is a link: an artifact holds only files and folders of its own. Copy the file"
                )
            if name in files:
                found.append(path)
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def describe(folder: Path, path: Path) -> dict[str, Any]:
    """Size and hash say what the file is. The time stamp lets a later look skip the hash when nothing was touched."""
    status = path.stat()
    return {
        "path": path.relative_to(folder).as_posix(),
        "sha256": sha256(path),
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
    }


def dump(record: Mapping[str, Any]) -> str:
    """JSON with a check sum of itself, so that damage to the manifest is noticed like damage to a file."""
    body = dict(record)
    body["check"] = _check(body)
    return json.dumps(body, indent=1, sort_keys=True)


def load(path: Path) -> dict[str, Any]:
    """The manifest, or StoreError when it is not what was written."""
    return parse(path.read_bytes(), str(path))


def parse(text: bytes, path: str) -> dict[str, Any]:
    """The same of a manifest that is no local file; `path` is what errors call it."""
    try:
        body: dict[str, Any] = json.loads(text)
        whole = body.get("check") == _check({key: value for key, value in body.items() if key != "check"})
    except (ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {error}") from None
    if not whole:
        raise StoreError(f"{path} is damaged: its check sum does not fit")
    return body


def _check(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Libraries that may change a result without changing its fingerprint; reports flag a mixture."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def machine() -> dict[str, Any]:
    return {
        "host": host(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count() or 1,
    }
