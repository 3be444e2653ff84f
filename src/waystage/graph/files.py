"""Writing so that a reader sees the old or the new content, never half of it, and a crash loses neither."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from waystage.graph.points import reach


def at_home(path: str | Path) -> Path:
    """With a tilde in front as the home folder; unlike in `Path.expanduser`, one that is nobody's stays as it is."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def sync(path: Path) -> None:
    """Ask for a file's content, or for a folder's list of names, to be on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_all(paths: Collection[Path]) -> None:
    """The same for many, side by side: the disk then joins them into few writes of its journal."""
    with ThreadPoolExecutor(max_workers=min(8, len(paths) or 1)) as pool:
        list(pool.map(sync, paths))


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace `path` as a whole. Without `durable` it is still whole for readers, but a power cut may lose it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        draft.write_text(text, encoding="utf-8")
        reach("text-written")
        if durable:
            sync(draft)
        reach("text-synced")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    reach("text-renamed")
    if durable:
        sync(path.parent)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
