"""Every target of both benchmarks after every kind of intermediate step, two optimizer steps each: all of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import waystage
from waystage import reports
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.study.rehearsal import rehearsed

ARMS = {
    "none": {},
    **{name: {"tasks": [name]} for name in ("anli", "qqp", "squad", "squad2", "hellaswag", "ccg", "stsb", "siqa")},
    "mixture": {"tasks": ["mnli", "cosmosqa", "commonsenseqa", "ccg"], "sampling": {"by": "size", "cap": 32}},
    "replay": {"tasks": ["mnli"], "replay": {"mlm": 0.33, "languages": "xtreme"}},
    "chinese": {"tasks": ["xnli"], "language": "zh"},
}


@pytest.mark.slow
def test_a_study_of_everything_rehearses(small_model: Path, tmp_path: Path) -> None:
    study = waystage.Study(
        title="Everything once", models=["xlm-roberta-base"], targets=["xtreme", "xtreme-r"], intermediate=ARMS,
        rehearsal={
            "models": [str(small_model)], "languages": ["en", "de", "zh", "th", "sw"], "seeds": [1], "test_examples": 9,
            "recipe": {"steps": 2, "batch": 4, "examples": 24, "eval_examples": 8, "max_length": 96},
        },
    )  # fmt: skip
    results = waystage.load(rehearsed(study)[0], store=tmp_path)
    outcome = execute(Plan(results.plan.wanted), results.store, get("inline")(jobs=1))
    assert outcome.ok, outcome.text()
    headline = results.scores[results.scores.headline]
    assert set(headline.target) == set(study.target_tasks())
    assert set(headline.intermediate) == set(ARMS)
    page = reports.write(results, tmp_path / "page.html", "html")
    assert page.stat().st_size < 10_000_000
