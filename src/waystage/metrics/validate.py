"""Checks a folder of predictions before it is handed in: every problem at once, each with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from waystage.errors import DataError, UnknownName, did_you_mean
from waystage.metrics.benchmarks import benchmark_named, file_name
from waystage.metrics.checks import check_file
from waystage.metrics.problems import Problem, as_problem
from waystage.metrics.reference import Expected, expected

__all__ = ["Problem", "validate_tree"]


def validate_tree(
    predictions_dir: str | Path,
    benchmark: str = "xtreme",
    reference: str | Path | None = None,
    *,
    tasks: Iterable[str] | None = None,
) -> list[Problem]:
    """What the official evaluator would die of, and what it would silently count as wrong.

    `reference` is XTREME's download folder or a tree of gold files: with it, counts and ids are compared as well.
    """
    folder, known = Path(predictions_dir), benchmark_named(benchmark)
    chosen = list(known.languages) if tasks is None else list(tasks)
    for task in chosen:
        if task not in known.languages:
            raise UnknownName(f"scored task of {known.name}", task, known.languages)
    try:
        if not folder.is_dir():
            return [Problem(folder, None, "no such folder")]
    except (OSError, ValueError) as error:
        return [Problem(folder, None, f"cannot be read: {error}")]
    problems: list[Problem] = []
    for task in chosen:
        problems += _task(folder / task, task, known.languages[task], Path(reference) if reference else None)
    return problems


def _task(folder: Path, task: str, languages: tuple[str, ...], reference: Path | None) -> list[Problem]:
    try:
        present = {entry.name for entry in folder.iterdir()}
    except OSError:
        names = f"{file_name(task, languages[0])} and {len(languages) - 1} more"
        return [Problem(folder, None, f"no such folder; it should hold {names}")]
    problems: list[Problem] = []
    unknown = []
    for language in languages:
        name = file_name(task, language)
        want: Expected | None = None
        if reference is not None:
            try:
                want = expected(reference, task, language)
            except DataError as error:
                problems.append(as_problem(error, reference / task))
            else:
                unknown += [language] if want is None else []
        if name in present:
            problems += check_file(task, folder / name, want)
        else:
            others = present - {file_name(task, other) for other in languages}
            problems.append(Problem(folder / name, None, "no such file" + did_you_mean(name, others)))
    if unknown and reference is not None:
        message = f"no reference for {' '.join(unknown)}: counts and ids were not compared"
        problems.append(Problem(reference / task, None, message))
    return problems
