from __future__ import annotations

from typing import Any

import pytest

from waystage.reports.arms import baseline, described
from waystage.study.regimes import Intermediate

ARMS: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "straight to the target"),
    "mnli": ({"tasks": ("mnli",)}, "first MNLI"),
    "two": ({"tasks": ("mnli",), "then": ({"tasks": ("squad",)},)}, "first MNLI, then SQUAD"),
    "many": ({"tasks": ("mnli", "squad", "qqp", "ccg")}, "first mnli + squad + qqp + ccg"),
    "zh": ({"tasks": ("xnli",), "language": "zh"}, "first XNLI in zh"),
    "each": ({"tasks": ("xnli",), "language": "target"}, "first XNLI in each evaluated language by itself"),
    "mt": ({"tasks": ("mnli",), "translate": ("de", "sw")}, "first MNLI, machine-translated into de, sw"),
    "mlm": ({"tasks": ("mnli",), "replay": {"mlm": 0.25}},
            "first MNLI, masked language modelling in 25% of the batches"),
    "null": ({"control": "zero-length", "of": "mnli"}, "an intermediate stage of no steps (control of mnli)"),
    "noise": ({"control": "shuffled-labels", "tasks": ("mnli",)}, "MNLI: labels shuffled (control)"),
    "taken": ({"checkpoint": "some/one", "provenance": "tuned by them"},
              "from the checkpoint some/one (tuned by them)"),
    "mean": ({"average": ("mnli", "none")}, "mean of the checkpoints of mnli and none, nothing trained"),
    "ceiling": ({"target": {"language": "target"}},
                "straight to the target; target trained in each evaluated language: a ceiling, not zero-shot"),
    "shots": ({"tasks": ("mnli",), "target": {"shots": 8}},
              "first MNLI; then 8 examples of each evaluated language: not zero-shot"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARMS)
def test_every_regime_is_said_in_words(name: str) -> None:
    what, said = ARMS[name]
    assert described(Intermediate(**what), str.upper) == said


def test_the_baseline_is_the_arm_of_which_nothing_is_said() -> None:
    mean, mnli = Intermediate(average=("mnli", "plain")), Intermediate(tasks=("mnli",))
    assert baseline({"mean": mean, "mnli": mnli, "plain": Intermediate()}) == "plain"
    assert baseline({"mnli": mnli, "mean": mean}) == "mnli"
