"""What a study consisted of when it was last planned, kept in the store, and how that differs from today."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import InputError, StoreError
from waystage.graph.canonical import digest, plain
from waystage.graph.files import write_text
from waystage.graph.store import Store

if TYPE_CHECKING:
    from waystage.graph.plan import Plan

ROOTS = 3  # causes that are named for one stage


@dataclass(frozen=True)
class Noted:
    label: str
    fingerprint: str
    kind: str
    version: int
    config: Mapping[str, Any]
    inputs: Mapping[str, list[str]]  # fingerprints
    done: bool = False  # its artifact had been made by then


@dataclass(frozen=True)
class Record:
    stages: tuple[Noted, ...]  # inputs first
    wanted: tuple[str, ...] = ()
    written: str = ""

    @cached_property
    def by_label(self) -> dict[str, Noted]:
        return {noted.label: noted for noted in self.stages}

    @cached_property
    def label_of(self) -> dict[str, str]:
        return {noted.fingerprint: noted.label for noted in self.stages}

    def export(self) -> dict[str, Any]:
        """As JSON. Configs that are equal are written once: a study's stages share most of theirs."""
        configs: dict[str, Any] = {}
        stages = []
        for noted in self.stages:
            config = plain(noted.config)
            key = digest(config)[:16]
            configs[key] = config
            stages.append(
                {
                    "label": noted.label,
                    "fingerprint": noted.fingerprint,
                    "kind": noted.kind,
                    "version": noted.version,
                    "config": key,
                    "inputs": dict(noted.inputs),
                    "done": noted.done,
                }
            )
        return {"written": self.written, "wanted": list(self.wanted), "configs": configs, "stages": stages}


@dataclass(frozen=True)
class Changes:
    new: tuple[str, ...] = ()  # labels
    gone: tuple[str, ...] = ()
    changed: dict[str, str] = field(default_factory=dict)  # label -> what changed


def of(plan: Plan, store: Store | None = None) -> Record:
    noted = tuple(
        Noted(
            label=plan.labels[fingerprint],
            fingerprint=fingerprint,
            kind=stage.kind,
            version=stage.version,
            config=stage.config,
            inputs={
                name: [s.fingerprint for s in (given if isinstance(given, tuple) else (given,))]
                for name, given in stage.inputs.items()
            },
            done=store is not None and (store.has(fingerprint) or store.dropped(fingerprint).exists()),
        )
        for fingerprint, stage in plan.stages.items()
    )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Record(noted, tuple(stage.fingerprint for stage in plan.wanted), now)


def path(store: Store, study: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", study):
        raise InputError(f"{study!r} cannot name a study in the store: use letters, digits, '.', '_' and '-'")
    return store.root / "plans" / f"{study}.json"


def note_file(store: Store, study: str, file: Path) -> None:
    """Which file is this study: another one of the same title, a variant say, is not to take its place."""
    write_text(path(store, study).with_suffix(".file"), str(file.resolve()))


def file_of(store: Store, study: str) -> Path | None:
    """The file that last ran under this name, if it is still where it was."""
    try:
        found = Path(path(store, study).with_suffix(".file").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found if found.is_file() else None


def save(store: Store, study: str, record: Record) -> None:
    write_text(path(store, study), json.dumps(record.export()))


def load(store: Store, study: str) -> Record | None:
    place = path(store, study)
    try:
        body = json.loads(place.read_bytes())
        stages = tuple(Noted(**{**entry, "config": body["configs"][entry["config"]]}) for entry in body["stages"])
        return Record(stages, tuple(body["wanted"]), body["written"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{place} is damaged ({error}). Delete it: the next plan writes it anew") from None


def diff(old: Record, new: Record) -> Changes:
    """Stages are matched by label: identity is what changed, so it cannot be what matches them."""
    own: dict[str, str] = {}  # label -> what its own config or version changed
    roots: dict[str, list[str]] = {}  # label -> labels of the stages where its change began
    changed: dict[str, str] = {}
    for noted in new.stages:
        before = old.by_label.get(noted.label)
        if before is None:
            own[noted.label] = "new"
            roots[noted.label] = [noted.label]
            continue
        if before.fingerprint == noted.fingerprint:
            continue
        differences = [*_own(before, noted), *_rewired(before, noted, old, new)]
        above = dict.fromkeys(
            root for fps in noted.inputs.values() for fp in fps for root in roots.get(new.label_of[fp], [])
        )
        if differences:
            own[noted.label] = "; ".join(differences)
            roots[noted.label] = [noted.label]
        else:
            roots[noted.label] = list(above)[:ROOTS]
        differences += [f"input {root} changed: {own[root]}" for root in list(above)[:ROOTS] if own[root] != "new"]
        changed[noted.label] = "; ".join(differences)
    return Changes(
        new=tuple(n.label for n in new.stages if n.label not in old.by_label),
        gone=tuple(n.label for n in old.stages if n.label not in new.by_label),
        changed=changed,
    )


def _own(old: Noted, new: Noted) -> Iterator[str]:
    for word in ("kind", "version"):
        if getattr(old, word) != getattr(new, word):
            yield f"{word} {getattr(old, word)} -> {getattr(new, word)}"
    before, after = dict(_flat(plain(old.config))), dict(_flat(plain(new.config)))
    for key in [*before, *(key for key in after if key not in before)]:
        # as text: 1, 1.0 and true are equal to Python, and three configs
        was, now = (_shown(side[key]) if key in side else "absent" for side in (before, after))
        if was != now:
            yield f"{key} {was} -> {now}"


def _rewired(old: Noted, new: Noted, old_record: Record, new_record: Record) -> Iterator[str]:
    """Inputs that are other stages now, not the same stages changed."""
    for name in dict.fromkeys([*old.inputs, *new.inputs]):
        was = [old_record.label_of.get(fp, fp[:12]) for fp in old.inputs.get(name, [])]
        now = [new_record.label_of[fp] for fp in new.inputs.get(name, [])]
        if was != now:
            yield f"input {name} {_few(was)} -> {_few(now)}"


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:30]}...({digest(value)[:6]})"


def _few(labels: list[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "") or "absent"
