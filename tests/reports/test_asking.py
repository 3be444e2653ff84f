"""Questions that need more than one table of scores: two source languages, dev choices, predictors from the store."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from synthetic import results, study

from waystage.errors import InputError, StudyError
from waystage.reports import asking, beside, known, relations, words
from waystage.stats import contrast


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    questions = (
        {"ask": "zh or en?", "compare": ("mnli", "mnli"), "sources": ("zh", "en"), "languages": ("de", "ar", "tr")},
        {"ask": "trend", "kind": "trend", "against": "distance", "beside": ("text", "resource"),
         "compare": ("mnli", "none")},
        {"ask": "best", "kind": "best-of", "compare": ("best", "none"), "choose": "dev"},
        {"ask": "gap", "kind": "gap", "compare": ("mnli", "none")},
        {"ask": "halves", "kind": "best-of", "compare": ("best", "none"), "choose": "other-seeds-and-items"},
    )  # fmt: skip
    said = study(source_languages=("en", "zh"), question=questions, targets=("udpos", "xnli", "tatoeba"),
                 seeds=(1, 2, 3, 4))  # fmt: skip
    return results(tmp_path_factory.mktemp("asking"), said)


def test_two_source_languages_are_compared_where_both_are_trained(found):
    (answer,) = [one for one in asking.answers(found) if one["ask"] == "zh or en?"]
    assert answer["answered"], answer
    assert answer["a"] == "mnli from zh" and answer["source_language"] == "zh / en"
    assert "mnli from zh" in answer["sentence"] and "mnli from en" in answer["sentence"]
    assert {line["what"] for line in answer["targets"]} == {"udpos", "xnli"}  # nothing is trained for tatoeba
    by_hand = found.scores[(found.scores.target != "tatoeba") & found.scores.headline]
    by_hand = by_hand[by_hand.intermediate.eq("mnli") & by_hand.language.isin(["de", "ar", "tr"])]
    means = by_hand.groupby(["source_language", "target"])["value"].mean().groupby("source_language").mean()
    assert answer["interval"]["estimate"] == pytest.approx(means["zh"] - means["en"])
    for line in answer["items"]:  # other items, from the answers of both sides
        (target,) = [one for one in answer["targets"] if line["what"].startswith(f"{one['what']}, other seeds")]
        assert line["interval"]["estimate"] == pytest.approx(target["interval"]["estimate"])
    assert len(answer["items"]) == 2


def test_every_kind_of_question_is_answered_or_says_why(found):
    answers = {(one["ask"], one["source_language"]): one for one in asking.answers(found)}
    assert len(answers) == 9
    trend = answers["trend", "en"]
    assert trend["answered"], trend
    assert [slope["predictor"] for slope in trend["details"]["slopes"]] == ["distance", "text", "resource"]
    assert not answers["best", "en"]["answered"]
    assert "training never looked at dev" in answers["best", "en"]["why"]
    assert answers["gap", "en"]["kind"] == "gap"
    assert answers["halves", "en"]["details"]["chosen_on"].startswith("other seeds and the other half")


def test_each_of_several_answers_says_which_it_is(found):
    answers = asking.answers(found)
    assert {(one["ask"], one["of"]) for one in answers if one["ask"] in ("gap", "zh or en?")} == {
        ("gap", "from en"), ("gap", "from zh"), ("zh or en?", ""),
    }  # fmt: skip
    assert words.asked(next(one for one in answers if one["ask"] == "gap")) == "gap (from en)"


def test_predictors_of_the_store(found):
    predictors = known.of(found, found.study.question[1], model="xlm-roberta-base", source_language="en")
    assert predictors["distance"]["de"] < predictors["distance"]["tr"]
    assert predictors["text"]["sw"] == pytest.approx(0.204, abs=0.01)  # log10 of 1.6 GiB
    assert predictors["fertility"]["de"] == 2.0 and predictors["fertility"]["zh"] is None


def test_crossed_seeds_are_averaged_within_an_intermediate_seed():
    rows = [
        {"model": "m", "intermediate": arm, "target": "xnli", "source_language": "en", "language": "de", "seed": i,
         "intermediate_seed": i, "target_seed": t, "metric": "accuracy", "value": 60 + gain + t + i, "headline": True,
         "stage": f"{arm}{i}{t}"}
        for arm, gain in (("none", 0), ("mnli", 3)) for i in (1, 2, 3) for t in (1, 2)
    ]  # fmt: skip
    both = contrast(pd.DataFrame(rows), "mnli", "none", model="m", source_language="en", targets=["xnli"],
                    languages=["de"])  # fmt: skip
    assert both.seeds == (1, 2, 3)
    assert both.per_seed() == {1: 3.0, 2: 3.0, 3: 3.0}
    assert float(both.pairs[0].a.loc[1, "de"]) == 65.5


def test_sources_must_be_among_those_of_the_study():
    question = {"compare": ("mnli", "mnli"), "sources": ("sw", "en")}
    with pytest.raises(StudyError, match="'sw' is not among the study's source_languages"):
        study(question=(question,))


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"tasks": ("mnli",), "translate": ("zh",)}, "zh"),
        ({"tasks": ("xnli",), "language": "tr"}, "tr"),
        ({"tasks": ("xnli",), "language": "source"}, "en"),
        ({"tasks": ("xnli",), "translate": ("de", "zh")}, None),
        ({"tasks": ("xnli",), "language": "zh", "then": ({"tasks": ("squad",)},)}, None),
    ],
)
def test_a_distance_is_from_the_language_that_was_trained_on(arm, said):
    from types import SimpleNamespace

    from waystage.study import Intermediate, Question

    results = SimpleNamespace(study=SimpleNamespace(intermediate={"a": Intermediate(**arm), "b": Intermediate()}))
    question = Question(compare=("a", "b"), kind="trend", against="distance", reference="intermediate")
    if said is None:
        with pytest.raises(InputError, match="has no one language to measure from"):
            known._reference(results, question, "en")
    else:
        assert known._reference(results, question, "en") == said


def test_a_checkpoint_that_nothing_trained_has_no_dev_score(found):
    from waystage.graph.stage import Stage

    merged = Stage(kind="merge", name="average", config={"model": {"name": "m"}, "how": "average", "layers": []})
    search = next(cell.evaluate for cell in found.plan.cells if cell.target == "tatoeba")
    odd = Stage(kind="evaluate", name="e", config=dict(search.config), inputs={**search.inputs, "checkpoint": merged})
    assert asking._dev_score(found, odd) is None


def test_dev_data_of_evaluated_languages_choose_nothing(found, monkeypatch):
    """A ceiling is looked at in each language by itself, which is not the dev data of the source language."""
    monkeypatch.setattr(asking, "_dev_score", lambda results, evaluate: 50.0)
    question = next(one for one in found.study.question if one.choose == "dev")
    assert set(asking.chosen_on_dev(found, question, "xlm-roberta-base", "en")) == {"udpos", "xnli", "tatoeba"}
    cells = [
        replace(cell, protocol="ceiling, not zero-shot")
        if (cell.intermediate, cell.target) == ("mnli", "xnli")
        else cell
        for cell in found.plan.cells
    ]
    ceiling = replace(found, plan=replace(found.plan, cells=tuple(cells)))
    assert set(asking.chosen_on_dev(ceiling, question, "xlm-roberta-base", "en")) == {"udpos", "tatoeba"}


def test_sizes_of_a_question_between_sources_are_drawn(tmp_path):
    from waystage.reports.content import content
    from waystage.reports.page import page

    asked = {"compare": ("mnli", "mnli"), "sources": ("zh", "en"), "languages": ("de", "ar", "tr")}
    said = study(models=("xlm-roberta-base", "xlm-roberta-large"), source_languages=("en", "zh"), question=(asked,),
                 targets=("xnli",), languages=("en", "de", "ar", "tr", "zh"))  # fmt: skip
    assert "by size, zh / en" in page(content(results(tmp_path, said, items=4), examples=False))


def test_a_search_after_the_first_source_is_not_one_after_another_source(tmp_path):
    """The arm goes with the source language, so what Tatoeba shows after English NLI says nothing of Chinese NLI."""
    said = study(
        source_languages=("en", "zh"), targets=("xnli", "tatoeba"), languages=("en", "de", "sw"),
        intermediate={
            "none": {}, "mnli": {"tasks": ("mnli",)}, "there": {"tasks": ("xnli",), "language": "source"},
            "shuffled": {"control": "shuffled-labels", "of": "there"},
        },
        question=[{"compare": ("there", "none")}, {"compare": ("shuffled", "none")}, {"compare": ("mnli", "none")}],
    )  # fmt: skip
    ran = results(tmp_path, said, items=6)
    answers = {(one["a"], one["source_language"]): one for one in asking.answers(ran)}
    for (arm, source), one in answers.items():
        without = source == "zh" and arm != "mnli"
        assert [line["what"] for line in one["targets"]] == ["xnli"] + ["tatoeba"] * (not without), (arm, source)
        assert any(said.startswith("tatoeba: no scores") for said in one["warnings"]) == without
    arms = relations.contrasts(ran, ran.scores[ran.scores["headline"]], "none")
    assert arms["xlm-roberta-base", "zh"]["there"].targets == ("xnli",)
    assert arms["xlm-roberta-base", "zh"]["mnli"].targets == ("xnli", "tatoeba")
    rows = [row for row in beside.compare(ran, ran)["rows"] if row["target"] == "tatoeba"]
    assert {row["source_language"] for row in rows} == {"en"}  # one row, not one for each source
