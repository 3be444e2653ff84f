from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from waystage.forms import losses
from waystage.forms.encoded import Targets


def targets(labels, sequences=(0,), units=(0,)) -> Targets:
    return Targets(torch.tensor(labels), torch.tensor(sequences), torch.tensor(units))


def test_hidden_rows_are_neither_summed_nor_counted():
    logits = torch.randn(4, 3)
    total, count = losses.classes(logits, targets([0, -100, 2, -100]))
    assert count == 2
    assert total == pytest.approx(F.cross_entropy(logits[[0, 2]], torch.tensor([0, 2]), reduction="sum").item())


def test_options_compete_within_their_unit():
    logits = torch.randn(5, 1)
    total, count = losses.options(logits, targets([1, 2], units=[0, 2, 5]))
    expected = -logits[:2, 0].log_softmax(0)[1] - logits[2:, 0].log_softmax(0)[2]
    assert (float(total), int(count)) == (pytest.approx(expected.item()), 2)


def test_starts_and_ends_compete_within_their_sequence():
    out = torch.randn(7, 2, requires_grad=True)
    total, count = losses.spans(out, targets([[1, 2], [-100, -100], [0, 0]], sequences=[0, 3, 5, 7]))
    expected = -(
        out[:3, 0].log_softmax(0)[1] + out[:3, 1].log_softmax(0)[2]
        + out[5:, 0].log_softmax(0)[0] + out[5:, 1].log_softmax(0)[0]
    ) / 2  # fmt: skip
    assert (total.item(), int(count)) == (pytest.approx(expected.item()), 2)
    total.backward()
    assert torch.isfinite(out.grad).all() and (out.grad[3:5] == 0).all()


def test_scores_that_are_hidden_do_not_count():
    total, count = losses.squares(torch.tensor([[0.5], [9.0]]), targets([1.0, float("nan")]))
    assert (total.item(), count.item()) == (pytest.approx(0.25), 1)
    total, count = losses.cosines(torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 2]]), targets([1.0, 0.5]))
    assert (total.item(), count.item()) == (pytest.approx(0.25), 2)


def test_queries_with_the_same_answer_are_not_each_others_wrong_answers():
    vectors = torch.randn(6, 8)
    apart, _ = losses.contrast(vectors, targets([1, 2, 3]))
    vectors[3] = vectors[1]
    same, count = losses.contrast(vectors, targets([1, 1, 3]))
    counted_twice, _ = losses.contrast(vectors, targets([1, 2, 3]))
    assert count == 3
    assert same < counted_twice
    first, second = F.normalize(vectors[0::2], dim=-1), F.normalize(vectors[1::2], dim=-1)
    scores = first @ second.T / losses.TEMPERATURE
    right = torch.arange(3)
    expected = (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) * 3 / 2
    assert counted_twice.item() == pytest.approx(expected.item(), rel=1e-5)
    assert torch.isfinite(apart)


def test_parts_of_a_batch_sum_to_the_whole():
    out = torch.randn(9, 2)
    whole, _ = losses.spans(out, targets([[1, 2], [0, 1], [2, 2]], sequences=[0, 3, 6, 9]))
    first, _ = losses.spans(out[:3], targets([[1, 2]], sequences=[0, 3]))
    rest, _ = losses.spans(out[3:], targets([[0, 1], [2, 2]], sequences=[0, 3, 6]))
    assert (first + rest).item() == pytest.approx(whole.item())


def both_ways(first: torch.Tensor, second: torch.Tensor) -> float:
    one, other = first.detach().log_softmax(-1), second.detach().log_softmax(-1)
    return sum(F.kl_div(a, b, log_target=True, reduction="sum").item() for a, b in ((one, other), (other, one)))


def test_readings_are_apart_by_their_divergence_where_there_is_a_label():
    first, second = torch.randn(2, 4, 3)
    apart = losses.classes_apart(first, second, targets([0, -100, 2, -100])).item()
    assert apart == pytest.approx(both_ways(first[[0, 2]], second[[0, 2]]), rel=1e-4)
    assert losses.classes_apart(first, first, targets([0, 1, 2, 0])).item() == 0


def test_options_and_tokens_are_apart_within_their_unit_and_sequence():
    first, second = torch.randn(2, 5, 1, requires_grad=True)
    apart = losses.options_apart(first, second, targets([1, 2], units=[0, 2, 5]))
    expected = both_ways(first[:2, 0], second[:2, 0]) + both_ways(first[2:, 0], second[2:, 0])
    assert apart.item() == pytest.approx(expected, rel=1e-4)
    one, other = torch.randn(7, 2, requires_grad=True), torch.randn(7, 2)
    apart = losses.spans_apart(one, other, targets([[1, 2], [-100, -100], [0, 0]], sequences=[0, 3, 5, 7]))
    rows = [(slice(0, 3), 0), (slice(0, 3), 1), (slice(5, 7), 0), (slice(5, 7), 1)]
    assert apart.item() == pytest.approx(sum(both_ways(one[at], other[at]) for at in rows) / 2, rel=1e-4)
    apart.backward()
    assert torch.isfinite(one.grad).all() and (one.grad[3:5] == 0).all()


def test_numbers_are_apart_by_their_squared_difference():
    apart = losses.squares_apart(torch.tensor([[0.5], [9.0]]), torch.tensor([[1.0], [0.0]]), targets([1, float("nan")]))
    assert apart.item() == pytest.approx(0.25)
    near, far = torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([[1.0, 0], [0, 2]])
    assert losses.cosines_apart(near, far, targets([1.0])).item() == pytest.approx(1.0)
