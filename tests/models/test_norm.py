"""In bf16 the gradients of gains, biases and of the tables of positions and types are still those of fp32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.models.test_families import _config, _ids, _types
from torch import nn

from waystage.models import load
from waystage.models.families import FAMILIES
from waystage.models.norm import Norm
from waystage.models.packed import stream
from waystage.training import setup
from waystage.training.loop import full_precision
from waystage.training.network import Network
from waystage.training.weights import Weights


@pytest.mark.parametrize("biased", [True, False])
def test_sums_over_many_tokens_are_not_lost(biased: bool) -> None:
    torch.manual_seed(0)
    plain = nn.LayerNorm(64, bias=biased)
    nn.init.uniform_(plain.weight)
    x, weight = torch.randn(3000, 64).bfloat16(), torch.randn(3000, 64).bfloat16() + 0.1
    exact = plain.double()
    y = x.double().requires_grad_()
    wanted = torch.autograd.grad((exact(y) * weight.double()).sum(), [y, *exact.parameters()])
    ours = Norm.of(plain.bfloat16())
    z = x.clone().requires_grad_()
    found = torch.autograd.grad((ours(z) * weight).sum(), [z, *ours.parameters()])
    for one, two in zip(found, wanted, strict=True):
        assert one.dtype == torch.bfloat16
        assert float((one.double() - two).norm() / two.norm()) < 0.01
    ours.requires_grad_(False)
    torch.testing.assert_close(ours(z), nn.functional.layer_norm(z, (64,), ours.weight, ours.bias))


@pytest.mark.parametrize("name", FAMILIES)
def test_the_direction_of_the_gradient_in_bf16(name: str) -> None:
    lengths = np.array([5, 40, 17, 60, 16, 2])
    found = {}
    for precision in ("fp32", "bf16"):
        network = Network(load.fresh(_config(name), seed=1, dropout=0.0), {})
        if precision == "bf16":
            setup.half(network.backbone)
        weights = Weights(network, precision=precision, full=full_precision(network))
        hidden = network.backbone(stream(_ids(), lengths, types=_types()))
        pull = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(0))[: lengths.sum()]
        (hidden[: lengths.sum()].float() * pull).sum().backward()
        weights.collect()
        found[precision] = dict(zip(weights.names, weights.grad_views, strict=True))
    exact, rough = (torch.cat([g.double().flatten() for g in one.values()]) for one in found.values())
    assert float((rough - exact).norm() / exact.norm()) < 0.06
    for part, grad in found["fp32"].items():
        if "position_embeddings" in part or "token_type" in part:
            assert float((found["bf16"][part] - grad).norm() / grad.norm()) < 0.06, part
