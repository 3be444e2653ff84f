"""What is written out by hand for speed gives what torch's own pieces give: attention, the table, the vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from waystage.models import vocabulary
from waystage.models.attend import attend
from waystage.models.dropout import Noise
from waystage.models.packed import _seen, plan
from waystage.models.table import Slot, Table
from waystage.models.vocabulary import cross_entropy


def _by_torch(rows: list[Tensor], lengths: np.ndarray, layout, heads: int, p: float, noise: Noise, **seen) -> Tensor:  # type: ignore[no-untyped-def]
    """Sequence by sequence, with the factors that each block drew."""
    q, k, v = rows
    size = q.shape[1] // heads
    out = torch.zeros_like(q)
    first = 0
    for number, (n, length) in enumerate(layout.groups):
        into = layout.into[first : first + n * length]
        first += n * length
        qg, kg, vg = (x[into].view(n, length, heads, size).transpose(1, 2) for x in (q, k, v))
        scores = qg @ kg.transpose(2, 3) * size**-0.5
        seen_by = _seen(layout, None, number, seen.get("window"), seen.get("causal", False))
        if seen_by is not None:
            scores = scores.masked_fill(~seen_by, -torch.inf)
        shares = scores.softmax(-1)
        factor = noise.factor(shares.reshape(n * heads, length, length), p).view_as(shares)
        found = ((shares * factor) @ vg).transpose(1, 2).reshape(n * length, -1)
        real = into < int(lengths.sum())
        out = out.index_copy(0, into[real], found[real])
    return out


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=7), st.sampled_from([1, 2, 4]), st.booleans(),
    st.sampled_from([None, 3, 50]), st.sampled_from([0.0, 0.1, 0.5]),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_attention_and_its_gradient(sizes: list[int], heads: int, causal: bool, window: int | None, p: float) -> None:
    lengths = np.array(sizes)
    total = -(-(int(lengths.sum()) + 1) // 128) * 128
    layout = plan(lengths, total)
    torch.manual_seed(0)
    rows = [torch.randn(total, heads * 8, dtype=torch.float32).requires_grad_() for _ in range(3)]
    seen = [_seen(layout, None, number, window, causal) for number in range(len(layout.groups))]
    weight = torch.randn(total, heads * 8)
    weight[int(lengths.sum()) :] = 0  # nobody reads the tail
    noise = Noise()
    noise.seed(1)
    mine = attend((rows[0], rows[1], rows[2]), layout, layout, seen, heads=heads, scale=8**-0.5, p=p, noise=noise)
    found = torch.autograd.grad((mine * weight).sum(), rows)
    noise.seed(1)
    theirs = _by_torch(rows, lengths, layout, heads, p, noise, window=window, causal=causal)
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
    for one, two in zip(found, torch.autograd.grad((theirs * weight).sum(), rows), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("padding", [None, 3])
def test_a_table_adds_its_gradient_up_in_its_slot(padding: int | None) -> None:
    plain = torch.nn.Embedding(50, 4, padding_idx=padding)
    table = Table.of(plain)
    assert table.weight is plain.weight
    grads = torch.zeros(50, 4)
    table.slot = Slot(grads)
    ids = torch.tensor([[3, 7, 7, 49], [0, 7, 3, 1]])
    for _ in range(2):  # as for two micro-batches
        weight = torch.randn(2, 4, 4)
        (plain(ids) * weight).sum().backward()
        (table(ids) * weight).sum().backward()
    torch.testing.assert_close(grads, plain.weight.grad)
    table.slot.clear()
    assert not grads.any()
    with torch.no_grad():
        torch.testing.assert_close(table(ids), plain(ids))


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("slotted", [True, False])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_the_loss_over_a_vocabulary_in_blocks(
    monkeypatch: pytest.MonkeyPatch, kind: torch.dtype, slotted: bool, biased: bool
) -> None:
    monkeypatch.setitem(vocabulary.BLOCK, "cpu", 1024)  # three blocks, the last one short
    torch.manual_seed(0)
    x = torch.randn(9, 16).to(kind).requires_grad_()
    table = (torch.randn(2500, 16) * 0.3).requires_grad_()
    bias = torch.randn(2500).requires_grad_() if biased else None
    labels, weight = torch.randint(0, 2500, (9,)), torch.rand(9)
    labels[:3] = torch.tensor([0, 1023, 2499])
    slot = Slot(torch.zeros(2500, 16)) if slotted else None
    wanted_logits = torch.nn.functional.linear(x, table.to(kind), None if bias is None else bias.to(kind)).float()
    wanted = torch.nn.functional.cross_entropy(wanted_logits, labels, reduction="none")
    parameters = [x, table] if bias is None else [x, table, bias]
    want = torch.autograd.grad((wanted * weight).sum(), parameters)
    found = cross_entropy(x, table, bias, labels, slot)
    near = {"atol": 1e-5, "rtol": 1e-4} if kind == torch.float32 else {"atol": 2e-2, "rtol": 2e-2}
    torch.testing.assert_close(found, wanted, **near)
    got = list(torch.autograd.grad((found * weight).sum(), parameters, allow_unused=True))
    if slot is not None:
        assert got[1] is None
        got[1] = slot.grads
    for one, two in zip(got, want, strict=True):
        torch.testing.assert_close(one, two, **near)


def test_without_gradients_no_logits_are_kept() -> None:
    x, table = torch.randn(4, 8), torch.randn(30, 8)
    with torch.no_grad():
        found = cross_entropy(x, table, None, torch.arange(4))
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(x @ table.T, torch.arange(4), reduction="none"))
