"""The command line: thin. Every command is one call into the library, which is imported when the command runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from waystage.errors import InputError, WaystageError

app = typer.Typer(
    name="waystage",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Intermediate-task training in zero-shot cross-lingual transfer: plan a study, run each distinct stage once,
say with statistics whether, where and for whom the intermediate step helped.

Start here:  `waystage rehearse studies/quickstart.toml`

Exit codes: 0 done · 1 some stages failed · 2 bad input · 130 interrupted""",
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="a study file (TOML)", show_default=False)]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override one value of the study")]
StoreDir = Annotated[
    Path | None, typer.Option("--store", envvar="WAYSTAGE_STORE", help="where artifacts live", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="stages side by side; 0: one per core")]
EngineName = Annotated[str, typer.Option("--engine", help="inline | local | ray | slurm")]
Address = Annotated[
    str | None, typer.Option("--address", help="--engine ray: a running cluster; 'auto': this machine's")
]
Dashboard = Annotated[bool, typer.Option("--dashboard", help="--engine ray: Ray's own pages, on loopback")]
Profile = Annotated[Path | None, typer.Option("--profile", help="--engine slurm: partition, account, time (TOML)")]
DryRun = Annotated[
    Path | None, typer.Option("--dry-run", metavar="FOLDER", help="--engine slurm: write the scripts, submit nothing")
]
Existing = Annotated[str, typer.Option("--existing", help="what exists: reuse | redo | only (run nothing)")]
Only = Annotated[str | None, typer.Option("--only", help="run stages whose name matches, and what they need")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="stop after so many stages")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress, only the end")]
Rehearsal = Annotated[bool, typer.Option("--rehearsal", help="of the rehearsal instead of the real run")]
OwnClaims = Annotated[Path | None, typer.Option("--file", help="claims of your own (TOML)", show_default=False)]
Full = Annotated[bool, typer.Option("--full", help="all languages and seeds of the study")]


def _version(asked: bool) -> None:
    if asked:
        from waystage import __version__

        typer.echo(f"waystage {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="say the version and stop")
    ] = False,
) -> None:
    pass


@app.command()
def rehearse(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    full: Full = False,
    jobs: Jobs = 0,
    engine: EngineName = "local",
    address: Address = None,
    dashboard: Dashboard = False,
    profile: Profile = None,
    dry_run: DryRun = None,
    existing: Existing = "reuse",
    only: Only = None,
    limit: Limit = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run the whole study in the built-in world of artificial languages: minutes on a laptop, no download.

    The same stages, files, statistics and report as the real run. Its numbers never say anything about real languages.

    Example: `waystage rehearse studies/quickstart.toml`
    """
    from waystage.commands import studies

    studies.run(study, rehearsal=True, full=full, overrides=set_, store=store, jobs=jobs, engine=engine,
                 existing=existing, only=only, limit=limit, quiet=quiet, json=json, address=address,
                 dashboard=dashboard, profile=profile, dry_run=dry_run)  # fmt: skip


@app.command()
def run(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    jobs: Jobs = 1,
    engine: EngineName = "local",
    address: Address = None,
    dashboard: Dashboard = False,
    profile: Profile = None,
    dry_run: DryRun = None,
    existing: Existing = "reuse",
    only: Only = None,
    limit: Limit = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Run what is missing of a study, each distinct stage once; go on where an earlier run stopped.

    Example: `waystage run my-study.toml --store /data/waystage --jobs 2`
    """
    from waystage.commands import studies

    studies.run(study, rehearsal=False, full=True, overrides=set_, store=store, jobs=jobs, engine=engine,
                 existing=existing, only=only, limit=limit, quiet=quiet, json=json, address=address,
                 dashboard=dashboard, profile=profile, dry_run=dry_run)  # fmt: skip


@app.command()
def plan(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    rehearsal: Annotated[bool, typer.Option("--rehearsal", help="plan the rehearsal instead of the real run")] = False,
    full: Full = False,
    graph: Annotated[Path | None, typer.Option("--graph", help="write the stage graph (Mermaid: .mmd, or .md)")] = None,
    stages: Annotated[bool, typer.Option("--stages", help="list every stage that would run, and why")] = False,
    json: Json = False,
) -> None:
    """What would run, what is there already, how long it takes, how much memory and disk. Nothing runs.

    Example: `waystage plan studies/phang2020.toml --set seeds=[1]`
    """
    from waystage.commands import studies

    studies.plan(study, overrides=set_, store=store, rehearsal=rehearsal, full=full, graph=graph, stages=stages,
                  json=json)  # fmt: skip


@app.command()
def check(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    rehearsal: Rehearsal = False,
    limit: Annotated[int, typer.Option(min=0, help="look at so many examples per split and language; 0: all")] = 1000,
    batch: Annotated[bool, typer.Option("--batch/--no-batch", help="try one step of every training stage")] = True,
    json: Json = False,
) -> None:
    """Is the data there, does it look right, does one batch of everything go through? Before money is spent.

    Example: `waystage check my-study.toml --limit 200`
    """
    from waystage.commands import checking

    checking.check(study, overrides=set_, store=store, rehearsal=rehearsal, limit=limit, batch=batch, json=json)


@app.command()
def report(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    rehearsal: Rehearsal = False,
    full: Full = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="the page to write")] = None,
    text: Annotated[bool, typer.Option("--text", help="the main tables in the terminal")] = False,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="html | md | latex | csv | json | svg-figures | png-figures | pdf-figures"),
    ] = None,
    figure: Annotated[
        str | None, typer.Option("--figure", help="one figure alone: gains, answer-1, ...; --format svg | png | pdf")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="STUDY", help="side by side with this study")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="show the page in the browser")] = False,
) -> None:
    """Tables, intervals and answers of what has been run so far. Reads the store, runs nothing.

    Examples: `waystage report studies/quickstart.toml --rehearsal --text` ·
    `waystage report my-study.toml --figure gains --format pdf --out gains.pdf`
    """
    from waystage.commands import studies

    studies.report(study, overrides=set_, store=store, rehearsal=rehearsal, full=full, out=out, text=text,
                   format=format_, figure=figure, compare=compare, open_=open_)  # fmt: skip


