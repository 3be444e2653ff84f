"""Does training data hold what the test asks? Declared origins, followed through any number of steps.

A task declares in `derived_from` which data its own data holds, extends or translates ("squad:dev", "mnli:train"). From
that follows for each of its splits what is inside: `train` comes from training data and `test` from tests, unless the
task has training data and names none that it could come from, or keeps all splits in one file: then any split may
hold any of it.

What is found is refused (trained on the test, chosen on the test) or marked, so that results can be read with and
without the marked cells. The chain is always shown. What nobody declared, nobody finds: beyond this there is only the
comparison of whole files (`same_files`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from waystage import tasks as task_table
from waystage.errors import StudyError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.models.identity import local_folder
from waystage.sources.retrieval import POOL
from waystage.study.check import Path, Problem
from waystage.study.lookup import declared_task, find_task
from waystage.study.regimes import target_stage
from waystage.tasks.task import Task

if TYPE_CHECKING:
    from waystage.study.cells import StudyPlan
    from waystage.study.recipe import Recipe
    from waystage.study.regimes import Intermediate
    from waystage.study.schema import Study

Chain = tuple[str, ...]  # from where data comes to where they are used
SAME, SUPERSET, PARALLEL = "same training data", "superset", "parallel to test"
UNCHECKED, SCORED = "provenance not checked", "chosen on the scored split"
TUNED = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMultipleChoice")
KIND = {"fit": "train", "held": "train"}


@dataclass(frozen=True)
class Mark:
    kind: str
    chain: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.chain})" if self.chain else self.kind


def shown(*down: str) -> str:
    return " -> ".join(down)


def met(one: Chain, other: Chain) -> str:
    """Two chains from one origin: "squad2:train <- squad:train -> mlqa_train:train"."""
    return shown(" <- ".join(reversed(one)), *other[1:])


def inside(study: Study | None, task: Task, split: str) -> dict[str, Chain]:
    """Every "task:split" whose data is inside this one's, with the chain that leads here; itself first."""
    here = f"{task.name}:{KIND.get(split, split)}"
    found: dict[str, Chain] = {here: (here,)}
    todo = [(task, KIND.get(split, split))]
    while todo:
        one, part = todo.pop()
        chain = found[f"{one.name}:{part}"]
        for origin in _origins(one, part):
            if origin not in found:
                found[origin] = (origin, *chain)
                name, _, theirs = origin.partition(":")
                if name in task_table.names() or (study is not None and name in study.task):
                    todo.append((_find(study, name), theirs))
    return found


def _find(study: Study | None, name: str) -> Task:
    return task_table.get(name) if study is None else declared_task(study, name)


def _origins(task: Task, split: str) -> Iterator[str]:
    yield from (f"{member}:{split}" for member in task.members)
    trains = "train" in task.splits and bool(task.train_languages)
    anywhere = trains and (_undivided(task) or not any(origin.endswith(":train") for origin in task.derived_from))
    for origin in task.derived_from:
        kind = origin.partition(":")[2]
        there = [part for part in (kind, "test", "dev", "train") if part in task.splits]
        if anywhere or split == there[0] or (kind == "train" and "train" not in task.splits):
            yield origin


def _undivided(task: Task) -> bool:
    """Whether one file holds all splits: its rows are dealt by number, whatever they come from."""
    return any(len(layout.splits) > 1 and "{split}" not in str(layout.path) for layout in task.files)


def leak(study: Study | None, task: Task, split: str, target: Task, test: str) -> str:
    """How data of a task and split come to be in a test; "" if they do not."""
    data, asked = inside(study, task, split), inside(study, target, test)
    end, start = f"{target.name}:{test}", f"{task.name}:{KIND.get(split, split)}"
    if end in data:
        return shown(*data[end])
    if start in asked:
        return shown(*asked[start])
    common = next((node for node in data if node in asked and not node.endswith(":train")), None)
    if common is None or not _alike(task, target) or task.name == target.name:  # splits of one task are disjoint
        return ""
    return met(data[common], asked[common])


def _alike(task: Task, target: Task) -> bool:
    """Whether the one asks what the other asks; a topic label of a sentence says nothing about its translation."""
    return task.form == target.form or {task.form, target.form} == {"spans", "retrieval"}


def kept_apart(study: Study, task: Task) -> Task:
    """Where a task's dev set is inside some test, the checkpoint is chosen on a held-out tenth of its training data.

    A property of the task, whatever the targets of the study: another target must not change what an arm is.
    """
    if task.select_on in KIND or "train" not in task.splits:
        return task
    others = [*task_table.all_tasks(), *(declared_task(study, name) for name in study.task)]
    tests = [other for other in others if "test" in other.splits and other.name != task.name]
    chosen = any(leak(study, task, task.select_on, other, "test") for other in tests)
    if chosen and not any(leak(study, task, "train", other, "test") for other in tests):
        return replace(task, train_split="fit", select_on="held")
    return task


