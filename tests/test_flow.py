"""One small study through every room: data, tokens, two intermediates, two targets, two seeds, scores, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import waystage
from waystage import reports
from waystage.engines import get
from waystage.engines.outcome import Outcome
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality
from waystage.results import Results


def study(model: Path, **more: Any) -> waystage.Study:
    values: dict[str, Any] = {
        "title": "Two by two",
        "source": "world",
        "models": [str(model)],
        "targets": ["udpos", "xnli"],
        "languages": ["en", "de", "tr", "zh"],
        "seeds": [1, 2],
        "precision": "fp32",
        "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"]}, "ner": {"tasks": ["panx"]}},
        "recipe": {"steps": 4, "batch": 8, "examples": 64, "max_length": 48, "learning_rate": 1e-3},
        "question": [{"ask": "Does NLI help?", "compare": ["mnli", "none"]}],
        "rehearsal": {"test_examples": 20},
    }
    return waystage.Study(**{**values, **more})


def run(results: Results, engine: str = "inline", **options: Any) -> Outcome:
    return execute(Plan(results.plan.wanted), results.store, get(engine)(jobs=2), study="two-by-two", **options)


@pytest.fixture(scope="module")
def done(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    results = waystage.load(study(small_model), store=tmp_path_factory.mktemp("store"))
    outcome = run(results)
    assert outcome.ok, outcome.text()
    return results


def names(results: Results, **change: Any) -> dict[str, str]:
    """What would run for a changed study on this store, and why."""
    changed = waystage.load(results.study.model_copy(update=change), store=results.store)
    whole = Plan(changed.plan.wanted)
    return {whole.labels[f]: why for f, why in whole.prune(results.store, study="two-by-two").run.items()}


def test_scores_of_every_cell_and_language(done: Results) -> None:
    assert done.done == (12, 12)
    headline = done.scores[done.scores.headline]
    assert len(headline) == 3 * 2 * 2 * 4
    assert set(headline.language) == {"en", "de", "tr", "zh"}
    assert headline.value.between(0, 100).all()
    assert set(done.scores.note) == {"rehearsal, artificial languages"}


def test_again_does_nothing(done: Results) -> None:
    assert names(done) == {}
    assert names(done, title="Another name") == {}


def test_a_changed_learning_rate_reruns_what_depends_on_it_and_says_why(done: Results, small_model: Path) -> None:
    recipe = study(small_model, recipe={**done.study.recipe.said(), "task": {"udpos": {"learning_rate": 2e-3}}}).recipe
    todo = names(done, recipe=recipe)
    trained = {name: why for name, why in todo.items() if name.startswith("train udpos")}
    assert len(trained) == 6
    assert all("recipe.learning_rate 0.001 -> 0.002" in why for why in trained.values())
    # the checkpoints of intermediates are kept, so nothing else is trained again
    assert {name.split()[0] for name in todo if name not in trained} == {"evaluate"}
    assert all("udpos" in name for name in todo)


def test_a_new_arm_runs_only_its_own_branch(done: Results, small_model: Path) -> None:
    arms = study(small_model, intermediate={"none": {}, "mnli": {"tasks": ["mnli"]}, "ner": {"tasks": ["panx"]},
                                            "qqp": {"tasks": ["qqp"]}}).intermediate  # fmt: skip
    assert all("qqp" in name for name in names(done, intermediate=arms))


def test_processes_make_the_same_artifacts(done: Results, small_model: Path, tmp_path: Path) -> None:
    other = waystage.load(study(small_model), store=tmp_path)
    outcome = run(other, "local", keep="all")
    assert outcome.ok, outcome.text()
    kept = [f for f in Plan(done.plan.wanted).stages if done.store.has(f)]
    assert equality(done.store, kept) == equality(other.store, kept)


def test_a_damaged_file_is_noticed_and_made_again(done: Results, small_model: Path, tmp_path: Path) -> None:
    small = study(small_model, targets=["udpos"], seeds=[1], intermediate={"none": {}}, question=[])
    results = waystage.load(small, store=tmp_path)
    assert run(results).ok
    evaluation = results.plan.cells[0].evaluate.fingerprint
    path = Store(tmp_path).path(evaluation) / "scores.json"
    before = path.read_bytes()
    path.write_bytes(before[:-9] + b"99999999\n")
    outcome = run(waystage.load(small, store=tmp_path))
    assert outcome.ok
    assert path.read_bytes() == before
    assert any("damaged" in w or "corrupt" in w or "changed" in w for w in outcome.warnings)


def test_the_report_stands_for_it(done: Results, tmp_path: Path) -> None:
    page = reports.write(done, tmp_path / "page.html", "html").read_text(encoding="utf-8")
    assert "rehearsal" in page.lower() and "Does NLI help?" in page
    assert "artificial languages" in reports.summary(done)


def test_a_task_of_the_users_own_rehearses(small_model: Path, tmp_path: Path) -> None:
    own = {"form": "pairs", "labels": ["no", "yes"], "files": {"en": "nowhere/en.jsonl", "de": "nowhere/de.jsonl"}}
    real = study(
        small_model, source="hub", targets=["mine", "udpos"], task={"mine": own}, seeds=[1], question=[],
        intermediate={"none": {}, "mine": {"tasks": ["mine"]}}, recipe={},
        rehearsal={"models": [str(small_model)], "test_examples": 10, "recipe": {"steps": 2, "examples": 16}},
    )  # fmt: skip
    results = waystage.load(real, rehearsal=True, store=tmp_path)
    outcome = run(results)
    assert outcome.ok, outcome.text()
    headline = results.scores[results.scores.headline]
    assert set(headline[headline.target == "mine"].language) == {"en", "de"}
