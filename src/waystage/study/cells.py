"""What a study comes down to: its cells, and the stages that they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.study.leaks import Mark
from waystage.study.lookup import find_task
from waystage.study.schema import Study
from waystage.tasks.task import Task

ZERO_SHOT = "zero-shot"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One trained and evaluated combination; its scores stand in the folder of its `evaluate` stage."""

    model: str
    intermediate: str
    target: str
    source_language: str
    seed: int  # what statistics count: of the pair, or of the intermediate where the two are crossed
    intermediate_seed: int
    target_seed: int
    languages: tuple[str, ...]  # those of this cell; the stage may have read more
    evaluate: Stage
    protocol: str = ZERO_SHOT
    marks: tuple[Mark, ...] = ()  # what its training data have to do with the target's
    selection: str = ""  # which checkpoint of the target stage; empty: the one that the recipe keeps


@dataclass(frozen=True)
class StudyPlan:
    study: Study
    cells: tuple[Cell, ...]
    left_out: tuple[str, ...] = ()  # combinations that cannot exist, and why
    unresolved: tuple[str, ...] = ()  # hub names that no lock pins yet
    blocked: tuple[str, ...] = ()  # data that is nowhere to be had yet: the study cannot run before that is mended

    @cached_property
    def wanted(self) -> tuple[Stage, ...]:
        return tuple(cell.evaluate for cell in self.cells)

    @property
    def hub_tasks(self) -> tuple[Task, ...]:
        """Tasks whose rows come from the hub."""
        rows = [s.config for s in Plan(self.wanted).stages.values() if s.kind == "rows"]
        names = {c["task"]: None for c in rows if c["source"]["kind"] in ("hub", "union")}
        return tuple(find_task(self.study, name) for name in names)

    @property
    def hub_models(self) -> tuple[str, ...]:
        """Models of the hub that no lock pins yet: backbones, adopted checkpoints, translators."""
        return tuple(name for name in self.unresolved if "@" not in name)

    def headline(self, target: str) -> str:
        """The metric that stands for a target."""
        return find_task(self.study, target).metric
