"""What XTREME and XTREME-R score: tasks, languages, groups. The orders are official too: sums depend on them.

XTREME-R lists LAReQA among its tasks, but its evaluator cannot score it, so it never prints an average over all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from waystage.errors import UnknownName
from waystage.metrics.totals import add_up

QA_TASKS = ("xquad", "mlqa", "tydiqa")
TAG_TASKS = ("panx", "udpos")
LABEL_TASKS = ("xnli", "pawsx", "tatoeba")
FILE_TASKS = (*LABEL_TASKS, "xcopa", *TAG_TASKS, "bucc2018", *QA_TASKS, "mewslix")


@dataclass(frozen=True)
class Benchmark:
    name: str
    languages: Mapping[str, tuple[str, ...]]  # per task; the tasks in official order
    groups: Mapping[str, tuple[str, ...]]
    unscored: tuple[str, ...] = ()  # named by the benchmark, not wired into its evaluator


def _split(table: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(words.split()) for name, words in table.items()}


_XNLI = "ar bg de el en es fr hi ru sw th tr ur vi zh"
_PANX = (
    "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr et"
    " fi hu"
)
_UDPOS = "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh"
_TATOEBA = "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
_XQUAD = "en es de el ru tr ar vi th zh hi"
_MLQA = "en es de ar hi vi zh"
_TYDIQA = "en ar bn fi id ko ru sw te"

XTREME = Benchmark(
    name="xtreme",
    languages=_split(
        {
            "pawsx": "de en es fr ja ko zh",
            "xnli": _XNLI,
            "panx": _PANX,
            "udpos": _UDPOS,
            "bucc2018": "de fr ru zh",
            "tatoeba": _TATOEBA,
            "xquad": _XQUAD,
            "mlqa": _MLQA,
            "tydiqa": _TYDIQA,
        }
    ),
    groups=_split(
        {
            "classification": "pawsx xnli",
            "tagging": "udpos panx",
            "qa": "xquad mlqa tydiqa",
            "retrieval": "bucc2018 tatoeba",
        }
    ),
)

XTREME_R = Benchmark(
    name="xtreme-r",
    languages=_split(
        {
            "xnli": _XNLI,
            "panx": _PANX + " qu pl uk az lt pa gu ro",
            "udpos": _UDPOS + " lt pl uk wo ro",
            "tatoeba": _TATOEBA + " az lt pl uk ro",
            "xcopa": "et ht id it qu sw ta th tr vi zh",
            "mewslix": "ar de en es fa ja pl ro ta tr uk",
            "xquad": _XQUAD + " ro",
            "mlqa": _MLQA,
            "tydiqa": _TYDIQA,
        }
    ),
    groups=_split(
        {
            "classification": "xnli xcopa",
            "tagging": "udpos panx",
            "qa": "xquad mlqa tydiqa",
            "retrieval": "tatoeba mewslix",
            "multi_choice": "xcopa",
        }
    ),
    unscored=("lareqa",),
)

BENCHMARKS = {benchmark.name: benchmark for benchmark in (XTREME, XTREME_R)}


def benchmark_named(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        raise UnknownName("benchmark", name, BENCHMARKS, f"There are {' and '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def file_task(task: str) -> str:
    """The official name of a task with prediction files; of BUCC 2018 also Waystage's own."""
    task = "bucc2018" if task == "bucc" else task
    if task not in FILE_TASKS:
        raise UnknownName("task with official prediction files", task, FILE_TASKS, f"There are {' '.join(FILE_TASKS)}.")
    return task


def suffix(task: str) -> str:
    if task in QA_TASKS or task == "mewslix":
        return "json"
    return "jsonl" if task == "xcopa" else "tsv"


def file_name(task: str, language: str) -> str:
    return f"test-{language}.{suffix(task)}"


def average(values: Mapping[str, float]) -> float:
    return add_up(values.values()) / len(values)


def task_averages(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """`avg_METRIC` over languages, and `avg_metric`: the one number that stands for the task."""
    averages = {f"avg_{metric}": average(by_language) for metric, by_language in scores.items()}
    if "exact_match" in scores:
        headline = (averages["avg_exact_match"] + averages["avg_f1"]) / 2
    else:
        headline = next(averages[f"avg_{m}"] for m in ("f1", "accuracy", "map@20") if m in scores)
    return {**averages, "avg_metric": headline}


def overall_scores(benchmark: Benchmark, headline: Mapping[str, float]) -> dict[str, float]:
    """Group means and `all_task` from each task's `avg_metric`; only where every task of the group is there."""
    overall = {}
    if not benchmark.unscored and set(headline) >= set(benchmark.languages):
        overall["all_task"] = add_up(headline[task] for task in benchmark.languages) / len(benchmark.languages)
    for group, tasks in benchmark.groups.items():
        if all(task in headline for task in tasks):
            overall[group] = add_up(headline[task] for task in tasks) / len(tasks)
    return overall
