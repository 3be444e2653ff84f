"""Which arms of a study a claim is about, whatever the study calls them."""

from __future__ import annotations

from collections.abc import Sequence

from waystage.errors import InputError
from waystage.study.recipe import Recipe
from waystage.study.regimes import Intermediate
from waystage.study.schema import Study

FREE = {"tasks", "sampling", "recipe"}  # what may differ without the arm being about something else


def baseline(study: Study) -> str:
    """The arm without any intermediate step."""
    found = next((name for name, arm in study.intermediate.items() if not _said(arm)), None)
    if found is None:
        raise InputError("no arm goes straight to the target, such as [intermediate.none]")
    return found


def plain(study: Study, tasks: Sequence[str], like: Intermediate | None = None) -> str | None:
    """The arm that trains on exactly these tasks in English and does nothing else, if there is one.

    Of several, the one with the recipe of the study, or of the arm that it is `like`, and sampled by size.
    """
    found = [n for n, arm in study.intermediate.items() if set(arm.tasks) == set(tasks) and _said(arm) <= FREE]
    recipe = Recipe() if like is None else like.recipe

    def unlike(name: str) -> tuple[bool, bool]:
        return study.intermediate[name].recipe != recipe, otherwise_sampled(study.intermediate[name])

    return min(found, key=unlike, default=None)


def otherwise_sampled(arm: Intermediate) -> bool:
    """Whether a mixture is not sampled by size, with or without a cap, as the paper's is."""
    return len(set(arm.tasks)) > 1 and (arm.sampling.by != "size" or arm.sampling.temperature != 1)


def pairs(study: Study, alternative: str) -> list[tuple[str, str]]:
    """(plain arm, the same with the alternative) for every alternative arm that has its plain counterpart."""
    found = []
    for name, arm in study.intermediate.items():
        if alternative in _said(arm) and _said(arm) - {alternative} <= FREE:
            rival = plain(study, arm.tasks, arm)
            if rival:
                found.append((rival, name))
    return found


def _said(arm: Intermediate) -> set[str]:
    return set(arm.model_dump(exclude_defaults=True))
