"""Rows from the built-in world of artificial languages. The seed of the world is part of a study's identity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from waystage.forms.examples import Example
from waystage.tasks.task import Task

SEED = 0
DEFAULT = {"train": 4000, "dev": 300, "test": 300}


def identify() -> dict[str, Any]:
    from waystage import world

    return {"kind": "world", "seed": SEED, "version": world.VERSION}


def read(task: Task, split: str, language: str, *, seed: int, limit: int | None) -> Iterator[Example]:
    from waystage.world import World

    part = {"fit": "train", "held": "dev"}.get(split, split)
    yield from World(seed).examples(task, language, part, limit or DEFAULT.get(part, 300))
