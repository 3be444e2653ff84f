"""plan, run, rehearse, status: a study file becomes stages, and stages become artifacts."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from waystage.commands import fitting
from waystage.commands.output import as_json, aside, console, say, size, span, table
from waystage.errors import InputError, StoreError
from waystage.graph import canonical, record
from waystage.graph.draw import mermaid
from waystage.graph.plan import Plan, Todo
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store, default_root
from waystage.results import Results, labelled, load
from waystage.study import estimate
from waystage.study.asked import unanswered

if TYPE_CHECKING:
    from waystage.engines.outcome import Outcome

HISTORY = 2000  # manifests that estimates look at; more would slow the plan and say nothing new
FIGURES = ("svg", "png", "pdf")
GRAPHS = (".mmd", ".mermaid", ".md", ".txt", "")
RUNS = 10  # runs that `status` shows, beside those that go on


def open_store(root: Path | None) -> Store:
    return Store(root or default_root())


def plan(
    path: Path, *, overrides: list[str] | None, store: Path | None, rehearsal: bool, full: bool, graph: Path | None,
    stages: bool, json: bool,
) -> None:  # fmt: skip
    if graph and graph.suffix.lower() not in GRAPHS:
        name = graph.with_suffix(".mmd")
        raise InputError(
            f"--graph {graph}: the graph is Mermaid text, no picture: call it {name}. GitHub and mermaid.live draw it"
        )
    results = load(path, rehearsal=rehearsal, full=full, store=open_store(store), overrides=overrides)
    whole = Plan(results.plan.wanted)
    todo = whole.prune(results.store, study=study_id(results))
    costs = _costs(todo, results)
    if graph:
        drawn = mermaid(whole, todo)
        graph.write_text(f"```mermaid\n{drawn}```\n" if graph.suffix.lower() == ".md" else drawn, encoding="utf-8")
        aside(f"stage graph: {graph}")
    if json:
        as_json(
            whole.export(todo)
            | {
                "totals": _totals(todo, costs),
                "placements": fitting.groups(list(todo.stages), costs),
                "predicting": fitting.predicting(list(todo.stages), costs, results.study.placement),
                "unplaced": fitting.unplaced(list(todo.stages)),
                "left_out": list(results.plan.left_out),
                "unanswered": unanswered(results.plan),
                "blocked": list(results.plan.blocked),
            }
        )
    else:
        _print_plan(results, whole, todo, costs, stages)
    if results.plan.blocked:
        raise typer.Exit(2)  # as `run` would: scripts plan first


def study_id(results: Results) -> str:
    """Under this name the store remembers what a study consists of; a rehearsal is a study of its own."""
    title = results.study.title
    whole = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "study"
    name = whole[:60]
    if name != whole or any(letter.isalnum() and not letter.isascii() for letter in title):
        name += f"-{canonical.digest(title)[:8]}"  # titles in other scripts, or of one beginning, are not one study
    name += "-rehearsal" if results.rehearsal else ""
    ran = record.file_of(results.store, name) if results.path else None
    if ran and not ran.samefile(results.path):  # a variant that `extends` it, or a copy: each has a page and a plan
        name += f"-{canonical.digest(str(Path(results.path).resolve()))[:8]}"
    return name


def _costs(todo: Todo, results: Results) -> dict[str, estimate.Estimate]:
    known = estimate.history(islice(results.store.manifests(), HISTORY))
    return {stage.fingerprint: fitting.cost(stage, known, results.study.placement) for stage in todo.stages}


def _totals(todo: Todo, costs: Mapping[str, estimate.Estimate]) -> dict[str, Any]:
    totals: dict[str, Any] = {"run": len(todo.run), "reused": len(todo.reused)}
    for device in ("cpu", "gpu"):
        seconds = sum(c.seconds * c.devices for c in costs.values() if c.device == device)
        totals[f"{device}_hours"] = round(seconds / 3600, 3)
    totals["peak_memory"] = max((c.memory for c in costs.values()), default=0)
    totals["disk"] = sum(costs[s.fingerprint].disk for s in todo.stages if not s.temporary)
    totals["measured"] = sum(c.known == "measured" for c in costs.values())
    return totals


def _print_plan(
    results: Results, whole: Plan, todo: Todo, costs: Mapping[str, estimate.Estimate], stages: bool
) -> None:
    say(results.study.title + ("  [rehearsal: artificial languages]" if results.rehearsal else ""))
    for change in results.substitutions:
        say(f"  instead: {change}")
    kinds = Counter(stage.kind for stage in whole.stages.values())
    rows = []
    for kind in sorted(kinds, key=list(kinds).index):
        run = [s for s in todo.stages if s.kind == kind]
        there = sum(whole.stages[f].kind == kind for f in todo.reused)
        mine = [costs[s.fingerprint] for s in run]
        known = Counter(c.known for c in mine)
        rows.append(
            [
                kind, kinds[kind], len(run), there, span(sum(c.seconds for c in mine)) if mine else "",
                size(max(c.memory for c in mine)) if mine else "",
                size(sum(costs[s.fingerprint].disk for s in run if not s.temporary)) if mine else "",
                ", ".join(f"{count} {word}" for word, count in known.items()),
            ]
        )  # fmt: skip
    columns = ["kind", "stages", "to run", "there", "time", "memory", "disk kept", "how it is known"]
    table(columns, rows, numbers=columns[1:7])
    fitting.show(fitting.groups(list(todo.stages), costs))
    fitting.say_predicting(fitting.predicting(list(todo.stages), costs, results.study.placement))
    fitting.say_unplaced(fitting.unplaced(list(todo.stages)))
    combinations = len(results.plan.cells)
    say(f"{combinations} combinations come down to {len(whole)} distinct stages; {len(todo.run)} to run.")
    totals = _totals(todo, costs)
    if totals["gpu_hours"]:
        say(f"about {totals['gpu_hours']:,.1f} h of one GPU such as an A100 (40 % of 312 TFLOP/s, in fp32 of 19.5)")
    if totals["cpu_hours"]:
        say(f"about {span(totals['cpu_hours'] * 3600)} of one CPU core; --jobs N runs N stages side by side")
    for reason in results.plan.left_out:
        say(f"not planned: {reason}")
    for line in unanswered(results.plan):
        say(line)
    for reason in results.plan.blocked:
        say(f"cannot run yet: {reason}")
    if results.plan.unresolved:
        names = results.plan.unresolved
        some = ", ".join(names[:3]) + (", ..." if names[3:] else "")
        count = "1 hub name is" if len(names) == 1 else f"{len(names)} hub names are"
        say(f"{count} not pinned yet ({some}): `check` and `run` write their commits to STUDY.lock")
    for line in (*_unread(results), *_licences(results), *_threads(results)):
        say(line)
    if stages:
        labels = whole.labels
        table(["stage to run", "why"], [[labels[f], reason] for f, reason in todo.run.items()])
    else:
        _why(todo)


def _why(todo: Todo) -> None:
    reasons = Counter(reason for reason in todo.run.values())
    if set(reasons) - {"new"}:
        rows = [[reason, count] for reason, count in reasons.most_common(12)]
        table(["why", "stages"], rows, numbers=["stages"])


def _threads(results: Results) -> list[str]:
    said, cores = results.study.threads, os.cpu_count() or 1
    if said <= cores:
        return []
    return [f"threads = {said}, but this machine has {cores} cores: stages on its CPU take longer than they could. "
            "The count is identity, so it stays"]  # fmt: skip


def _unread(results: Results) -> list[str]:
    """A study that says `source = "world"` itself is not told that data were replaced, as a rehearsal is."""
    study = results.study
    named = [name for name, place in study.sources.items() if place != "world"] + [*study.task]
    if results.substitutions or study.source != "world" or not named:
        return []
    instead = 'leave `source` out and name the tasks that come from there, as in sources = { mnli = "world" }'
    return [
        f'not read: the data named for {", ".join(named)}; source = "world" stands in for all. To read them, {instead}'
    ]


def _licences(results: Results) -> list[str]:
    from waystage.reports.about import licences

    return [f"licence of {one['task']}: {one['forbids']}" for one in licences(results)]


def run(
    path: Path, *, rehearsal: bool, full: bool, overrides: list[str] | None, store: Path | None, jobs: int,
    engine: str, existing: str, only: str | None, limit: int | None, quiet: bool, json: bool,
    address: str | None = None, dashboard: bool = False, profile: Path | None = None,
    dry_run: Path | None = None,
) -> None:  # fmt: skip
    from waystage.commands import placing
    from waystage.engines.progress import show
    from waystage.engines.run import execute

    results = load(path, rehearsal=rehearsal, full=full, store=open_store(store), overrides=overrides)
    if results.plan.blocked and existing != "only":
        raise InputError("some data is missing:\n" + "\n".join(f"  - {reason}" for reason in results.plan.blocked))
    if results.plan.unresolved and existing != "only":
        results = pinned(path, overrides, results, rehearsal=rehearsal, full=full)
    quiet = quiet or json
    if not quiet:
        for change in results.substitutions:
            say(f"rehearsal, {change}")
        left_out = (f"not planned: {one}" for one in results.plan.left_out)
        for reason in (*left_out, *unanswered(results.plan), *_unread(results), *_threads(results)):
            say(reason)
    known = estimate.history(islice(results.store.manifests(), HISTORY))

    def resources(stage: Stage) -> Resources:
        return fitting.resources(stage, known, results.study.placement)

    options = {"address": address, "dashboard": dashboard or None}
    if dry_run:
        placing.dry_run(
            Plan(results.plan.wanted), results.store, resources,
            engine=engine, profile=profile, out=dry_run, only=only, study=study_id(results),
            existing=existing, limit=limit, others=options,
        )  # fmt: skip
        return
    record.note_file(results.store, study_id(results), path)
    count = jobs or os.cpu_count() or 1
    try:
        with closing(placing.engine(engine, jobs=count, **options, profile=profile)) as where:
            outcome = execute(
                Plan(results.plan.wanted), results.store, where,
                existing=existing, only=only, limit=limit, keep=results.study.keep, study=study_id(results),
                resources=resources, events=show(quiet=quiet),
            )  # fmt: skip
    except KeyboardInterrupt:  # a second Ctrl-C, while running stages were asked to stop
        aside("interrupted. Everything finished is kept: run the same command to go on")
        raise typer.Exit(130) from None
    _after(results, outcome, json)


def pinned(
    path: Path, overrides: list[str] | None, results: Results, *, rehearsal: bool = False, full: bool = False
) -> Results:
    """Hub names become commits, once; STUDY.lock keeps them, also those of the models that a rehearsal names."""
    from waystage.study import lock

    file = lock.beside(path)
    found = lock.complete(results.study, results.plan.hub_tasks, results.lock, results.plan.hub_models)
    lock.write(file, found)
    aside(f"pinned {len(results.plan.unresolved)} names of the hub to commits in {file}")
    return load(path, rehearsal=rehearsal, full=full, store=results.store, overrides=overrides)


def _after(results: Results, outcome: Outcome, json: bool) -> None:
    from waystage import reports

    try:
        page = reports.write(results, _page(results, "html"), "html", command=_command())
    except StoreError:  # an artifact was damaged in a way that only its content shows: what ran is said all the same
        aside(outcome.text())
        raise
    if json:
        as_json({"status": outcome.status, **vars(outcome), "failed": [vars(f) for f in outcome.failed],
                 "report": str(page)})  # fmt: skip
    else:
        for warning in outcome.warnings:
            say(f"warning: {warning}")
        say(reports.summary(results))
        say(outcome.text())
        if outcome.interrupted or not outcome.ok:
            say(f"  {_command()}")
        say(f"report: {page}")
    if outcome.interrupted:
        raise typer.Exit(130)
    if not outcome.ok:
        raise typer.Exit(1)


def _page(results: Results, format: str) -> Path:
    """Beside the store, under the name of the study: a report can always be made again."""
    return results.store.root / "reports" / f"{study_id(results)}.{'tex' if format == 'latex' else format}"


def _command() -> str:
    return shlex.join(["waystage", *sys.argv[1:]])


def report(
    path: Path, *, overrides: list[str] | None, store: Path | None, rehearsal: bool, full: bool, out: Path | None,
    text: bool, format: str | None, figure: str | None, compare: Path | None, open_: bool,
) -> None:  # fmt: skip
    from waystage import reports
    from waystage.reports import beside

    said = {"--text": text, "--figure": figure, "--compare": compare}
    _apart(said, {"--out": out, "--format": format, "--open": open_})
    results = load(path, rehearsal=rehearsal, full=full, store=open_store(store), overrides=overrides)
    _if_empty(results)
    if text:
        say(reports.text(results))
        return
    suffix = out.suffix[1:].lower() if out else ""
    if figure:
        kind = format or suffix or "svg"
        say(str(reports.write_figure(results, figure, out or Path(f"{figure}.{kind}"), kind)))
        return
    format = format or (reports.ending(out) if out else "") or "html"
    if format in FIGURES:
        raise InputError(
            f"a report is no {format}; its figures are. One of them: --figure gains --format {format}; all of them: "
            f"--format {format}-figures. The page prints to PDF from the browser"
        )
    if compare:
        other = load(compare, rehearsal=rehearsal, full=full, store=results.store)
        beside_page = results.store.root / "reports" / f"{study_id(results)}-beside-{study_id(other)}.{format}"
        page = beside.write(results, other, out or beside_page, format)
    else:
        page = reports.write(results, out or _page(results, format), format, command=_command())
    say(str(page))
    if open_:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def _if_empty(results: Results) -> None:
    """An empty page must not be taken for a result: the store may be another one, or only the rehearsal has run."""
    if results.done[0]:
        return
    from waystage.reports.about import again

    where = "" if results.store.root == default_root() else f" --store {shlex.quote(str(results.store.root))}"
    said = f"nothing of this study is scored yet in {results.store.root}. Type: {again(results)}{where}"
    if not results.rehearsal and record.path(results.store, f"{study_id(results)}-rehearsal").is_file():
        said += ". Its rehearsal is there: add --rehearsal"
    aside(said)


def _apart(ways: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """Nothing that is typed stays without effect: one way to look at a time, and the terminal takes no file."""
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} exclude each other: type a command for each")
    idle = [
        name for name, value in more.items() if value and (ways["--text"] or (ways["--figure"] and name == "--open"))
    ]
    if idle:
        how = "waystage report STUDY --text > FILE writes a file" if ways["--text"] else "open the file that it writes"
        raise InputError(f"{' and '.join(idle)} would do nothing beside {given[0]}: leave it out; {how}")


def questions(
    path: Path, *, overrides: list[str] | None, store: Path | None, rehearsal: bool, full: bool, json: bool
) -> None:
    from waystage.claims import freeze
    from waystage.reports import asking, words

    results = load(path, rehearsal=rehearsal, full=full, store=open_store(store), overrides=overrides)
    _if_empty(results)
    answers, withdrawn = asking.answers(results), freeze.withdrawn(results)
    if json:
        rows = labelled(answers) if results.rehearsal else answers
        head = {"study": results.study.title, "rehearsal": results.rehearsal}
        as_json({**head, "answers": rows, "withdrawn": withdrawn})
        return
    if results.rehearsal:
        say("[rehearsal, artificial languages]")
    for answer in answers:
        of = f" ({answer['of']})" if answer["of"] else ""
        say(f"{answer['number']}. {answer['ask'] or ' against '.join((answer['a'], answer['b']))}{of}")
        said = [answer["sentence"], *words.parts(answer)] if answer["answered"] else [f"not answered: {answer['why']}"]
        for line in [*said, *filter(None, [answer["frozen"]])]:
            say(f"   {line}")
    if not answers:
        say("this study asks no question: add [[question]] tables to its file")
    for asked in withdrawn:
        say(f"frozen, and not asked in this way any more: {asked}")


def export(
    path: Path, *, overrides: list[str] | None, store: Path | None, arm: str | None, seed: int | None,
    model: str | None, source: str | None, out: Path, format: str,
) -> None:  # fmt: skip
    from waystage.reports import submission

    if format != "xtreme":
        raise InputError(f"--format {format!r}: there is only xtreme")
    results = load(path, store=open_store(store), overrides=overrides)
    written = submission.export(results, out, arm=arm, seed=seed, model=model, source_language=source)
    if apart := [name for name in results.study.target_tasks() if not submission.official(name)]:
        say(f"not handed in as files: {', '.join(apart)}")
    of = " --benchmark xtreme-r" if "xtreme-r" in results.study.targets else ""
    say(f"{len(written)} files in {out}; check them: waystage validate {out}{of}")


def status(root: Path | None, json: bool) -> None:
    from waystage.engines import status as running
    from waystage.engines.progress import table as live

    runs = running.read(open_store(root))
    if json:
        as_json([{**vars(run), "rows": {f: vars(row) for f, row in run.rows.items()}} for run in runs])
        return
    for run in (run for number, run in enumerate(runs) if number < RUNS or run.status == "running"):
        if run.status == "running":
            console().print(live(run))
        else:
            counts = run.counts()
            there = run.reused + counts.pop("reused", 0)  # at the start, and what another run has made meanwhile
            said = ", ".join(f"{count} {word}" for word, count in counts.items())
            say(f"{run.run}  {run.study or ''}  {run.status}: {said or 'nothing to do'}, {there} reused")
    if not runs:
        say("nothing is running in this store, and nothing has run")
