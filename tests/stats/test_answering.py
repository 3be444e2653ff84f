"""Questions answered from tables of scores whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from waystage.errors import InputError
from waystage.stats import answer, answers, as_family, gain_matrix
from waystage.stats.gains import interaction
from waystage.stats.items import of_values

TARGETS = {"xnli": ("ar", "de", "en", "sw", "ur"), "udpos": ("ar", "de", "en", "hi"), "tatoeba": ("de", "sw", "tr")}
FAMILIES = dict(zip("ar de en hi ru sw tr ur zh".split(), "a i i i i n t i s".split(), strict=True))


def test_a_gain_is_found(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 3.0}, targets=TARGETS, seeds=(1, 2, 3, 4, 5), untrained=("tatoeba",))
    found = answer(question_of(), scores, study_of(tuple(TARGETS)))
    assert found.verdict.word == "better"
    assert found.interval.low < 3.0 < found.interval.high
    assert found.sentence.startswith("mnli is better than none by ")
    assert "5 seeds; paired t over seeds" in found.sentence
    assert "3 targets (xnli, udpos, tatoeba), in 7 languages: ar, de, en, hi, sw, tr, ur." in found.sentence
    assert [line.what for line in found.targets] == list(TARGETS)
    assert sum(line.share for line in found.targets) == pytest.approx(1)
    assert [line.what for line in found.variants] == [
        "without untrained retrieval (tatoeba)",
        "untrained retrieval alone (tatoeba)",
        "without the source language (en)",
    ]
    assert found.targets[2].interval.method == "one-sample t over seeds"
    json.dumps(found.as_dict())


def test_the_average_is_the_mean_of_target_means(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS)
    found = answer(question_of(), scores, study_of(tuple(TARGETS)))
    cells = scores.groupby(["intermediate", "target"])["value"].mean()
    by_hand = sum(cells["mnli", target] - cells["none", target] for target in TARGETS) / 3
    assert found.interval.estimate == pytest.approx(by_hand)


def test_two_seeds_show_an_interval_and_no_verdict(scores_of, study_of, question_of):
    found = answer(
        question_of(), scores_of(gains={"mnli": 30.0}, targets=TARGETS, seeds=(1, 2)), study_of(tuple(TARGETS))
    )
    assert found.interval.low is not None
    assert found.verdict.word == "no verdict"
    assert "2 seeds: no verdict" in found.warnings
    assert found.sentence.startswith("There is no verdict on mnli against none")


def test_one_seed_is_this_checkpoint(scores_of, study_of, question_of):
    found = answer(
        question_of(), scores_of(gains={"mnli": 30.0}, targets=TARGETS, seeds=(1,)), study_of(tuple(TARGETS))
    )
    assert found.interval.low is None
    assert "this checkpoint of mnli" in found.sentence
    assert found.verdict.word == "no verdict"


@pytest.mark.parametrize("gain", [5.0, 0.0, -5.0])
@pytest.mark.parametrize("reading", ["fixed", "random"])
def test_rehearsals_say_so_first(gain, reading, scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": gain}, targets=TARGETS)
    found = answer(
        question_of(targets=("xnli",), reading=reading),
        scores,
        study_of(tuple(TARGETS)),
        rehearsal=True,
        families=FAMILIES,
    )
    assert found.sentence.startswith("In the rehearsal (artificial languages), mnli ")
    assert ("a new language" in found.sentence) == (reading == "random")
    assert [line.what for line in found.variants] == ["without the source language (en*)"]


def test_the_random_reading_is_wider_when_families_differ(scores_of, study_of, question_of):
    scores = scores_of(
        gains={"mnli": 3.0}, targets={"xnli": ("ar", "de", "en", "sw", "ur", "zh", "tr")}, seeds=(1, 2, 3, 4, 5)
    )
    scores.loc[(scores["intermediate"] == "mnli") & scores["language"].isin(["sw", "zh"]), "value"] -= 8
    fixed, random = (
        answer(question_of(reading=reading), scores, study_of(("xnli",)), families=FAMILIES).interval
        for reading in ("fixed", "random")
    )
    assert random.half > 3 * fixed.half
    assert random.n == 5


def test_a_group_of_languages_leaves_out_targets_without_them(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 3.0}, targets=TARGETS)
    found = answer(question_of(languages="low-resource"), scores, study_of(tuple(TARGETS)))
    assert found.languages == ("sw", "ur")
    assert [line.what for line in found.targets] == ["xnli", "tatoeba"]
    assert any("udpos: no scores in the languages asked for" in warning for warning in found.warnings)
    assert "2 languages 'low-resource': sw, ur" in found.sentence


def test_different_sets_of_languages_are_refused(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 3.0}, targets=TARGETS)
    lost = (scores["intermediate"] == "none") & (scores["seed"] == 2) & (scores["language"] == "ur")
    with pytest.raises(
        InputError, match=r"xnli: none, seed 2 has no score in ur, where .* Different sets of languages"
    ):
        answer(question_of(), scores[~lost], study_of(tuple(TARGETS)))


def test_an_unfinished_seed_leaves_the_average_and_is_named(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 3.0}, targets=TARGETS, seeds=(1, 2, 3, 4))
    lost = (scores["intermediate"] == "mnli") & (scores["seed"] == 4) & (scores["target"] == "udpos")
    found = answer(question_of(), scores[~lost], study_of(tuple(TARGETS)))
    assert found.seeds == (1, 2, 3)
    assert "seed 4 is not in the average: not scored on udpos" in found.warnings


def test_arms_without_scores_are_an_error_that_names_them(scores_of, study_of, question_of):
    with pytest.raises(InputError, match="xnli: no scores of squad"):
        answer(question_of("squad"), scores_of(gains={"mnli": 3.0}, targets=TARGETS), study_of(("xnli",)))


def test_identical_arms_are_equivalent(scores_of, study_of, question_of):
    scores = scores_of(gains={}, targets=TARGETS)
    twin = scores.assign(intermediate="zero")

    found = answer(question_of("zero"), pd.concat([scores, twin]), study_of(tuple(TARGETS)))
    assert found.verdict.word == "equivalent"
    assert "exactly" in found.sentence


def test_a_margin_separates_equal_from_unknown(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, noise=0.05, seed_noise=0.05, seeds=(1, 2, 3, 4, 5))
    study = study_of(tuple(TARGETS))
    assert answer(question_of(margin=1.0), scores, study).verdict.word == "equivalent"
    assert answer(question_of(), scores, study).verdict.word == "not distinguishable"


def test_untrained_targets_serve_every_source_language(scores_of, study_of, question_of):

    scores = scores_of(gains={"mnli": 3.0}, targets=TARGETS, untrained=("tatoeba",))
    chinese = scores[scores["target"] != "tatoeba"].assign(source_language="zh")
    study = study_of(tuple(TARGETS), source_languages=("en", "zh"))
    english, other = answers([question_of()], pd.concat([scores, chinese]), study)
    assert (english.source_language, other.source_language) == ("en", "zh")
    assert [line.what for line in other.targets] == list(TARGETS)
    with pytest.raises(InputError, match="say which, source_language='en'"):
        answer(question_of(), scores, study)


def test_gain_matrix(scores_of):
    scores = scores_of(
        gains={"mnli": 4.0, "squad": 0.0}, targets=TARGETS, untrained=("tatoeba",), seeds=(1, 2, 3, 4, 5), noise=0.3
    )
    table = gain_matrix(scores, "none")
    assert list(zip(table["intermediate"], table["target"], strict=True)) == [
        (arm, target) for arm in ("mnli", "squad") for target in TARGETS
    ]
    stars = dict(zip(zip(table["intermediate"], table["target"], strict=True), table["star"], strict=True))
    assert all(stars["mnli", target] for target in TARGETS)
    assert (table["q"] >= table["p"]).all()
    assert table["pooled"].between(table["gain"].min() - 0.5, table["gain"].max() + 0.5).all()
    assert table["pooled"].std() <= table["gain"].std()
    assert set(table[table["untrained"]]["target"]) == {"tatoeba"}


def test_an_arm_for_one_target_takes_nothing_from_the_others(scores_of):
    """Neither the pooled estimates of the other arms nor the test of interaction."""
    scores = scores_of(gains={"mnli": 2.0, "squad": -1.0}, targets=TARGETS, untrained=("tatoeba",))
    odd = scores_of(gains={"few": 1.0}, targets={"xnli": TARGETS["xnli"]}, draw=1)
    both = pd.concat([scores, odd[odd["intermediate"] == "few"]])
    plain, table = gain_matrix(scores), gain_matrix(both)
    assert table[table["intermediate"] == "few"]["pooled"].isna().all()
    kept = table[table["intermediate"] != "few"]
    assert kept["pooled"].tolist() == pytest.approx(plain["pooled"].tolist())
    said = {"model": "xlm-roberta-base", "source_language": "en"}
    null, arms, targets, seeds = interaction(both, **said)
    assert (arms, targets, seeds) == (["mnli", "none", "squad"], sorted(TARGETS), [1, 2, 3])
    assert null.p == pytest.approx(interaction(scores, **said)[0].p)


def test_two_seeds_get_no_stars(scores_of):
    table = gain_matrix(scores_of(gains={"mnli": 50.0, "squad": 50.0}, targets=TARGETS, seeds=(1, 2)))
    assert (table["p"] < 0.05).all()
    assert not table["star"].any()


def test_questions_of_a_study_are_one_family(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 9.0, "squad": 0.0, "qqp": 0.0}, targets=TARGETS, seeds=(1, 2, 3, 4, 5))
    questions = [question_of("mnli"), question_of("squad"), question_of("qqp"), question_of("squad", "qqp")]
    found = answers(questions, scores, study_of(tuple(TARGETS)))
    assert all(one.p_holm >= one.interval.p for one in found)
    assert found[0].p_holm == pytest.approx(4 * found[0].interval.p)
    weak = [one for one in found if one.verdict.word == "better" and one.p_holm > 0.05]
    assert all(any("after Holm" in warning for warning in one.warnings) for one in weak)


def test_what_does_not_hold_in_the_family_is_warned_of(scores_of, study_of, question_of):
    one = answer(question_of(), scores_of(gains={"mnli": 2.0}, targets=TARGETS), study_of(tuple(TARGETS)))
    assert one.verdict.word == "better"
    family = as_family([one] * 40)
    assert one.interval.p < 0.05 < family[0].p_holm
    assert any("does not hold for 40 questions" in warning for warning in family[0].warnings)


@pytest.mark.parametrize(
    ("seeds", "words"), [((1,), "this checkpoint"), ((1, 2, 3), "other seeds and other test items")]
)
def test_outcomes_of_items_add_intervals_over_items(seeds, words, scores_of, study_of, question_of):
    hits = np.random.default_rng(0).random((2, len(seeds), 5, 400)) < 0.7
    found = answer(
        question_of(targets=("xnli",)), scores_of(gains={"mnli": 3.0}, targets=TARGETS, seeds=seeds),
        study_of(tuple(TARGETS)), outcomes=lambda found: {"xnli": [of_values(hits)]},
    )  # fmt: skip
    (line,) = found.items
    assert words in line.what
    assert line.interval.low < line.interval.high
    assert line.what in found.text()


def test_intervals_over_items_are_judged_by_what_was_asked(scores_of, study_of, question_of):
    same = np.random.default_rng(0).random((1, 3, 5, 4000)) < 0.7
    found = answer(
        question_of(targets=("xnli",), goal="not worse", margin=3.0), scores_of(gains={"mnli": 0.0}, targets=TARGETS),
        study_of(tuple(TARGETS)),
        outcomes=lambda found: {"xnli": [of_values(np.concatenate([same, same[:, ::-1]]))]},
    )  # fmt: skip
    assert [line.verdict.word for line in (*found.targets, *found.items)] == ["not worse", "not worse"]


def test_a_difference_says_what_it_could_have_found(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 1.0}, targets={"xnli": ("de", "en")}, seeds=(1, 2, 3, 4, 5))
    found = answer(question_of(), scores, study_of(("xnli",)))
    could = found.details["detectable"]
    assert 0 < could["effect"] < could["cautious"]
    assert f"5 seeds find a difference of {could['effect']:.2f} points in 80 % of studies" in found.notes[-1]
    practised = answer(question_of(), scores, study_of(("xnli",)), rehearsal=True)
    assert practised.details["detectable"]["effect"] is None
    assert "unknown: run a pilot (a rehearsal says nothing about real seeds)" in practised.notes[-1]
    few = answer(question_of(), scores[scores["seed"] < 3], study_of(("xnli",)))
    assert "unknown: run a pilot (2 stored runs, 3 are the fewest)" in few.notes[-1]


def equal_scores(scores_of, gain):
    return scores_of(gains={"mnli": gain, "squad": gain}, targets=TARGETS, noise=0.0, seed_noise=0.0)


def test_what_never_differs_is_no_finding(scores_of, study_of, question_of):
    scores, study = equal_scores(scores_of, 0.0), study_of(tuple(TARGETS))
    found = answer(question_of(), scores, study)
    assert found.verdict.word == "equivalent" and found.p == 1.0
    assert as_family([found, found])[0].warnings == found.warnings
    table = gain_matrix(scores)
    assert not table["star"].any() and (table["q"] == 1).all()


@pytest.mark.parametrize("reading", ["fixed", "random"])
def test_a_gain_without_any_spread_has_no_interval(scores_of, study_of, question_of, reading):
    targets = {name: codes for name, codes in TARGETS.items() if name != "tatoeba"}
    scores = scores_of(gains={"mnli": 1.0}, targets=targets, noise=0.0, seed_noise=0.0)
    found = answer(question_of(reading=reading), scores, study_of(tuple(targets)), families=FAMILIES)
    assert found.interval.low is None and found.verdict.word == "no verdict" and found.p is None


def test_gains_that_are_all_the_same_go_with_nothing(scores_of, study_of, question_of):
    own = {code: code for code in FAMILIES}
    known = {"distance": {code: 0.1 * place for place, code in enumerate(sorted(FAMILIES))}}
    asked, study = question_of(kind="trend", against="distance"), study_of(tuple(TARGETS))
    found = answer(asked, equal_scores(scores_of, 0.3), study, known=known, families=own)
    assert found.verdict.word == "not distinguishable" and found.interval.estimate == 0
    assert found.p == 1.0


def test_a_side_without_errors_has_no_share_of_them(scores_of, study_of, question_of):
    scores = equal_scores(scores_of, 0.0).assign(value=100.0)
    asked = question_of(kind="gap", high=("ar", "de"), low=("sw", "ur"))
    found = answer(asked, scores, study_of(tuple(TARGETS)))
    assert "nan" not in found.text() and "makes no error" in found.text()


def test_only_the_word_that_was_tested_can_fail_to_hold_in_a_family(scores_of, study_of, question_of):
    study = study_of(tuple(TARGETS))
    scores = scores_of(gains={"mnli": 0.05}, targets=TARGETS, seeds=(1, 2, 3, 4, 5), noise=0.1, seed_noise=0.1)
    found = answer(question_of(margin=5.0), scores, study)
    assert found.verdict.word == "equivalent" and found.p > 0.05  # against zero, which is another question
    assert as_family([found] * 3)[0].warnings == found.warnings
