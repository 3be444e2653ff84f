from __future__ import annotations

import numpy as np
import pytest

from waystage.errors import InputError
from waystage.stats import verdict
from waystage.stats.average import contrast
from waystage.stats.best import best_of
from waystage.stats.components import components

TARGETS = {"xnli": ("de", "sw"), "udpos": ("de", "ur"), "tatoeba": ("sw", "tr")}


def contrasts(scores, arms):
    return [
        contrast(
            scores, arm, "none", model="xlm-roberta-base", source_language="en", targets=tuple(TARGETS),
            languages=set(scores["language"]),
        )
        for arm in arms
    ]  # fmt: skip


def test_equal_arms_have_no_best_one(scores_of):
    """Chosen and reported on the same seeds, the best of six equal arms gains something; on other seeds, nothing."""
    arms = [f"a{i}" for i in range(6)]
    naive, honest = [], []
    for draw in range(10):
        scores = scores_of(
            gains=dict.fromkeys(arms, 0.0), targets=TARGETS, seeds=(1, 2, 3, 4), draw=draw, seed_noise=0.0
        )
        found = best_of(contrasts(scores, arms))
        naive.append(found.naive)
        honest.append(found.gain.estimate)
    assert np.mean(naive) > 0.15
    assert abs(np.mean(honest)) < 0.15


def test_a_real_best_is_found(scores_of):
    scores = scores_of(gains={"mnli": 5.0, "squad": 0.0}, targets=TARGETS, seeds=(1, 2, 3, 4))
    found = best_of(contrasts(scores, ["mnli", "squad"]))
    assert found.chosen == dict.fromkeys(TARGETS, "mnli")
    assert (found.choosing, found.reporting) == ((1,), (2, 3, 4))
    assert abs(found.optimism) < 1
    assert set(found.by_target) == set(TARGETS)


def test_two_seeds_cannot_choose_and_report(scores_of):
    scores = scores_of(gains={"mnli": 5.0, "squad": 0.0}, targets=TARGETS, seeds=(1, 2))
    found = best_of(contrasts(scores, ["mnli", "squad"]))
    assert found.gain.low is None
    assert "needs 3" in found.gain.note
    assert found.chosen == {}


@pytest.mark.parametrize(("seeds", "choosing"), [(3, 1), (4, 1), (5, 2), (6, 3), (7, 3), (10, 5)])
def test_how_many_seeds_choose(scores_of, seeds, choosing):
    scores = scores_of(gains={"mnli": 5.0, "squad": 0.0}, targets=TARGETS, seeds=tuple(range(seeds)))
    found = best_of(contrasts(scores, ["mnli", "squad"]))
    assert len(found.choosing) == choosing
    assert len(found.reporting) == seeds - choosing == found.gain.n


def test_three_seeds_give_an_interval_and_no_verdict(scores_of):
    scores = scores_of(gains={"mnli": 5.0, "squad": 0.0}, targets=TARGETS, seeds=(1, 2, 3))
    found = best_of(contrasts(scores, ["mnli", "squad"]))
    assert found.gain.low is not None and found.gain.n == 2
    assert verdict.of(found.gain, seeds=found.gain.n).word == "no verdict"
    elsewhere = best_of(contrasts(scores, ["mnli", "squad"]), chosen=dict.fromkeys(TARGETS, "squad"))
    assert elsewhere.gain.method == "t over seeds, chosen elsewhere"
    assert elsewhere.reporting == (1, 2, 3)
    assert elsewhere.gain.estimate < elsewhere.naive


def test_one_baseline(scores_of):
    scores = scores_of(gains={"mnli": 5.0, "squad": 0.0}, targets=TARGETS)
    other = contrast(
        scores, "squad", "mnli", model="xlm-roberta-base", source_language="en", targets=tuple(TARGETS),
        languages=set(scores["language"]),
    )  # fmt: skip
    with pytest.raises(InputError, match="one baseline, not mnli, none"):
        best_of([*contrasts(scores, ["mnli"]), other])


def test_components_tell_the_checkpoint_from_the_target(scores_of):
    found = [
        components(
            contrasts(
                scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=tuple(range(60)), seed_noise=shared, noise=0.5),
                ["mnli"],
            )[0]
        )
        for shared in (2.0, 0.0)
    ]
    assert found[0].checkpoint == pytest.approx(2.0 * 2**0.5, rel=0.25)
    assert found[1].checkpoint < 0.3
    assert found[0].target == pytest.approx(0.5, rel=0.25)  # two arms, two languages: 0.5 * sqrt(2) / sqrt(2)
    one_seed = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=(1,))
    assert components(contrasts(one_seed, ["mnli"])[0]) is None
