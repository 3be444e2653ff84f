"""The language-model head of a checkpoint: the same logits and the same loss as transformers' own class."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.test_families import COMMON, SHARED_KEYS, SPECIAL
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

from waystage.models import load
from waystage.models.backbone import Backbone
from waystage.models.families import FAMILIES, family
from waystage.models.packed import stream
from waystage.training.corpus import Batch
from waystage.training.network import Network

LENGTHS = np.array([5, 40, 17, 2])
WIDE = {"initializer_range": 0.25}  # so that scores reach where caps bend them, and what is forgotten shows
LOUD = {"gemma2": {"final_logit_softcapping": 2.0, "attn_logit_softcapping": 2.0, "query_pre_attn_scalar": 3}}
# (family, what else its config says): XLM-R and Glot500 are one family, mBERT is bert, mmBERT is modernbert
ENCODERS: list[tuple[str, dict[str, Any]]] = [
    ("xlm-roberta", {}),
    ("xlm-roberta-xl", {}),
    ("bert", {}),
    ("bert", {"hidden_act": "gelu_new"}),
    ("rembert", {}),
    ("deberta-v2", {"legacy": True}),
    ("deberta-v2", {"legacy": False}),
    ("modernbert", {}),
    ("modernbert", {"classifier_bias": True, "norm_bias": True, "norm_eps": 1e-3}),
    ("modernbert", {"decoder_bias": False, "tie_word_embeddings": False}),
    ("eurobert", {}),
    ("eurobert", {"mlp_bias": True}),
    ("eurobert", {"tie_word_embeddings": True}),
]
DECODERS = [name for name in FAMILIES if FAMILIES[name].causal]


def config(name: str, more: dict[str, Any]) -> Any:
    return AutoConfig.for_model(name, **{**COMMON, **SPECIAL.get(name, {}), **WIDE, **more})


def checkpoint(folder: Path, config: Any) -> Any:
    """Saved with random weights everywhere, biases too; transformers' model."""
    torch.manual_seed(0)
    kind = AutoModelForCausalLM if family(config).causal else AutoModelForMaskedLM
    made = kind.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    made.save_pretrained(folder)
    return kind.from_pretrained(folder, attn_implementation="eager").eval()


def ours(folder: Path, said: list[str] | None = None) -> Network:
    backbone = load.backbone({"name": "local", "revision": "-"}, {"model": str(folder)}, dropout=0.0)
    log = [] if said is None else said
    return Network(backbone, {"mlm": load.vocabulary_head(backbone, folder, seed=3, log=log.append)}).eval()


def batch(ids: np.ndarray, where: np.ndarray, labels: np.ndarray) -> Batch:
    return Batch(ids, LENGTHS, np.arange(len(LENGTHS) + 1), labels, where, None, None)


def asked() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids, where, and the tokens to guess there."""
    draw = np.random.default_rng(0)
    ids = draw.integers(5, 300, int(LENGTHS.sum()))
    where = np.array([1, 4, 9, 30, 44, 50, 63])
    return ids, where, draw.integers(5, 300, len(where))


def theirs(model: Any, ids: np.ndarray) -> torch.Tensor:
    cuts = np.cumsum(LENGTHS)[:-1]
    return torch.cat([model(input_ids=torch.from_numpy(one)[None]).logits[0] for one in np.split(ids, cuts)])


def close(name: str, more: dict[str, Any], folder: Path) -> None:
    """Logits, losses and every gradient of the loss."""
    model = checkpoint(folder, config(name, more))
    said: list[str] = []
    network = ours(folder, said)
    assert not said
    ids, where, labels = asked()
    wanted = theirs(model, ids)[where]
    assert wanted.std() > 0.1
    torch.testing.assert_close(network(batch(ids, where, labels), "mlm")[: len(where)], wanted, atol=2e-4, rtol=1e-3)
    loss = torch.nn.functional.cross_entropy(wanted, torch.from_numpy(labels))
    mine = network.guesses(batch(ids, where, labels), "mlm").mean()
    assert mine.item() == pytest.approx(loss.item(), rel=1e-4)
    loss.backward()
    mine.backward()
    prefix = family(model.config).prefix
    body = dict(getattr(model, prefix.rstrip(".")).named_parameters())
    for part, parameter in network.backbone.model.named_parameters():
        if parameter.grad is not None and body[part].grad is not None:
            torch.testing.assert_close(parameter.grad, body[part].grad, atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize(("name", "more"), ENCODERS, ids=[f"{n}-{'-'.join(map(str, m.values()))}" for n, m in ENCODERS])
def test_the_published_head_of_every_encoder(name: str, more: dict[str, Any], tmp_path: Path) -> None:
    close(name, more, tmp_path)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("name", DECODERS)
def test_the_next_token_of_every_decoder(name: str, tied: bool, tmp_path: Path) -> None:
    close(name, {**LOUD.get(name, {}), "tie_word_embeddings": tied}, tmp_path)


@pytest.mark.parametrize("name", ["bert", "deberta-v2"])
def test_heads_under_the_names_that_were_published(name: str, tmp_path: Path) -> None:
    """mBERT has the names of TensorFlow, mDeBERTa those of its authors."""
    model = checkpoint(tmp_path, config(name, {}))
    stored = load_file(tmp_path / "model.safetensors")
    renamed = {}
    for part, tensor in stored.items():
        if name == "bert":
            part = part.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        elif part.startswith("cls.predictions"):
            part = part.replace("cls.predictions.transform", "lm_predictions.lm_head")
            part = part.replace("cls.predictions", "lm_predictions.lm_head")
        renamed[part] = tensor.clone()
    save_file(renamed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    said: list[str] = []
    ids, where, labels = asked()
    with torch.no_grad():
        found = ours(tmp_path, said)(batch(ids, where, labels), "mlm")[: len(where)]
        torch.testing.assert_close(found, theirs(model, ids)[where], atol=2e-4, rtol=1e-3)
    assert not said


@pytest.mark.parametrize("name", ["xlm-roberta", "rembert", "modernbert", "eurobert", "llama"])
def test_where_there_is_no_head_a_new_one_is_said(name: str, tmp_path: Path) -> None:
    AutoModel.from_config(config(name, {"tie_word_embeddings": False})).save_pretrained(tmp_path)
    said: list[str] = []
    ids, where, labels = asked()
    assert ours(tmp_path, said).guesses(batch(ids, where, labels), "mlm").isfinite().all()
    assert len(said) == 1 and "no language-model head" in said[0]


@pytest.mark.parametrize("name", DECODERS)
def test_packed_is_padded_is_transformers(name: str) -> None:
    """With weights so large that attention is sharp: windows, caps, scales of queries and of embeddings all show."""
    shape = config(name, {**SHARED_KEYS, **LOUD.get(name, {})})
    packed = load.fresh(shape, seed=1).eval()
    original = AutoModel.from_config(config(name, {**SHARED_KEYS, **LOUD.get(name, {})}), attn_implementation="eager")
    original.load_state_dict(packed.model.state_dict())
    padded = Backbone(original.eval(), replace(FAMILIES[name], packed=False), {})
    ids, *_ = asked()
    read = stream(ids, LENGTHS)
    with torch.no_grad():
        cuts = np.cumsum(LENGTHS)[:-1]
        singles = [original(input_ids=torch.from_numpy(one)[None]).last_hidden_state[0] for one in np.split(ids, cuts)]
        wanted = torch.cat(singles)
        for found in (packed(read), padded(read)):
            torch.testing.assert_close(found[: len(ids)], wanted, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(wanted[:5], wanted[5:10], atol=0.1)