@app.command()
def questions(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    rehearsal: Rehearsal = False,
    full: Full = False,
    json: Json = False,
) -> None:
    """The study's questions and their answers so far: a sentence, an interval and a verdict each.

    Example: `waystage questions studies/quickstart.toml --rehearsal --json`
    """
    from waystage.commands import studies

    studies.questions(study, overrides=set_, store=store, rehearsal=rehearsal, full=full, json=json)


@app.command()
def claims(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    rehearsal: Rehearsal = False,
    full: Full = False,
    file: OwnClaims = None,
    json: Json = False,
) -> None:
    """Published claims beside what the study measured, a verdict each: reproduced, same direction, contradicted, ...

    Example: `waystage claims studies/phang2020.toml`
    """
    from waystage.commands import claiming

    claiming.claims(study, overrides=set_, store=store, rehearsal=rehearsal, full=full, file=file, json=json)


@app.command()
def freeze(
    study: StudyFile,
    set_: Set = None,
    store: StoreDir = None,
    file: OwnClaims = None,
    json: Json = False,
) -> None:
    """Write down questions, margins, what is analysed and claims before any score is seen, in STUDY.frozen.

    Example: `waystage freeze my-study.toml`
    """
    from waystage.commands import claiming

    claiming.freeze(study, overrides=set_, store=store, file=file, json=json)


@app.command()
def status(store: StoreDir = None, json: Json = False) -> None:
    """What is running in this store, from any terminal."""
    from waystage.commands import studies

    studies.status(store, json)


@app.command()
def score(
    predictions: Annotated[Path | None, typer.Argument(help="a folder of predictions", show_default=False)] = None,
    gold: Annotated[Path | None, typer.Argument(help="the folder of labels", show_default=False)] = None,
    benchmark: Annotated[str, typer.Option(help="xtreme | xtreme-r")] = "xtreme",
    task: Annotated[str | None, typer.Option(help="one task: then --language, --gold, --predictions")] = None,
    language: Annotated[str | None, typer.Option(help="a language code")] = None,
    gold_file: Annotated[Path | None, typer.Option("--gold", help="one label file")] = None,
    predictions_file: Annotated[Path | None, typer.Option("--predictions", help="one prediction file")] = None,
    allow_missing: Annotated[bool, typer.Option("--allow-missing", help="a table even where files lack")] = False,
    force: Annotated[bool, typer.Option("--force", help="score against placeholder labels all the same")] = False,
    json: Json = False,
) -> None:
    """Official XTREME scores, to the last digit: of one pair of files, or of a whole tree.

    Examples: `waystage score --task xquad --language de --gold test-de.json --predictions mine.json` ·
    `waystage score predictions/ labels/ --benchmark xtreme-r`
    """
    from waystage.commands import scoring

    pair = {"--language": language, "--gold": gold_file, "--predictions": predictions_file}
    scoring.one_way(task, pair, {"a folder": predictions, "--allow-missing": allow_missing})
    if task:
        scoring.score_files(task, language, gold_file, predictions_file, force, json)
    else:
        scoring.score_tree(predictions, gold, benchmark, allow_missing, force, json)