# -- of a study --------------------------------------------------------------------------------------------------------


def lessons(study: Study, arm: Intermediate) -> Iterator[tuple[str, Path]]:
    """Tasks that an arm has learnt from before the target, and where the study says so."""
    if arm.control == "more-steps":
        return
    if arm.control in ("zero-length", "mlm-only"):  # nothing of the arm's lessons, but where it starts
        of = study.intermediate.get(arm.of)
        start = () if of is None else (*of.trained_on, *_of_merged(study, of))
        yield from ((name, ("of",)) for name in start)
        return
    for number, step in enumerate(arm.steps):
        at: Path = () if step is arm else ("then", number - bool(arm.tasks))
        for i, name in enumerate(step.tasks):
            yield name, (*at, "tasks", i)
    yield from ((name, ("trained_on", i)) for i, name in enumerate(arm.trained_on))
    for key, other in [("of", arm.of)] * bool(arm.of) + [("average" if arm.average else "swap", n) for n in arm.merged]:
        yield from ((name, (key,)) for name, _ in lessons(study, study.intermediate[other]))


def _of_merged(study: Study, arm: Intermediate) -> Iterator[str]:
    yield from (name for one in arm.merged for name, _ in lessons(study, study.intermediate[one]))


def learnt(task: Task) -> str:
    """What somebody who trained on a task has seen: where it has no training data, only its test can be meant."""
    return task.train_split if "train" in task.splits else "test"


def refusals(study: Study) -> Iterator[Problem]:
    """Studies whose scores would be about the training data."""
    targets = [find_task(study, name) for name in study.target_tasks()]
    for target in targets:
        test = study.evaluate_on
        for name in (target.train_on or (target.name,)) if target.train_languages else ():
            trained = find_task(study, name)
            for split, what in ((target.train_split, "is trained on its own test"), (target.select_on, CHOSEN)):
                chain = leak(study, trained, split, target, test)
                if chain and (trained is not target or KIND.get(split, split) != test):
                    yield Problem(("targets",), f"{target.name} {what}: {chain}")
        for arm, said in study.intermediate.items():
            for name, at in lessons(study, said) if target.name in study.targets_of(arm) else ():
                lesson = kept_apart(study, find_task(study, name))
                chain = leak(study, lesson, learnt(lesson), target, test)
                if chain:
                    yield Problem(
                        ("intermediate", arm, *at),
                        f"{name!r} holds the test of the target {target.name!r}: {chain}. Leave one of the two out",
                    )
                elif test == "test" and at[0] != "trained_on" and lesson.select_on not in KIND:
                    chain = leak(study, lesson, lesson.select_on, target, test)
                    if chain and _chooses(study, "intermediate", name, _recipes_of(study, said, name)):
                        yield Problem(
                            ("intermediate", arm, *at),
                            f"{name!r} chooses its checkpoint on the test of the target {target.name!r}: {chain}. "
                            'Say recipe = { select = "last" } for it, or leave one of the two out',
                        )


CHOSEN = "chooses its checkpoint on its own test"


def marks(study: Study, arm: str, target: Task) -> tuple[Mark, ...]:
    """What the training data of an arm have to do with a target's training data and test."""
    said = study.intermediate[arm]
    found: dict[Mark, None] = {}
    tasks = list(dict.fromkeys(name for name, _ in lessons(study, said)))
    for name in tasks:
        lesson = find_task(study, name)
        for trained in (target.train_on or (target.name,)) if target.train_languages else ():
            mark = _same(study, lesson, find_task(study, trained))
            if mark and len(tasks) > 1:
                mark = Mark(SUPERSET, mark.chain)
            if mark:
                found[mark] = None
        data, asked = inside(study, lesson, learnt(lesson)), inside(study, target, study.evaluate_on)
        common = next((node for node in data if node in asked and not node.endswith(":train")), None)
        if common:
            found[Mark(PARALLEL, met(data[common], asked[common]))] = None
    if any(one.checkpoint and not one.trained_on for one in _made_of(study, said)):
        found[Mark(UNCHECKED)] = None
    there = target.train_languages and not target.train_on and target.select_on == study.evaluate_on
    trained_so = target_stage(said, study.intermediate)
    narrow = [] if trained_so.shots else [trained_so.recipe]
    if there and _chooses(study, "target", target.name, narrow):
        found[Mark(SCORED, f"{target.name}:{target.select_on}")] = None
    for name in tasks if study.evaluate_on == "dev" else ():  # what holds a test is refused, or chosen on other data
        lesson = kept_apart(study, find_task(study, name))
        chain = leak(study, lesson, lesson.select_on, target, study.evaluate_on)
        if chain and _chooses(study, "intermediate", name, _recipes_of(study, said, name)):
            found[Mark(SCORED, chain)] = None
    return tuple(found)


