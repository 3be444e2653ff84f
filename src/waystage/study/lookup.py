"""What the names of a study stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waystage import sources
from waystage import tasks as task_table
from waystage.tasks.task import Task

if TYPE_CHECKING:
    from waystage.study.schema import Study


def source_of(study: Study, name: str) -> str:
    """Where the rows of a task come from: "world", "files", "hub" or a folder."""
    if study.source == "world":
        return "world"
    return "files" if name in study.task else study.sources.get(name, study.source)


def find_task(study: Study, name: str) -> Task:
    """A task of the study's own, or a built-in one."""
    own = study.task.get(name)
    return sources.own_task(name, own.model_dump()) if own else task_table.get(name)
