"""Adapters of a plan that cannot follow one another: refused before the first of them is trained for hours."""

from __future__ import annotations

from collections.abc import Iterable

from waystage.errors import InputError, StudyError
from waystage.graph.stage import Stage
from waystage.models.links import Chain, following

Left = tuple[Chain, bool]  # the adapters that a stage leaves, and whether a model that was tuned lies under them


def check(stages: Iterable[Stage]) -> None:
    """`stages`: inputs first."""
    left: dict[str, Left] = {}
    problems: dict[str, None] = {}
    for stage in stages:
        try:
            left[stage.fingerprint] = _left(stage, left)
        except InputError as error:
            problems[str(error)] = None
            left[stage.fingerprint] = ((), False)
    if problems:
        raise StudyError([f"recipe.adapter: {problem}" for problem in problems])


def _left(stage: Stage, left: dict[str, Left]) -> Left:
    if stage.kind == "merge":
        for one in stage.parents():
            following(left[one.fingerprint][0], None)
    if stage.kind != "train":
        return (), stage.kind in ("adopt", "merge")
    start = stage.inputs.get("start")
    before, tuned = left[start.fingerprint] if isinstance(start, Stage) else ((), False)
    asked = stage.config["recipe"].get("adapter")
    if asked and asked["kind"] == "qlora" and tuned:
        raise InputError(
            'kind = "qlora" holds published weights in 4 bits, but the stage before tuned all of them. '
            'Give that stage the adapter too, or use kind = "lora"'
        )
    chain = following(before, asked)
    return (chain, tuned) if asked else ((), True)
