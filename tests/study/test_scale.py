"""What a study says of adapters, attention and devices, and where it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waystage.errors import InputError, StudyError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.models import shapes
from waystage.models.placement import Devices
from waystage.results import load
from waystage.study import Study
from waystage.study.estimate import estimate
from waystage.study.placed import placed, visible, work_of
from waystage.study.rehearsal import rehearsed
from waystage.study.stages import plan

SEVEN = "meta-llama/Llama-2-7b-hf"
LORA = {"kind": "lora"}


def study(**more: Any) -> Study:
    values: dict[str, Any] = {
        "title": "t", "source": "world", "models": [SEVEN], "targets": ["xnli", "udpos"], "seeds": [1],
        "languages": ["en", "de"], "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"]}},
    }  # fmt: skip
    return Study(**{**values, **more})


def trained(made: Study) -> dict[str, Stage]:
    """By the words before "on" in their name."""
    stages = Plan(plan(made).wanted).stages.values()
    return {s.name.split(" on ")[0].removeprefix("train "): s for s in stages if s.kind == "train"}


def test_an_adapter_is_identity_and_none_leaves_everything_as_it_was() -> None:
    before, after = trained(study()), trained(study(recipe={"adapter": LORA}))
    assert "adapter" not in before["mnli"].config["recipe"]
    assert {s.fingerprint for s in before.values()}.isdisjoint(s.fingerprint for s in after.values())
    full = {s.fingerprint for s in trained(study(recipe={"adapter": {"kind": "full"}})).values()}
    assert full == {s.fingerprint for s in before.values()}


def test_a_chain_concerns_only_stages_that_start_from_another() -> None:
    chains = [trained(study(recipe={"adapter": LORA | {"chain": chain}})) for chain in ("continue", "merge", "stack")]
    for name in ("mnli", "xnli after none"):
        assert len({made[name].fingerprint for made in chains}) == 1
    assert len({made["xnli after mnli"].fingerprint for made in chains}) == 3


def test_adapters_have_a_learning_rate_of_their_own_unless_the_study_says_one() -> None:
    assert trained(study())["mnli"].config["recipe"]["learning_rate"] == 1e-5
    assert trained(study(recipe={"adapter": LORA}))["mnli"].config["recipe"]["learning_rate"] == 2e-4
    said = trained(study(recipe={"adapter": LORA, "learning_rate": 3e-5}))
    assert said["mnli"].config["recipe"]["learning_rate"] == 3e-5


def test_a_phase_can_go_without_the_adapter() -> None:
    made = trained(study(recipe={"adapter": LORA, "target": {"adapter": {"kind": "full"}}}))
    assert "adapter" in made["mnli"].config["recipe"]
    assert "adapter" not in made["xnli after mnli"].config["recipe"]


def test_attention_is_identity_of_decoders_only() -> None:
    both = study(attention="bidirectional", models=[SEVEN, "xlm-roberta-base"])
    for stage in Plan(plan(both).wanted).stages.values():
        if stage.kind in ("train", "evaluate"):
            decoder = stage.config["model"]["name"] == SEVEN
            assert stage.config["model"].get("attention") == ("bidirectional" if decoder else None)
    piece = {
        attention: [
            s.config.get("options", {}).get("label_piece")
            for s in Plan(plan(study(attention=attention)).wanted).stages.values()
            if s.kind == "tokens" and s.config["form"] == "tags"
        ]
        for attention in ("causal", "bidirectional")
    }
    assert set(piece["causal"]) == {"last"}
    assert set(piece["bidirectional"]) == {None}


def test_placement_is_not_identity() -> None:
    plain = Plan(plan(study()).wanted).stages.keys()
    placing = {"devices": "8x80GB", "micro_tokens": 512, "checkpointing": True}
    assert Plan(plan(study(placement=placing)).wanted).stages.keys() == plain


def test_a_stage_is_placed_by_what_it_trains() -> None:
    made = study(recipe={"adapter": LORA | {"rank": 8}}, placement={"devices": "80GB"})
    stage = trained(made)["mnli"]
    found = placed(stage, made.placement)
    assert found is not None
    assert (found.work.tuning, found.work.rank, found.work.precision) == ("lora", 8, "bf16")
    assert found.work.batch == stage.config["recipe"]["batch"]
    cost = estimate(stage, {}, made.placement)
    assert cost.memory == found.memory.total
    assert cost.disk < 200e6, "adapters and a head, not the model"
    whole = estimate(trained(study())["mnli"], {}, made.placement)
    assert whole.seconds > cost.seconds
    assert whole.placement is not None
    assert not whole.placement.fits


def test_unknown_shapes_are_not_placed() -> None:
    stage = trained(study(models=["some/model"]))["mnli"]
    assert placed(stage) is None
    assert estimate(stage, {}).known == "computed"


def test_work_is_that_of_the_widest_member() -> None:
    from waystage.models.shapes import known

    arms = {"all": {"tasks": ["mnli", "hellaswag"], "replay": {"mlm": 0.3, "languages": ["de"]}}}
    stage = trained(study(intermediate=arms))["all"]
    work = work_of(stage, known()[SEVEN])
    assert work.vocabulary
    assert work.unit == 4 * work.length


def test_work_is_all_that_the_recipe_says_of_memory() -> None:
    from waystage.models.shapes import known

    shape = known()["xlm-roberta-base"]
    said = {"freeze": 4, "smoothing": 0.1, "consistency": 1.0}
    work = work_of(trained(study(models=["xlm-roberta-base"], recipe=said))["mnli"], shape)
    assert (work.freeze, work.unit) == (4, 2 * work.length), "two readings of each example are in memory at once"
    adapted = study(models=["xlm-roberta-base"], recipe={"adapter": LORA | {"dropout": 0.1}})
    assert work_of(trained(adapted)["mnli"], shape).adapter_dropout
    assert work.looks


def test_a_model_of_unknown_shape_is_laid_as_the_study_says() -> None:
    from waystage.commands.fitting import resources

    said = study(models=["some/model"], placement={"micro_tokens": 1024, "checkpointing": True})
    found = resources(trained(said)["mnli"], {}, said.placement)
    assert (found.micro_tokens, found.checkpointing) == (1024, True)
    plain = resources(trained(study(models=["some/model"]))["mnli"], {}, study().placement)
    assert (plain.micro_tokens, plain.checkpointing) == (0, False)


def test_a_rehearsal_keeps_the_adapter_but_not_the_four_bits() -> None:
    made, changes = rehearsed(study(recipe={"adapter": {"kind": "qlora", "rank": 4}}, attention="bidirectional"))
    stage = trained(made)["mnli"]
    assert stage.config["recipe"]["adapter"]["kind"] == "lora"
    assert stage.config["recipe"]["adapter"]["rank"] == 4
    assert any("qlora" in change for change in changes)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"placement": {"devices": "lots"}}, r"placement\.devices: 'lots' does not say devices"),
        ({"placement": {"micro_tokens": 5}}, r"placement\.micro_tokens: must be >= 128"),
        ({"recipe": {"adapter": {"kind": "dora"}}}, r"recipe\.adapter\.kind: must be 'lora', 'qlora' or 'full'"),
        ({"recipe": {"adapter": {"kind": "lora", "ranks": 3}}}, r"did you mean 'rank'"),
        ({"recipe": {"adapter": {"kind": "lora", "rank": 0}}}, r"recipe\.adapter\.rank: must be > 0"),
        ({"attention": "both"}, "attention: must be 'causal' or 'bidirectional'"),
        ({"attention": "bidirectional", "models": ["xlm-roberta-base"]}, "is for decoders"),
        (
            {"attention": "bidirectional", "intermediate": {"m": {"tasks": ["mnli"], "replay": {"mlm": 0.3}}}},
            r"intermediate\.m\.replay: asks decoders for the next token",
        ),
    ],
)
def test_what_cannot_be_is_said_with_its_place(more: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        study(**more)


def test_how_many_share_a_stage_is_no_identity_and_reaches_training_and_prediction() -> None:
    alone = study(recipe={"adapter": LORA}, placement={"devices": "8x80GB"})
    four = study(recipe={"adapter": LORA}, placement={"devices": "8x80GB", "processes": 4})
    stages = [Plan(plan(one).wanted).stages for one in (alone, four)]
    assert stages[0].keys() == stages[1].keys()
    for stage in stages[1].values():
        if stage.kind in ("train", "evaluate"):
            found = estimate(stage, {}, four.placement)
            assert (found.processes, found.sharded) == (4, False)
            assert found.seconds < estimate(stage, {}, alone.placement).seconds
    full = study(placement={"devices": "8x80GB", "processes": 4})
    found = estimate(trained(full)["mnli"], {}, full.placement)
    assert (found.processes, found.sharded) == (4, True), "all weights of 7B are too many for one"


def test_what_one_device_cannot_hold_is_evaluated_in_parts() -> None:
    large = study(models=["meta-llama/Llama-2-70b-hf"], recipe={"adapter": LORA}, placement={"devices": "8x80GB"})
    (stage, *_) = [s for s in Plan(plan(large).wanted).stages.values() if s.kind == "evaluate"]
    found = estimate(stage, {}, large.placement)
    assert found.sharded
    assert found.processes > 1
    assert found.memory < 80e9


@pytest.mark.parametrize("processes", [1, 3])
def test_as_many_processes_predict_as_are_asked_for(processes: int) -> None:
    said = {"devices": "8x80GB", "processes": processes}
    large = study(models=["meta-llama/Llama-2-70b-hf"], recipe={"adapter": LORA}, placement=said)
    for stage in Plan(plan(large).wanted).stages.values():
        if stage.kind in ("train", "evaluate"):
            found = estimate(stage, {}, large.placement)
            assert (found.processes, found.sharded) == (processes, processes > 1)
            assert (found.memory < 74e9) == (processes > 1)


def test_more_processes_than_devices_are_refused() -> None:
    with pytest.raises(StudyError, match=r"processes.*is 4, but devices = '2x80GB' has 2"):
        study(placement={"devices": "2x80GB", "processes": 4})


def test_a_rehearsal_says_that_it_takes_one_process() -> None:
    small, said = rehearsed(study(placement={"devices": "8x80GB", "processes": 8}))
    assert small.placement.processes is None
    assert any("one per stage instead of 8" in line for line in said)


MT5 = {"model_type": "mt5", "d_model": 768, "num_layers": 12, "vocab_size": 250112}
MIXTRAL = {"model_type": "mixtral", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
           "intermediate_size": 14336, "vocab_size": 32000}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(MT5), "no model family is called 'mt5'"),
        (json.dumps(MIXTRAL), "no model family is called 'mixtral' .*config.json"),
        (json.dumps({"model_type": "llama"}), "does not say num_hidden_layers"),
        ("{", "is not the config.json"),
        ("[]", "is not the config.json"),
    ],
)
def test_a_folder_with_another_kind_of_model_is_not_planned_with(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=said):
        shapes.shape(str(tmp_path))


def test_accelerators_of_this_machine_are_those_that_stages_may_use(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-a, 24000'\necho '1, GPU-b, 80000'\necho '2, GPU-c, 80000'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    assert visible() == Devices(2, 80000 * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert visible() == Devices(2, 24000 * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible() is None
    tool.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert visible() is None


QLORA = {"kind": "qlora"}


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"adapter": QLORA | {"chain": "merge"}}, "adapter: chain = .merge. would add an adapter to weights of 4"),
        ({"adapter": QLORA, "target": {"adapter": {"kind": "full"}}}, "It cannot be merged into them"),
        ({"adapter": LORA, "target": {"adapter": QLORA}}, "trained a lora adapter and this one asks for qlora"),
        ({"adapter": LORA | {"rank": 8}, "target": {"adapter": LORA}}, "has rank 8, .* cannot be continued as rank 16"),
        ({"intermediate": {"adapter": {"kind": "full"}}, "target": {"adapter": QLORA}}, "the stage before tuned all"),
    ],
)  # fmt: skip
def test_adapters_that_cannot_follow_one_another_are_refused_before_anything_runs(
    recipe: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=said):
        trained(study(recipe=recipe))
    trained(study(recipe=recipe, intermediate={"none": {}}))  # nothing follows there


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"adapter": QLORA | {"chain": "merge"}}, "would add an adapter to weights of 4 bits"),
        ({"adapter": QLORA, "target": {"adapter": LORA}}, "trained a qlora adapter and this one asks for lora"),
        ({"adapter": QLORA | {"targets": ["31.mlp.up_proj"]}}, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("own", [{}, {"rehearsal": {"recipe": {"adapter": LORA}}}])
def test_a_rehearsal_refuses_what_the_study_would(
    recipe: dict[str, Any], said: str, own: dict[str, Any], tmp_path: Path
) -> None:
    made = study(recipe=recipe, **own)
    if not said:
        load(made, rehearsal=True, store=tmp_path)
        return
    for rehearsal in (False, True):
        with pytest.raises(StudyError, match=said):
            load(made, rehearsal=rehearsal, store=tmp_path)


def test_adapters_that_can_follow_one_another() -> None:
    for recipe in (
        {"adapter": QLORA}, {"adapter": QLORA | {"chain": "stack"}}, {"adapter": LORA | {"chain": "merge"}},
        {"adapter": LORA | {"rank": 8}, "target": {"adapter": LORA | {"chain": "stack"}}},
        {"adapter": LORA, "target": {"adapter": {"kind": "full"}}}, {"target": {"adapter": LORA}},
    ):  # fmt: skip
        assert "xnli after mnli" in trained(study(recipe=recipe))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"recipe": {"adapter": LORA | {"targets": ["q_proj", "querry"]}}},
         rf"recipe.adapter.targets: 'querry' is no linear layer of {SEVEN}. It has: q_proj, k_proj, v_proj, o_proj"),
        ({"recipe": {"task": {"mnli": {"adapter": LORA | {"targets": ["query"]}}}}},
         "recipe.task.mnli.adapter.targets: 'query' is no"),
        ({"intermediate": {"none": {}, "mnli": {
            "tasks": ["mnli"], "target": {"recipe": {"adapter": LORA | {"targets": ["32.mlp.up_proj"]}}}}}},
         "intermediate.mnli.target.recipe.adapter.targets: '32.mlp.up_proj' is no"),
        ({"models": [SEVEN, "xlm-roberta-base"], "recipe": {"adapter": LORA | {"targets": ["k_proj"]}}},
         r"'k_proj' is no linear layer of xlm-roberta-base. It has: query, key, value, dense"),
        ({"recipe": {"adapter": LORA | {"targets": []}}}, "recipe.adapter.targets: names no layer"),
    ],
)  # fmt: skip
def test_an_adapter_on_layers_that_the_model_lacks_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        study(**more)


def test_an_adapter_on_some_layers_and_its_rehearsal() -> None:
    for targets, kept in (["q_proj", "31.mlp.up_proj"], "attention"), (["self_attn.q_proj"], ["self_attn.q_proj"]):
        made = study(recipe={"adapter": LORA | {"targets": targets}})
        stage = trained(rehearsed(made)[0])["mnli"]
        assert stage.config["recipe"]["adapter"]["targets"] == kept
    study(models=["org/unknown"], recipe={"adapter": LORA | {"targets": ["whatever"]}})


def test_a_folder_is_one_model_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "org" / "mine"
    folder.mkdir(parents=True)
    sizes = {"num_hidden_layers": 24, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 300, **sizes}))
    for name in "model.safetensors", "tokenizer.json":
        (folder / name).write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    arms = {"none": {}, "mlm": {"tasks": ["mnli"], "replay": {"mlm": 0.3, "languages": ["de"]}}}
    written = {"targets": ["udpos", "tatoeba", "xnli"], "intermediate": arms}
    found = [
        set(Plan(plan(study(models=[name], **written)).wanted).stages)
        for name in (str(folder), "~/org/mine", "./org/mine")
    ]
    assert found[0] == found[1] == found[2]
    assert shapes.shape("org/mine") is None, "without a dot it is a name of the hub"
