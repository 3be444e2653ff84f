"""What the names of a study stand for."""

from __future__ import annotations

import os
from dataclasses import replace
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
    return "files" if name in study.task else os.path.expanduser(study.sources.get(name, study.source))  # noqa: PTH111


def find_task(study: Study, name: str) -> Task:
    """A task of the study's own, or a built-in one."""
    found = declared_task(study, name)
    return _trained_elsewhere(study, found) if name in study.task and found.train_on else found


def declared_task(study: Study, name: str) -> Task:
    """The same as it declares itself, whatever it is trained on."""
    own = study.task.get(name)
    return sources.own_task(name, own.model_dump()) if own else task_table.get(name)


def _trained_elsewhere(study: Study, target: Task) -> Task:
    """In the languages that all of its training data have, chosen on what they keep apart from every test."""
    from waystage.study.leaks import kept_apart

    trained = [kept_apart(study, declared_task(study, name)) for name in target.train_on]
    common = [code for code in trained[0].train_languages if all(code in one.train_languages for one in trained)]
    held = any(one.select_on == "held" for one in trained)
    parts = ("fit", "held") if held else ("train", "dev")
    return replace(target, train_languages=tuple(common), train_split=parts[0], select_on=parts[1])