@app.command()
def validate(
    predictions: Annotated[Path, typer.Argument(help="a folder of predictions", show_default=False)],
    benchmark: Annotated[str, typer.Option(help="xtreme | xtreme-r")] = "xtreme",
    reference: Annotated[Path | None, typer.Option(help="labels or data to count lines and ids against")] = None,
    json: Json = False,
) -> None:
    """Is this folder a complete and well-formed submission? All problems at once, with file and line."""
    from waystage.commands import scoring

    scoring.validate(predictions, benchmark, reference, json)


@app.command()
def export(
    study: StudyFile,
    arm: Annotated[str | None, typer.Option("--arm", help="needed where the study has several")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="the folder to write")] = Path("predictions"),
    seed: Annotated[int | None, typer.Option("--seed", help="needed where the study has several")] = None,
    model: Annotated[str | None, typer.Option("--model", help="needed where the study has several")] = None,
    source: Annotated[str | None, typer.Option("--source", help="source language, where there are several")] = None,
    format_: Annotated[str, typer.Option("--format", help="xtreme")] = "xtreme",
    set_: Set = None,
    store: StoreDir = None,
) -> None:
    """One arm's predictions as a submission folder for XTREME or XTREME-R. Rehearsals are refused.

    Example: `waystage export my-study.toml --arm mnli --seed 1 --out predictions/`
    """
    from waystage.commands import studies

    studies.export(study, overrides=set_, store=store, arm=arm, seed=seed, model=model, source=source, out=out,
                   format=format_)  # fmt: skip


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(help="tasks | models | languages | studies | engines | benchmarks")],
    json: Json = False,
) -> None:
    """What there is: tasks, models, languages, studies of the folder ./studies, engines, benchmarks."""
    from waystage.commands import showing

    showing.listing(what, json)


@app.command()
def show(
    name: Annotated[list[str], typer.Argument(help="tasks, models, languages, benchmarks or study files")],
    data: Annotated[bool, typer.Option("--data", help="of a task: read its rows and describe them")] = False,
    source: Annotated[str, typer.Option("--source", help="with --data: world, hub, or a data folder")] = "world",
    limit: Annotated[int, typer.Option(min=0, help="with --data: rows per split and language; 0: all")] = 1000,
    model: Annotated[str, typer.Option("--model", help="with --data: whose pieces to count and show")] = "standin-m",
    json: Json = False,
) -> None:
    """Everything known about tasks, models, languages, benchmarks or studies.

    Examples: `waystage show xnli` · `waystage show task xnli --data --source ./download`
    """
    from waystage.commands import showing

    if data:
        showing.data(name, source, limit, model, json)
    else:
        showing.show(name, json)


@app.command()
def schema() -> None:
    """The JSON schema of study files, for your editor."""
    import json

    from waystage.study import schema as described

    typer.echo(json.dumps(described(), indent=2))


@app.command()
def doctor() -> None:
    """Is this machine ready? Versions, cores, accelerators, store, free disk."""
    from waystage.commands import showing

    showing.doctor()


store_app = typer.Typer(help="Look after the store: list, verify, free space.", no_args_is_help=True)
app.add_typer(store_app, name="store")


@store_app.command("ls")
def store_ls(store: StoreDir = None, json: Json = False) -> None:
    """What is in the store."""
    from waystage.commands import storing

    storing.ls(store, json)


@store_app.command("verify")
def store_verify(store: StoreDir = None) -> None:
    """Hash every file again; a damaged artifact is set aside, and the next run makes it anew."""
    from waystage.commands import storing

    storing.verify(store)


@store_app.command("gc")
def store_gc(
    keep: Annotated[
        list[Path] | None, typer.Option("--keep", metavar="STUDY", help="a study that is still needed")
    ] = None,
    store: StoreDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="do it; otherwise only say what would be freed")] = False,
) -> None:
    """Free what no kept study needs."""
    from waystage.commands import storing

    storing.gc(keep or [], store, yes)


Studies = Annotated[
    list[Path] | None, typer.Option("--study", metavar="STUDY", help="only what this study consists of")
]


@store_app.command("push")
def store_push(
    url: Annotated[
        str, typer.Argument(help="a folder, s3://bucket/place, sftp://host/place: anything that fsspec opens")
    ],
    study: Studies = None,
    store: StoreDir = None,
) -> None:
    """Copy artifacts elsewhere; what is there already is not sent again. Every file is hashed where it arrives.

    Example: `waystage store push s3://lab/waystage --study my-study.toml`
    """
    from waystage.commands import storing

    storing.push(url, study or [], store)


@store_app.command("pull")
def store_pull(
    url: Annotated[str, typer.Argument(help="where `push` put them, or a packed file")],
    store: StoreDir = None,
) -> None:
    """Copy artifacts here. A different artifact of the same fingerprint is never overwritten.

    Example: `waystage store pull s3://lab/waystage`
    """
    from waystage.commands import storing

    storing.pull(url, store)


