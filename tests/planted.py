"""A study in which the truth is planted: what each arm's training data are made to do, and what must be said of it."""

from __future__ import annotations

from typing import Any

from waystage.study import Study
from waystage.tasks import get

NEAR, STRANGERS = ("de", "nl"), ("ru", "tr", "hi")
LANGUAGES = ("en", *NEAR, *STRANGERS)
EFFECTS = {"helped": "helps", "again": "helps", "near": "near", "harmed": "harms"}  # arm, and its task -> effect
QUESTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "positive": ({"compare": ("helped", "none"), "languages": STRANGERS}, "better"),
    "negative": ({"compare": ("harmed", "none"), "languages": STRANGERS}, "worse"),
    "zero": ({"compare": ("helped", "again"), "goal": "equivalent", "margin": 6.0}, "equivalent"),
    "interaction": ({"compare": ("near", "none"), "kind": "gap", "high": NEAR, "low": STRANGERS}, "widens the gap"),
}


def study(*, seeds: int = 4) -> Study:
    """Parts of speech after parts of speech: arms differ in nothing but what their task was made to do.

    The cell is that of `benchmarks/pool.toml`, whose seeds spread by about two points.
    """
    own = {"form": "tags", "labels": list(get("udpos").labels), "files": {"en": "nowhere.jsonl"}}
    chosen = tuple(range(1, seeds + 1))
    return Study(
        title="What was planted is found",
        models=("standin-s",),
        targets=("udpos",),
        languages=LANGUAGES,
        seeds=chosen,
        task=dict.fromkeys(EFFECTS, own),
        intermediate={"none": {}, **{arm: {"tasks": [arm]} for arm in EFFECTS}},
        question=tuple({"ask": ask, **said} for ask, (said, _) in QUESTIONS.items()),
        rehearsal={
            "models": ("standin-s",), "seeds": chosen, "languages": LANGUAGES, "test_examples": 100, "plant": EFFECTS,
            "recipe": {
                "learning_rate": 1e-3, "batch": 32, "max_length": 64,
                "intermediate": {"examples": 1500, "steps": 90}, "target": {"examples": 300, "steps": 40},
            },
        },
    )  # fmt: skip
