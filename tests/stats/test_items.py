from __future__ import annotations

import numpy as np
import pytest

from waystage.stats.items import of_spans, of_values, this_checkpoint, this_method


def hits(shape: tuple[int, ...], rate: float = 0.7, draw: int = 0) -> np.ndarray:
    return (np.random.default_rng(draw).random(shape) < rate).astype(float)


def test_the_estimate_is_the_difference_of_averages():
    values = hits((2, 3, 4, 200))
    by_hand = 100 * (values[0].mean() - values[1].mean())
    assert this_checkpoint([of_values(values)]).estimate == pytest.approx(by_hand)
    assert this_method([of_values(values)]).estimate == pytest.approx(by_hand)


def test_the_standard_error_is_that_of_paired_proportions():
    values = hits((2, 1, 1, 400))
    apart = values[0, 0, 0] - values[1, 0, 0]
    assert this_checkpoint([of_values(values)]).se == pytest.approx(100 * apart.std(ddof=1) / 20, rel=0.05)


def test_parallel_items_are_one_sample_whatever_the_number_of_languages():
    once = hits((2, 1, 1, 300))
    many = np.repeat(once, 10, axis=2)
    assert this_checkpoint([of_values(many)]).se == pytest.approx(this_checkpoint([of_values(once)]).se)
    apart = [of_values(many[:, :, [i]]) for i in range(10)]
    assert this_checkpoint(apart).se < 0.5 * this_checkpoint([of_values(many)]).se  # what nesting would wrongly claim


def test_items_of_a_cluster_are_drawn_together():
    once = hits((2, 1, 1, 60))
    copied = np.repeat(once, 20, axis=3)
    clustered = of_values(copied, np.repeat(np.arange(60), 20))
    assert this_checkpoint([clustered]).se == pytest.approx(this_checkpoint([of_values(once)]).se)
    assert this_checkpoint([clustered]).n == 60
    assert this_checkpoint([of_values(copied)]).se < 0.4 * this_checkpoint([clustered]).se


def test_names_of_clusters_may_be_text():
    values = hits((2, 1, 2, 4))
    named = of_values(values, ["b", "a", "b", "a"])
    assert this_checkpoint([named]).n == 2


def test_f1_is_of_sums_not_a_mean_of_items():
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 4, (1, 1, 1, 300)).repeat(2, 0)
    predicted = rng.integers(0, 4, gold.shape)
    tp = np.minimum(gold, predicted)
    f1 = 200 * tp.sum(-1) / (gold.sum(-1) + predicted.sum(-1))
    found = this_checkpoint([of_spans(tp, predicted, gold)])
    assert found.estimate == pytest.approx(float(f1[0].item() - f1[1].item()))
    assert 0 < found.se < 5


def test_a_method_is_less_certain_than_a_checkpoint_when_seeds_differ():
    rng = np.random.default_rng(3)
    rates = 0.6 + rng.normal(0, 0.05, (2, 5, 1, 1))
    values = (rng.random((2, 5, 6, 800)) < rates).astype(float)
    assert this_method([of_values(values)]).half > 2 * this_checkpoint([of_values(values)]).half


def test_one_seed_says_nothing_about_the_method():
    values = hits((2, 1, 2, 100))
    assert this_method([of_values(values)]).low is None
    assert this_checkpoint([of_values(values)]).low is not None


def test_same_draws_every_time():
    block = of_values(hits((2, 3, 2, 50)))
    assert this_method([block]) == this_method([block])


def test_arms_that_agree_on_every_item():
    values = np.repeat(hits((1, 3, 2, 50)), 2, axis=0)
    assert (this_method([of_values(values)]).low, this_method([of_values(values)]).high) == (0, 0)


def test_one_item_says_nothing_about_other_items():
    values = hits((2, 3, 2, 1))
    for found in (this_method([of_values(values)]), this_checkpoint([of_values(values)])):
        assert found.low is None and "one cluster" in found.note
    passage = of_values(hits((2, 3, 2, 40)), ["the only passage"] * 40)
    assert this_method([passage]).low is None
