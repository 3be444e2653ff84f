"""How a stage runs (its micro-batch, activations kept or computed again) does not change what it computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.stages import small

from waystage.models.backbone import Backbone
from waystage.stages import Context, run

NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}
LORA = {"kind": "lora", "rank": 4, "alpha": 8.0, "targets": "all-linear", "dropout": 0.1}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("how")
    small.model(root / "encoder")  # drops a tenth
    small.decoder(root / "decoder", "llama")
    small.stored(root / "pairs", "pairs", {"en": small.pairs(60, 1)}, ("no", "yes"))
    return root


def train(here: Path, name: str, model: str, recipe: dict[str, Any], precision: str = "fp32", **how: Any) -> Path:
    config = {
        "model": small.LOCAL, "members": [NLI], "head_policy": "new", "seed": 1, "threads": 1, "precision": precision,
        "recipe": {"batch": 16, "learning_rate": 1e-3, "steps": 5, **recipe},
    }  # fmt: skip
    context = Context(scratch=here / f"{name}-scratch", places={"model": str(here / model)}, **how)
    run("train", config, {"tokens": [here / "pairs" / "tokens"]}, here / name, context)
    return here / name


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("adapter", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("model", ["encoder", "decoder"])
def test_activations_computed_again_give_the_same_bytes(
    here: Path, model: str, adapter: dict[str, Any] | None, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"dropout": 0.1} | ({"adapter": adapter} if adapter else {})
    name = f"{model}-{adapter is None}-{precision}"
    kept = train(here, f"{name}-kept", model, recipe, precision)
    layers = []
    honest = Backbone.forget_activations
    monkeypatch.setattr(Backbone, "forget_activations", lambda self: (layers.append(1), honest(self)))
    again = train(here, f"{name}-again", model, recipe, precision, checkpointing=True)
    assert layers, "the stage asked for it"
    files = [path.relative_to(kept) for path in kept.rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert (again / file).read_bytes() == (kept / file).read_bytes(), file


def test_a_smaller_micro_batch_gives_the_same_curve(here: Path) -> None:
    curves = []
    for tokens in (0, 64):
        out = train(here, f"micro-{tokens}", "encoder", {"dropout": 0.0}, micro_tokens=tokens)
        curves.append([r["value"] for r in pq.read_table(out / "curve.parquet").to_pylist() if r["name"] == "loss"])
    np.testing.assert_allclose(*curves, atol=1e-5)
    assert curves[0] != curves[1], "another order of adding up"
