"""Pretraining writes what transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.stages import small

from waystage.errors import InputError
from waystage.stages import Context, run


def _pretrain(root: Path, family: str, inputs: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    (root / "tokenizer").mkdir()
    small.tokenizer().save(str(root / "tokenizer" / "tokenizer.json"))
    data = small.stored(root / "text", "masked", {"en": small.texts(60, 1), "de": small.texts(15, 2)})
    config = {
        "shape": {"family": family, "layers": 2, "hidden": 32, "heads": 2, "intermediate": 64, "positions": 64},
        "tokenizer": small.LOCAL, "recipe": {"steps": 60, "batch": 8, "learning_rate": 3e-3}, "seed": 1, "threads": 1,
        "precision": "fp32", "exponent": 0.5, **more,
    }  # fmt: skip
    context = Context(scratch=root / "scratch", places={"model": str(root / "tokenizer")})
    return run("pretrain", config, {"tokens": data / "tokens", **(inputs or {})}, root / "out", context)


@pytest.mark.parametrize("family", ["xlm-r", "llama"])
def test_the_checkpoint_is_an_ordinary_one(tmp_path: Path, family: str) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    from waystage.models import load
    from waystage.training.corpus import Batch
    from waystage.training.network import Network

    facts = _pretrain(tmp_path, family)
    assert facts["loss"] < np.log(45), "better than guessing among the words"
    kind = AutoModelForMaskedLM if family == "xlm-r" else AutoModelForCausalLM
    theirs, info = kind.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    ids = np.array([0, 7, 9, 4, 12, 2])
    with torch.no_grad():
        wanted = theirs.eval()(input_ids=torch.from_numpy(ids)[None]).logits[0]
        ours = load.backbone({"name": "local", "revision": ""}, {"model": str(tmp_path / "out")})
        network = Network(ours, {"mlm": load.vocabulary_head(ours, tmp_path / "out", seed=0)}).eval()
        where = np.arange(6)
        found = network(Batch(ids, np.array([6]), np.array([0, 1]), None, where, None, None), "mlm")
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_weights_can_be_stored_in_half(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    _pretrain(tmp_path, "xlm-r", store="bf16")
    assert {t.dtype for t in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.bfloat16}


@pytest.mark.parametrize("family", ["xlm-r", "llama"])
def test_a_second_phase_goes_on_where_the_first_ended(tmp_path: Path, family: str) -> None:
    for name in ("first", "second", "fresh"):
        (tmp_path / name).mkdir()
    first = _pretrain(tmp_path / "first", family)
    second = _pretrain(tmp_path / "second", family, inputs={"start": tmp_path / "first" / "out"})
    assert second["loss"] < first["loss"]
    still = {"recipe": {"steps": 1, "batch": 8, "learning_rate": 1e-9}}
    frozen = _pretrain(tmp_path / "fresh", family, inputs={"start": tmp_path / "first" / "out"}, **still)
    assert frozen["loss"] < 1.15 * first["loss"], "one step that changes nothing is as good as the checkpoint"


@pytest.mark.parametrize("family", ["xlm-r", "llama"])
def test_a_small_model_is_stacked_into_a_deeper_one(tmp_path: Path, family: str) -> None:
    from safetensors.torch import load_file

    for name in ("small", "deep", "narrow"):
        (tmp_path / name).mkdir()
    _pretrain(tmp_path / "small", family)
    shape = {"family": family, "layers": 4, "hidden": 32, "heads": 2, "intermediate": 64, "positions": 64}
    still = {"steps": 1, "batch": 8, "learning_rate": 1e-9}
    inputs = {"start": tmp_path / "small" / "out"}
    _pretrain(tmp_path / "deep", family, inputs=inputs, shape=shape, recipe=still)
    small = load_file(tmp_path / "small" / "out" / "model.safetensors")
    deep = load_file(tmp_path / "deep" / "out" / "model.safetensors")
    for name, weight in deep.items():
        torch.testing.assert_close(weight, small[name.replace(".2.", ".0.").replace(".3.", ".1.")])
    assert len(deep) > len(small)
    with pytest.raises(InputError, match="hidden_size 32, but 16"):
        _pretrain(tmp_path / "narrow", family, inputs=inputs, shape={**shape, "hidden": 16})


def test_an_unknown_shape_is_refused(tmp_path: Path) -> None:
    shape = {"family": "lstm", "layers": 1, "hidden": 8, "heads": 1, "intermediate": 8}
    with pytest.raises(InputError, match="'lstm'"):
        _pretrain(tmp_path, "xlm-r", shape=shape)


def test_text_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    shape = {"family": "xlm-r", "layers": 1, "hidden": 8, "heads": 1, "intermediate": 8, "positions": 16}
    with pytest.raises(InputError, match="positions for 16 only"):
        _pretrain(tmp_path / "long", "xlm-r", shape=shape)
    (tmp_path / "none").mkdir()
    empty = small.stored(tmp_path / "empty", "masked", {"en": []})
    with pytest.raises(InputError, match="no text to pretrain on"):
        _pretrain(tmp_path / "none", "xlm-r", inputs={"tokens": empty / "tokens"})
