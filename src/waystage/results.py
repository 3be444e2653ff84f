"""What a study has found so far: its plan, its store, and its scores as one long table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.graph.store import Store
from waystage.study import Study
from waystage.study.lock import Lock
from waystage.study.stages import StudyPlan

if TYPE_CHECKING:
    import pandas

REHEARSAL = "rehearsal, artificial languages"


def labelled(value: Any) -> Any:
    """The same for a JSON file, with every row of every list saying that it is a rehearsal: it may be cut out."""
    if isinstance(value, dict):
        return {key: labelled(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [labelled({**one, "rehearsal": REHEARSAL} if isinstance(one, dict) else one) for one in value]
    return value


@dataclass(frozen=True)
class Results:
    """Reads the store, runs nothing; grows as the study does."""

    study: Study
    plan: StudyPlan
    store: Store
    substitutions: tuple[str, ...] = ()
    path: str = ""  # of the study file, as it was typed
    lock: Lock = field(default_factory=Lock)  # what hub names stand for
    options: tuple[str, ...] = ()  # typed behind it, as far as they change what is compared

    @property
    def rehearsal(self) -> bool:
        """Whether any of it is about artificial languages: a study may take one task alone from the built-in world."""
        return "world" in (self.study.source, *self.study.sources.values())

    @cached_property
    def scores(self) -> pandas.DataFrame:
        """One row per model, intermediate, target, source language, language, seed and metric that has been scored."""
        import pandas

        frame = pandas.DataFrame(self._rows(), columns=[*COLUMNS])
        frame = frame.astype({"headline": bool, "value": float})  # also before anything is scored: it is asked by
        if self.rehearsal:
            frame["note"] = REHEARSAL
        return frame

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        read: dict[str, list[dict[str, Any]]] = {}
        for cell in self.plan.cells:
            stage = cell.evaluate
            if stage.fingerprint not in read:
                read[stage.fingerprint] = self._scores_of(stage.fingerprint)
            headline = self.plan.headline(cell.target)
            for score in read[stage.fingerprint]:
                if score["language"] not in cell.languages:
                    continue
                variant = ", ".join(filter(None, (cell.selection, score.get("variant", ""))))
                rows.append(
                    {
                        "study": self.study.title,
                        "model": cell.model,
                        "intermediate": cell.intermediate,
                        "target": cell.target,
                        "source_language": cell.source_language,
                        "language": score["language"],
                        "seed": cell.seed,
                        "metric": score["metric"],
                        "value": score["value"],
                        "n": score["n"],
                        "headline": score["metric"] == headline and not variant,
                        "variant": variant,
                        "stage": stage.fingerprint,
                        "intermediate_seed": cell.intermediate_seed,
                        "target_seed": cell.target_seed,
                        "protocol": cell.protocol,
                        "mark": "; ".join(map(str, cell.marks)),
                    }
                )
        return rows

    def _scores_of(self, fingerprint: str) -> list[dict[str, Any]]:
        path = self.store.find(fingerprint, "scores.json")
        scores: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path else []
        return scores

    @property
    def done(self) -> tuple[int, int]:
        """How many of the study's evaluations exist, and how many there are."""
        wanted = {cell.evaluate.fingerprint for cell in self.plan.cells}
        return sum(self.store.has(fingerprint) for fingerprint in wanted), len(wanted)


COLUMNS = (
    "study", "model", "intermediate", "target", "source_language", "language", "seed", "metric", "value", "n",
    "headline", "variant", "stage", "intermediate_seed", "target_seed", "protocol", "mark",
)  # fmt: skip


def load(
    study: str | Path | Study,
    *,
    rehearsal: bool = False,
    full: bool = False,
    store: str | Path | Store | None = None,
    overrides: list[str] | None = None,
) -> Results:
    """The results of a study, from a file or an object: `waystage.load("s.toml", rehearsal=True).scores`."""
    from waystage.graph.store import Store, default_root
    from waystage.study import load as read
    from waystage.study import lock
    from waystage.study.rehearsal import needs_a_gpu, rehearsed
    from waystage.study.stages import plan

    said = study if isinstance(study, Study) else read(study, overrides)
    substitutions: list[str] = []
    if rehearsal:
        if needs_a_gpu(said):  # what the real study cannot do is not proved by a rehearsal that can
            plan(rehearsed(said, four_bits=True)[0])
        said, substitutions = rehearsed(said, full=full)
    where = store if isinstance(store, Store) else Store(store or default_root())
    locked = lock.Lock() if isinstance(study, Study) else lock.of(Path(study))
    path = "" if isinstance(study, Study) else str(study)
    options = ["--full"] * (rehearsal and full) + [word for one in overrides or () for word in ("--set", one)]
    return Results(said, plan(said, locked), where, tuple(substitutions), path, locked, tuple(options))
