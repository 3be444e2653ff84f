"""The last layer at the tokens that are read: the same vectors and the same gradients as the whole layer gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.test_families import _config, _ids, _types
from torch import Tensor

from waystage.models import last, load
from waystage.models.adapters import Link, attach
from waystage.models.asked import ask, pick, place
from waystage.models.backbone import Backbone
from waystage.models.families import FAMILIES
from waystage.models.packed import into_groups, stream

LENGTHS = np.array([5, 40, 17, 60, 16, 2])
STARTS = np.cumsum(LENGTHS) - LENGTHS
READS = {
    "first": STARTS,
    "last": np.cumsum(LENGTHS) - 1,
    "scattered": np.flatnonzero(np.random.default_rng(1).random(LENGTHS.sum()) < 0.2),
    "one": np.array([70]),
    "none": np.zeros(0, np.int64),  # a part of a batch in which no word is hidden
}
FEW = [name for name, family in FAMILIES.items() if family.last is not None]


def _gradients(backbone: Backbone, rows: np.ndarray, weights: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    backbone.zero_grad()
    found = backbone(stream(_ids(), LENGTHS, types=_types()), rows=rows)[: len(rows)]
    (found * weights).sum().backward()
    return found.detach(), {n: p.grad.clone() for n, p in backbone.named_parameters() if p.grad is not None}


def _same(found: tuple[Tensor, dict[str, Tensor]], wanted: tuple[Tensor, dict[str, Tensor]]) -> None:
    torch.testing.assert_close(found[0], wanted[0], atol=1e-5, rtol=1e-5)
    assert found[1].keys() == wanted[1].keys()
    for name, grad in wanted[1].items():
        torch.testing.assert_close(found[1][name], grad, atol=2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("name", FEW)
def test_as_the_whole_layer(name: str, reads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    rows = READS[reads]
    weights = torch.randn(len(rows), 32)
    backbone = load.fresh(_config(name), seed=1, dropout=0.0).train()
    seen: list[int] = []
    layers: Any = backbone.model.get_submodule(FAMILIES[name].last.layers)  # type: ignore[union-attr]
    layers[-1].register_forward_hook(lambda module, args, out: seen.append(out.shape[1]))
    found = _gradients(backbone, rows, weights)
    with monkeypatch.context() as patch:
        patch.setattr("waystage.models.backbone.FEW", -1.0)
        wanted = _gradients(backbone, rows, weights)
    _same(found, wanted)
    assert seen[0] < seen[1] == 256, "the layer ran whole"


@pytest.mark.parametrize("name", ["xlm-roberta", "modernbert", "qwen3"])
def test_computed_again(name: str) -> None:
    """Layers that forget what they computed find the same rows when they compute it again."""
    rows, weights = READS["scattered"], torch.randn(len(READS["scattered"]), 32)
    backbone = load.fresh(_config(name), seed=1, dropout=0.1).train()
    backbone.noise.seed(5)
    wanted = _gradients(backbone, rows, weights)
    backbone.forget_activations()
    backbone.noise.seed(5)
    _same(_gradients(backbone, rows, weights), wanted)


@pytest.mark.parametrize("name", ["xlm-roberta", "llama"])
def test_under_an_adapter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weights = READS["first"], torch.randn(len(LENGTHS), 32)
    backbone = load.fresh(_config(name), seed=1, dropout=0.0).train()
    attach(backbone, (Link(kind="lora", rank=2, alpha=4, targets="all-linear"),), seed=1)
    for at, parameter in backbone.named_parameters():
        if "lora_B" in at:
            torch.nn.init.normal_(parameter)
    found = _gradients(backbone, rows, weights)
    monkeypatch.setattr("waystage.models.backbone.FEW", -1.0)
    _same(found, _gradients(backbone, rows, weights))


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma3_text"])
def test_a_decoder_that_looks_both_ways(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, weights = READS["scattered"], torch.randn(len(READS["scattered"]), 32)
    backbone = load.fresh(_config(name), seed=1, dropout=0.0).train()
    load._look_both_ways({"name": name, "attention": "bidirectional"}, backbone.model, causal=True)
    found = _gradients(backbone, rows, weights)
    monkeypatch.setattr("waystage.models.backbone.FEW", -1.0)
    _same(found, _gradients(backbone, rows, weights))


def test_batches_of_several_heads_in_turn() -> None:
    """A pass that reads everything after one that reads little is whole again, and the other way round."""
    backbone = load.fresh(_config("xlm-roberta"), seed=1).eval()
    packed = stream(_ids(), LENGTHS)
    with torch.no_grad():
        whole = backbone(packed)
        few = backbone(packed, rows=STARTS)[: len(STARTS)]
        assert torch.equal(backbone(packed), whole)
        hidden = backbone(packed, [0, 2])
        assert torch.equal(hidden[1], whole)
    torch.testing.assert_close(few, whole[torch.from_numpy(STARTS)], atol=1e-5, rtol=1e-5)


def test_dropout_drops_its_share() -> None:
    """With dropout the two ways draw other numbers; what they do on average is the same."""
    config = _config("xlm-roberta")
    config.hidden_dropout_prob, config.attention_probs_dropout_prob = 0.0, 0.5
    backbone = load.fresh(config, seed=1).train()
    packed = stream(_ids(), LENGTHS)
    with torch.no_grad():
        draws = torch.stack([backbone(packed, rows=STARTS)[: len(STARTS)] for _ in range(300)])
        wanted = torch.stack([backbone(packed)[torch.from_numpy(STARTS)] for _ in range(300)])
    error = (draws.var(0) / 300 + wanted.var(0) / 300).sqrt()
    assert float(((draws.mean(0) - wanted.mean(0)).abs() / error).mean()) < 1.2
    torch.testing.assert_close(draws.std(0).mean(), wanted.std(0).mean(), rtol=0.05, atol=0)


@settings(deadline=None)
@given(st.data())
def test_every_row_that_is_asked_stands_in_its_own_sequence(data: st.DataObject) -> None:
    sizes = np.array(data.draw(st.lists(st.integers(1, 80), min_size=1, max_size=20)))
    real = int(sizes.sum())
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, real - 1), min_size=1, max_size=60))))
    packed = stream(np.zeros(real, np.int64), sizes)
    asked = ask(rows, sizes, packed.layout)
    x = torch.randn(len(packed.ids), 2)
    picked = pick(x, asked)
    assert torch.equal(picked[: len(rows)], x[torch.from_numpy(rows)])
    assert torch.equal(pick(place(picked, asked, len(x)), asked)[: len(rows)], picked[: len(rows)])
    numbers = torch.arange(len(picked))[:, None].repeat(1, 2)
    blocks = into_groups(numbers, asked)[:, 0]
    assert torch.equal(blocks[asked.back[: len(rows)]], torch.arange(len(rows)))
    sequence = np.searchsorted(np.cumsum(sizes), rows, side="right")
    begin = 0
    for (n, width), members, at in zip(asked.groups, packed.layout.members, asked.at, strict=True):
        block = blocks[begin : begin + n * width].view(n, width).numpy()
        begin += n * width
        for line, (numbers_, places) in enumerate(zip(block, at.numpy(), strict=True)):
            there = numbers_ < len(rows)
            assert (sequence[numbers_[there]] == members[line]).all()
            starts = np.cumsum(sizes) - sizes
            assert (rows[numbers_[there]] == starts[members[line]] + places[there]).all()


def test_who_reads_most_of_the_tokens_gets_the_whole_layer() -> None:
    backbone = load.fresh(_config("xlm-roberta"), seed=1).eval()
    rows = np.arange(int(LENGTHS.sum()) - 5)
    backbone(stream(_ids(), LENGTHS), rows=rows)
    assert backbone.last is None or backbone.last.asked is None
    assert last.FEW * LENGTHS.sum() < len(rows)
