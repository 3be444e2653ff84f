"""What stages took before says what others will take: those that differ in nothing that costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.study import Study
from waystage.study.estimate import estimate, history
from waystage.study.scale import Placing
from waystage.study.stages import plan

GPU = Placing(devices="80GB")
LORA = {"adapter": {"kind": "lora"}}


def stages(**more: Any) -> dict[str, Stage]:
    values: dict[str, Any] = {
        "title": "t", "source": "world", "models": ["xlm-roberta-base"], "targets": ["xnli"], "seeds": [1, 2],
        "languages": ["en", "de"], "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"]}},
    }  # fmt: skip
    return {one.name: one for one in Plan(plan(Study(**{**values, **more})).wanted).stages.values()}


def made(stage: Stage, *, device: str = "cuda", seconds: float = 77.0, memory: int = 5) -> dict[str, Any]:
    """As a manifest tells of it."""
    inputs = {
        name: given.fingerprint if isinstance(given, Stage) else [one.fingerprint for one in given]
        for name, given in stage.inputs.items()
    }
    told = {"kind": stage.kind, "config": stage.config, "inputs": inputs}
    record = {"stage": told, "seconds": seconds, "peak_memory": memory, "files": [{"size": 9}], "device": device}
    found: dict[str, Any] = json.loads(json.dumps(record, sort_keys=True))
    return found


def one(found: dict[str, Stage], start: str, end: str = "seed 1") -> Stage:
    return next(stage for name, stage in found.items() if name.startswith(start) and name.endswith(end))


def known(first: Stage, other: Stage, **how: Any) -> str:
    return estimate(other, history([made(first, **how)]), GPU).known


def test_another_seed_or_start_takes_as_long() -> None:
    for recipe in {}, LORA:
        found = stages(recipe=recipe)
        assert known(one(found, "train mnli"), one(found, "train mnli", "seed 2")) == "measured"
        assert known(one(found, "train xnli after none"), one(found, "train xnli after none", "seed 2")) == "measured"
        assert known(one(found, "train xnli after none"), one(found, "train xnli after mnli")) == "measured"


@pytest.mark.parametrize(
    "more",
    [
        {"recipe": LORA},
        {"recipe": {"freeze": 3}},
        {"recipe": {"dropout": 0.0}},
        {"recipe": {"eval_every": 10}},
        {"threads": 2},
        {"recipe": {"epochs": 3}},
        {"precision": "fp32"},
        {"intermediate": {"mnli": {"tasks": ["mnli"], "translate": ["de", "sw"]}}},
        {"intermediate": {"mnli": {"tasks": ["mnli"], "language": ["en", "zh"]}}},
    ],
)
def test_what_costs_otherwise_is_computed(more: dict[str, Any]) -> None:
    before, after = one(stages(), "train mnli"), one(stages(**more), "train mnli")
    assert (known(before, after), known(after, before)) == ("computed", "computed")
    steps = {"recipe": {**more.get("recipe", {}), "steps": 10}}
    if "intermediate" in more:  # then it does not matter how much there is
        assert known(one(stages(**steps), "train mnli"), one(stages(**more, **steps), "train mnli")) == "measured"


def test_two_folders_are_two_models(tmp_path: Path) -> None:
    shape = {"model_type": "xlm-roberta", "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128}
    for layers in 2, 12:
        folder = tmp_path / str(layers)
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({**shape, "num_hidden_layers": layers, "vocab_size": 250002}))
        (folder / "model.safetensors").write_text(str(layers))
        (folder / "tokenizer.json").write_text("{}")
    small, large = (one(stages(models=[str(tmp_path / n)], recipe={"steps": 5}), "train mnli") for n in ("2", "12"))
    told = history([made(small, device="cpu")])
    assert (estimate(small, told).known, estimate(large, told).known) == ("measured", "computed")


def test_what_a_process_took_is_not_the_memory_of_an_accelerator() -> None:
    stage = one(stages(), "train mnli")
    found = estimate(stage, history([made(stage)]), GPU)
    assert (found.known, found.seconds, found.disk) == ("measured", 77.0, 9)
    assert found.memory == estimate(stage, {}, GPU).memory > 10**9
    assert known(stage, stage, device="cpu") == "computed", "hours of a CPU are not those of a GPU"
    cpu = estimate(stage, history([made(stage, device="cpu")]), Placing(devices="cpu"))
    assert (cpu.known, cpu.memory, cpu.device) == ("measured", 5, "cpu")


@pytest.mark.parametrize("model", ["xlm-roberta-base", "org/unknown", "standin-s"])
@pytest.mark.parametrize(("said", "device"), [("cpu", "cpu"), ("80GB", "gpu")])
def test_devices_are_those_of_training_and_of_prediction(model: str, said: str, device: str) -> None:
    for stage in stages(models=[model]).values():
        if stage.kind in ("train", "evaluate"):
            assert estimate(stage, {}, Placing(devices=said)).device == device


def test_what_one_process_took_is_not_what_each_of_two_takes() -> None:
    stage = one(stages(), "train mnli")
    two = Placing(devices="2x80GB", processes=2)
    assert estimate(stage, history([made(stage)]), two).known == "computed"
    shared = made(stage) | {"facts": {"processes": 2, "sharded": False}}
    assert estimate(stage, history([shared]), two).known == "measured"
    assert estimate(stage, history([shared]), GPU).known == "computed"


def _long(**more: Any) -> float:
    """Seconds of so many steps that what is loaded before does not count."""
    recipe = {"steps": 100_000, **more.pop("recipe", {})}
    return estimate(one(stages(recipe=recipe, **more), "train mnli"), {}, GPU).seconds


def test_layers_that_are_frozen_are_only_read() -> None:
    whole, upper, top = (_long(recipe={"freeze": n} if n else {}) for n in (0, 6, 12))
    assert upper / whole == pytest.approx(4 / 6, rel=0.02)
    assert top / whole == pytest.approx(2 / 6, rel=0.02)


def test_fp32_takes_an_accelerator_as_long_as_it_does() -> None:
    rough, exact = (_long(precision=precision) for precision in ("bf16", "fp32"))
    assert exact / rough == pytest.approx(16, rel=0.05)


def test_an_adapter_after_full_tuning_keeps_the_model_too() -> None:
    tuned = {"recipe": {"adapter": {"kind": "lora"}, "intermediate": {"adapter": {"kind": "full"}}}}
    after, alone = (estimate(one(stages(**tuned), f"train xnli after {arm}"), {}, GPU).disk for arm in ("mnli", "none"))
    assert alone < 100e6
    assert after > 4 * 270e6
    chained = estimate(one(stages(recipe=LORA), "train xnli after mnli"), {}, GPU)
    assert chained.disk == alone
