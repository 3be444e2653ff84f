from __future__ import annotations

import pandas as pd
import pytest

from waystage.errors import InputError
from waystage.stats.average import contrast
from waystage.stats.gaps import gap, group_counts, to_source

TARGETS = {"xnli": ("de", "en", "sw", "ur"), "udpos": ("de", "en", "ur"), "pawsx": ("de", "en", "zh")}
LOW, HIGH = ("sw", "ur"), ("de", "en", "zh")


def arms(scores_of, *, low: float, high: float, seeds=(1, 2, 3, 4, 5)):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, noise=0.1, seed_noise=0.1, seeds=seeds)
    better = scores["intermediate"] == "mnli"
    scores.loc[scores["language"].isin(LOW), "value"] -= 20
    scores.loc[better & scores["language"].isin(LOW), "value"] += low
    scores.loc[better & ~scores["language"].isin(LOW), "value"] += high
    return contrast(
        scores, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=tuple(TARGETS),
        languages=set(scores["language"]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "word", "why"),
    [
        (4, 1, "closes the gap", "low-resource languages gain and the gap is smaller"),
        (0, -3, "does not close the gap", "the high side fell"),
        (-2, -5, "does not close the gap", "the high side fell"),
        (1, 4, "widens the gap", ""),
        (3, 3, "not distinguishable", "a smaller gap is not shown"),
    ],
)
def test_words(low, high, word, why, scores_of):
    found = gap(arms(scores_of, low=low, high=high), HIGH, LOW)
    assert found.word == word
    assert why in found.why
    assert found.change.low <= high - low <= found.change.high


def test_targets_without_both_groups_do_not_count(scores_of):
    found = gap(arms(scores_of, low=4, high=1), HIGH, LOW)
    assert found.targets == ("xnli", "udpos")
    assert found.groups.loc["pawsx"].to_dict() == {"high": 3, "low": 0}
    assert found.gap_b == pytest.approx(20, abs=0.5)


def test_relative_error(scores_of):
    found = gap(arms(scores_of, low=6, high=4), HIGH, LOW)
    assert found.low_error.estimate == pytest.approx(100 * 6 / 60, abs=0.5)  # from 40 to 46
    assert found.error_gap_change.estimate == pytest.approx(0, abs=0.5)  # 4 of 40 errors, 6 of 60: alike
    assert found.change.estimate == pytest.approx(-2, abs=0.3)


def test_two_seeds_give_no_verdict(scores_of):
    assert gap(arms(scores_of, low=4, high=1, seeds=(1, 2)), HIGH, LOW).word == "no verdict"


def test_gap_to_the_source(scores_of):
    found = to_source(arms(scores_of, low=4, high=1))
    assert found.targets == tuple(TARGETS)
    assert found.groups.loc["xnli"].to_dict() == {"high": 1, "low": 3}


def test_groups_must_not_overlap_and_must_exist(scores_of):
    one = arms(scores_of, low=1, high=1)
    with pytest.raises(InputError, match="de stands on both sides"):
        gap(one, ("de", "en"), ("de", "sw"))
    with pytest.raises(InputError, match="no target has languages of both groups"):
        gap(one, ("zh",), ("sw",))


def test_counts(scores_of):
    counts = group_counts(arms(scores_of, low=1, high=1), {"low": LOW})
    pd.testing.assert_series_equal(counts["low"], pd.Series({"xnli": 2, "udpos": 1, "pawsx": 0}, name="low"))
