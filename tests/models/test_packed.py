"""Packing loses nothing, whatever the lengths; dropout has the right mean, share and seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.models.dropout import Noise
from waystage.models.packed import ROUND, back_to_stream, into_groups, stream

lengths = st.lists(st.integers(1, 200), min_size=1, max_size=40).map(np.array)


@settings(deadline=None)
@given(lengths)
def test_into_groups_and_back(sizes: np.ndarray) -> None:
    real = int(sizes.sum())
    packed = stream(np.arange(real) % 50, sizes)
    layout = packed.layout
    assert len(packed.ids) % ROUND == 0
    rows = torch.randn(len(packed.ids), 3, requires_grad=True)
    blocks = into_groups(rows, layout)
    again = back_to_stream(blocks, layout)
    assert torch.equal(again[:real], rows[:real])
    assert not again[real:].any()
    weights = torch.randn(real, 3)
    (again[:real] * weights).sum().backward()
    assert rows.grad is not None
    assert torch.equal(rows.grad[:real], weights)
    assert not rows.grad[real:].any()


@given(lengths)
@settings(deadline=None)
def test_groups_hold_each_sequence_once(sizes: np.ndarray) -> None:
    layout = stream(np.zeros(int(sizes.sum()), np.int64), sizes).layout
    real = [
        n * size if keys is None else int(keys.sum())
        for (n, size), keys in zip(layout.groups, layout.keys, strict=True)
    ]
    assert sum(n for n, _ in layout.groups) == len(sizes)
    assert sum(real) == sizes.sum()


def test_positions_start_anew_in_each_sequence() -> None:
    packed = stream(np.arange(6), np.array([2, 1, 3]))
    assert packed.positions[:6].tolist() == [0, 1, 0, 0, 1, 2]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_dropout_keeps_the_mean_and_repeats_with_its_seed(kind: torch.dtype) -> None:
    noise, x = Noise(), torch.ones(200_000, dtype=kind, requires_grad=True)
    noise.seed(1, 2, 3)
    dropped = noise.drop(x, 0.1)
    dropped.sum().backward()
    first = dropped.detach()
    assert x.grad is not None
    assert torch.equal(x.grad, first)
    assert abs(float((first == 0).float().mean()) - 0.1) < 0.005
    assert abs(float(first.float().mean()) - 1) < 0.005
    noise.seed(1, 2, 4)
    assert not torch.equal(noise.drop(x, 0.1), first)
    noise.seed(1, 2, 3)
    assert torch.equal(noise.drop(x, 0.1), first)
