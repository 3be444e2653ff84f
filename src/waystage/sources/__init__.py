"""Where rows come from: the hub, a folder, files of a user, or the built-in world.

`identify` says what decides the rows (never where they lie), `places` where they are on this machine, `read` gives
examples one after the other. Derived splits: `held` is about a tenth of `train`, `fit` is the rest; SQuAD-like sets are
divided by article, so that no passage is on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from waystage import tasks
from waystage.errors import DataError, InputError
from waystage.forms.examples import Example, Span
from waystage.sources import folder, own, retrieval, world
from waystage.sources.notes import Notes
from waystage.tasks.task import Task

__all__ = ["Notes", "has_candidates", "identify", "is_held", "own_task", "places", "read", "resolve", "task_of"]

own_task = own.task
BASE = {"fit": "train", "held": "train"}


def identify(
    task: Task, source: str, split: str, languages: Iterable[str], *, lock: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What decides the rows of a split: revision or content, and how it is read. Goes into a stage's config.

    `lock` gives commits for data sets of the hub that are not pinned: {"owner/name@main": commit}, see `resolve`.
    """
    languages = tuple(languages)
    if source == "world":
        known = world.identify(split)
        return known if task.name in tasks.names() else known | {"declared": own.for_the_world(task)}
    base = BASE.get(split, split)
    if task.members:
        members = {name: identify(tasks.get(name), source, base, languages, lock=lock) for name in task.members}
        return {"kind": "union", "members": members}
    if source == "files":
        return own.identify(task, base, languages)
    if source == "hub":
        from waystage.sources import hub

        return hub.identify(task, base, languages, lock)
    return folder.identify(Path(source), task, base, languages)


def resolve(task: Task) -> dict[str, str]:
    """Today's commits of a task's copies on the hub, for a lock. Asks the network."""
    from waystage.sources import hub

    found: dict[str, str] = {}
    for one in (task, *(tasks.get(name) for name in task.members)):
        found |= hub.resolve(one)
    return found


def places(task: Task, source: str) -> dict[str, str]:
    """Where this machine has the data; not part of any identity."""
    if source == "files":
        return own.places(task)
    return {} if source in ("hub", "world") else {"data": str(Path(source).resolve())}


def task_of(name: str, identity: Mapping[str, Any], place: Mapping[str, str]) -> Task:
    if identity["kind"] == "files":
        return own.from_identity(name, identity, place)
    return own.stand_in(name, identity["declared"]) if "declared" in identity else tasks.get(name)


def has_candidates(task: Task, identity: Mapping[str, Any]) -> bool:
    """Whether there is something to search among: a task with candidates of no language needs their table."""
    needed = identity["kind"] in ("folder", "hub") and any(layout.format == "mewslix" for layout in task.files)
    return not needed or bool(languages_of(task, identity, ()))


def languages_of(task: Task, identity: Mapping[str, Any], languages: Iterable[str]) -> tuple[str, ...]:
    """The languages, and `candidates` where a search task brings candidates of no language."""
    if identity["kind"] == "world":
        pooled = any(layout.reader == "mewslix_mentions" for layout in task.files)
    elif identity["kind"] == "hub":
        read = {(copy["copy"], copy["config"]) for copy in identity.get("copies", ())}
        pooled = any(retrieval.POOL in hub.languages and (hub.name, hub.config) in read for hub in task.hub)
    else:
        pooled = retrieval.POOL in identity.get("sha256", {})
    return (*languages, retrieval.POOL) if pooled else tuple(languages)


def read(
    task: Task,
    identity: Mapping[str, Any],
    split: str,
    language: str,
    *,
    place: Mapping[str, str],
    notes: Notes,
    languages: Iterable[str] = (),
    limit: int | None = None,
) -> Iterator[Example]:
    """The examples of one split in one language. Rows that a training split cannot use are counted in `notes`."""
    base = BASE.get(split, split)
    notes.may_exclude = base == "train"
    asked = split if identity["kind"] == "world" else base
    examples = _read(task, identity, asked, language, place, notes, tuple(languages), limit)
    if base != split and identity["kind"] != "world":
        examples = (example for example in examples if is_held(example) == (split == "held"))
    if limit is None or identity["kind"] == "world":  # the world makes as many as are wanted
        return examples
    return _first(examples, limit, task.form)


def _read(
    task: Task, identity: Mapping[str, Any], split: str, language: str, place: Mapping[str, str], notes: Notes,
    languages: tuple[str, ...], limit: int | None,
) -> Iterator[Example]:  # fmt: skip
    kind = identity["kind"]
    if kind == "world":
        return world.read(
            task, split, language, seed=identity["seed"], limit=limit, languages=languages,
            plant=identity.get("plant", ""),
        )  # fmt: skip
    if kind == "union":
        return _union(identity["members"], split, language, place, notes)
    if kind == "files":
        own.check_unchanged(task, split, language, identity)
        return own.read(task, split, language, notes)
    if kind == "hub":
        from waystage.sources import hub

        return hub.read(task, identity, split, language, notes)
    if kind == "folder":
        if "data" not in place:
            raise InputError(f"rows of {task.name}: the place of the data folder is not known on this machine")
        root = Path(place["data"])
        folder.check_unchanged(root, task, split, language, dict(identity))
        return folder.read(root, task, split, language, notes, languages=languages)
    raise DataError(f"rows of {task.name}: {kind!r} is no kind of source")


def _union(
    members: Mapping[str, Mapping[str, Any]], split: str, language: str, place: Mapping[str, str], notes: Notes
) -> Iterator[Example]:
    for name, identity in members.items():
        for example in _read(tasks.get(name), identity, split, language, place, notes, (), None):
            yield replace(example, id=f"{name}/{example.id}")


def is_held(example: Example) -> bool:
    """Whether an example belongs to the held-out tenth: by article where there are articles, else by passage or id."""
    key = example.id  # a group of the user's own may be an address: what stands before its last slash is no article
    if isinstance(example, Span):
        key = example.cluster.rpartition("/")[0] or example.context
    return hashlib.sha256(key.encode()).digest()[0] % 10 == 0


def _first(examples: Iterator[Example], limit: int, form: str) -> Iterator[Example]:
    """The first rows. A search keeps the candidates that its first queries need, and as many others."""
    if form != "retrieval":
        for _, example in zip(range(limit), examples, strict=False):
            yield example
        return
    everything: list[Any] = list(examples)
    queries = [p for p in everything if p.query][:limit]
    needed = {name for query in queries for name in query.gold or ()}
    others = 0
    kept = {query.id for query in queries}
    for passage in everything:
        if passage.query:
            if passage.id in kept:
                yield passage
        elif passage.id in needed:
            yield passage
        elif others < limit:
            others += 1
            yield passage
