from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.stats.average import alike, contrast, deterministic_targets

TARGETS = {"xnli": ("de", "en", "sw"), "tatoeba": ("sw", "tr")}


def compare(scores, a="mnli", b="none", **options):
    said = {
        "model": "xlm-roberta-base",
        "source_language": "en",
        "targets": tuple(TARGETS),
        "languages": set(scores["language"]),
    }
    return contrast(scores, a, b, **(said | options))


@settings(deadline=None, max_examples=25)
@given(draw=st.integers(0, 1000), shift=st.floats(-30, 30))
def test_order_and_level_do_not_matter_and_swapping_negates(draw, shift, scores_of):
    scores = scores_of(gains={"mnli": 1.0, "squad": 2.0}, targets=TARGETS, untrained=("tatoeba",), draw=draw)
    first = compare(scores).interval()
    shuffled = scores.sample(frac=1, random_state=draw)
    moved = scores.assign(value=scores["value"] + shift)
    for other in (compare(shuffled).interval(), compare(moved).interval()):
        assert (other.estimate, other.low, other.high) == pytest.approx(
            (first.estimate, first.low, first.high), abs=1e-6
        )
    swapped = compare(scores, "none", "mnli").interval()
    assert (swapped.estimate, swapped.low) == pytest.approx((-first.estimate, -first.high))


def test_one_result_for_all_seeds_is_a_constant(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS, untrained=("tatoeba",))
    found = compare(scores)
    pair = found.pairs[1]
    assert deterministic_targets(scores) == {"tatoeba"} == set(found.untrained)
    assert pair.fixed
    assert pair.b.nunique().eq(1).all()
    assert pair.interval().method == "one-sample t over seeds"
    assert found.interval().method == "paired t over seeds"


def test_a_constant_meets_the_seeds_that_the_other_arm_has(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets={"tatoeba": ("sw", "tr")}, untrained=("tatoeba",), seeds=(1, 2))
    more = scores[scores["intermediate"] == "mnli"].assign(
        seed=lambda rows: rows["seed"] + 2, stage=lambda rows: rows["stage"] + "x"
    )
    assert compare(pd.concat([scores, more]), targets=("tatoeba",)).seeds == (1, 2, 3, 4)


def test_only_headline_scores_count(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    other = scores.assign(metric="f1", value=0.0, headline=False)
    assert compare(pd.concat([scores, other])).interval() == compare(scores).interval()


def test_two_headline_scores_for_one_cell_are_refused(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    with pytest.raises(
        InputError,
        match=r"headline scores stand where one is expected per cell, such as: model xlm-roberta-base, .*seed 1",
    ):
        compare(pd.concat([scores, scores.assign(metric="f1")]))


def test_arms_without_a_common_seed(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS, seeds=(1, 2, 3, 4))
    apart = scores[(scores["seed"] <= 2) == (scores["intermediate"] == "mnli")]
    with pytest.raises(InputError, match="xnli: mnli and none have no seed in common"):
        compare(apart)


def test_languages_of_a_contrast(scores_of):
    found = compare(scores_of(gains={"mnli": 1.0}, targets=TARGETS))
    assert found.languages == ("de", "en", "sw", "tr")
    assert found.in_languages(["tr"]).targets == ("tatoeba",)
    assert found.in_languages(["zh"]) is None
    assert found.of(("xnli",)).languages == ("de", "en", "sw")


def test_languages_that_one_arm_does_not_have_leave_both_and_are_named(scores_of):
    scores = scores_of(gains={"mnli": 1.0, "squad": 1.0}, targets=TARGETS)
    fewer = scores[~((scores["intermediate"] == "mnli") & scores["language"].isin(["sw"]))]
    found = compare(fewer)
    assert {pair.target: pair.languages for pair in found.pairs} == {"xnli": ("de", "en"), "tatoeba": ("tr",)}
    assert found.left_out == (
        "xnli: mnli has no scores in sw; left out of both arms",
        "tatoeba: mnli has no scores in sw; left out of both arms",
    )
    same = compare(scores[scores["language"] != "sw"])
    assert found.interval() == same.interval()
    assert (
        compare(fewer.assign(note="rehearsal")).left_out[0] == "xnli: mnli has no scores in sw*; left out of both arms"
    )
    assert [pair.languages for pair in alike([found, compare(fewer, "squad")])[1].pairs] == [("de", "en"), ("tr",)]


def test_a_target_without_a_common_language_is_named(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    apart = scores[(scores["language"] == "tr") == (scores["intermediate"] == "mnli")]
    with pytest.raises(InputError, match="tatoeba: mnli and none have no language in common"):
        compare(apart, targets=("tatoeba",))


def test_a_language_of_some_seeds_only_is_an_unfinished_run(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    gone = (scores["intermediate"] == "mnli") & (scores["language"] == "sw") & (scores["seed"] == 2)
    with pytest.raises(InputError, match="mnli, seed 2 has no score in sw, where other seeds have one"):
        compare(scores[~gone])


def test_a_score_that_is_no_number_is_not_called_missing(scores_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    odd = (scores["intermediate"] == "mnli") & (scores["seed"] == 2) & (scores["target"] == "xnli")
    scores.loc[odd, "value"] = float("nan")
    with pytest.raises(InputError, match=r"no number: accuracy is nan on xnli after mnli, seed 2, .*stage mnli-xnli-2"):
        compare(scores)
