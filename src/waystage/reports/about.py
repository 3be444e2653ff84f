"""What was compared, on what, in which languages, and how much of it is in."""

from __future__ import annotations

from collections import Counter
from typing import Any

from waystage import languages as language_table
from waystage.errors import UnknownName
from waystage.results import Results
from waystage.study.stages import find_task

RTL = frozenset({"Arab", "Aran", "Hebr", "Nkoo", "Syrc", "Thaa", "Adlm"})


def baseline(results: Results) -> str:
    """The arm that the others are measured against: the one without an intermediate task, or else the first."""
    arms = results.study.intermediate
    return next((name for name, arm in arms.items() if not arm.tasks), next(iter(arms)))


def study(results: Results, command: str) -> dict[str, Any]:
    said = results.study
    return {
        "title": said.title,
        "source": said.source,
        "models": list(said.models),
        "arms": [
            {"name": name, "what": _arm(arm), "tasks": list(arm.tasks), "language": arm.language}
            for name, arm in said.intermediate.items()
        ],
        "baseline": baseline(results),
        "targets": [_target(results, name) for name in said.target_tasks()],
        "seeds": list(said.seeds),
        "source_languages": list(said.source_languages),
        "evaluate_on": said.evaluate_on,
        "low_resource": language_table.low_resource_rule(
            None if said.low_resource == type(said).model_fields["low_resource"].default else said.low_resource
        ),
        "command": command,
        "again": f"waystage {'rehearse' if results.rehearsal else 'run'} STUDY.toml",
        "file": _file(said),
    }


def _arm(arm: Any) -> str:
    """An arm in a few words."""
    if not arm.tasks:
        return "straight to the target"
    said = " + ".join(arm.tasks)
    if arm.language != "en":
        said += f" in {arm.language}"
    if arm.replay:
        said += f", masked language modelling in {arm.replay.mlm:.0%} of the batches"
    return said


def _target(results: Results, name: str) -> dict[str, Any]:
    task = find_task(results.study, name)
    return {
        "name": name,
        "title": task.title,
        "form": task.form,
        "metric": task.metric,
        "trained": task.has_training_data,
        "parallel": task.parallel,
        "licence": task.licence,
        "note": task.note,
    }


def _file(said: Any) -> str:
    """The study as a file that gives the same stages again."""
    import tomli_w

    return tomli_w.dumps(said.model_dump(mode="json", exclude_unset=True, exclude_none=True))


def progress(results: Results) -> dict[str, Any]:
    done, wanted = results.done
    lacking = [cell for cell in results.plan.cells if not results.store.has(cell.evaluate.fingerprint)]
    by_target = Counter((cell.model, cell.intermediate, cell.target, cell.source_language) for cell in lacking)
    every = Counter((cell.model, cell.intermediate, cell.target, cell.source_language) for cell in results.plan.cells)
    return {
        "done": done,
        "wanted": wanted,
        "missing": [
            {"model": model, "intermediate": arm, "target": target, "source_language": source, "lacking": count,
             "of": every[model, arm, target, source]}
            for (model, arm, target, source), count in by_target.items()
        ],
    }  # fmt: skip


def languages(results: Results) -> list[dict[str, Any]]:
    """Every language that is scored, with what a reader sorts and filters by."""
    codes = dict.fromkeys(code for cell in results.plan.cells for code in cell.languages)
    return [_language(code, results) for code in sorted(codes)]


def _language(code: str, results: Results) -> dict[str, Any]:
    shown = f"{code}*" if results.rehearsal else code
    try:
        one = language_table.get(code)
    except UnknownName:  # a code of the user's own task
        return {"code": code, "shown": shown, "name": code, "rtl": False, "distance": {}}
    return {
        "code": code,
        "shown": shown,
        "name": f"stand-in for {one.name}" if results.rehearsal else one.name,
        "family": one.family,
        "genus": one.genus,
        "script": one.script,
        "order": one.word_order,
        "resource": one.resource,
        "rtl": one.script in RTL,
        "distance": {source: _rounded(source, code) for source in _sources(results)},
    }


def _sources(results: Results) -> list[str]:
    arms = [arm.language for arm in results.study.intermediate.values() if arm.tasks]
    return list(dict.fromkeys([*results.study.source_languages, *arms]))


def _rounded(a: str, b: str) -> float | None:
    found = language_table.distance(a, b)
    return None if found is None else round(found, 4)
