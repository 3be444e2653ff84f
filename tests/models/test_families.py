"""Every family with every head: the packed stream gives what the padded original gives, and survives a save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel

from waystage.errors import DataError
from waystage.forms.encoded import Head
from waystage.models import heads, load, shapes
from waystage.models.backbone import Backbone
from waystage.models.families import FAMILIES
from waystage.models.packed import stream
from waystage.training.checkpoint import save_weights
from waystage.training.corpus import Batch
from waystage.training.network import Network

COMMON = {
    "vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48,
    "max_position_embeddings": 130, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
SHARED_KEYS = {"num_key_value_heads": 1, "head_dim": 16}
SPECIAL: dict[str, dict[str, Any]] = {
    "xlm-roberta": {"pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1},
    "roberta": {"pad_token_id": 1, "bos_token_id": 0, "type_vocab_size": 1},
    "xlm-roberta-xl": {"pad_token_id": 1, "bos_token_id": 0},
    "rembert": {"input_embedding_size": 16, "output_embedding_size": 24},
    "deberta-v2": {
        "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 16, "type_vocab_size": 0,
        "share_att_key": True, "position_biased_input": False, "norm_rel_ebd": "layer_norm",
    },
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2, "cls_token_id": 1, "sep_token_id": 2},
    "eurobert": {"num_key_value_heads": 1, "mask_token_id": 3},
    "llama": {"num_key_value_heads": 1},
    "mistral": {**SHARED_KEYS, "sliding_window": 8},
    "qwen2": {"num_key_value_heads": 1},
    "qwen3": SHARED_KEYS,
    "gemma": SHARED_KEYS,
    "gemma2": {**SHARED_KEYS, "sliding_window": 8},
    "gemma3_text": {**SHARED_KEYS, "sliding_window": 8},
}  # fmt: skip
LENGTHS = np.array([5, 40, 17, 60, 16, 2])
HEADS = [
    Head("sequence", 3), Head("option", 1), Head("token", 4), Head("span", 2), Head("embed", 0), Head("vocabulary", 0),
]  # fmt: skip


def _config(name: str) -> Any:
    return AutoConfig.for_model(name, **{**COMMON, **SPECIAL.get(name, {})})


def _ids() -> np.ndarray:
    return np.random.default_rng(0).integers(5, 300, int(LENGTHS.sum()))


def _types() -> np.ndarray:
    return np.concatenate([np.arange(n) >= n // 2 for n in LENGTHS]).astype(np.uint8)


def _batch() -> Batch:
    where = np.cumsum(LENGTHS) - 1
    return Batch(_ids(), LENGTHS, np.arange(len(LENGTHS) + 1), None, where, _types(), None)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_stream_gives_what_single_sequences_give(name: str) -> None:
    ours = load.fresh(_config(name), seed=1).eval()
    original = AutoModel.from_config(_config(name), attn_implementation="eager").eval()
    original.load_state_dict(ours.model.state_dict(), strict=False)
    ids, types = _ids(), _types()
    packed = stream(ids, LENGTHS, types=types)
    with torch.no_grad():
        found = ours(packed)
        for start, length in zip(packed.starts, LENGTHS, strict=True):
            part = slice(int(start), int(start + length))
            said = {"input_ids": torch.from_numpy(ids[part])[None], "attention_mask": torch.ones(1, int(length))}
            if ours.typed:
                said["token_type_ids"] = torch.from_numpy(types[part].astype(np.int64))[None]
            wanted = original(**said).last_hidden_state[0]
            torch.testing.assert_close(found[part], wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_plan_knows_how_long_a_sequence_may_be(name: str) -> None:
    assert shapes.shape_of(_config(name).to_dict()).longest == load.fresh(_config(name), seed=1).longest


@pytest.mark.parametrize("name", FAMILIES)
def test_every_head_learns_saves_and_comes_back(name: str, tmp_path: Path) -> None:
    backbone = load.fresh(_config(name), seed=1)
    network = Network(backbone, {h.kind: heads.make(h, backbone, drop=0.1, seed=2, name=h.kind) for h in HEADS})
    batch = _batch()
    network.train()
    torch.stack([network(batch, head.kind).float().square().mean() for head in HEADS]).sum().backward()
    without = {n for n, p in network.named_parameters() if p.grad is None}
    assert all("pooler" in n for n in without), without
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)

    network.eval()
    save_weights(tmp_path / "all.safetensors", network.state_dict())
    other_backbone = load.fresh(_config(name), seed=7)
    other = Network(other_backbone, {h.kind: heads.make(h, other_backbone, drop=0.1, seed=8) for h in HEADS}).eval()
    other.load_state_dict(load_file(tmp_path / "all.safetensors"))
    with torch.no_grad():
        for head in HEADS:
            assert torch.equal(network(batch, head.kind), other(batch, head.kind)), head.kind


@pytest.mark.parametrize("name", ["xlm-roberta", "modernbert", "llama", "deberta-v2"])
def test_the_tail_of_a_stream_gets_no_gradient(name: str) -> None:
    backbone = load.fresh(_config(name), seed=1)
    backbone(stream(np.full(3, 7), np.array([3])))[:3].square().sum().backward()
    touched = backbone.embedding.weight.grad
    assert touched is not None
    assert touched.abs().sum(1).nonzero().flatten().tolist() == [7]


def test_an_unknown_family_is_refused_by_name() -> None:
    from transformers import GPT2Config

    from waystage.errors import UnknownName

    with pytest.raises(UnknownName, match="gpt2"):
        load.fresh(GPT2Config(n_layer=1, n_embd=8, n_head=1, vocab_size=10), seed=1)


def test_a_cut_table_is_put_back_whole() -> None:
    backbone: Backbone = load.fresh(_config("xlm-roberta"), seed=1)
    before = backbone.embedding.weight.detach().clone()
    whole = backbone.cut(np.array([2, 5, 9]))
    trained = backbone.embedding.weight.detach() + 1
    after = backbone.whole_table(whole, trained, 0.5)
    torch.testing.assert_close(after[[2, 5, 9]], before[[2, 5, 9]] + 1)
    idle = [i for i in range(300) if i not in (2, 5, 9)]
    torch.testing.assert_close(after[idle], before[idle] * 0.5)


def _saved(folder: Path, name: str, drop: str) -> Backbone:
    """A checkpoint without the weights that have `drop` in their name, as it is read again."""
    torch.manual_seed(3)
    AutoModel.from_config(_config(name)).save_pretrained(folder)
    kept = {n: t for n, t in load_file(folder / "model.safetensors").items() if drop not in n}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    torch.manual_seed(np.random.default_rng().integers(2**31))
    return load.backbone({"name": "local", "revision": "-"}, {"model": str(folder)})


@pytest.mark.parametrize("name", ["xlm-roberta", "rembert", "llama"])
def test_weights_that_a_checkpoint_lacks_are_never_random(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"are missing or of another size, the first is '.*layers?\.1\."):
        _saved(tmp_path / "part", name, "layer.1." if name != "llama" else "layers.1.")
    first, again = (_saved(tmp_path / str(number), name, "pooler").model.state_dict() for number in range(2))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[part], again[part]) for part in first)


def test_weights_of_another_size_are_not_taken(tmp_path: Path) -> None:
    _saved(tmp_path, "xlm-roberta", "pooler")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "intermediate_size": 40}))
    with pytest.raises(DataError, match=r"6 are missing or of another size, the first is 'encoder\.layer\.0\.inter"):
        load.backbone({"name": "local", "revision": "-"}, {"model": str(tmp_path)})
