"""check: is the data there, does it look right, does one batch of everything go through, before money is spent."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from waystage.commands.output import as_json, say, table
from waystage.commands.studies import open_store, pinned
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.results import Results, load
from waystage.study.asked import unanswered
from waystage.study.data import origins
from waystage.study.lookup import find_task, source_of
from waystage.study.regimes import TargetStage

SHOWN = 20  # leaks
SEEN = 0.5  # share of the scored examples that somebody trains on: no chance repetition any more


def check(
    path: Path, *, overrides: list[str] | None, store: Path | None, rehearsal: bool, limit: int, batch: bool, json: bool
) -> None:
    from waystage.sources import doctor

    results = load(path, rehearsal=rehearsal, store=open_store(store), overrides=overrides)
    if results.plan.unresolved:
        results = pinned(path, overrides, results, rehearsal=rehearsal)
    problems = list(results.plan.blocked)
    prints: dict[tuple[str, str, str], Any] = {}
    pages = list(_data(results, limit, prints))
    leaks = doctor.leaks(prints)
    if results.study.evaluate_on == "test":  # what a checkpoint is chosen by is no test either
        leaks += [leak for leak in doctor.leaks(prints, ("dev",)) if leak["of"].endswith(" test")]
    problems += [f"{page['task']} {m['split']} {m['language']}: {m['why']}" for page in pages for m in page["missing"]]
    problems += [
        f"{page['task']} {split} {language}: there is no example"
        for page in pages
        for split, languages in page["splits"].items()
        for language, found in languages.items()
        if not found["examples"] and split in ("train", "fit", results.study.evaluate_on)
    ]
    scored = f" {results.study.evaluate_on}"
    seen = [leak for leak in leaks if leak["of"].endswith(scored) and leak.get("whole", {}).get("share", 0) >= SEEN]
    problems += [f"the test was seen before: {doctor.leak_in_words(leak)}" for leak in seen]
    failed = _one_batch(results) if batch and not problems else []
    problems += failed
    if json:
        as_json({"problems": problems, "data": pages, "leaks": leaks, "left_out": list(results.plan.left_out),
                 "unanswered": unanswered(results.plan)})  # fmt: skip
    else:
        _print(results, pages, leaks, problems, batch)
    if problems:
        raise typer.Exit(2)


def _data(results: Results, limit: int, prints: dict[tuple[str, str, str], Any]) -> Iterator[dict[str, Any]]:
    """What the doctor says of every split and language that the study reads."""
    from waystage.models import load as models
    from waystage.sources import doctor

    wanted: dict[str, dict[str, dict[str, None]]] = {}
    lengths: dict[str, Stage] = {}
    for stage in Plan(results.plan.wanted).stages.values():
        if stage.kind == "tokens":
            for rows in origins(stage):
                config = rows.config
                wanted.setdefault(config["task"], {}).setdefault(config["split"], {}).update(
                    dict.fromkeys(config["languages"])
                )
                lengths.setdefault(config["task"], stage)
    forms_seen: set[str] = set()
    for name, splits in wanted.items():
        task = find_task(results.study, name)
        stage = lengths[name]
        tokenizer = models.tokenizer(stage.config["tokenizer"], stage.places)
        source = source_of(results.study, name)
        page: dict[str, Any] = {
            "task": name, "form": task.form, **doctor.licence(task), "splits": {}, "missing": []
        }  # fmt: skip
        for split, languages in splits.items():
            found = doctor.examine(
                task, source, splits=[split], languages=list(languages), tokenizer=tokenizer,
                max_length=stage.config["max_length"], limit=limit or None, prints=prints, lock=results.lock.data,
            )  # fmt: skip
            page["splits"] |= found["splits"]
            page["missing"] += found["missing"]
            if task.form not in forms_seen and "seen" in found:
                forms_seen.add(task.form)
                page["seen"] = found["seen"]
        yield page


def _one_batch(results: Results) -> list[str]:
    """One optimizer step of every training stage of the first seed, in a store that is thrown away."""
    from waystage import engines
    from waystage.engines.run import execute
    from waystage.study.recipe import Recipe
    from waystage.study.stages import plan

    study = results.study
    step = {"epochs": None, "steps": 1, "examples": 8, "eval_examples": 8}
    as_wide = dict.fromkeys(step)  # what a narrower table says of length gives way, and nothing else
    tables: dict[str, Any] = {
        phase: getattr(study.recipe, phase).model_copy(update=as_wide) for phase in ("intermediate", "target")
    }
    tables["task"] = {name: said.model_copy(update=as_wide) for name, said in study.recipe.task.items()}
    recipe = study.recipe.model_copy(update={**step, **tables})

    def short(target: TargetStage) -> TargetStage:
        if target.recipe == Recipe() and not target.shots:  # shots have a length of their own
            return target
        return target.model_copy(update={"recipe": target.recipe.model_copy(update=step)})

    arms = {
        name: arm.model_copy(
            update={
                "recipe": arm.recipe.model_copy(update=step),
                "target": short(arm.target),
                "then": tuple(
                    one.model_copy(update={"recipe": one.recipe.model_copy(update=step)}) for one in arm.then
                ),
            }
        )
        for name, arm in study.intermediate.items()
    }
    first = {"seeds": study.seeds[:1], "intermediate_seeds": study.intermediate_seeds[:1]}
    small = study.model_copy(update={**first, "recipe": recipe, "intermediate": arms, "keep": "all"})
    with tempfile.TemporaryDirectory(prefix="waystage-check-") as folder:
        tried = plan(small, results.lock)
        checkpoints = [cell.evaluate.inputs.get("checkpoint") for cell in tried.cells]
        wanted = [stage for stage in checkpoints if isinstance(stage, Stage)]
        outcome = execute(Plan(wanted), Store(folder), engines.get("inline")(jobs=1))
    return [f"{failure.name}: {failure.error}" for failure in outcome.failed]


def _print(
    results: Results, pages: list[dict[str, Any]], leaks: list[dict[str, Any]], problems: list[str], batch: bool
) -> None:
    from waystage.sources import doctor

    rows = []
    for page in pages:
        for split, languages in page["splits"].items():
            for language, found in languages.items():
                pieces = found.get("pieces", {})
                rows.append(
                    [
                        page["task"], split, language, found["examples"], found["duplicates"],
                        f"{pieces['per word']:.2f}" if pieces else "",
                        f"{100 * pieces['cut or in windows']:.1f} %" if pieces else "",
                        doctor.balance(found), doctor.remarks(found),
                    ]
                )  # fmt: skip
    columns = ["task", "split", "language", "examples", "repeated", "pieces per word", "cut", "labels",
               "left out or odd"]  # fmt: skip
    table(columns, rows, numbers=columns[3:7], title="Data")
    for page in pages:
        for text in page.get("seen", ()):
            say(f"{page['task']} ({page['form']}), as the model sees it: {text}")
    for leak in leaks[:SHOWN]:
        say(f"leak: {doctor.leak_in_words(leak)}")
    if len(leaks) > SHOWN:
        say(f"{len(leaks) - SHOWN} more leaks: --json lists them")
    for reason in results.plan.left_out:
        say(f"not planned: {reason}")
    for line in unanswered(results.plan):
        say(line)
    for problem in problems:
        say(f"problem: {problem}")
    if not problems:
        done = "one batch of every training stage went through" if batch else "no batch was tried (--no-batch)"
        say(f"everything is there; {done}")
