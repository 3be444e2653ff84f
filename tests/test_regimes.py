"""Regimes go through data, training, scores and the table of results in the built-in world, very small."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

import waystage
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.results import Results
from waystage.study import data

ARMS = """
[none]
[mnli]
tasks = ["mnli"]
[zero]
control = "zero-length"
of = "mnli"
[shuffled]
control = "shuffled-labels"
of = "mnli"
[mlm_only]
control = "mlm-only"
of = "mnli"
[longer]
control = "more-steps"
of = "mnli"
[in_order]
tasks = ["mnli"]
then = [{ tasks = ["qqp"] }]
[each]
tasks = ["mnli"]
translate = "target"
[switched]
tasks = ["mnli"]
code_switch = { languages = ["de", "tr"], rate = 0.5 }
[back]
tasks = ["mnli"]
translate = ["en"]
via = "de"
[mean]
average = ["mnli", "none"]
[swapped]
swap = { into = "mnli", layers_of = "in_order", lower = 1 }
[ceiling]
target = { language = "target" }
[few]
tasks = ["mnli"]
target = { shots = 8 }
[translated]
target = { translate = "target" }
[frozen]
tasks = ["mnli"]
recipe = { freeze = 1 }
"""


@pytest.fixture(scope="module")
def done(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    arms = tomllib.loads(ARMS)
    adopted = {"checkpoint": str(small_model), "provenance": "the model itself", "trained_on": ["qqp"]}
    values: dict[str, Any] = {
        "title": "All regimes", "source": "world", "models": [str(small_model)], "targets": ["xnli", "tatoeba"],
        "languages": ["en", "de", "tr"], "seeds": [1], "precision": "fp32", "keep": "all",
        "intermediate": arms | {"adopted": adopted},
        "recipe": {"steps": 3, "batch": 8, "examples": 24, "max_length": 48, "learning_rate": 1e-2},
        "rehearsal": {"test_examples": 20},
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "WORLD_TRAIN", 60)
        results = waystage.load(waystage.Study(**values), store=tmp_path_factory.mktemp("store"))
    outcome = execute(Plan(results.plan.wanted), results.store, get("inline")(jobs=1), study="regimes")
    assert outcome.ok, outcome.text()
    return results


def _predictions(results: Results, arm: str, target: str = "xnli") -> dict[str, bytes]:
    found = {}
    for cell in results.plan.cells:
        if (cell.intermediate, cell.target) == (arm, target):
            folder = results.store.path(cell.evaluate.fingerprint) / "predictions"
            found |= {path.name: path.read_bytes() for path in folder.glob("*.parquet")}
    return found


def test_every_cell_has_its_scores(done: Results) -> None:
    have, want = done.done
    assert have == want
    scores = done.scores[done.scores.headline]
    counts = scores.groupby(["intermediate", "target"]).size().to_dict()
    assert all(count == 3 for (_, target), count in counts.items() if target == "xnli")
    assert {arm for arm, _ in counts} == set(done.study.intermediate)


@pytest.mark.parametrize("target", ["xnli", "tatoeba"])
def test_a_stage_of_no_steps_gives_the_predictions_of_none(done: Results, target: str) -> None:
    assert _predictions(done, "zero", target) == _predictions(done, "none", target) != {}


def test_after_a_stage_of_no_steps_the_target_is_trained_to_the_same_bits(done: Results) -> None:
    def weights(arm: str) -> list[bytes]:
        cell = next(c for c in done.plan.cells if (c.intermediate, c.target) == (arm, "xnli"))
        folder = done.store.path(cell.evaluate.inputs["checkpoint"].fingerprint)  # type: ignore[union-attr]
        return [(folder / name).read_bytes() for name in ("encoder.safetensors", "heads.safetensors", "curve.parquet")]

    assert weights("zero") == weights("none") == weights("adopted") != weights("mnli")


def test_a_checkpoint_that_is_the_model_gives_the_predictions_of_none(done: Results) -> None:
    assert _predictions(done, "adopted") == _predictions(done, "none")


@pytest.mark.parametrize("arm", ["mnli", "shuffled", "mlm_only", "in_order", "switched", "mean", "swapped"])
def test_every_other_regime_does_something(done: Results, arm: str) -> None:
    assert _predictions(done, arm, "tatoeba") != _predictions(done, "none", "tatoeba")


def test_frozen_layers_give_the_vectors_of_the_published_model(done: Results) -> None:
    """Search reads the first of two layers here, and that one is frozen."""
    assert _predictions(done, "frozen", "tatoeba") == _predictions(done, "none", "tatoeba")


def test_results_say_what_is_not_zero_shot_and_what_was_seen_before(done: Results) -> None:
    scores = done.scores[done.scores.target == "xnli"]
    protocols = dict(zip(scores.intermediate, scores.protocol, strict=True))
    assert {arm: said for arm, said in protocols.items() if said != "zero-shot"} == {
        "ceiling": "ceiling, not zero-shot", "few": "8 shots, not zero-shot",
        "translated": "translate-train, not zero-shot",
    }  # fmt: skip
    marks = dict(zip(scores.intermediate, scores.mark, strict=True))
    assert marks["mnli"] == marks["each"] == "same training data (mnli:train -> xnli:train)"
    assert not any(marks[arm] for arm in ("none", "zero", "mlm_only", "longer", "ceiling", "adopted"))
    assert (scores.seed == scores.intermediate_seed).all() and (scores.seed == scores.target_seed).all()


def test_controls_took_the_steps_of_their_arm(done: Results) -> None:
    def steps(arm: str) -> list[int]:
        cell = next(c for c in done.plan.cells if (c.intermediate, c.target) == (arm, "xnli"))
        stages = [s for s in Plan([cell.evaluate]).stages.values() if s.kind == "train"]
        return [int(done.store.manifest(s.fingerprint)["facts"]["steps"]) for s in stages]

    assert steps("mnli") == [3, 3]
    assert sum(steps("longer")) == 3 + 6, "its own six, and the three of the arm that it is counted against"
    assert sorted(steps("mlm_only")) == [3, 3, 3]
