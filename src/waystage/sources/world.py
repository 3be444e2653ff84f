"""Rows from the built-in world of artificial languages. Its seed and version are part of a study's identity."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from waystage.forms.examples import Example
from waystage.tasks.task import Task

SEED = 0
DEFAULT = 300  # examples where nobody says how many; a search counts its queries


def identify(split: str = "train") -> dict[str, Any]:
    from waystage.world import VERSION

    apart = {"held": "drawn for itself"} if split == "held" else {}
    return {"kind": "world", "seed": SEED, "version": VERSION, **apart}


def read(
    task: Task,
    split: str,
    language: str,
    *,
    seed: int,
    limit: int | None,
    languages: tuple[str, ...] = (),
    plant: str = "",
) -> Iterator[Example]:
    from waystage.world import World

    if task.options.get("mode") == "pool" and languages:
        task = replace(task, languages=languages)  # answers are those that the rows hold
    world = World(seed, plant=((task.name, plant),) if plant else ())
    yield from world.examples(task, language, split, limit or DEFAULT)
