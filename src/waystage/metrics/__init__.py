"""The official metrics of XTREME and XTREME-R, to the last digit, and checks of files that hold predictions.

`score_NAME` functions return a dict of official names to percent; everything else returns plain fractions or objects.
Names are imported when first used, so `import waystage.metrics` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waystage.metrics.answers import answer_scores
    from waystage.metrics.benchmarks import BENCHMARKS, XTREME, XTREME_R, Benchmark, benchmark_named
    from waystage.metrics.correlation import pearson, score_similarity, spearman
    from waystage.metrics.files import score_files
    from waystage.metrics.labels import accuracy, score_accuracy
    from waystage.metrics.lareqa import average_precision_at_k, mean_average_precision, score_lareqa
    from waystage.metrics.mewslix import reciprocal_rank, score_mewslix
    from waystage.metrics.mining import best_threshold, candidates, extract, mine, score_pairs, unify, with_ids
    from waystage.metrics.mlqa import MLQA_LANGUAGES, mlqa_normalize, mlqa_rules, score_mlqa
    from waystage.metrics.neighbours import Neighbours, mutual_nearest, nearest, unit
    from waystage.metrics.placeholder import placeholder_gold
    from waystage.metrics.pos import score_pos
    from waystage.metrics.spans import score_spans, token_accuracy
    from waystage.metrics.squad import SQUAD, score_squad, score_squad2, squad_normalize
    from waystage.metrics.tatoeba import nearest_lines
    from waystage.metrics.tree import TaskScore, TreeScore, score_tree
    from waystage.metrics.validate import Problem, validate_tree

__all__ = [
    "BENCHMARKS",
    "MLQA_LANGUAGES",
    "SQUAD",
    "XTREME",
    "XTREME_R",
    "Benchmark",
    "Neighbours",
    "Problem",
    "TaskScore",
    "TreeScore",
    "accuracy",
    "answer_scores",
    "average_precision_at_k",
    "benchmark_named",
    "best_threshold",
    "candidates",
    "extract",
    "mean_average_precision",
    "mine",
    "mlqa_normalize",
    "mlqa_rules",
    "mutual_nearest",
    "nearest",
    "nearest_lines",
    "pearson",
    "placeholder_gold",
    "reciprocal_rank",
    "score_accuracy",
    "score_files",
    "score_lareqa",
    "score_mewslix",
    "score_mlqa",
    "score_pairs",
    "score_pos",
    "score_similarity",
    "score_spans",
    "score_squad",
    "score_squad2",
    "score_tree",
    "spearman",
    "squad_normalize",
    "token_accuracy",
    "unify",
    "unit",
    "validate_tree",
    "with_ids",
]

_HOME = {
    "labels": "accuracy score_accuracy",
    "answers": "answer_scores",
    "benchmarks": "BENCHMARKS XTREME XTREME_R Benchmark benchmark_named",
    "correlation": "pearson score_similarity spearman",
    "files": "score_files",
    "lareqa": "average_precision_at_k mean_average_precision score_lareqa",
    "mewslix": "reciprocal_rank score_mewslix",
    "mining": "best_threshold candidates extract mine score_pairs unify with_ids",
    "mlqa": "MLQA_LANGUAGES mlqa_normalize mlqa_rules score_mlqa",
    "neighbours": "Neighbours mutual_nearest nearest unit",
    "placeholder": "placeholder_gold",
    "pos": "score_pos",
    "spans": "score_spans token_accuracy",
    "squad": "SQUAD score_squad score_squad2 squad_normalize",
    "tatoeba": "nearest_lines",
    "tree": "TaskScore TreeScore score_tree",
    "validate": "Problem validate_tree",
}
_MODULE = {name: module for module, names in _HOME.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)


def __dir__() -> list[str]:
    return __all__