@store_app.command("pack")
def store_pack(
    out: Annotated[Path, typer.Argument(help="the file to write: NAME.tar or NAME.tar.gz")],
    study: Studies = None,
    store: StoreDir = None,
) -> None:
    """Artifacts in one file, for `store pull` on another machine.

    Example: `waystage store pack my-study.tar --study my-study.toml`
    """
    from waystage.commands import storing

    storing.pack(out, study or [], store)


@app.command()
def pretrain(
    out: Annotated[Path, typer.Argument(help="folder for the checkpoint")],
    shape: Annotated[str, typer.Option(help="LAYERSxWIDTH, such as 2x96 or 4x128")] = "2x128",
    family: Annotated[str, typer.Option(help="xlm-r (reads both ways) or llama (a decoder)")] = "xlm-r",
    languages: Annotated[str | None, typer.Option(help="an expression or codes; default: all that have text")] = None,
    text: Annotated[list[str] | None, typer.Option(help="LANGUAGE=FILE or a folder, in place of the world")] = None,
    documents: Annotated[
        int | None,
        typer.Option(min=1, help="of English in the world (40000), others by their share; of own text: of each (all)"),
    ] = None,
    first: Annotated[int, typer.Option(min=0, help="steps in one language alone, before all of them")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="optimizer steps in all languages")] = 1_000,
    length: Annotated[int, typer.Option(min=8, max=512, help="tokens per sequence")] = 128,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="default: by the number of layers")] = None,
    batch: Annotated[int, typer.Option(min=1, help="sequences per step")] = 64,
    tokenizer: Annotated[str, typer.Option(help="a model whose tokenizer it takes")] = "standin-m",
    start: Annotated[str | None, typer.Option(help="a model to go on from; fewer layers are stacked")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of weights, order and masks")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="of one CPU stage; another count gives other floats")] = 1,
    precision: Annotated[str, typer.Option(help="fp32, or bf16 where the CPU is fast at it")] = "fp32",
    store: StoreDir = None,
    quiet: Quiet = False,
) -> None:
    """Pretrain a small model, on text of the built-in world or your own.

    Example: waystage pretrain my-model --shape 2x96 --languages en,de,sw --first 500 --steps 1000
    """
    from waystage.commands import pretraining

    pretraining.pretrain(
        out, said_shape=shape, family=family, languages=languages, text=text or [], documents=documents, first=first,
        steps=steps, length=length, learning_rate=learning_rate, batch=batch, tokenizer=tokenizer, start=start,
        seed=seed, threads=threads, precision=precision, store=store, quiet=quiet,
    )  # fmt: skip


world_app = typer.Typer(help="The built-in world of artificial languages, by itself.", no_args_is_help=True)
app.add_typer(world_app, name="world")


@world_app.command("sample")
def world_sample(
    task: Annotated[str, typer.Option(help="a task")] = "xnli",
    language: Annotated[str, typer.Option(help="a language code")] = "en",
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="how many")] = 3,
    split: Annotated[str, typer.Option(help="train | dev | test")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="another seed is another world")] = 0,
) -> None:
    """Examples of a task with a gloss in plain English, for a person to judge."""
    from waystage.commands.showing import stand_in
    from waystage.world import sample

    shown = sample(task, language, n, split=split, seed=seed)
    typer.echo(f"{stand_in(language)}\n{shown}")


@world_app.command("text")
def world_text(
    language: Annotated[str, typer.Option(help="a language code")] = "en",
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="how many documents")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="another seed is another world")] = 0,
) -> None:
    """Running text in an artificial language."""
    from waystage.commands.showing import stand_in
    from waystage.world import text

    shown = text(language, n, seed=seed)
    typer.echo(f"{stand_in(language)}\n{shown}")


def main() -> None:
    """Errors meant for people are shown as such; a traceback is a bug in Waystage."""
    try:
        code = app(standalone_mode=False)  # what a command's typer.Exit carried, or None
        sys.exit(code or 0)
    except WaystageError as error:
        typer.secho(f"error: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:  # a full or read-only disk, a file where a folder should be: the user's to mend
        where = f"{error.filename}: " if error.filename else ""
        message = f"error: {where}{error.strerror or error}. `waystage doctor` shows the store and the free disk"
        typer.secho(message, err=True, fg="red" if sys.stderr.isatty() else None)
        sys.exit(1)
    except Exception as error:
        show_usage = getattr(error, "show", None)  # typer brings its own copy of click, and so of its exceptions
        if show_usage is None:
            raise
        show_usage()
        sys.exit(2)


__all__ = ["InputError", "app", "main"]
