"""What is in a file, said by its sha256; remembered by path, size and time of change, as data folders are large."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SEEN: dict[str, str] = {}  # by path, size and time: one process asks for the same file many times
FRESH = 2.0  # seconds: a file that changed just now may change again within the same tick of the clock


def cache_folder() -> Path:
    said = os.environ.get("WAYSTAGE_CACHE")
    return Path(said) if said else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waystage"


def sha256(path: Path) -> str:
    return many([path])[0]


def many(paths: Iterable[Path]) -> list[str]:
    book = cache_folder() / "sha256.json"
    found, new = [], {}
    for path in paths:
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in _SEEN:
            _SEEN.update(_read(book))
        digest = _SEEN.get(key)
        if digest is None:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if time.time() - stat.st_mtime > FRESH:
                new[key] = _SEEN[key] = digest
        found.append(digest)
    if new:
        write_json(book, {**_read(book), **new})
    return found


def together(parts: Iterable[tuple[str, str]]) -> str:
    """One hash for several named files, whatever their order."""
    return hashlib.sha256("".join(f"{name}\0{digest}\n" for name, digest in sorted(parts)).encode()).hexdigest()


def _read(book: Path) -> dict[str, str]:
    try:
        value = json.loads(book.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(book: Path, entries: dict[str, Any]) -> None:
    """A home that cannot be written to costs speed only."""
    with contextlib.suppress(OSError):
        book.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=book.parent, delete=False, encoding="utf-8") as file:
            json.dump(entries, file)
        Path(file.name).replace(book)
