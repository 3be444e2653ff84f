"""What may go: checkpoints that have served, and artifacts that no kept study mentions.

Nothing goes that a run alive now needs. A run claims what it will read before it looks at what exists; whoever removes
looks at the claims; both do so under one lock, so no artifact goes between the look and the use.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from waystage.errors import InputError
from waystage.graph import locks, record
from waystage.graph.alive import alive, me
from waystage.graph.files import sync_all, write_text
from waystage.graph.manifest import NAME
from waystage.graph.points import reach
from waystage.graph.store import Store

PATIENCE = 60.0  # seconds to wait for the claims lock, which is held for moments
KEPT = ("curve.parquet", "training.json")  # how a training went: kilobytes that reports show


@dataclass(frozen=True)
class Freed:
    what: str  # "artifact", "curves" of a dropped one, "remains" of killed tries, "quarantine", "scratch"
    fingerprint: str
    name: str
    size: int
    path: Path


@contextmanager
def claims(store: Store) -> Iterator[None]:
    with store.lock("claims", wait=PATIENCE):
        yield


def claim(store: Store, run: str, fingerprints: Iterable[str]) -> None:
    """Nobody else may remove these while this process lives. Claiming again replaces; see `renew` and `release`."""
    with claims(store):
        claimed(store)  # which removes those of the dead
        write_text(_claim(store, run), json.dumps({**me(), "needs": sorted(fingerprints)}), durable=False)


def renew(store: Store, run: str) -> None:
    """The heartbeat of a claim, for runs on other machines."""
    with suppress(FileNotFoundError):
        os.utime(_claim(store, run))


def release(store: Store, run: str) -> None:
    _claim(store, run).unlink(missing_ok=True)


def claimed(store: Store, *, but: str = "") -> set[str]:
    """What live runs, other than `but`, still need. Call it under `claims`. Claims of the dead are removed."""
    needed: set[str] = set()
    for path in store.root.glob("claims/*.json"):
        if path.stem == but:
            continue
        with suppress(FileNotFoundError):
            try:
                found = json.loads(path.read_bytes())
            except ValueError:  # a power cut took its content, and its owner
                path.unlink()
                continue
            if alive(found, locks.age(path)):
                needed.update(found["needs"])
            else:
                path.unlink()
    return needed


def _claim(store: Store, run: str) -> Path:
    return store.root / "claims" / f"{run}.json"


def drop(store: Store, fingerprints: Iterable[str], *, run: str = "") -> list[str]:
    """Remove artifacts that have served and keep their manifests, and the files of `KEPT`, as a note.

    Returns those that could go.
    """
    gone = []
    with claims(store):
        needed = claimed(store, but=run)
        for fingerprint in fingerprints:
            if fingerprint in needed or not store.has(fingerprint):
                continue
            with suppress(locks.Busy), store.lock(fingerprint):
                reach("before-drop")
                _keep(store, fingerprint)
                write_text(store.dropped(fingerprint), (store.path(fingerprint) / NAME).read_text(encoding="utf-8"))
                reach("drop-recorded")
                store.remove(fingerprint)
                reach("drop-moved")
                gone.append(fingerprint)
    return gone


def _keep(store: Store, fingerprint: str) -> None:
    """Copies, made anew when an earlier try was killed: until the artifact is gone, readers find its own files."""
    files = [path for name in KEPT if (path := store.path(fingerprint) / name).exists()]
    if files:
        home = store.remembered(fingerprint)
        home.mkdir(parents=True, exist_ok=True)
        sync_all([*(Path(shutil.copyfile(path, home / path.name)) for path in files), home])


def studies(store: Store) -> list[str]:
    return sorted(path.stem for path in store.root.glob("plans/*.json"))


def gc(
    store: Store, keep: Collection[str] | None = None, *, also: Collection[str] = (), delete: bool = False
) -> list[Freed]:
    """What no kept study needs; with `delete`, it goes. `keep` names studies as recorded; None keeps all of them.

    `also`: fingerprints that are needed whatever is recorded, since a study's file may say more than its last run did.
    """
    known = studies(store)
    unknown = sorted(set(keep or ()) - set(known))
    if unknown:
        # A misspelt name must not cost weeks of work.
        raise InputError(
            f"the store has no plan of {', '.join(map(repr, unknown))}; it has: {', '.join(known) or 'none'}. "
            "Nothing was removed. `waystage plan` does not record a plan, `waystage run` does"
        )
    kept = set(also)
    for study in known if keep is None else keep:
        found = record.load(store, study)
        kept.update(noted.fingerprint for noted in found.stages) if found else None
    with claims(store):
        kept |= claimed(store)
        freed = [*_artifacts(store, kept), *_remembered(store, kept), *_remains(store, kept)]
        if delete:
            for item in freed:
                if item.what == "artifact":
                    with suppress(locks.Busy), store.lock(item.fingerprint):
                        store.remove(item.fingerprint)
                else:
                    shutil.rmtree(item.path, ignore_errors=True)
    return freed


def _artifacts(store: Store, kept: set[str]) -> Iterator[Freed]:
    for entry in store.ls():
        if entry.fingerprint not in kept:
            yield Freed("artifact", entry.fingerprint, entry.name, entry.size, store.path(entry.fingerprint))


def _remembered(store: Store, kept: set[str]) -> Iterator[Freed]:
    for path in sorted(store.root.glob("dropped/*/")):
        if path.name not in kept:
            yield Freed("curves", path.name, path.name, _size(path), path)


def _remains(store: Store, kept: set[str]) -> Iterator[Freed]:
    """Work folders of tries that died, scratch of stages that are complete or not needed, what was found corrupt."""
    for what, where in (("remains", "tmp"), ("scratch", "scratch"), ("quarantine", "quarantine")):
        for path in sorted(store.root.glob(f"{where}/*")):
            fingerprint = path.name.partition("-")[0]
            if what == "scratch" and fingerprint in kept and not store.has(fingerprint):
                continue  # an unfinished stage goes on from here
            if what != "quarantine" and not _free(store, fingerprint):
                continue
            yield Freed(what, fingerprint, path.name, _size(path), path)


def _free(store: Store, fingerprint: str) -> bool:
    try:
        with store.lock(fingerprint):
            return True
    except locks.Busy:
        return False


def _size(folder: Path) -> int:
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            with suppress(FileNotFoundError):
                total += Path(where, name).stat().st_size
    return total
