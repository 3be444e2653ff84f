"""store ls | verify | gc."""

from __future__ import annotations

from pathlib import Path

import typer

from waystage.commands.output import as_json, say, size, table
from waystage.commands.studies import study_id
from waystage.errors import InputError
from waystage.graph import retention
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
    from waystage.results import load

    store = existing(root)
    recorded = retention.studies(store)
    kept: set[str] = set()
    for path in keep:
        names = {study_id(load(path, store=store, rehearsal=rehearsal)) for rehearsal in (False, True)}
        if not names & set(recorded):
            raise InputError(
                f"{path}: nothing of this study is in {store.root}; it has: {', '.join(recorded) or 'none'}"
            )
        kept |= names & set(recorded)
    freed = retention.gc(store, kept if keep else None, delete=yes)
    for item in freed:
        say(f"{size(item.size):>10}  {item.what}: {item.name}")
    total = size(sum(item.size for item in freed))
    say(f"freed {total}" if yes else f"would free {total}; --yes does it")


def existing(root: Path | None) -> Store:
    """The store of a command that only looks after one: a mistyped folder is not an empty store."""
    where = root or default_root()
    if not where.is_dir():
        raise InputError(f"there is no store at {where}; name one with --store FOLDER, or run a study first")
    return Store(where)
