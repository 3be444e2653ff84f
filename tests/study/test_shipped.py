"""Every shipped study plans without a network with its real models, and as a rehearsal with nothing missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import waystage
from waystage.graph.plan import Plan
from waystage.models import shapes
from waystage.study import load
from waystage.study.estimate import estimate

STUDIES = sorted((Path(__file__).parent.parent.parent / "studies").glob("*.toml"))
REPORTS = {"distant-intermediates", "source-language", "low-resource-gap", "similarity", "scaling"}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refused(*_):
        raise AssertionError("a plan asked the network")

    monkeypatch.setattr("socket.socket.connect", refused)


def test_all_are_there():
    assert REPORTS | {"quickstart", "phang2020", "xtreme-r"} <= {path.stem for path in STUDIES}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_it_plans_for_real_and_as_a_rehearsal(path, tmp_path):
    real = waystage.load(path, store=tmp_path)
    assert real.plan.cells and len(Plan(real.plan.wanted)) > len(real.study.intermediate)
    assert all(model in shapes.SHAPES for model in real.study.models)
    rehearsal = waystage.load(path, rehearsal=True, store=tmp_path)
    assert not rehearsal.plan.blocked
    assert {cell.intermediate for cell in rehearsal.plan.cells} == set(real.study.intermediate)
    assert all(shapes.is_standin(model) for model in rehearsal.study.models)
    assert len(rehearsal.study.seeds) >= 3  # fewer give no verdict


@pytest.mark.parametrize("name", ["phang2020", "xtreme-r"])
def test_rehearsals_of_the_large_studies_train_long_enough_and_fit_into_an_hour_of_two_cores(name, tmp_path):
    found = waystage.load(STUDIES[0].with_name(f"{name}.toml"), rehearsal=True, store=tmp_path)
    assert len(found.study.select(found.study.languages)) >= 12
    stages = Plan(found.plan.wanted).stages.values()
    assert sum(estimate(stage, {}).seconds for stage in stages) / 2 < 45 * 60
    recipes = [stage.config["recipe"] for stage in stages if stage.kind == "train"]
    assert not any("steps" in recipe for recipe in recipes)  # a few steps for all would leave most of them at chance


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_choices_have_their_reasons(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert text.count("#") >= 4 + text.count("[intermediate.") // 3
    assert all(question.ask for question in load(path).question)
    assert not re.search(r"\t|\s$", text.rstrip("\n"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_gap_has_both_sides_also_in_the_rehearsal(path, tmp_path):
    found = waystage.load(path, rehearsal=True, store=tmp_path)
    codes = {code for cell in found.plan.cells for code in cell.languages}
    for question in found.study.question:
        chosen = codes & set(found.study.select(question.languages))
        assert chosen, question.ask
        if question.kind == "gap":
            assert chosen & set(found.study.select(question.low)), question.ask
