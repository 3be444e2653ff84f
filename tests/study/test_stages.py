"""What a study comes down to: each distinct stage once, and fingerprints that change exactly where they should."""

from __future__ import annotations

from typing import Any

import pytest

from waystage import sources
from waystage.errors import InputError
from waystage.graph.plan import Plan
from waystage.study import Study
from waystage.study.estimate import estimate
from waystage.study.stages import StudyPlan, plan


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "identify", lambda task, source, split, languages, lock=None: {"kind": source})


def study(**more: Any) -> Study:
    values: dict[str, Any] = {
        "title": "t",
        "models": ["xlm-roberta-base"],
        "targets": ["xnli", "udpos"],
        "languages": ["en", "de", "tr", "zh"],
        "seeds": [1, 2],
        "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"]}, "qqp": {"tasks": ["qqp"]}},
    }
    return Study(**{**values, **more})


def kinds(made: StudyPlan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for stage in Plan(made.wanted).stages.values():
        counts[stage.kind] = counts.get(stage.kind, 0) + 1
    return counts


def fingerprints(made: StudyPlan, kind: str) -> set[str]:
    return {s.fingerprint for s in Plan(made.wanted).stages.values() if s.kind == kind}


def test_every_distinct_stage_once() -> None:
    made = plan(study())
    assert len(made.cells) == 3 * 2 * 2
    # 2 intermediates x 2 seeds, 3 arms x 2 targets x 2 seeds; train, dev and test rows of xnli and udpos, train and dev
    # rows of mnli and qqp, and as many token arrays
    assert kinds(made) == {"rows": 10, "tokens": 10, "train": 4 + 12, "evaluate": 12}


def test_models_with_one_tokenizer_and_all_models_share_rows() -> None:
    two = plan(study(models=["xlm-roberta-base", "xlm-roberta-large"]))
    assert kinds(two)["rows"] == 10
    assert kinds(two)["train"] == 32


def test_title_and_questions_change_nothing() -> None:
    named = plan(study(title="another", question=[{"compare": ["mnli", "none"]}]))
    assert Plan(named.wanted).stages.keys() == Plan(plan(study()).wanted).stages.keys()


def test_a_new_arm_adds_only_its_own_branch() -> None:
    before = Plan(plan(study()).wanted).stages
    arms = {**study().intermediate, "squad": {"tasks": ["squad"]}}
    after = Plan(plan(study(intermediate=arms)).wanted).stages
    added = [after[f] for f in after.keys() - before.keys()]
    assert before.keys() <= after.keys()
    assert sorted({s.kind for s in added}) == ["evaluate", "rows", "tokens", "train"]
    assert all("squad" in s.name for s in added)


def test_a_learning_rate_of_one_task_changes_only_what_trains_on_it() -> None:
    changed = plan(study(recipe={"task": {"udpos": {"learning_rate": 2e-5}}}))
    before = plan(study())
    assert fingerprints(changed, "rows") == fingerprints(before, "rows")
    assert fingerprints(changed, "tokens") == fingerprints(before, "tokens")
    trained = {s.name for s in Plan(changed.wanted).stages.values() if s.kind == "train"}
    same = {s.name for s in Plan(before.wanted).stages.values() if s.fingerprint in fingerprints(changed, "train")}
    assert {name.split()[1] for name in trained - same} == {"udpos"}


def test_a_recipe_of_a_target_is_that_of_its_last_stage_alone() -> None:
    def rates(**task: float) -> dict[str, list[float]]:
        recipe = {"task": {name: {"learning_rate": rate} for name, rate in task.items()}}
        targets = ("xcopa", "lareqa", "xquad")
        made = plan(study(targets=targets, intermediate={"none": {}}, seeds=[1], recipe=recipe))
        trained = [stage for stage in Plan(made.wanted).stages.values() if stage.kind == "train"]
        found = {name: [s for s in trained if s.name.startswith(f"train {name} ")] for name in targets}
        return {name: sorted(s.config["recipe"]["learning_rate"] for s in stages) for name, stages in found.items()}

    assert rates(lareqa=3e-5, xcopa=4e-5) == {"xcopa": [1e-5, 4e-5], "lareqa": [3e-5], "xquad": [1e-5]}
    assert rates(lareqa=3e-5, squad=2e-5) == {"xcopa": [1e-5, 1e-5], "lareqa": [3e-5], "xquad": [2e-5]}


def test_an_arm_is_only_for_the_targets_that_it_names() -> None:
    arms = {"none": {}, "mnli": {"tasks": ["mnli"]}, "longer": {"control": "more-steps", "of": "mnli", "on": ["xnli"]}}
    made = plan(study(targets=("xnli", "udpos"), intermediate=arms))
    assert {(c.intermediate, c.target) for c in made.cells} == {
        ("none", "xnli"), ("none", "udpos"), ("mnli", "xnli"), ("mnli", "udpos"), ("longer", "xnli"),
    }  # fmt: skip
    assert not made.left_out


def test_an_arm_of_the_same_tasks_under_another_name_is_the_same_stage() -> None:
    arms = {"a": {"tasks": ["mnli"]}, "b": {"tasks": ["mnli"]}}
    assert kinds(plan(study(intermediate=arms)))["train"] == 2 + 4


def test_evaluations_of_several_seeds_are_told_apart_by_their_names() -> None:
    """In progress, logs and the store; and the plan says what changed of the stage of the same name."""
    names = [c.evaluate.name for c in plan(study(targets=["xnli", "tatoeba"])).cells if c.intermediate == "mnli"]
    assert sorted(names) == sorted(
        f"evaluate {target} after mnli on xlm-roberta-base, seed {seed}"
        for target in ("xnli", "tatoeba")
        for seed in (1, 2)
    )
    shared = {c.evaluate.name for c in plan(study(targets=["tatoeba"])).cells if c.intermediate == "none"}
    assert shared == {"evaluate tatoeba after none on xlm-roberta-base"}


def test_retrieval_takes_the_intermediate_model_directly() -> None:
    made = plan(study(targets=["tatoeba"]))
    by_arm = {cell.intermediate: cell.evaluate for cell in made.cells if cell.seed == 1}
    assert "checkpoint" not in by_arm["none"].inputs
    assert by_arm["mnli"].inputs["checkpoint"].kind == "train"  # type: ignore[union-attr]
    assert by_arm["mnli"].config["layer"] == 7  # 14 of 24, in a model of 12
    none = {cell.evaluate.fingerprint for cell in made.cells if cell.intermediate == "none"}
    assert len(none) == 1  # nothing random happens: one row serves all seeds


def test_running_text_is_named_anew_only_where_the_published_head_was_not_read() -> None:
    arms = {"replay": {"tasks": ["mnli"], "replay": {"mlm": 0.3}}, "text": {"control": "mlm-only", "of": "replay"}}
    for model, said in (("xlm-roberta-base", 0), ("jhu-clsp/mmBERT-base", 2), ("google/gemma-2-2b", 2)):
        made = plan(study(models=[model], seeds=[1], targets=["xnli"], intermediate=arms))
        stages = [s for s in Plan(made.wanted).stages.values() if s.kind == "train"]
        marked = [s for s in stages if s.config.get("language_head") == "published"]
        assert len(marked) == said
        assert all(any(m["form"] == "masked" for m in s.config["members"]) for s in marked)


def test_logits_are_kept_on_request_and_only_evaluations_are_made_anew() -> None:
    targets = ["xnli", "udpos", "xcopa", "xquad", "tatoeba"]
    before, said = plan(study(targets=targets)), plan(study(targets=targets, logits=True))
    asked = {c.target for c in said.cells if c.evaluate.config.get("options", {}).get("logits")}
    assert asked == {"xnli", "udpos", "xcopa"}
    for kind in ("rows", "tokens", "train"):
        assert fingerprints(said, kind) == fingerprints(before, kind)
    kept = {c.evaluate.fingerprint for c in before.cells if c.target not in asked}
    assert kept == {c.evaluate.fingerprint for c in said.cells if c.target not in asked}
    assert fingerprints(plan(study(targets=targets, logits=False)), "evaluate") == fingerprints(before, "evaluate")


def test_a_sweep_is_asked_of_searches_alone_and_only_when_said() -> None:
    said = plan(study(targets=["tatoeba", "xnli"], sweep=True))
    assert {c.target for c in said.cells if c.evaluate.config.get("sweep")} == {"tatoeba"}
    assert not any("sweep" in c.evaluate.config for c in plan(study(targets=["tatoeba"])).cells)


def test_reading_targets_train_on_squad_and_choice_targets_on_two_tasks_in_a_row() -> None:
    made = plan(study(targets=["xquad", "xcopa"], languages="all", intermediate={"none": {}}, seeds=[1]))
    cells = {cell.target: cell.evaluate for cell in made.cells}
    squad = cells["xquad"].inputs["checkpoint"]
    assert [m["task"] for m in squad.config["members"]] == ["squad"]  # type: ignore[union-attr]
    copa = cells["xcopa"].inputs["checkpoint"]
    siqa = copa.inputs["start"]  # type: ignore[union-attr]
    assert [s.config["members"][0]["task"] for s in (siqa, copa)] == ["siqa", "copa"]  # type: ignore[union-attr]


def test_what_is_scored_and_what_sets_a_threshold_is_all_of_the_data() -> None:
    """The few dev examples of a look while training are for choosing a checkpoint alone."""
    searched = study(targets=["bucc", "xnli"], intermediate={"none": {}}, source="world")
    cells = {cell.target: cell.evaluate for cell in plan(searched).cells}
    assert cells["bucc"].inputs["dev_tokens"].config.get("examples") is None  # type: ignore[union-attr]
    (looked,) = cells["xnli"].inputs["checkpoint"].inputs["dev"]  # type: ignore[union-attr,misc]
    assert looked.config["examples"] == 500  # type: ignore[union-attr]
    on_dev = plan(study(targets=["bucc", "xnli"], intermediate={"none": {}}, evaluate_on="dev"))
    for cell in on_dev.cells:
        tokens = cell.evaluate.inputs["tokens"]
        assert "examples" not in tokens.config, cell.target  # type: ignore[union-attr]


def test_source_languages_without_data_are_left_out_and_said() -> None:
    made = plan(study(source_languages=["en", "zh"], targets=["xnli", "xquad"]))
    assert {(c.target, c.source_language) for c in made.cells} == {("xnli", "en"), ("xnli", "zh"), ("xquad", "en")}
    assert made.left_out == ("xquad from zh: squad has no training data in zh",)


def test_only_target_checkpoints_are_temporary() -> None:
    stages = Plan(plan(study()).wanted).stages.values()
    assert {s.name.split()[1] for s in stages if s.temporary} == {"xnli", "udpos"}
    assert not any(s.temporary for s in Plan(plan(study(keep="all")).wanted).stages.values())


def test_the_published_recipe_is_the_default() -> None:
    stages = {s.name: s for s in Plan(plan(study()).wanted).stages.values()}
    recipe = stages["train xnli after none on xlm-roberta-base, en, seed 1"].config["recipe"]
    assert (recipe["epochs"], recipe["batch"], recipe["learning_rate"], recipe["warmup"]) == (2, 32, 1e-5, 0.1)
    assert stages["train udpos after none on xlm-roberta-base, en, seed 1"].config["recipe"]["epochs"] == 10


def test_estimates_grow_with_the_model() -> None:
    small = plan(study(models=["xlm-roberta-base"], seeds=[1]))
    large = plan(study(models=["xlm-roberta-large"], seeds=[1]))
    hours = [sum(estimate(s, {}).seconds for s in Plan(p.wanted).stages.values()) for p in (small, large)]
    assert 2.5 < hours[1] / hours[0] < 4  # 303 M parameters against 86 M, and the same rows and tokens


def test_missing_data_is_said_in_the_plan_and_does_not_stop_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def identify(task: Any, source: str, split: str, languages: Any, lock: Any) -> dict[str, Any]:
        if task.name == "qqp" and source == "hub":
            raise InputError("qqp is nowhere")
        return {"kind": source}

    monkeypatch.setattr(sources, "identify", identify)
    assert plan(study()).blocked == ("qqp is nowhere",)
    assert plan(study(sources={"qqp": "./my-copy"})).blocked == ()


def test_replay_adds_running_text_as_one_more_member() -> None:
    arms = {"mlm": {"tasks": ["mnli"], "replay": {"mlm": 0.25, "languages": ["de", "tr"]}}}
    stages = Plan(plan(study(intermediate=arms, seeds=[1])).wanted).stages.values()
    (mixed,) = [s for s in stages if s.kind == "train" and len(s.config["members"]) == 2]
    assert [m["form"] for m in mixed.config["members"]] == ["pairs", "masked"]
    assert mixed.config["replay"] == {"mlm": 0.25, "exponent": 0.3}
    assert len(mixed.inputs["tokens"]) == 2  # type: ignore[arg-type]
    assert len(mixed.inputs["dev"]) == 1  # type: ignore[arg-type]


def test_a_task_of_ones_own_is_chosen_by_the_metric_that_it_says() -> None:
    def said(metric: dict[str, str]) -> set[str | None]:
        mine = {"form": "similarity", "files": {"en": "x.tsv"}, "options": {"scale": 5}, **metric}
        made = plan(study(source="world", targets=["mine"], task={"mine": mine}, intermediate={"none": {}}))
        return {s.config["members"][0].get("metric") for s in Plan(made.wanted).stages.values() if s.kind == "train"}

    assert said({}) == said({"metric": "spearman"}) == {None}
    assert said({"metric": "pearson"}) == {"pearson"}


def test_a_trained_search_compares_the_vectors_that_its_training_compares() -> None:
    made = plan(study(targets=["lareqa", "mewslix"]))
    assert {cell.target: cell.evaluate.config["layer"] for cell in made.cells} == {"lareqa": 12, "mewslix": 12}
