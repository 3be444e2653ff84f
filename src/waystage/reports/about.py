"""What was compared, on what, in which languages, and how much of it is in."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import Any

from waystage import languages as language_table
from waystage import tasks as task_table
from waystage.errors import UnknownName
from waystage.reports import arms
from waystage.results import Results
from waystage.study.cells import ZERO_SHOT
from waystage.study.lookup import find_task, source_of

RTL = frozenset({"Arab", "Aran", "Hebr", "Nkoo", "Syrc", "Thaa", "Adlm"})


def baseline(results: Results) -> str:
    return arms.baseline(results.study.intermediate)


def study(results: Results, command: str) -> dict[str, Any]:
    said = results.study

    def title(task: str) -> str:
        return find_task(said, task).title

    return {
        "title": said.title,
        "source": said.source,
        "models": list(said.models),
        "arms": [
            {
                "name": name,
                "what": arms.described(arm, title),
                "tasks": [task for step in arm.steps for task in step.tasks],
            }
            for name, arm in said.intermediate.items()
        ],
        "baseline": baseline(results),
        "targets": [_target(results, name) for name in said.target_tasks()],
        "seeds": list(said.seeds),
        "intermediate_seeds": list(said.intermediate_seeds),
        "source_languages": list(said.source_languages),
        "evaluate_on": said.evaluate_on,
        "low_resource": language_table.low_resource_rule(
            None if said.low_resource == type(said).model_fields["low_resource"].default else said.low_resource
        ),
        "command": command,
        "path": results.path,
        "again": again(results),
        "file": _file(said),
    }


def again(results: Results) -> str:
    """What is typed to get the same stages. A study that takes its data from the world itself is run, not rehearsed."""
    words = ["rehearse" if results.substitutions else "run", results.path or "STUDY.toml", *results.options]
    return shlex.join(["waystage", *words])


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


def licences(results: Results) -> list[dict[str, str]]:
    """Tasks used whose licence forbids something; what comes from the built-in world has none."""
    names = dict.fromkeys(
        [task for arm in results.study.intermediate.values() for step in arm.steps for task in step.tasks]
        + list(results.study.target_tasks())
    )
    real = [name for name in names if source_of(results.study, name) != "world"]
    limited = task_table.restricted([find_task(results.study, name) for name in real])
    return [{"task": name, "forbids": said} for name, said in limited.items()]


def marks(results: Results) -> list[dict[str, Any]]:
    """Cells whose training data have to do with the target's data, and arms that are no zero-shot transfer."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for cell in results.plan.cells:
        said = [(mark.kind, mark.chain) for mark in cell.marks]
        said += [(cell.protocol, "")] if cell.protocol != ZERO_SHOT else []
        for kind, chain in said:
            key = (cell.intermediate, cell.target, kind)
            found.setdefault(key, {"intermediate": key[0], "target": key[1], "mark": kind, "why": chain})
    return list(found.values())


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
        "unscored": _unscored(results),
    }  # fmt: skip


def _unscored(results: Results) -> list[dict[str, Any]]:
    """Targets that have answers and no score in some languages: their labels are hidden, as in XTREME's own tests."""
    scored = set(zip(results.scores["stage"], results.scores["language"], strict=True))
    found: dict[str, dict[str, None]] = {}
    for cell in results.plan.cells:
        if results.store.has(stage := cell.evaluate.fingerprint):
            lacking = [code for code in cell.languages if (stage, code) not in scored]
            found.setdefault(cell.target, {}).update(dict.fromkeys(lacking))
    return [{"target": target, "languages": sorted(codes)} for target, codes in found.items() if codes]


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
    trained = [code for arm in results.study.intermediate.values() for code in arm.codes if arm.tasks]
    return [code for code in dict.fromkeys([*results.study.source_languages, *trained]) if _known(code)]


def _known(code: str) -> bool:
    try:
        language_table.get(code)
    except UnknownName:  # an expression, or a code of the user's own task
        return False
    return True


def _rounded(a: str, b: str) -> float | None:
    found = language_table.distance(a, b)
    return None if found is None else round(found, 4)
