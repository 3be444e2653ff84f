"""Where artifacts are kept: one folder per fingerprint, whole or absent.

    artifacts/ab/abcdef.../   what a stage made; its manifest.json, written last, means that it is complete
    tmp/                      where stages work; same disk, so that one rename publishes the result
    scratch/                  exact checkpoints of unfinished stages
    locks/ dropped/ quarantine/ plans/ claims/ runs/

docs/store.md tells the whole story.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystage.errors import StoreError
from waystage.graph import locks, manifest
from waystage.graph.files import at_home, sha256, sync, sync_all, write_text
from waystage.graph.points import reach

SHARED = "shared"
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def default_root() -> Path:
    """$WAYSTAGE_STORE, or a folder in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return at_home(os.environ.get("WAYSTAGE_STORE") or Path(cache) / "waystage")


class Corrupt(StoreError):
    """An artifact is not what its manifest says. It has been moved aside; running the plan again makes it anew."""

    def __init__(self, fingerprint: str, message: str):
        self.fingerprint = fingerprint
        super().__init__(message)


@dataclass(frozen=True)
class Entry:
    fingerprint: str
    kind: str
    name: str
    size: int  # bytes of payload
    finished: str


class Store:
    """A store is a folder. `shared=True` says, once and for all who use it, that several machines do."""

    def __init__(self, root: str | Path, *, shared: bool = False):
        self.root = at_home(root).absolute()  # shells leave the tilde of --store=~/x alone
        if shared and not self.shared:
            write_text(self.root / SHARED, "Several machines use this store: locks are leases.\n")
        # Files that this process hashed, as they looked then. The change time cannot be set back like the others.
        self._hashed: dict[Path, tuple[int, int, int, int]] = {}
        self._listed: dict[Path, tuple[tuple[int, int, int, int], Mapping[str, Mapping[str, Any]]]] = {}

    @property
    def shared(self) -> bool:
        return (self.root / SHARED).exists()

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    # Looking

    def path(self, fingerprint: str) -> Path:
        return self.root / "artifacts" / fingerprint[:2] / fingerprint

    def has(self, fingerprint: str) -> bool:
        return (self.path(fingerprint) / manifest.NAME).exists()

    def manifest(self, fingerprint: str) -> dict[str, Any]:
        """What made it, when, with what: also of an artifact that was dropped after use."""
        for place in (self.path(fingerprint) / manifest.NAME, self.dropped(fingerprint)):
            with suppress(FileNotFoundError):
                return manifest.load(place)
        raise StoreError(f"no artifact {fingerprint[:12]} in {self.root}. Run the study that makes it: waystage run")

    def dropped(self, fingerprint: str) -> Path:
        return self.root / "dropped" / f"{fingerprint}.json"

    def remembered(self, fingerprint: str) -> Path:
        """The folder of what stays of a dropped artifact beside its manifest."""
        return self.root / "dropped" / fingerprint

    def find(self, fingerprint: str, name: str) -> Path | None:
        """A file of an artifact, or what was kept of it when the artifact was dropped after use, or None.

        It is what was written: for readers that need no more of an artifact than this, see `use`.
        """
        whole = self.has(fingerprint)
        home = self.path(fingerprint) if whole else self.remembered(fingerprint)
        try:
            item = self._files(home / manifest.NAME if whole else self.dropped(fingerprint)).get(name)
            problem = self._look(home / name, item, deep=True) if item else None
        except FileNotFoundError:
            return None
        except StoreError as error:
            item, problem = None, str(error)
        if whole and problem:
            raise Corrupt(fingerprint, f"{self.quarantine(fingerprint) or problem}. Run the study again")
        return None if item is None or problem else home / name

    def _files(self, place: Path) -> Mapping[str, Mapping[str, Any]]:
        """What a manifest says of each file; read once, for a report asks thousands of times."""
        looks = _looks(place.stat())
        found = self._listed.get(place)
        if found is None or found[0] != looks:
            found = looks, {item["path"]: item for item in manifest.load(place)["files"]}
            self._listed[place] = found
        return found[1]

    def fingerprints(self) -> Iterator[str]:
        for path in sorted(self.root.glob(f"artifacts/??/*/{manifest.NAME}")):
            yield path.parent.name

    def made(self) -> list[str]:
        """Fingerprints of all that was made: first of what is there, then of what was dropped after use."""
        dropped = (path.stem for path in sorted(self.root.glob("dropped/*.json")))
        return list(dict.fromkeys([*self.fingerprints(), *filter(FINGERPRINT.fullmatch, dropped)]))

    def manifests(self) -> Iterator[dict[str, Any]]:
        """Of all that was made and whose manifest is whole: damage is for `verify` and for runs to report."""
        for fingerprint in sorted(self.made()):
            with suppress(StoreError):
                yield self.manifest(fingerprint)

    def ls(self) -> Iterator[Entry]:
        for fingerprint in self.fingerprints():
            try:
                record = self.manifest(fingerprint)
            except StoreError:
                yield Entry(fingerprint, "?", "damaged manifest", 0, "")
                continue
            size = sum(item["size"] for item in record["files"])
            stage = record.get("stage", {})
            yield Entry(fingerprint, stage.get("kind", ""), stage.get("name", ""), size, record.get("finished", ""))

    # Trusting

    def verify(self, fingerprint: str, *, deep: bool = True) -> list[str]:
        """What is wrong with an artifact; an empty list is the good news.

        Not deep, a file of the recorded size and time stamp is believed. Deep, its content is hashed, unless this
        process did so already and the file has not changed since.
        """
        folder = self.path(fingerprint)
        try:
            record = manifest.load(folder / manifest.NAME)
        except FileNotFoundError:
            return ["there is no artifact"]
        except StoreError as error:
            return [str(error)]
        problems = (self._look(folder / item["path"], item, deep) for item in record["files"])
        return [problem for problem in problems if problem]

    def _look(self, path: Path, expected: Mapping[str, Any], deep: bool) -> str | None:
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return f"{path} is missing"
        if status.st_size != expected["size"]:
            return f"{path} has {status.st_size} bytes instead of {expected['size']}"
        touched = status.st_mtime_ns != expected["mtime_ns"]
        if (not deep and not touched) or self._hashed.get(path) == _looks(status):
            return None
        if (found := sha256(path)) != expected["sha256"]:
            return f"{path} has sha256 {found[:12]}... instead of {expected['sha256'][:12]}..."
        if touched:  # moved or copied, but whole: put the time stamp back, so that the next look is cheap
            with suppress(OSError):  # somebody else's, or on a disk that is only read
                os.utime(path, ns=(status.st_atime_ns, expected["mtime_ns"]))
        self._hashed[path] = _looks(path.stat())
        return None

    def use(self, fingerprint: str) -> Path:
        """The folder of an artifact, after making sure that it is what was written. All readers come in here."""
        problems = self.verify(fingerprint)
        if problems:
            raise Corrupt(fingerprint, self.quarantine(fingerprint) or problems[0])
        return self.path(fingerprint)

    def quarantine(self, fingerprint: str) -> str | None:
        """Move a corrupt artifact aside and say so. None when there is nothing (any longer) to move."""
        try:
            with self.lock(fingerprint):
                problems = self.verify(fingerprint)
                if not problems or not self.path(fingerprint).exists():
                    return None
                aside = self._free(self.root / "quarantine" / fingerprint)
                aside.parent.mkdir(parents=True, exist_ok=True)
                self.path(fingerprint).rename(aside)
                return f"artifact {fingerprint[:12]} is corrupt ({problems[0]}): moved to {aside}, to be made again"
        except locks.Busy:  # whoever holds the lock is making it again
            return None

    @staticmethod
    def _free(path: Path) -> Path:
        numbered = (path.with_name(f"{path.name}-{n}") for n in itertools.count(1))
        return next(place for place in numbered if not place.exists())

    # Making

    @contextmanager
    def lock(self, name: str, *, wait: float = 0.0) -> Iterator[None]:
        """The lock of a fingerprint: `locks.Busy` when another process works on it."""
        with locks.hold(self.root / "locks" / f"{name}.lock", shared=self.shared, wait=wait):
            reach("lock-taken")
            yield
            reach("before-unlock")
        reach("after-unlock")

    def scratch(self, fingerprint: str) -> Path:
        """A folder for the unfinished stage alone. It survives a kill and goes when the stage is complete."""
        folder = self.root / "scratch" / fingerprint
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def open(self, fingerprint: str) -> Path:
        """An empty folder to fill; call `commit` with it. Hold the lock: what earlier, killed tries left is removed."""
        home = self.root / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        for remains in home.glob(f"{fingerprint}-*"):
            shutil.rmtree(remains)
        folder = home / f"{fingerprint}-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        reach("work-opened")
        return folder

    def commit(self, fingerprint: str, folder: Path, record: Mapping[str, Any], *, replace: bool = False) -> Path:
        """Publish `folder`, filled by a stage, with `record` in its manifest. Nobody ever sees a part of it."""
        reach("stage-finished")
        files = manifest.payload(folder)
        if folder / manifest.NAME in files:
            raise StoreError(f"a stage wrote {manifest.NAME}: this name belongs to the store. Name the file otherwise")
        sync_all([*files, *{path.parent for path in files}])
        reach("payload-synced")
        looks = {path.relative_to(folder): _looks(path.stat()) for path in files}
        described = [manifest.describe(folder, path) for path in files]
        reach("before-manifest")
        last = folder / manifest.NAME
        last.write_text(manifest.dump({**record, "fingerprint": fingerprint, "files": described}), encoding="utf-8")
        reach("manifest-written")
        final = self.path(fingerprint)
        final.parent.mkdir(parents=True, exist_ok=True)
        sync_all([last, folder, final.parent.parent])
        reach("manifest-synced")
        reach("before-rename")
        if self._publish(folder, final, replace):
            self._hashed.update({final / path: look for path, look in looks.items()})
        reach("after-rename")
        sync(final.parent)
        reach("folder-synced")
        self.dropped(fingerprint).unlink(missing_ok=True)
        shutil.rmtree(self.remembered(fingerprint), ignore_errors=True)
        shutil.rmtree(self.root / "scratch" / fingerprint, ignore_errors=True)
        reach("scratch-removed")
        return final

    def adopt(self, fingerprint: str, folder: Path) -> None:
        """Publish a folder that came from another store, whole and verified, its manifest in it. Hold the lock."""
        final = self.path(fingerprint)
        final.parent.mkdir(parents=True, exist_ok=True)
        files = manifest.payload(folder)
        sync_all([*files, *{path.parent for path in files}, final.parent.parent])
        self._publish(folder, final, replace=False)
        sync(final.parent)
        self.dropped(fingerprint).unlink(missing_ok=True)
        shutil.rmtree(self.remembered(fingerprint), ignore_errors=True)

    def _publish(self, folder: Path, final: Path, replace: bool) -> bool:
        if replace:
            self.remove(final.name)
        try:
            folder.rename(final)
            return True
        except OSError:
            if not self.has(final.name):
                raise
            shutil.rmtree(folder)  # a lease was lost and somebody else was faster: same fingerprint, same artifact
            return False

    def remove(self, fingerprint: str) -> None:
        """Take an artifact away: out of sight by one rename first, so that nobody sees a part of it."""
        aside = self.root / "tmp" / f"{fingerprint}-removed-{uuid.uuid4().hex[:8]}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            self.path(fingerprint).rename(aside)
            shutil.rmtree(aside)


def equality(store: Store, fingerprints: Iterable[str]) -> list[tuple[str, str, str]]:
    """(fingerprint, path, sha256 of what is on the disk now) of every payload file, sorted.

    Two runs gave equal artifacts exactly when these lists are equal: manifests (times, hosts) and logs do not count.
    """
    found = []
    for fingerprint in fingerprints:
        folder = store.path(fingerprint)
        for path in manifest.payload(folder):
            if path != folder / manifest.NAME:
                found.append((fingerprint, path.relative_to(folder).as_posix(), sha256(path)))
    return sorted(found)


def _looks(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
