from __future__ import annotations

import numpy as np
import pytest

from waystage.stats.gains import interaction
from waystage.stats.pooling import additive, partially_pooled


def matrix(rng, *, arms=6, targets=5, seeds=3, mixed=0.0, noise=0.5):
    y = rng.normal(0, 2, (arms, 1, 1)) + rng.normal(0, 5, (1, targets, 1)) + rng.normal(0, mixed, (arms, targets, 1))
    return y, y + rng.normal(0, noise, (arms, targets, seeds))


def test_interaction_is_found():
    _, scores = matrix(np.random.default_rng(0), mixed=2.0)
    found = additive(scores)
    assert found.p < 1e-4
    assert 0.2 < found.interaction_share < 0.8  # 4 of 8, drawn
    assert np.abs(found.residuals).max() > 1


def test_how_high_the_scores_of_a_target_are_leaves_the_share_alone():
    """Accuracy on one target is 5 and on another 60, whatever the arms do: beside that every match would look small."""
    _, scores = matrix(np.random.default_rng(0), mixed=2.0)
    apart = scores + np.array([0.0, 40.0, -30.0, 20.0, 70.0])[None, :, None]
    assert additive(apart).interaction_share == pytest.approx(additive(scores).interaction_share)


def test_f_agrees_with_the_two_way_analysis_of_variance():
    y = np.random.default_rng(1).normal(size=(3, 4, 2))
    cells = y.mean(2)
    inter = cells - cells.mean(0) - cells.mean(1)[:, None] + cells.mean()
    rest = y - cells[:, :, None]
    rest = rest - rest.mean(0) - rest.mean(1)[:, None, :] + rest.mean((0, 1))
    expected = (2 * (inter**2).sum() / 6) / ((rest**2).sum() / 6)
    assert additive(y).f == pytest.approx(expected)


def test_shares_of_seeds_leave_f_alone():
    """What an arm's checkpoint gives to all its targets, or a target's seed to all arms, is no interaction."""
    rng = np.random.default_rng(2)
    _, scores = matrix(rng)
    moved = scores + rng.normal(0, 9, (6, 1, 3)) + rng.normal(0, 9, (1, 5, 3))
    assert additive(moved).f == pytest.approx(additive(scores).f)


def test_shrinking_comes_nearer_to_the_truth():
    rng = np.random.default_rng(3)
    raw_error = pooled_error = 0.0
    for _ in range(50):
        truth, scores = matrix(rng, mixed=0.3, noise=1.0)
        pooled = partially_pooled(scores.mean(2), np.full(5, 1.0 / 3), 60)
        raw_error += float(((scores.mean(2) - truth[:, :, 0]) ** 2).sum())
        pooled_error += float(((pooled.estimates - truth[:, :, 0]) ** 2).sum())
    assert pooled_error < 0.75 * raw_error


def test_pooled_intervals_cover_on_average():
    rng, inside = np.random.default_rng(4), []
    for _ in range(200):
        truth, scores = matrix(rng, mixed=1.0, noise=1.0)
        pooled = partially_pooled(scores.mean(2), np.full(5, 1.0 / 3), 60)
        inside.append(((pooled.low <= truth[:, :, 0]) & (truth[:, :, 0] <= pooled.high)).mean())
    assert 0.92 < float(np.mean(inside)) < 0.98


def test_without_noise_nothing_is_shrunken():
    gains = np.random.default_rng(5).normal(size=(3, 4))
    assert partially_pooled(gains, 0.0, 10).estimates == pytest.approx(gains)


def test_without_signal_everything_is():
    additive_only = np.arange(3.0)[:, None] + np.arange(4.0)
    pooled = partially_pooled(additive_only + 1e-9, 1.0, 10)
    assert pooled.kept == 0
    assert pooled.estimates == pytest.approx(additive_only, abs=1e-6)


def test_from_a_table_of_scores(scores_of):
    scores = scores_of(gains={"mnli": 1.0, "squad": 2.0}, targets={"xnli": ("de", "sw"), "udpos": ("de",)}, noise=0.1)
    found, arms, targets, seeds = interaction(scores, model="xlm-roberta-base", source_language="en")
    assert (arms, targets, seeds) == (["mnli", "none", "squad"], ["udpos", "xnli"], [1, 2, 3])
    assert found.residuals.shape == (3, 2)
    assert interaction(scores[scores["seed"] == 1], model="xlm-roberta-base", source_language="en") is None
