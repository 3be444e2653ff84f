"""Artifacts from store to store: to a bucket or another machine and back, or into one file. Anything that fsspec opens.

Away from home artifacts lie as in a store: files first, the manifest last, so what has no manifest is not there. A
transfer that broke off goes on: whole files are not sent again, and a file that came in part is fetched from where it
stopped. Nothing is believed: every file is hashed where it arrives, and a manifest must fit its own fingerprint. An
artifact of the same fingerprint with other content is never overwritten, on neither side. Of checkpoints that were
dropped after use their notes travel: the manifest, and the curve that reports show.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import posixpath
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from waystage.errors import InputError, StoreError
from waystage.graph import canonical, manifest, record
from waystage.graph.files import sha256, sync_all, write_text
from waystage.graph.retention import KEPT, studies
from waystage.graph.store import FINGERPRINT, Store

BLOCK = 8 * 2**20
PACKED = (".tar", ".tar.gz", ".tgz")

Say = Callable[[str], None]


@dataclass
class Moved:
    sent: list[str] = field(default_factory=list)  # fingerprints
    there: list[str] = field(default_factory=list)  # before
    notes: list[str] = field(default_factory=list)  # on checkpoints that were dropped after use
    bytes: int = 0  # that travelled, without what had arrived in an earlier try


def push(store: Store, url: str, fingerprints: Iterable[str], *, say: Say = lambda line: None) -> Moved:
    """Copy these to `url`, with the plans of the studies that the store knows."""
    if url.endswith(PACKED):
        raise InputError(f"{url}: nothing can be added to one file; a new one is made by: waystage store pack FILE")
    far = _Far(url)
    moved = Moved()
    for fingerprint in fingerprints:
        if _only_a_note(store, fingerprint):
            _push_note(store, far, fingerprint, moved)
            continue
        mine = _whole(store, fingerprint)
        theirs = far.manifest(fingerprint, torn=True)
        if theirs is not None:
            _same(mine, theirs, fingerprint, url)
            moved.there.append(fingerprint)
            continue
        for item in mine["files"]:
            moved.bytes += far.put(store.path(fingerprint) / item["path"], _place(fingerprint, item["path"]), item)
        far.write(_place(fingerprint, manifest.NAME), (store.path(fingerprint) / manifest.NAME).read_bytes())
        moved.sent.append(fingerprint)
        say(f"sent {mine['stage']['name']}")
    for study in studies(store):
        far.write(f"plans/{study}.json", record.path(store, study).read_bytes())
    return moved


def pull(store: Store, url: str, wanted: Iterable[str] | None = None, *, say: Say = lambda line: None) -> Moved:
    """Copy artifacts from `url`, another store or a packed file: `wanted`, or all that are there.

    Those that are damaged there, or differ from what is here, are named in one error when all others are here.
    """
    far = _Far(url)
    moved = Moved()
    refused: list[str] = []
    named = None if wanted is None else list(wanted)
    for fingerprint in far.fingerprints() if named is None else named:
        try:
            _pull(store, far, fingerprint, moved, say)
        except StoreError as error:  # of this artifact; the others are not worse for it
            refused.append(str(error))
    for fingerprint in far.notes() if named is None else named:
        try:
            _pull_note(store, far, fingerprint, moved)
        except StoreError as error:
            refused.append(str(error))
    plans = far.plans()
    if named is None and not (plans or refused or moved.sent or moved.there or moved.notes):
        raise InputError(f"{url}: no artifact is there. Is the place right? This fills it: waystage store push {url}")
    for path in plans:  # so that `gc` knows what the artifacts are for
        with suppress(InputError, ValueError):
            place = record.path(store, PurePosixPath(path).stem)
            if not place.exists():
                text = far.read(path).decode()
                json.loads(text)  # one whose writing broke off is none
                write_text(place, text)
    if refused:
        raise StoreError(
            f"{len(moved.sent)} artifacts fetched, {len(moved.there)} were here, {len(refused)} not fetched:\n"
            + "\n".join(f"  - {why}" for why in refused)
        )
    return moved


def _pull(store: Store, far: _Far, fingerprint: str, moved: Moved, say: Say) -> None:
    theirs = far.manifest(fingerprint)
    if theirs is None:
        return
    with store.lock(fingerprint, wait=60.0):
        if store.has(fingerprint):
            _same(store.manifest(fingerprint), theirs, fingerprint, far.url)
            moved.there.append(fingerprint)
            return
        moved.bytes += _fetch(store, far, fingerprint, theirs)
    moved.sent.append(fingerprint)
    say(f"fetched {theirs['stage']['name']}")


def _only_a_note(store: Store, fingerprint: str) -> bool:
    return not store.has(fingerprint) and store.dropped(fingerprint).exists()


def _push_note(store: Store, far: _Far, fingerprint: str, moved: Moved) -> None:
    names = (_place(fingerprint, manifest.NAME), _note(fingerprint))
    if any(far.manifest(fingerprint, name, torn=True) for name in names):
        return
    for item in _kept(store, fingerprint):
        moved.bytes += far.put(store.remembered(fingerprint) / item["path"], _note(fingerprint, item["path"]), item)
    far.write(_note(fingerprint), store.dropped(fingerprint).read_bytes())
    moved.notes.append(fingerprint)


def _pull_note(store: Store, far: _Far, fingerprint: str, moved: Moved) -> None:
    if store.has(fingerprint) or store.dropped(fingerprint).exists():
        return
    theirs = far.manifest(fingerprint, _note(fingerprint))
    if theirs is None:
        return
    for item in theirs["files"]:
        if item["path"] in KEPT and far.files.exists(far.at(_note(fingerprint, item["path"]))):
            target = store.remembered(fingerprint) / item["path"]
            target.parent.mkdir(parents=True, exist_ok=True)
            moved.bytes += far.get(_note(fingerprint, item["path"]), target, item)
    write_text(store.dropped(fingerprint), far.read(_note(fingerprint)).decode())
    moved.notes.append(fingerprint)


def _kept(store: Store, fingerprint: str) -> list[dict[str, Any]]:
    """What is left of a dropped artifact beside its manifest, where it is as it was."""
    home = store.remembered(fingerprint)
    left = [item for item in store.manifest(fingerprint)["files"] if (home / item["path"]).is_file()]
    return [item for item in left if sha256(home / item["path"]) == item["sha256"]]


def pack(store: Store, out: Path, fingerprints: Iterable[str], *, say: Say = lambda line: None) -> Moved:
    """One file that `pull` takes: .tar, or .tar.gz. It appears when it is complete."""
    if not out.name.endswith(PACKED):
        raise InputError(f"{out}: a packed store is called {' or '.join('NAME' + end for end in PACKED)}")
    moved = Moved()
    draft = out.with_name(f".{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(draft, "w" if out.suffix == ".tar" else "w:gz", format=tarfile.PAX_FORMAT) as tar:
            for fingerprint in fingerprints:
                if _only_a_note(store, fingerprint):
                    for item in _kept(store, fingerprint):
                        kept = store.remembered(fingerprint) / item["path"]
                        tar.add(kept, _note(fingerprint, item["path"]), filter=_nobodys)
                    tar.add(store.dropped(fingerprint), _note(fingerprint), filter=_nobodys)
                    moved.notes.append(fingerprint)
                    continue
                mine = _whole(store, fingerprint)
                for name in (*(item["path"] for item in mine["files"]), manifest.NAME):
                    tar.add(store.path(fingerprint) / name, _place(fingerprint, name), filter=_nobodys)
                moved.bytes += sum(item["size"] for item in mine["files"])
                moved.sent.append(fingerprint)
                say(f"packed {mine['stage']['name']}")
            for study in studies(store):
                tar.add(record.path(store, study), f"plans/{study}.json", filter=_nobodys)
        sync_all([draft])
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return moved


def chosen(store: Store, names: Iterable[str] | None, *, also: Iterable[str] = ()) -> list[str]:
    """Fingerprints of all that was made, or of what the named studies (as recorded) consist of, and `also`; also what
    was dropped after use.
    """
    if names is None:
        return store.made()
    found: dict[str, None] = {}
    for name in names:
        noted = record.load(store, name)
        if noted is None:
            raise InputError(f"the store has no plan of {name!r}; it has: {', '.join(studies(store)) or 'none'}")
        found.update(dict.fromkeys(one.fingerprint for one in noted.stages))
    found.update(dict.fromkeys(also))
    return [one for one in found if store.has(one) or store.dropped(one).exists()]


def _place(fingerprint: str, name: str) -> str:
    return f"artifacts/{fingerprint[:2]}/{fingerprint}/{name}"


def _note(fingerprint: str, name: str = "") -> str:
    """The manifest of what was dropped after use, or a file that was kept of it."""
    return f"dropped/{fingerprint}/{name}" if name else f"dropped/{fingerprint}.json"


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _whole(store: Store, fingerprint: str) -> dict[str, Any]:
    if problems := store.verify(fingerprint):
        raise StoreError(f"{fingerprint[:12]} is damaged here ({problems[0]}) and was not sent: waystage store verify")
    return store.manifest(fingerprint)


def _same(mine: dict[str, Any], theirs: dict[str, Any], fingerprint: str, url: str) -> None:
    sides = [{(item["path"], item["sha256"]) for item in side["files"]} for side in (mine, theirs)]
    if sides[0] != sides[1]:
        differing = sorted({path for path, _ in sides[0] ^ sides[1]})
        raise StoreError(
            f"{fingerprint[:12]} ({mine['stage']['name']}) is here and at {url} with different content "
            f"({', '.join(differing[:3])}), made with {mine.get('versions', {}).get('torch', '?')} here and "
            f"{theirs.get('versions', {}).get('torch', '?')} there (torch). Nothing was overwritten. "
            f"Remove the one that you do not trust"
        )


def _fetch(store: Store, far: _Far, fingerprint: str, theirs: dict[str, Any]) -> int:
    """Into a work folder that survives a kill, then into the store by one rename."""
    work = store.root / "tmp" / f"{fingerprint}-pull"
    travelled = 0
    for item in theirs["files"]:
        target = work / item["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        travelled += far.get(_place(fingerprint, item["path"]), target, item)
        os.utime(target, ns=(item["mtime_ns"], item["mtime_ns"]))
    named = {work / item["path"] for item in theirs["files"]}
    for extra in set(manifest.payload(work)) - named - {work / manifest.NAME}:
        extra.unlink()
    (work / manifest.NAME).write_bytes(far.read(_place(fingerprint, manifest.NAME)))
    store.adopt(fingerprint, work)
    return travelled


def _to_the_end(tar: tarfile.TarFile) -> None:
    """A reader of tar files takes a header that is damaged for the end, and leaves out all behind it."""
    file: Any = tar.fileobj
    file.seek(tar.offset)
    while block := file.read(BLOCK):
        if block.strip(b"\0"):
            raise tarfile.ReadError(f"damaged at byte {tar.offset}")


class _Far:
    """A store somewhere else, or a packed one."""

    def __init__(self, url: str):
        import fsspec

        self.url = url
        if not url:
            raise InputError("'' is no place. Name a folder, a URL such as s3://bucket/folder, or a packed file")
        try:
            if url.endswith(PACKED):
                self.files, self.root = fsspec.filesystem("tar", fo=url), ""
                _to_the_end(self.files.tar)
            else:
                self.files, self.root = fsspec.core.url_to_fs(url)
        except FileNotFoundError:
            raise InputError(f"{url}: there is no such file") from None
        except (tarfile.ReadError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{url}: this is no whole packed store ({error}). Pack or copy it again") from None
        except (ImportError, ValueError) as error:  # a protocol whose package is not installed, or none at all
            raise InputError(f"{url}: {error}") from None

    def at(self, name: str) -> str:
        return posixpath.join(self.root, name) if self.root else name

    def read(self, name: str) -> bytes:
        content: bytes = self.files.cat_file(self.at(name))
        return content

    def write(self, name: str, content: bytes) -> None:
        self.files.makedirs(posixpath.dirname(self.at(name)), exist_ok=True)
        self.files.pipe_file(self.at(name), content)

    def fingerprints(self) -> Iterator[str]:
        for path in self.names("artifacts", 3):
            if path.name == manifest.NAME and FINGERPRINT.fullmatch(path.parent.name):
                yield path.parent.name

    def notes(self) -> Iterator[str]:
        for path in self.names("dropped", 1):
            if path.suffix == ".json" and FINGERPRINT.fullmatch(path.stem):
                yield path.stem

    def plans(self) -> list[str]:
        return [f"plans/{path.name}" for path in self.names("plans", 1) if path.suffix == ".json"]

    def names(self, folder: str, depth: int) -> list[PurePosixPath]:
        """Not by a pattern: the place itself may have a name with brackets or stars."""
        return sorted(map(PurePosixPath, self.files.find(self.at(folder), maxdepth=depth)))

    def manifest(self, fingerprint: str, name: str = "", *, torn: bool = False) -> dict[str, Any] | None:
        """What lies there, after a look at whether it is what it says. `torn`: one that is not whole is none."""
        name = name or _place(fingerprint, manifest.NAME)
        where = f"{self.url}: {name}"
        try:
            found = manifest.parse(self.read(name), where)
        except FileNotFoundError:
            return None
        except StoreError:
            if not torn:
                raise
            return None  # its writing broke off, so it is written again
        try:
            stage = {key: found["stage"][key] for key in ("kind", "version", "config", "inputs")}
        except KeyError:
            raise StoreError(f"{where} does not say what made the artifact") from None
        if canonical.digest(stage) != fingerprint:
            raise StoreError(f"{where} is the manifest of another artifact than its folder says")
        for item in found["files"]:
            path = PurePosixPath(item["path"])
            if path.is_absolute() or ".." in path.parts or str(path) == manifest.NAME:
                raise StoreError(f"{where} names {item['path']!r}, which is no place inside an artifact")
        return found

    def put(self, source: Path, name: str, item: dict[str, Any]) -> int:
        """Send a file, unless it arrived whole in an earlier try. Returns the bytes that travelled."""
        target = self.at(name)
        if self._arrived(target, item):
            return 0
        self.files.makedirs(posixpath.dirname(target), exist_ok=True)
        self.files.put_file(str(source), target)
        if not self._arrived(target, item):
            raise StoreError(f"{self.url}: {name} is not what was sent. Is the disk there full? Push again")
        return int(item["size"])

    def _arrived(self, target: str, item: dict[str, Any]) -> bool:
        try:
            if self.files.info(target)["size"] != item["size"]:
                return False
        except FileNotFoundError:
            return False
        with self.files.open(target, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == str(item["sha256"])

    def get(self, name: str, target: Path, item: dict[str, Any]) -> int:
        """Fetch a file, from where an earlier try stopped. Returns the bytes that travelled."""
        size, have = int(item["size"]), target.stat().st_size if target.exists() else 0
        if have == size and target.exists() and sha256(target) == item["sha256"]:
            return 0
        for start in dict.fromkeys([have if have < size else 0, 0]):  # what was there may be of something else
            try:
                stream = self.files.open(self.at(name), "rb")
            except FileNotFoundError:
                raise StoreError(f"{self.url}: {name} is not there, though its manifest names it") from None
            with stream, target.open("r+b" if start else "wb") as out:
                stream.seek(start)
                out.seek(start)
                shutil.copyfileobj(stream, out, BLOCK)
            if target.stat().st_size == size and sha256(target) == item["sha256"]:
                return size - start
        raise StoreError(f"{self.url}: {name} is not what its manifest says. Nothing of it was taken")


__all__ = ["Moved", "chosen", "pack", "pull", "push"]
