"""Claims about how a study is built: they are met or not, and never count as reproduced."""

from __future__ import annotations

from collections.abc import Callable

from waystage.claims.arms import plain
from waystage.claims.read import SINGLES, Claims
from waystage.results import Results
from waystage.study.stages import find_task

Found = tuple[bool, str]


def conforms(check: str, claims: Claims, results: Results) -> Found:
    return _CHECKS[check](claims, results)


def _model(claims: Claims, results: Results) -> Found:
    found = [model for model in results.study.models if model in claims.replication.models]
    return bool(found), f"the study starts from {', '.join(results.study.models)}"


def _phases(claims: Claims, results: Results) -> Found:
    study = results.study
    lacking = []
    if study.source_languages != ("en",):
        lacking.append(f"the target is trained in {', '.join(study.source_languages)}")
    if not any(arm.tasks for arm in study.intermediate.values()):
        lacking.append("no arm has an intermediate task")
    if not {code for cell in results.plan.cells for code in cell.languages} - {"en"}:
        lacking.append("nothing is evaluated outside English")
    odd = [name for name, arm in study.intermediate.items() if arm.target != type(arm.target)()]
    if odd and len(odd) == len(study.intermediate):
        lacking.append(f"no arm is trained on English target data alone ({', '.join(odd)})")
    return not lacking, "; ".join(lacking) or "a published model, intermediate tasks, English targets, other languages"


def _nine(claims: Claims, results: Results) -> Found:
    nine = claims.groups[SINGLES]
    lacking = [name for name in nine if plain(results.study, (name,)) is None]
    return not lacking, f"no arm of its own: {', '.join(lacking)}" if lacking else f"an arm each: {', '.join(nine)}"


def _targets(claims: Claims, results: Results) -> Found:
    wanted = set(claims.groups["xtreme"])
    have = {cell.target for cell in results.plan.cells}
    codes = {code for cell in results.plan.cells if cell.target in wanted for code in cell.languages}
    lacking = sorted(wanted - have)
    said = f"{len(have & wanted)} of its {len(wanted)} targets in {len(codes)} languages"
    return not lacking and len(codes) == 40, said + (f"; lacking: {', '.join(lacking)}" if lacking else "")


def _kinds(claims: Claims, results: Results) -> Found:
    study = results.study
    have = {name for arm in study.intermediate.values() for name in arm.tasks}
    kinds = {
        "question answering": {"squad", "squad2", "cosmosqa", "commonsenseqa"},
        "sentence tagging": {n for n in have if find_task(study, n).form == "tags"},
        "sentence completion": {"hellaswag"},
        "paraphrase detection": {"qqp"},
        "natural language inference": {"anli", "mnli"},
    }
    lacking = [kind for kind, tasks in kinds.items() if not have & tasks]
    return not lacking, f"lacking: {', '.join(lacking)}" if lacking else "all five kinds"


_CHECKS: dict[str, Callable[[Claims, Results], Found]] = {
    "starting model": _model,
    "three phases": _phases,
    "nine tasks": _nine,
    "nine targets in forty languages": _targets,
    "kinds of intermediate tasks": _kinds,
}
