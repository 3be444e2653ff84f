"""A study that really trains, with dropout and replay, in a process of its own: `python -m toys.training STORE ENGINE`.

The model is the folder in WAYSTAGE_TEST_MODEL. Stages save themselves after every step (WAYSTAGE_CHECKPOINT_SECONDS=0).
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import waystage
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.store import Store

STEPS = 800  # of the stage that is killed: so many that Ray ends it, whose driver is gone, before it is done


def study() -> waystage.Study:
    return waystage.Study(
        title="Killed", source="world", models=[os.environ["WAYSTAGE_TEST_MODEL"]], targets=["xnli"],
        languages=["en", "de"], seeds=[1], precision="fp32", keep="all",
        intermediate={"mnli": {"tasks": ["mnli"], "replay": {"mlm": 0.33, "languages": ["en", "de"]}}},
        recipe={"steps": 60, "batch": 8, "examples": 64, "max_length": 48, "learning_rate": 1e-3, "dropout": 0.1,
                "target": {"steps": STEPS}},
        rehearsal={"test_examples": 12},
    )  # fmt: skip


def plan(root: Path) -> tuple[Plan, Store]:
    results = waystage.load(study(), store=root)
    return Plan(results.plan.wanted), results.store


def main(root: str, engine: str) -> int:
    with contextlib.closing(get(engine)(jobs=2)) as running:
        outcome = execute(*plan(Path(root)), running)
    print(outcome.text())  # noqa: T201
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
