"""A table of scores with known truth, as the report would hand it over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest


def make_scores(
    *,
    gains: Mapping[str, float],
    targets: Mapping[str, tuple[str, ...]],
    seeds: tuple[int, ...] = (1, 2, 3),
    untrained: tuple[str, ...] = (),
    noise: float = 0.5,
    seed_noise: float = 0.5,
    level: float = 60.0,
    draw: int = 0,
) -> pd.DataFrame:
    """Arm `none` and the arms of `gains`; an untrained target gives `none` one stage for every seed."""
    rng = np.random.default_rng(draw)
    rows: list[dict[str, Any]] = []
    for arm, gain in {"none": 0.0, **gains}.items():
        shift = {seed: rng.normal(0, seed_noise) for seed in seeds}
        for target, languages in targets.items():
            fixed = target in untrained and arm == "none"
            for code in languages:
                once = rng.normal(0, noise)
                for seed in seeds:
                    wobble = once if fixed else shift[seed] + rng.normal(0, noise)
                    rows.append(
                        {
                            "model": "xlm-roberta-base",
                            "intermediate": arm,
                            "target": target,
                            "source_language": "en",
                            "language": code,
                            "seed": seed,
                            "metric": "accuracy",
                            "value": level + gain + wobble,
                            "n": 1000,
                            "stage": f"{arm}-{target}" + ("" if fixed else f"-{seed}"),
                            "headline": True,
                        }
                    )
    return pd.DataFrame(rows)


def make_study(targets: tuple[str, ...], **changes: Any) -> Any:
    groups = {"all": ("ar", "de", "en", "hi", "ru", "sw", "tr", "ur", "zh"), "low-resource": ("sw", "ur")}
    said = {
        "models": ("xlm-roberta-base",),
        "source_languages": ("en",),
        "intermediate": {"none": None, "mnli": None, "squad": None},
        "target_tasks": lambda: targets,
        "select": lambda said: groups[said] if isinstance(said, str) else tuple(said),
    }
    return SimpleNamespace(**(said | changes))


def make_question(a: str = "mnli", b: str = "none", **changes: Any) -> Any:
    from waystage.study import Question

    said = {"ask": "Does it help?", "compare": (a, b), "targets": (), "languages": "all"} | changes
    return Question(**said)


@pytest.fixture(scope="session")
def scores_of() -> Callable[..., pd.DataFrame]:
    return make_scores


@pytest.fixture(scope="session")
def study_of() -> Callable[..., Any]:
    return make_study


@pytest.fixture(scope="session")
def question_of() -> Callable[..., Any]:
    return make_question
