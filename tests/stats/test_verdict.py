from __future__ import annotations

import pytest

from waystage.stats.interval import from_t, without
from waystage.stats.verdict import claim, not_comparable, not_tested, of, structural


def interval(estimate: float, se: float = 0.2):
    return from_t(estimate, se, 4, method="t", n=5)


@pytest.mark.parametrize(
    ("estimate", "se", "margin", "word"),
    [
        (2.0, 0.2, None, "better"),
        (-2.0, 0.2, None, "worse"),
        (0.1, 0.2, None, "not distinguishable"),
        (0.1, 0.2, 1.0, "equivalent"),
        (0.7, 0.2, 1.2, "better"),
        (0.1, 2.0, 1.0, "not distinguishable"),
    ],
)
def test_differences(estimate, se, margin, word):
    assert of(interval(estimate, se), seeds=5, margin=margin).word == word


def test_a_small_gain_is_called_small():
    assert of(interval(0.7), seeds=5, margin=1.2).why == "yet by less than the margin of 1.2"


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(seeds):
    assert of(interval(9.0), seeds=seeds).word == "no verdict"
    assert claim(interval(9.0), seeds=seeds, direction="up", published=9.0, tolerance=1).word == "no verdict"
    assert of(without(1.0, method="t", n=1, why="because"), seeds=9).why == "because"


@pytest.mark.parametrize(
    ("estimate", "se", "direction", "seeds", "replication", "word"),
    [
        (7.4, 0.2, "up", 5, True, "reproduced"),
        (7.4, 0.2, "up", 3, True, "same direction"),
        (2.0, 0.2, "up", 5, True, "same direction"),
        (0.1, 0.2, "up", 5, True, "not distinguishable"),
        (-2.0, 0.2, "up", 5, True, "contradicted"),
        (-2.0, 0.2, "up", 5, False, "opposite direction"),
        (-2.0, 0.2, "up", 4, True, "opposite direction"),
        (0.1, 0.2, "none", 5, True, "reproduced"),
        (0.1, 0.2, "none", 3, True, "not distinguishable"),
        (5.0, 0.2, "none", 5, True, "contradicted"),
        (1.0, 0.5, "none", 5, True, "not distinguishable"),
        (2.0, 0.2, "down", 5, True, "contradicted"),
    ],
)
def test_claims(estimate, se, direction, seeds, replication, word):
    published = None if direction == "none" else 7.5
    found = claim(
        interval(estimate, se),
        seeds=seeds,
        direction=direction,
        published=published,
        tolerance=1.0,
        replication=replication,
    )
    assert found.word == word


def test_a_claim_without_a_number_is_at_most_a_direction():
    assert claim(interval(9.0), seeds=5, direction="up", replication=True).word == "same direction"
    assert claim(interval(0.0), seeds=5, direction="none").word == "not tested"


def test_what_is_no_measurement():
    assert not_tested("CCGbank is not here").word == "not tested"
    assert structural(True).word == "conforms"
    assert structural(False, "eight tasks, not nine").word == "does not conform"


def test_protocols_must_match():
    ours = {"split": "test", "layer": 14}
    assert not_comparable(ours, dict(ours)) == ""
    assert not_comparable(ours, {"split": "dev", "layer": 14}) == "not comparable (split: test here, dev there)"
    assert "layer: 14 here, unknown there" in not_comparable(ours, {"split": "test"})
