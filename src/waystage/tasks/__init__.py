"""Every task that Waystage knows, by name. A new task is one new file here, found by listing the folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from waystage.errors import UnknownName
from waystage.tasks.benchmarks import BENCHMARKS, Benchmark
from waystage.tasks.task import LEAVE_OUT, Files, Hub, Layout, Task

__all__ = [
    "BENCHMARKS",
    "LEAVE_OUT",
    "Benchmark",
    "Files",
    "Hub",
    "Layout",
    "Task",
    "all_tasks",
    "ancestry",
    "benchmark",
    "get",
    "names",
    "restricted",
]

_NOT_TASKS = {"task", "benchmarks"}


@cache
def _table() -> dict[str, Task]:
    found: dict[str, Task] = {}
    for entry in pkgutil.iter_modules(__path__):
        if entry.name in _NOT_TASKS:
            continue
        module = importlib.import_module(f"{__name__}.{entry.name}")
        for task in module.TASKS:
            assert task.name not in found, f"two tasks are called {task.name!r}"
            found[task.name] = task
    return dict(sorted(found.items()))


def names() -> tuple[str, ...]:
    return tuple(_table())


def all_tasks() -> tuple[Task, ...]:
    return tuple(_table().values())


def get(name: str) -> Task:
    try:
        return _table()[name]
    except KeyError:
        raise UnknownName("task", name, _table(), "`waystage list tasks` shows all") from None


def benchmark(name: str) -> Benchmark:
    try:
        return BENCHMARKS[name]
    except KeyError:
        raise UnknownName("benchmark", name, BENCHMARKS) from None


def ancestry(name: str) -> frozenset[str]:
    """Every "task:split" whose data is inside this task's data, through any number of steps."""
    seen: set[str] = set()
    todo = [*get(name).derived_from, *(f"{member}:*" for member in get(name).members)]
    while todo:
        source = todo.pop()
        if source not in seen:
            seen.add(source)
            task = source.partition(":")[0]
            todo += get(task).derived_from if task in _table() else ()
    return frozenset(seen)


def restricted(used: Sequence[Task]) -> dict[str, str]:
    """Of these tasks, and of those that they are trained on or made of, whose licence forbids something, and what."""
    behind = (name for task in used for name in (*task.train_on, *task.members) if name in _table())
    every = {t.name: t for t in (*used, *map(get, behind))}
    forbids = {
        name: [what for what, is_so in (("commercial use", t.non_commercial), ("redistribution", not t.redistributable))
               if is_so]
        for name, t in every.items()
    }  # fmt: skip
    return {name: f"{every[name].licence}: no {' and no '.join(said)}" for name, said in forbids.items() if said}
