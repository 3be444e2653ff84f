"""Every question of every shipped study has an answer with an interval in its rehearsal, and every claim a word.

Scores are drawn instead of trained, cell by cell of the real plan: which arms, targets, languages and seeds meet is
what decides whether there is an answer, and a rehearsal takes minutes to hours to show it.
"""

from __future__ import annotations

import random
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import waystage
from waystage import claims
from waystage.graph.stage import Stage
from waystage.reports import asking, comparisons
from waystage.results import Results

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))
QUICK = ("low-resource-gap", "quickstart", "source-language")


class Drawn(Results):
    @cached_property
    def stages(self) -> dict[str, tuple[Stage, str]]:
        return {cell.evaluate.fingerprint: (cell.evaluate, cell.target) for cell in self.plan.cells}

    def _scores_of(self, fingerprint: str) -> list[dict[str, Any]]:
        stage, target = self.stages[fingerprint]
        draw, metric = random.Random(fingerprint), self.plan.headline(target)
        level = 50 + draw.gauss(0, 2)
        names = (metric, "exact_match") if stage.config["form"] == "spans" else (metric,)
        return [
            {"language": code, "metric": name, "value": level + draw.gauss(0, 3), "n": 100}
            for code in stage.config["languages"]
            for name in names
        ]


def drawn(path: Path, store: Path) -> Drawn:
    made = waystage.load(path, rehearsal=True, store=store)
    asked = tuple(  # single answers are not drawn, so nothing can be chosen on the other half of them
        one.model_copy(update={"choose": "other-seeds"}) if one.choose == "other-seeds-and-items" else one
        for one in made.study.question
    )
    return Drawn(made.study.model_copy(update={"question": asked}), made.plan, made.store, made.substitutions)


def params() -> list[Any]:
    return [pytest.param(p, id=p.stem, marks=() if p.stem in QUICK else pytest.mark.slow) for p in STUDIES]


@pytest.mark.parametrize("path", params())
def test_every_question_has_an_interval_and_every_claim_a_word(path, tmp_path):
    results = drawn(path, tmp_path)
    answers = asking.answers(results)
    assert {one["number"] for one in answers} == set(range(1, len(results.study.question) + 1))
    for one in answers:
        assert one["answered"], one
        assert one["interval"]["low"] is not None, one["sentence"]
        assert one["sentence"].startswith("In the rehearsal (artificial languages)")
    judged = claims.verdicts(results)
    assert {one.verdict.word for one in judged} <= {"not tested"}
    assert all(one.verdict.why for one in judged)
    gains = comparisons.of(results)["gains"]
    assert gains["rows"]
    per_target = {(row["model"], row["source_language"], row["target"]): set() for row in gains["rows"]}
    for row in gains["rows"]:
        per_target[row["model"], row["source_language"], row["target"]].add(row["languages"])
    assert all(len(counts) == 1 for counts in per_target.values()), "one column, one set of languages"
