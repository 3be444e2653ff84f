"""What was planted in the world is found: data, training, predictions and verdict, with real models (`planted.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import planted

import waystage
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.reports import asking
from waystage.results import Results

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    made = waystage.load(planted.study(), rehearsal=True, store=tmp_path_factory.mktemp("store"))
    outcome = execute(Plan(made.plan.wanted), made.store, get("inline")(), study="planted")
    assert outcome.ok, outcome.text()
    return made


@pytest.mark.parametrize("truth", planted.QUESTIONS)
def test_the_verdict_is_right(results: Results, truth: str) -> None:
    (found,) = [one for one in asking.answers(results) if one["ask"] == truth]
    assert found["answered"], found
    assert found["verdict"]["word"] == planted.QUESTIONS[truth][1], found["sentence"]
    assert found["seeds"] == list(results.study.seeds)


def test_items_as_a_sample_say_the_same(results: Results) -> None:
    """Also for other test sentences, not for other seeds only."""
    for one in asking.answers(results):
        if one["ask"] in ("positive", "negative"):
            (over_items,) = one["items"]
            assert over_items["verdict"]["word"] == planted.QUESTIONS[one["ask"]][1]


def test_the_page_says_so_and_that_it_is_a_rehearsal(results: Results, tmp_path: Path) -> None:
    from waystage import reports

    page = reports.write(results, tmp_path / "page.html", "html").read_text(encoding="utf-8")
    assert "planted effect of training on harmed: harms" in page
    assert "rehearsal" in page.lower()
