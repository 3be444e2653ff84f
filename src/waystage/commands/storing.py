"""store ls | verify | gc | push | pull | pack."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import typer

from waystage.commands.output import as_json, say, size, table
from waystage.commands.studies import study_id
from waystage.errors import InputError, WaystageError
from waystage.graph import record, retention, transfer
from waystage.graph.plan import Plan
from waystage.graph.store import Store, default_root


def ls(root: Path | None, json: bool) -> None:
    store = existing(root)
    entries = list(store.ls())
    if json:
        as_json([{"fingerprint": e.fingerprint, "kind": e.kind, "name": e.name, "size": e.size} for e in entries])
        return
    table(["kind", "name", "size", "fingerprint"],
          [[e.kind, e.name, size(e.size), e.fingerprint[:12]] for e in entries], numbers=["size"])  # fmt: skip
    say(f"{len(entries)} artifacts, {size(sum(e.size for e in entries))} in {store.root}")


def verify(root: Path | None) -> None:
    store = existing(root)
    bad = 0
    count = 0
    for fingerprint in store.fingerprints():
        count += 1
        problems = store.verify(fingerprint, deep=True)
        if problems:
            bad += 1
            say(f"damaged: {fingerprint[:12]}: {problems[0]}")
            store.quarantine(fingerprint)
    say(f"{count} artifacts read, {bad} damaged" + (" and set aside; the next run makes them anew" if bad else ""))
    if bad:
        raise typer.Exit(1)


def gc(keep: list[Path], root: Path | None, yes: bool) -> None:
    store = existing(root)
    kept, needed = _named(store, keep)
    judged = sorted(kept) or ([] if keep else retention.studies(store))
    if not keep:
        for file in filter(None, (record.file_of(store, study) for study in judged)):
            with suppress(WaystageError):  # a file that cannot be planned any more: then its record counts
                needed |= _planned(store, file)[1]
    files = ", ".join(map(str, keep)) if keep else "no study"
    say(f"needed: what {'is named' if keep else 'every study of this store says'}: {', '.join(judged) or files}")
    freed = retention.gc(store, kept if keep else None, also=needed, delete=yes)
    for item in freed:
        say(f"{size(item.size):>10}  {item.what}: {item.name}")
    total = size(sum(item.size for item in freed))
    say(f"freed {total}" if yes else f"would free {total}; --yes does it")


def push(url: str, of: list[Path], root: Path | None) -> None:
    store = existing(root)
    moved = transfer.push(store, url, _chosen(store, of), say=say)
    say(f"{len(moved.sent)} artifacts sent ({size(moved.bytes)}), {len(moved.there)} were there{_notes(moved)}: {url}")


def pull(url: str, root: Path | None) -> None:
    store = Store(root or default_root())
    moved = transfer.pull(store, url, say=say)
    there = f"{len(moved.there)} were here{_notes(moved)}"
    say(f"{len(moved.sent)} artifacts fetched ({size(moved.bytes)}), {there}: {store.root}")


def pack(out: Path, of: list[Path], root: Path | None) -> None:
    store = existing(root)
    moved = transfer.pack(store, out, _chosen(store, of), say=say)
    what = f"{len(moved.sent)} artifacts{_notes(moved)} in {out} ({size(out.stat().st_size)})"
    say(f"{what}; waystage store pull {out} unpacks them")


def _notes(moved: transfer.Moved) -> str:
    count = len(moved.notes)
    return f", with {count} note{'s' if count > 1 else ''} on checkpoints that were dropped after use" if count else ""


def _chosen(store: Store, of: list[Path]) -> list[str]:
    if not of:
        return transfer.chosen(store, None)
    names, planned = _named(store, of)
    return transfer.chosen(store, sorted(names), also=sorted(planned))


def _named(store: Store, paths: list[Path]) -> tuple[set[str], set[str]]:
    """What these study files are: under which names the store knows them (the real study, its rehearsal, or both),
    and what they consist of as they stand today, which their last run (`--set`, an edit taken back) need not say.
    """
    recorded = retention.studies(store)
    names: set[str] = set()
    planned: set[str] = set()
    for path in paths:
        said, here = _planned(store, path)
        if not said & set(recorded) and not any(map(store.has, here)):
            raise InputError(
                f"{path}: nothing of this study is in {store.root}; it has: {', '.join(recorded) or 'none'}"
            )
        names |= said & set(recorded)
        planned |= here
    return names, planned


def _planned(store: Store, path: Path) -> tuple[set[str], set[str]]:
    """Names and fingerprints of the real study and of its rehearsals."""
    from waystage.results import load

    names: set[str] = set()
    found: set[str] = set()
    for rehearsal, full in ((False, False), (True, False), (True, True)):
        results = load(path, store=store, rehearsal=rehearsal, full=full)
        names.add(study_id(results))
        found.update(Plan(results.plan.wanted).stages)
    return names, found


def existing(root: Path | None) -> Store:
    """The store of a command that only looks after one: a mistyped folder is not an empty store."""
    store = Store(root or default_root())
    if not store.root.is_dir():
        raise InputError(f"there is no store at {store.root}; name one with --store FOLDER, or run a study first")
    return store