def tuned(model: str) -> tuple[Mark, ...]:
    """A folder whose own words are that it was tuned on some task; what is on the hub is not asked."""
    folder = local_folder(model)
    if folder is None:
        return ()
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or ()
    except (ValueError, AttributeError):
        return ()  # a damaged file is named where the model is read
    heads = [str(name) for name in said if str(name).endswith(TUNED)]
    return (Mark(UNCHECKED, f"{model} is a {heads[0]}"),) if heads else ()


def _chooses(study: Study, phase: str, task: str, narrow: Sequence[Recipe]) -> bool:
    """Whether a checkpoint is chosen by dev data; the narrowest table that says so decides. `narrow`: of the arm."""
    said = study.recipe
    wide = (said.task.get(task), getattr(said, phase), said)

    def select(own: Recipe | None) -> str:
        return next((recipe.select for recipe in (own, *wide) if recipe and recipe.select), "best")

    return any(select(own) != "last" for own in narrow or (None,))


def _recipes_of(study: Study, arm: Intermediate, task: str) -> list[Recipe]:
    """Of the stages of an arm, and of those that it is made of, that train on a task."""
    return [step.recipe for one in _made_of(study, arm) for step in one.steps if task in step.tasks]


def _same(study: Study, lesson: Task, trained: Task) -> Mark | None:
    """Whether an intermediate task and the target's training are the same data, or the one holds the other."""
    mine, theirs = inside(study, lesson, "train"), inside(study, trained, "train")
    start, end = f"{lesson.name}:train", f"{trained.name}:train"
    if start in theirs:
        return Mark(SAME, shown(*theirs[start]))
    common = end if end in mine else next((node for node in mine if node in theirs), None)
    if common is None:
        return None
    origins = list(_origins(lesson, "train"))
    languages = {code for node in origins for code in _find(study, node.partition(":")[0]).train_languages}
    translated = len(origins) == 1 and not languages & set(lesson.train_languages)
    return Mark(SAME if translated else SUPERSET, met(mine[common], theirs[common]))


def _made_of(study: Study, arm: Intermediate) -> Iterator[Intermediate]:
    yield arm
    for name in ((arm.of,) if arm.of and arm.control != "more-steps" else ()) + arm.merged:
        yield from _made_of(study, study.intermediate[name])


# -- of a plan: whole files --------------------------------------------------------------------------------------------


def same_files(made: StudyPlan) -> None:
    """Refuses a test that is, byte for byte, a file that was trained on or chosen by."""
    problems: dict[str, None] = {}
    seen: set[str] = set()
    for cell in made.cells:
        # beside what was trained on: the dev data that a threshold is chosen by
        given = (cell.evaluate.inputs.get(name) for name in ("checkpoint", "dev_rows"))
        before = [one for one in given if isinstance(one, Stage)]
        key = "".join((*(one.fingerprint for one in before), cell.evaluate.name))
        if before and key not in seen:
            seen.add(key)
            tests = {content: (where, whole) for content, where, whole in _files(cell.evaluate.inputs["rows"])}
            for stage in Plan(before).stages.values():
                for content, where, whole in _files(stage):
                    test, divided = tests.get(content, (where, False))
                    if where != test and not (whole and divided):
                        problems[f"{where} is the same file as {test}"] = None
    if problems:
        raise StudyError([f"the test was seen before: {problem}" for problem in problems])


def _files(stage: Any) -> Iterator[tuple[str, str, bool]]:
    """Content and name of each file of rows, and whether it holds all splits, which row numbers then tell apart."""
    if stage.kind == "rows":
        yield from _contents(stage.config["task"], stage.config["split"], stage.config["source"])


def _contents(task: str, split: str, source: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    for name, member in source.get("members", {}).items():
        yield from _contents(name, split, member)
    whole = source.get("kind") == "files" and any("," in one.split("/")[0] for one in source["declared"]["formats"])
    for language, content in source.get("sha256", {}).items():
        if language != POOL:  # candidates to search among, the same for every split
            yield content, f"{task}:{KIND.get(split, split)} ({language})", whole
