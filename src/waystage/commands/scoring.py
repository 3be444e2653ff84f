"""score, validate: the official numbers, and whether a submission is whole."""

from __future__ import annotations

from pathlib import Path

import typer

from waystage import metrics
from waystage.commands.output import as_json, aside, say, table
from waystage.errors import DataError, InputError
from waystage.metrics.benchmarks import QA_TASKS, file_name, file_task
from waystage.metrics.reading import read_object, read_questions


def one_way(task: str | None, pair: dict[str, object], tree: dict[str, object]) -> None:
    """A pair of files or two folders: what belongs to the other way would have no effect."""
    for name in (name for name, value in (tree if task else pair).items() if value):
        if task:
            raise InputError(
                f"--task scores one pair of files, and {name} belongs to two folders: leave one of them out"
            )
        raise InputError(f"{name} belongs to one pair of files: say of which task, such as --task xquad")


def score_files(
    task: str, language: str | None, gold: Path | None, predictions: Path | None, force: bool, json: bool
) -> None:
    if gold is None or predictions is None:
        raise InputError("--task needs both files: --gold FILE --predictions FILE")
    if not force:
        _refuse_placeholder(task, gold)
    scores = metrics.score_files(task, language, gold, predictions)
    _unanswered(task, gold, predictions)
    if json:
        as_json(scores)
        return
    table(["metric", "value"], [[name, f"{value:.2f}"] for name, value in scores.items()], numbers=["value"])


def _unanswered(task: str, gold: Path, predictions: Path) -> None:
    """Officially such a question is wrong and no word is said, even where the file is that of another language."""
    if file_task(task) not in QA_TASKS:
        return
    ids, found = read_questions(gold)[0], read_object(predictions, "question id to answer")
    lacking = [name for name in ids if name not in found]
    if lacking:
        said = f"{len(lacking)} of {len(ids)} questions have no answer in {predictions} and count as wrong"
        aside(f"{said}, such as {lacking[0]!r:.80}")


def _refuse_placeholder(task: str, gold: Path) -> None:
    try:
        why = metrics.placeholder_gold(task, gold)
    except DataError:
        return  # the scorer says what is wrong with this file, and with all others at once
    if why:
        raise InputError(f"{gold}: {why}\nA score against it would mean nothing; --force prints it all the same")


def score_tree(
    predictions: Path | None, gold: Path | None, benchmark: str, allow_missing: bool, force: bool, json: bool
) -> None:
    if predictions is None or gold is None:
        raise InputError("name two folders: waystage score PREDICTIONS_DIR GOLD_DIR (or --task for one pair of files)")
    if not force:
        for task, codes in metrics.benchmark_named(benchmark).languages.items():
            for file in (Path(task) / file_name(task, language) for language in codes):
                if (gold / file).exists() and (predictions / file).exists():  # what is not scored may be hidden
                    _refuse_placeholder(task, gold / file)
    result = metrics.score_tree(predictions, gold, benchmark, allow_missing=allow_missing)
    for task in QA_TASKS:
        scored = result.tasks.get(task)
        for code in sorted({code for values in scored.by_language.values() for code in values}) if scored else ():
            _unanswered(task, gold / task / file_name(task, code), predictions / task / file_name(task, code))
    if json:
        as_json(result.as_dict() if allow_missing else result.official())  # then it says what is missing
        return
    rows = []
    for task, scored in result.tasks.items():
        languages = {language for values in scored.by_language.values() for language in values}
        averages = ", ".join(f"{name} {value:.2f}" for name, value in scored.averages.items())
        rows.append([task, len(languages), averages or "incomplete"])
    table(["task", "languages", "averages"], rows, numbers=["languages"], title=benchmark.upper())
    for task, scored in result.tasks.items():
        for metric, values in scored.by_language.items() if not scored.averages else ():
            say(f"{task} {metric}: " + ", ".join(f"{language} {value:.2f}" for language, value in values.items()))
    for name, value in result.overall.items():
        say(f"{name}: {value:.2f}")
    for problem in result.missing:
        say(f"missing: {problem}")
    for folder, why in result.skipped.items():
        say(f"not scored: {folder}: {why}")


def validate(predictions: Path, benchmark: str, reference: Path | None, json: bool) -> None:
    problems = metrics.validate_tree(predictions, benchmark, reference)
    if json:
        as_json([{"path": str(p.path), "line": p.line, "message": p.message} for p in problems])
    elif problems:
        for problem in problems:
            say(str(problem))
        say("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    else:
        say(f"{predictions}: a complete and well-formed {benchmark} submission")
    if problems:
        raise typer.Exit(2)
