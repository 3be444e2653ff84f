"""From wanted stages to an order, and from an order and a store to what has to run, with the reason for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any

from waystage.errors import InputError
from waystage.graph import record
from waystage.graph.stage import Stage
from waystage.graph.store import Store


class Plan:
    """Every distinct stage that the wanted ones come down to, inputs first. Nothing runs here."""

    def __init__(self, wanted: Iterable[Stage]):
        self.wanted = tuple(dict.fromkeys(wanted))
        self.temporary: set[str] = set()  # may be dropped after use: all who mention the stage agree
        found: dict[str, Stage] = {}
        edges: dict[str, list[str]] = {}
        open_ = list(reversed(self.wanted))
        while open_:  # no recursion: chains may be thousands of stages long
            stage = open_.pop()
            if stage.fingerprint in found:
                if not stage.temporary:
                    self.temporary.discard(stage.fingerprint)
                continue
            found[stage.fingerprint] = stage
            if stage.temporary:
                self.temporary.add(stage.fingerprint)
            parents = list(stage.parents())
            edges[stage.fingerprint] = [parent.fingerprint for parent in parents]
            open_.extend(reversed(parents))
        self.stages = {fingerprint: found[fingerprint] for fingerprint in TopologicalSorter(edges).static_order()}

    def __len__(self) -> int:
        return len(self.stages)

    @cached_property
    def labels(self) -> dict[str, str]:
        """One label per stage for people and for comparing plans: its name, numbered where names repeat."""
        seen: dict[str, int] = {}
        labels = {}
        for fingerprint, stage in self.stages.items():
            seen[stage.name] = seen.get(stage.name, 0) + 1
            labels[fingerprint] = stage.name if seen[stage.name] == 1 else f"{stage.name} #{seen[stage.name]}"
        return labels

    @cached_property
    def dependents(self) -> dict[str, list[str]]:
        """Who reads what a stage makes, within this plan."""
        readers: dict[str, list[str]] = {fingerprint: [] for fingerprint in self.stages}
        for fingerprint, stage in self.stages.items():
            for parent in dict.fromkeys(stage.parents()):
                readers[parent.fingerprint].append(fingerprint)
        return readers

    def matching(self, pattern: str) -> Plan:
        """The part of the plan that stages whose name (or `kind:name`) matches a shell pattern come down to."""
        chosen = [s for s in self.stages.values() if _matches(s, pattern)]
        if not chosen:
            some = "\n  ".join(dict.fromkeys(s.name for s in list(self.stages.values())[-5:]))
            raise InputError(f"no stage matches {pattern!r}. Names look like this (wildcards: * ? []):\n  {some}")
        return Plan(chosen)

    def prune(self, store: Store, *, study: str | None = None) -> Todo:
        """What has to run: the wanted stages that lack an artifact, and whatever is missing above them.

        An artifact that exists cuts off everything above it, there or not. Artifacts are looked at cheaply (sizes and
        time stamps); before a stage reads one, its content is checked.
        """
        run: dict[str, str] = {}
        reused: set[str] = set()
        wanted = {stage.fingerprint for stage in self.wanted}
        readers = self.dependents
        for fingerprint in reversed(self.stages):  # dependents before what they read
            needed = any(reader in run for reader in readers[fingerprint])
            if not needed and fingerprint not in wanted:
                continue
            problems = store.verify(fingerprint, deep=False) if store.has(fingerprint) else None
            if problems == []:
                reused.add(fingerprint)
            elif problems:
                run[fingerprint] = f"corrupt: {problems[0]}"
            elif needed or not self._served(fingerprint, store):
                run[fingerprint] = ""
        self._explain(run, store, record.load(store, study) if study else None)
        return Todo(
            plan=self,
            run={fingerprint: run[fingerprint] for fingerprint in self.stages if fingerprint in run},
            reused=tuple(fingerprint for fingerprint in self.stages if fingerprint in reused),
        )

    def _served(self, fingerprint: str, store: Store) -> bool:
        """It was made, it was used, it was dropped as agreed: nothing that exists today needs it again."""
        return fingerprint in self.temporary and store.dropped(fingerprint).exists()

    def _explain(self, run: dict[str, str], store: Store, previous: record.Record | None) -> None:
        unexplained = [fingerprint for fingerprint, reason in run.items() if not reason]
        if not unexplained:
            return
        changed = record.diff(previous, record.of(self)).changed if previous else {}
        for fingerprint in unexplained:
            label = self.labels[fingerprint]
            before = previous.by_label.get(label) if previous else None
            if store.dropped(fingerprint).exists():
                run[fingerprint] = "dropped after use, needed again"
            elif before is None:
                run[fingerprint] = "new"
            elif before.fingerprint == fingerprint:
                run[fingerprint] = "artifact missing" if before.done else "not run yet"
            else:
                run[fingerprint] = changed[label]

    def record(self, store: Store, study: str) -> None:
        """Note what this study consists of, so that the next plan can say what changed and `gc` what to keep."""
        record.save(store, study, record.of(self, store))

    def export(self, todo: Todo | None = None) -> dict[str, Any]:
        """The plan as JSON for other programs; with `todo`, what would run and why."""
        out = record.of(self).export()
        if todo is not None:
            for entry in out["stages"]:
                entry["run"] = todo.run.get(entry["fingerprint"])
        return out


@dataclass(frozen=True)
class Todo:
    plan: Plan
    run: dict[str, str]  # fingerprint -> reason, inputs first
    reused: tuple[str, ...]  # artifacts that exist and are read, or wanted

    @property
    def stages(self) -> list[Stage]:
        return [self.plan.stages[fingerprint] for fingerprint in self.run]


def _matches(stage: Stage, pattern: str) -> bool:
    return fnmatchcase(stage.name, pattern) or fnmatchcase(f"{stage.kind}:{stage.name}", pattern)
