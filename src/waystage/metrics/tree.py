"""The official score of a whole folder of predictions: per language, per task, per group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from waystage.errors import DataError
from waystage.metrics.benchmarks import Benchmark, benchmark_named, file_name, overall_scores, task_averages
from waystage.metrics.files import score_files
from waystage.metrics.problems import Problem, as_problem


@dataclass(frozen=True)
class TaskScore:
    by_language: Mapping[str, Mapping[str, float]]  # metric -> language -> percent
    averages: Mapping[str, float]  # empty where a language is missing

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have a score."""
        return tuple(next(iter(self.by_language.values()), ()))


@dataclass(frozen=True)
class TreeScore:
    benchmark: str
    tasks: Mapping[str, TaskScore]
    overall: Mapping[str, float]  # all_task and groups, where complete
    missing: tuple[Problem, ...] = ()  # language files that are not there (only with allow_missing)
    skipped: Mapping[str, str] = field(default_factory=dict)  # folder -> why it was not scored

    def official(self) -> dict[str, object]:
        """The evaluator's own shape: {"overall": ..., "detailed": {task: {metric: {language: x}, "avg_metric": x}}}."""
        detailed = {
            name: {**{metric: dict(values) for metric, values in task.by_language.items()}, **task.averages}
            for name, task in self.tasks.items()
        }
        return {"overall": dict(self.overall), "detailed": detailed}

    def as_dict(self) -> dict[str, object]:
        """`official()` and what was left out, ready for JSON."""
        missing = [str(problem.path) for problem in self.missing]
        return {"benchmark": self.benchmark, **self.official(), "missing": missing, "skipped": dict(self.skipped)}


def score_tree(
    predictions_dir: str | Path,
    gold_dir: str | Path,
    benchmark: str = "xtreme",
    *,
    allow_missing: bool = False,
    extras: bool = False,
) -> TreeScore:
    """Scores every task that has a folder on both sides: TASK/test-LANGUAGE.tsv (.json, .jsonl).

    Raises one DataError that lists every missing and every unreadable file. With `allow_missing` files may be missing
    (never unreadable): the scores of the others are given, but no average over an incomplete set.
    """
    found, wanted = Path(predictions_dir), Path(gold_dir)
    known = benchmark_named(benchmark)
    tasks, skipped = _present(found, wanted, known)
    scores: dict[str, TaskScore] = {}
    missing: list[Problem] = []
    bad: list[Problem] = []
    for task in tasks:
        by_language: dict[str, dict[str, float]] = {}
        complete = True
        for language in known.languages[task]:
            name = file_name(task, language)
            pair = wanted / task / name, found / task / name
            absent = [Problem(path, None, "no such file") for path in pair if not path.exists()]
            missing += absent
            complete &= not absent
            if absent:
                continue
            try:
                values = score_files(task, language, *pair, extras=extras)
            except DataError as error:
                bad.append(as_problem(error, pair[1]))
                continue
            for metric, value in values.items():
                by_language.setdefault(metric, {})[language] = value
        scores[task] = TaskScore(by_language, task_averages(by_language) if complete and by_language else {})
    refused = bad if allow_missing else [*missing, *bad]
    if refused:
        count = "1 file" if len(refused) == 1 else f"{len(refused)} files"
        hint = (
            "" if allow_missing or not missing else "\nTo score what is there, allow missing files (--allow-missing)."
        )
        raise DataError(f"{count} cannot be scored\n" + "\n".join(f"  - {p}" for p in refused) + hint)
    headline = {task: score.averages["avg_metric"] for task, score in scores.items() if score.averages}
    return TreeScore(known.name, scores, overall_scores(known, headline), tuple(missing), skipped)


def _present(found: Path, wanted: Path, known: Benchmark) -> tuple[list[str], dict[str, str]]:
    """Tasks with a folder on both sides, in official order; and why the other folders are left out."""
    here, there = set(_folders(found)), set(_folders(wanted))
    skipped = {}
    for name in sorted(here):
        if name in known.unscored:
            skipped[name] = f"the official evaluator of {known.name} cannot score it"
        elif name not in known.languages:
            skipped[name] = f"not a task of {known.name}"
        elif name not in there:
            skipped[name] = f"no gold folder {wanted / name}"
    tasks = [task for task in known.languages if task in here and task in there]
    if not tasks:
        expected = ", ".join(known.languages)
        reasons = "".join(f"\n  - {name}: {why}" for name, why in skipped.items())
        raise DataError(f"no task of {known.name} to score; expected folders named {expected}{reasons}", found)
    return tasks, skipped


def _folders(path: Path) -> Iterator[str]:
    try:
        yield from (entry.name for entry in path.iterdir() if entry.is_dir())
    except (OSError, ValueError) as problem:
        raise DataError(f"cannot list the folder: {problem}", path) from problem
