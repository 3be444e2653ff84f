"""Gaps, trends and the best of several arms as questions, on tables of scores whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from waystage.errors import InputError
from waystage.stats import answer, contrast
from waystage.stats.items import of_values
from waystage.stats.on_trends import over_sizes

SEEDS = (1, 2, 3, 4, 5)
TARGETS = {"xnli": ("ar", "de", "en", "sw", "ur"), "udpos": ("ar", "de", "en", "hi"), "tatoeba": ("de", "sw", "tr")}
FAMILIES = dict(zip("ar de en hi ru sw tr ur zh".split(), "a i i i i n t i s".split(), strict=True))


def moved(scores, arm, by_language):
    """The same scores with some languages moved in one arm."""
    frame = scores.copy()
    here = frame["intermediate"] == arm
    frame.loc[here, "value"] += [by_language.get(code, 0.0) for code in frame.loc[here, "language"]]
    return frame


def gap_question(question_of, **changes):
    return question_of(kind="gap", high=("ar", "de", "en", "hi", "tr"), low=("sw", "ur"), **changes)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(6.0, 0.0, "closes the gap"), (0.0, 6.0, "widens the gap"), (0.0, -6.0, "does not close the gap")],
)
def test_a_gap_closes_only_where_the_low_side_gains(low, high, word, scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=SEEDS, noise=0.3, seed_noise=0.3)
    sides = {code: low if code in ("sw", "ur") else high for code in "ar de en hi sw tr ur".split()}
    found = answer(gap_question(question_of), moved(scores, "mnli", sides), study_of(tuple(TARGETS)))
    assert found.verdict.word == word
    assert found.interval.low < high - low < found.interval.high
    assert word in found.sentence
    assert [line.what for line in found.targets] == ["gap on xnli", "gap on tatoeba"]  # udpos has no low side
    assert any("udpos 4 / 0" in note for note in found.notes)
    assert any("not in the answer: udpos" in note for note in found.notes)
    assert found.details["low_gain"].estimate == pytest.approx(low, abs=0.6)
    assert found.as_dict()["details"]["groups"]["xnli"] == {"high": 3, "low": 2}
    json.dumps(found.as_dict())


def test_the_gap_to_the_source_language(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=SEEDS, noise=0.3, seed_noise=0.3)
    everyone = dict.fromkeys("ar de hi sw tr ur".split(), 4.0)
    asked = question_of(kind="gap", high="source", low=("ar", "de", "sw", "ur", "hi", "tr"))
    found = answer(asked, moved(scores, "mnli", everyone), study_of(tuple(TARGETS)))
    assert found.verdict.word == "closes the gap"
    assert "the source language (en)" in found.sentence
    assert found.details["high"] == ["en"]
    everywhere = answer(
        asked.model_copy(update={"low": "all"}), moved(scores, "mnli", everyone), study_of(tuple(TARGETS))
    )
    assert everywhere.interval == found.interval  # the source is on its own side


def test_a_search_that_nothing_was_trained_for_has_no_source_language(scores_of, study_of, question_of):
    """Tatoeba scores German, and no German training data stand behind it, whatever the source of the others is."""
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=SEEDS, untrained=("tatoeba",))
    trained = scores[scores["target"] != "tatoeba"].assign(source_language="de")
    both = pd.concat([scores, trained])
    asked = question_of(kind="gap", high="source", low=("ar", "sw", "ur", "hi", "tr"))
    study = study_of(tuple(TARGETS), source_languages=("en", "de"))
    found = answer(asked, both, study, source_language="de", untrained=("tatoeba",))
    assert [line.what for line in found.targets] == ["gap on xnli", "gap on udpos"]
    assert any("tatoeba: nothing is trained on it" in said for said in found.warnings)
    every = answer(question_of(), both, study, source_language="de", untrained=("tatoeba",))
    (without,) = [line for line in every.variants if line.what == "without the source language (de)"]
    gains = []
    for target, codes in TARGETS.items():
        kept = [code for code in codes if code != "de" or target == "tatoeba"]
        alone = question_of(targets=(target,), languages=kept)
        gains.append(answer(alone, both, study, source_language="de", untrained=("tatoeba",)).interval.estimate)
    assert without.interval.estimate == pytest.approx(sum(gains) / 3)  # the German of a search stays
    alone = question_of(kind="gap", high="source", low=("sw", "tr"), targets=("tatoeba",))
    with pytest.raises(InputError, match="nothing is trained on tatoeba"):
        answer(alone, both, study, source_language="de", untrained=("tatoeba",))


def test_two_seeds_give_no_verdict_on_a_gap(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=(1, 2))
    found = answer(gap_question(question_of), moved(scores, "mnli", {"sw": 50, "ur": 50}), study_of(tuple(TARGETS)))
    assert found.verdict.word == "no verdict"
    assert found.interval.low is not None


MANY = "af ar bg de el en es et eu fa fi fr he hi hu id it ja ka kk ko ml mr ta te th tl tr vi yo".split()


def many(scores_of, slope):
    distance = {code: 0.1 + 0.02 * i for i, code in enumerate(MANY) if code != "en"}
    scores = scores_of(gains={"mnli": 1.0}, targets={"udpos": tuple(MANY)}, seeds=(1, 2, 3), noise=0.3)
    return moved(scores, "mnli", {code: slope * value for code, value in distance.items()}), distance


@pytest.mark.parametrize(("slope", "word"), [(15.0, "rises"), (-15.0, "falls")])
def test_a_trend_against_distance(slope, word, scores_of, study_of, question_of):
    scores, distance = many(scores_of, slope)
    study = study_of(("udpos",), select=lambda said: tuple(MANY))
    asked = question_of(kind="trend", against="distance", beside=("script",))
    known = {"distance": distance, "script": {code: float(i % 3 == 0) for i, code in enumerate(MANY)}}
    found = answer(asked, scores, study, known=known)
    assert found.verdict.word == word
    assert f"mnli gains over none {word} with the syntactic distance from the source language (en)" in found.sentence
    assert "adjusted for another script" in found.sentence
    assert [slope["predictor"] for slope in found.details["slopes"]] == ["distance", "script"]
    assert "en" not in found.languages
    assert all("variance inflation" in note for note in found.notes[:1])


def test_a_language_of_unknown_distance_is_named(scores_of, study_of, question_of):
    scores, distance = many(scores_of, 15.0)
    study = study_of(("udpos",), select=lambda said: tuple(MANY))
    asked = question_of(kind="trend", against="distance")
    found = answer(asked, scores, study, known={"distance": {**distance, "yo": None}})
    assert "left out, since a value is unknown: yo" in found.notes
    with pytest.raises(InputError, match="nothing is known of pieces per word"):
        answer(question_of(kind="trend", against="distance", beside=("fertility",)), scores, study,
               known={"distance": distance})  # fmt: skip
    for reference, what in (
        ("source", "the source language (en*)"),
        ("intermediate", "the language of mnli"),
        ("zh", "zh*"),
    ):
        asked = question_of(kind="trend", against="distance", reference=reference)
        found = answer(asked, scores, study, known={"distance": {**distance, "yo": None}}, rehearsal=True)
        assert f"the syntactic distance from {what}: " in found.sentence
        assert "left out, since a value is unknown: yo*" in found.notes


def test_a_trend_over_sizes_is_honest_about_three_points(scores_of, question_of):
    gains = {"small": 1.0, "middle": 2.0, "large": 3.1}
    contrasts, sizes = {}, {"small": 10**7, "middle": 10**8, "large": 10**9}
    for i, (model, gain) in enumerate(gains.items()):
        scores = scores_of(gains={"mnli": gain}, targets=TARGETS, seeds=SEEDS, noise=0.05, seed_noise=0.05, draw=i)
        contrasts[model] = contrast(
            scores, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=tuple(TARGETS),
            languages="ar de en hi sw tr ur".split(),
        )  # fmt: skip
    found = over_sizes(question_of(kind="trend", against="size"), contrasts, sizes, rehearsal=False)
    assert found.interval.estimate == pytest.approx(1.05, abs=0.1)
    assert found.interval.df == 1
    assert any("one degree of freedom" in warning for warning in found.warnings)
    assert found.details["prediction"]["parameters"] == 10**10
    assert "outside the sizes that were run" in found.notes[0]
    two = {model: contrasts[model] for model in ("small", "large")}
    line = over_sizes(question_of(kind="trend", against="size"), two, sizes, rehearsal=True)
    assert line.verdict.word == "no verdict"
    assert line.sentence.startswith("In the rehearsal (artificial languages), there is no verdict")


def arms(scores_of, gains, seeds=SEEDS, draw=0):
    return scores_of(gains=gains, targets=TARGETS, seeds=seeds, noise=0.3, seed_noise=0.2, draw=draw)


def test_the_best_is_reported_on_other_seeds_than_it_is_chosen_on(scores_of, study_of, question_of):
    scores = arms(scores_of, {"mnli": 1.0, "squad": 4.0})
    found = answer(question_of("best", "none", kind="best-of"), scores, study_of(tuple(TARGETS)))
    assert found.verdict.word == "better"
    assert set(found.details["chosen"].values()) == {"squad"}
    assert not set(found.details["choosing"]) & set(found.details["reporting"])
    assert found.interval.low < 4.0 < found.interval.high
    assert "choosing the best of 2 arms for each target on other seeds" in found.sentence


def test_of_equal_arms_the_best_gains_nothing_but_luck(scores_of, study_of, question_of):
    names = [f"arm{i}" for i in range(9)]
    study = study_of(tuple(TARGETS), intermediate=dict.fromkeys(["none", *names]))
    gains, naive = [], []
    for draw in range(20):
        scores = scores_of(
            gains=dict.fromkeys(names, 0.0), targets=TARGETS, seeds=SEEDS, noise=1.0, seed_noise=1.0, draw=draw
        )
        found = answer(question_of("best", "none", kind="best-of"), scores, study)
        gains.append(found.interval.estimate)
        naive.append(found.details["naive"])
    assert abs(np.mean(gains)) < 0.35
    assert np.mean(naive) > 0.5


def test_chosen_on_dev_every_seed_reports(scores_of, study_of, question_of):
    scores = arms(scores_of, {"mnli": 1.0, "squad": 4.0})
    asked = question_of("best", "none", kind="best-of", choose="dev")
    found = answer(asked, scores, study_of(tuple(TARGETS)), chosen={"xnli": "mnli", "udpos": "squad"})
    assert found.details["reporting"] == list(SEEDS)
    assert [line.what for line in found.targets] == ["xnli (mnli)", "udpos (squad)"]
    assert "tatoeba: no dev scores to choose on" in found.warnings
    with pytest.raises(InputError, match="no dev scores to choose on: training never looked at dev"):
        answer(asked, scores, study_of(tuple(TARGETS)), chosen={})


def test_other_seeds_and_items(scores_of, study_of, question_of):
    rng = np.random.default_rng(0)
    skill = {"mnli": 0.72, "squad": 0.80}

    def outcomes(found):
        def block(target):
            hits = np.stack([rng.random((5, 3, 600)) < skill[found.a], rng.random((5, 3, 600)) < 0.7])
            return [of_values(hits)]

        return {target: block(target) for target in found.targets}

    asked = question_of("best", "none", kind="best-of", choose="other-seeds-and-items")
    scores = arms(scores_of, {"mnli": 2.0, "squad": 10.0})
    found = answer(asked, scores, study_of(tuple(TARGETS)), outcomes=outcomes)
    assert set(found.details["chosen"].values()) == {"squad"}
    assert found.interval.estimate == pytest.approx(10, abs=1.5)
    assert found.details["chosen_on"] == "other seeds and the other half of the test items"
    with pytest.raises(InputError, match="the single answers are not in the store"):
        answer(asked, scores, study_of(tuple(TARGETS)))


@pytest.mark.parametrize(
    ("gain", "goal", "word"),
    [
        (0.0, "equivalent", "equivalent"), (0.3, "equivalent", "equivalent"), (5.0, "equivalent", "better"),
        (0.0, "not worse", "not worse"), (5.0, "not worse", "better"), (-5.0, "not worse", "worse"),
    ],
)  # fmt: skip
def test_goals_with_a_margin(gain, goal, word, scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": gain}, targets=TARGETS, seeds=SEEDS, noise=0.05, seed_noise=0.05)
    found = answer(question_of(goal=goal, margin=1.0), scores, study_of(tuple(TARGETS)))
    assert found.verdict.word == word
    assert found.goal.goal == goal
    assert (found.goal.word == goal) == (word in (goal, "better") and not (goal == "equivalent" and gain > 1))
    assert found.p == found.goal.p


def test_a_wide_interval_shows_neither_equality_nor_that_little_was_lost(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 0.0}, targets=TARGETS, seeds=(1, 2, 3), noise=3.0, seed_noise=5.0, draw=4)
    for goal in ("equivalent", "not worse"):
        found = answer(question_of(goal=goal, margin=0.5), scores, study_of(tuple(TARGETS)))
        assert found.verdict.word == "not distinguishable"
        assert "is not shown" in found.verdict.why
    with pytest.raises(InputError, match="write `margin`"):
        answer(question_of(goal="not worse"), pd.DataFrame(scores), study_of(tuple(TARGETS)))


def test_a_trend_of_one_checkpoint_has_no_interval(scores_of, study_of, question_of):
    scores, distance = many(scores_of, 15.0)
    study = study_of(("udpos",), select=lambda said: tuple(MANY))
    asked = question_of(kind="trend", against="distance")
    found = answer(asked, scores[scores["seed"] == 1], study, known={"distance": distance})
    assert found.interval.low is None and found.verdict.word == "no verdict"
    assert "95 %" not in found.text() and "1 seed: no interval, no verdict" in found.warnings
    assert found.details["slopes"][0]["interval"]["low"] is None


def blocks_of(skill, per_target=600, seed=0):
    rng = np.random.default_rng(seed)

    def outcomes(found):
        shape = (len(found.seeds), 3, per_target)
        return {
            target: [of_values(np.stack([rng.random(shape) < skill[found.a], rng.random(shape) < 0.7]))]
            for target in found.targets
            if target != "sts"
        }

    return outcomes


def test_items_are_halved_while_targets_have_other_seeds(scores_of, study_of, question_of):
    """Half way: one target lacks a seed, and a target of some arms only has no sums."""
    targets = {**TARGETS, "sts": ("de", "en")}
    scores = scores_of(gains={"mnli": 2.0, "squad": 10.0}, targets=targets, seeds=SEEDS)
    lost = (scores["target"] == "udpos") & (scores["seed"] == 5)
    lost |= (scores["target"] == "sts") & (scores["intermediate"] == "mnli")
    asked = question_of("best", "none", kind="best-of", choose="other-seeds-and-items")
    study = study_of(tuple(targets))
    found = answer(asked, scores[~lost], study, outcomes=blocks_of({"mnli": 0.72, "squad": 0.8}))
    assert set(found.details["chosen"].values()) == {"squad"}
    assert "3 targets (xnli, udpos, tatoeba)" in found.sentence
    one = blocks_of({"mnli": 0.72, "squad": 0.8}, per_target=1)
    with pytest.raises(InputError, match="can be halved"):
        answer(asked, scores, study, outcomes=one)


def test_the_scores_of_a_line_are_of_the_seeds_that_its_difference_is_of(scores_of, study_of, question_of):
    """Half way one target lacks seeds; of the best arm only the seeds that did not choose are reported."""
    scores = arms(scores_of, {"mnli": 1.0, "squad": 4.0})
    lost = (scores["target"] == "udpos") & (scores["seed"] > 3)
    study = study_of(tuple(TARGETS))
    found = answer(question_of(), scores[~lost], study, untrained=("tatoeba",))
    best = answer(question_of("best", "none", kind="best-of"), scores[~lost], study)
    for line in (*found.targets, *found.variants, *best.targets):
        assert line.a - line.b == pytest.approx(line.interval.estimate), line.what
    shapes = {}

    def seen(part):
        shapes.update(dict.fromkeys(part.targets, len(part.seeds)))
        return blocks_of({"mnli": 0.8, "none": 0.7})(part)

    answer(question_of(), scores[~lost], study, outcomes=seen)
    assert shapes == {"xnli": 5, "udpos": 3, "tatoeba": 5}  # the same seeds as the line above has


def test_the_best_names_the_targets_that_it_is_about(scores_of, study_of, question_of):
    scores = arms(scores_of, {"mnli": 1.0, "squad": 4.0})
    fewer = scores[~((scores["intermediate"] == "squad") & (scores["target"] == "udpos"))]
    found = answer(question_of("best", "none", kind="best-of"), fewer, study_of(tuple(TARGETS)))
    assert "2 targets (xnli, tatoeba)" in found.sentence
    assert "udpos: no scores of squad" in found.warnings
    apart = scores[(scores["seed"] < 3) | (scores["intermediate"] != "mnli")]
    apart = apart[(apart["seed"] > 2) | (apart["intermediate"] != "squad")]
    with pytest.raises(InputError, match="no seed is scored for all of mnli, squad yet"):
        answer(question_of("best", "none", kind="best-of"), apart, study_of(tuple(TARGETS)))


def test_a_target_of_which_nothing_is_known_leaves_the_trend(scores_of, study_of, question_of):
    scores, distance = many(scores_of, 15.0)
    few = scores_of(gains={"mnli": 1.0}, targets={"americasnli": ("quy", "gn")}, seeds=(1, 2, 3))
    study = study_of(("americasnli", "udpos"), select=lambda said: (*MANY, "quy", "gn"))
    asked = question_of(kind="trend", against="distance")
    known = {"distance": {**distance, "quy": None, "gn": None}}
    alone = answer(asked, scores, study, known=known)
    found = answer(asked, pd.concat([few, scores]), study, known=known)
    assert found.interval == alone.interval and found.verdict.word == "rises"
    assert any(warning.startswith("americasnli: left out") for warning in found.warnings)


def test_two_source_languages_are_also_left_out(scores_of, study_of, question_of):
    scores = scores_of(gains={"mnli": 1.0}, targets=TARGETS).assign(source_language="ar / en")
    study = study_of(tuple(TARGETS), source_languages=("ar / en",))
    found = answer(question_of(), scores, study)
    (without,) = [line for line in found.variants if "source" in line.what]
    assert without.what == "without the source languages (ar, en)"
    assert not {"ar", "en"} & set(without.languages)
