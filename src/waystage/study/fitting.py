"""Sequences that a model has no positions for: refused by the plan, not by the stage that reads them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from waystage.errors import StudyError
from waystage.graph.stage import Stage
from waystage.models import shapes


def check(stages: Iterable[Stage]) -> None:
    shape = cache(shapes.shape)
    problems: dict[str, None] = {}
    for stage in stages:
        if stage.kind not in ("train", "evaluate"):
            continue
        model = stage.places.get("model", stage.config["model"]["name"])
        found = shape(model)
        if found is None or found.longest is None:
            continue
        for tokens in (one for one in stage.parents() if one.kind == "tokens"):
            length = tokens.config["max_length"]
            if length > found.longest:
                task = tokens.config["task"]
                problems[
                    f"recipe.max_length: {task} has sequences of up to {length} tokens, but {model} has positions for "
                    f"{found.longest} only. Set max_length to at most {found.longest}, for all tasks ([recipe]) or "
                    f"for this one ([recipe.task.{task}])"
                ] = None
    if problems:
        raise StudyError(list(problems))
