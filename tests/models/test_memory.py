"""The formulas of memory against transformers and torch: parameters on the meta device, what autograd keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.models.test_families import COMMON, SPECIAL
from transformers import AutoConfig, AutoModel

from waystage.models import adapters, load
from waystage.models.layers import lower as layers_below
from waystage.models.memory import PADDED, Layout, Work, adapter_parameters, layer_bytes
from waystage.models.packed import stream
from waystage.models.shapes import known, shape_of

FAMILIES = [
    "xlm-roberta", "bert", "rembert", "deberta-v2", "modernbert", "eurobert", "llama", "mistral", "qwen2", "qwen3",
    "gemma", "gemma2", "gemma3_text",
]  # fmt: skip


def _config(name: str, **more: Any) -> Any:
    special = dict(SPECIAL.get(name, {}))
    for key in ("sliding_window", "local_attention"):
        if key in special:
            special[key] = 4096
    if name == "deberta-v2":
        special["position_buckets"] = 256  # as published
    return AutoConfig.for_model(name, **{**COMMON, **special, **more})


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_are_exact(name: str) -> None:
    config = _config(name, hidden_size=64, num_attention_heads=4, num_hidden_layers=3, head_dim=16)
    model = load.fresh(config, seed=1).model
    shape = shape_of(config.to_dict())
    assert shape.backbone_parameters == sum(p.numel() for p in model.parameters())
    linears = {n: layer for n, layer in adapters.chosen(model, "all-linear").items() if ".0." in n}
    assert not any(shape.lacks(n) or shape.lacks(n.rsplit(".", 1)[-1]) for n in adapters.chosen(model, "all-linear"))
    assert shape.lacks("3." + shape.linears[0].name) and shape.lacks("pooler.dense") and shape.lacks("")
    assert {(m.wide, m.high) for m in shape.linears} == {(x.in_features, x.out_features) for x in linears.values()}
    for targets in ("all-linear", "attention"):
        chosen = adapters.chosen(model, targets).items()
        wanted = sum(4 * (x.in_features + x.out_features) for n, x in chosen if "embedding" not in n)
        assert adapter_parameters(shape, 4, targets) == wanted


@pytest.mark.parametrize("name", ["llama", "eurobert", "modernbert", "mistral", "qwen2", "qwen3", "gemma", "gemma2"])
@pytest.mark.parametrize("biases", [{"attention_bias": True}, {"mlp_bias": True}])
def test_parameters_are_exact_with_biases(name: str, biases: dict[str, bool]) -> None:
    config = _config(name, hidden_size=64, num_attention_heads=4, **biases)
    assert shape_of(config.to_dict()).backbone_parameters == sum(
        p.numel() for p in load.fresh(config, seed=1).model.parameters()
    )


# the counts that are published with these models
PUBLISHED = {
    "FacebookAI/xlm-roberta-large": 559_890_432 - 1_049_600,  # without the pooler
    "meta-llama/Llama-2-7b-hf": 6_738_415_616, "meta-llama/Llama-2-13b-hf": 13_015_864_320,
    "codellama/CodeLlama-34b-hf": 33_743_970_304, "meta-llama/Llama-3.1-70B": 70_553_706_496,
    "Qwen/Qwen2.5-7B": 7_615_616_512, "Qwen/Qwen2.5-72B": 72_706_203_648, "google/gemma-2-9b": 9_241_705_984,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_have_the_published_number_of_parameters(name: str) -> None:
    assert known()[name].parameters == PUBLISHED[name]


@pytest.mark.parametrize("name", ["FacebookAI/xlm-roberta-large", "meta-llama/Llama-3.1-70B", "google/gemma-2-27b"])
def test_large_models_on_the_meta_device(name: str) -> None:
    shape = known()[name]
    kind = "xlm-roberta" if shape.family == "xlm-r" else shape.family
    said = {
        "hidden_size": shape.hidden, "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads,
        "intermediate_size": shape.intermediate, "vocab_size": shape.vocab, "pad_token_id": 1,
        "max_position_embeddings": shape.positions, "num_key_value_heads": shape.kv_heads or shape.heads,
    }  # fmt: skip
    if shape.head_size:
        said["head_dim"] = shape.head_size
    if shape.types:
        said["type_vocab_size"] = shape.types
    options = {"add_pooling_layer": False} if kind == "xlm-roberta" else {}
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(kind, **said), **options)
    assert sum(p.numel() for p in model.parameters()) == shape.backbone_parameters
    found = sum(x.in_features + x.out_features for x in adapters.chosen(model, "all-linear").values())
    assert adapter_parameters(shape, 16, "all-linear") == 16 * found


WIDE = {
    "hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "max_position_embeddings": 600,
    "head_dim": 32,
}  # fmt: skip


def _saved(
    name: str, layers: int, precision: str, dropout: float, rank: int, lengths: np.ndarray,
    targets: str = "all-linear", freeze: int = 0,
) -> int:  # fmt: skip
    """Bytes that autograd keeps of a forward pass, without the weights."""
    backbone = load.fresh(_config(name, num_hidden_layers=layers, **WIDE), seed=1, dropout=dropout)
    if rank:
        link = adapters.Link(kind="lora", rank=rank, alpha=8.0, targets=targets, dropout=dropout)
        adapters.attach(backbone, (link,), seed=1)
    for _, parameter in layers_below(backbone.model, freeze, layers):
        parameter.requires_grad_(False)
    if precision == "bf16":
        backbone.model.to(torch.bfloat16)
    backbone.train()
    weights = {p.untyped_storage().data_ptr() for p in backbone.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        backbone(stream(np.full(int(lengths.sum()), 7), lengths))
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _agree(name: str, precision: str, dropout: float, rank: int, targets: str = "all-linear") -> None:
    """`dropout` is that of the model and of adapters."""
    lengths = np.array([127, 127])
    two, three = (_saved(name, layers, precision, dropout, rank, lengths, targets) for layers in (2, 3))
    work = Work(
        tuning="lora" if rank else "full", precision=precision, length=128, dropout=dropout > 0, rank=rank, unit=256,
        targets=targets, adapter_dropout=dropout > 0,
    )  # fmt: skip
    shape = shape_of(_config(name, **WIDE).to_dict())
    attention, rest = layer_bytes(shape, work, Layout(device="cpu"), 256)
    back = 256 * shape.queries * (4 if precision == "fp32" else 2)  # these lengths are nearly those of their block
    assert (attention - back) / PADDED + back + rest == pytest.approx(
        three - two, rel=0.1 if name == "deberta-v2" else 0.05
    )


@pytest.mark.slow
@pytest.mark.parametrize("targets", ["all-linear", "attention"])
@pytest.mark.parametrize(
    ("precision", "dropout", "rank"), [("fp32", 0.0, 0), ("fp32", 0.1, 8), ("bf16", 0.1, 8), ("bf16", 0.0, 0)]
)
@pytest.mark.parametrize("name", FAMILIES)
def test_autograd_keeps_what_the_formula_says(
    name: str, precision: str, dropout: float, rank: int, targets: str
) -> None:
    if rank or targets == "all-linear":
        _agree(name, precision, dropout, rank, targets)


def test_autograd_keeps_what_an_adapter_dropped() -> None:
    _agree("llama", "bf16", 0.1, 8)


def test_autograd_keeps_nothing_of_layers_that_are_frozen() -> None:
    lengths = np.array([127, 127])
    whole, upper = (_saved("bert", layers, "fp32", 0.0, 0, lengths, freeze=f) for layers, f in ((2, 0), (4, 2)))
    assert upper == pytest.approx(whole, rel=0.05)


def test_what_a_config_leaves_out_is_what_transformers_takes() -> None:
    raw = {"num_hidden_layers": 2, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 9}
    tied = {name: shape_of({**raw, "model_type": name}).tied for name in ("gemma", "gemma2", "llama", "qwen2", "bert")}
    assert tied == {"gemma": True, "gemma2": True, "llama": False, "qwen2": False, "bert": True}
