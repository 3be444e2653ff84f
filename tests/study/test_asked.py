"""What a plan says of questions before a run: which of them nothing will ever answer."""

from __future__ import annotations

from typing import Any

import pytest

from waystage import Study
from waystage.errors import StudyError
from waystage.study.asked import unanswered
from waystage.study.stages import plan

NAMED = {"compare": ["mnli", "none"], "ask": "?"}


def said(question: dict[str, Any], **more: Any) -> list[str]:
    values: dict[str, Any] = {
        "title": "t",
        "source": "world",
        "models": ["standin-s"],
        "targets": ["xnli", "udpos"],
        "languages": ["en", "de", "fr"],
        "seeds": [1],
        "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"], "on": ["xnli"]}, "ner": {"tasks": ["panx"]}},
    }
    return unanswered(plan(Study(**{**values, "question": [{**NAMED, **question}], **more})))


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"languages": ["sw", "yo"]}, "nothing of sw, yo is scored; scored are de, en, fr"),
        ({"languages": "low-resource"}, "nothing of 'low-resource' is scored"),
        ({"kind": "gap"}, "nothing of low = 'low-resource' is scored"),
        ({"kind": "gap", "high": "source", "low": ["de"], "languages": ["de"]}, "nothing of high = 'source' is scored"),
        ({"kind": "trend", "against": "text", "languages": ["en"]}, "nothing of en is scored; scored are de, fr"),
        ({"kind": "trend", "against": "text"}, "2 points, one per target and language, are too few for a trend"),
    ],
)
def test_a_question_that_nothing_answers_is_said_before_the_run(question: dict[str, Any], why: str) -> None:
    (line,) = said(question)
    assert line.startswith("question 1 (?) will have no answer: ") and why in line


def test_two_arms_that_share_no_target() -> None:
    arms = {"none": {}, "mnli": {"tasks": ["mnli"], "on": ["xnli"]}, "ner": {"tasks": ["panx"], "on": ["udpos"]}}
    assert said({"compare": ["mnli", "ner"]}, intermediate=arms) == [
        "question 1 (?) will have no answer: no target is scored after both mnli and ner"
    ]


@pytest.mark.parametrize(
    ("question", "more"),
    [
        ({}, {}),
        ({"languages": ["fr", "sw"]}, {}),
        ({"kind": "gap", "high": "source", "low": ["de", "fr"]}, {}),
        ({"kind": "best-of", "compare": ["best", "none"]}, {}),
        ({"kind": "trend", "against": "text"}, {"languages": ["en", "de", "fr", "sw", "zh"]}),
        ({"kind": "trend", "against": "size"}, {"languages": ["en"], "models": ["standin-s", "standin-m"]}),
        ({"compare": ["ner", "ner"], "sources": ["zh", "en"]}, {"source_languages": ["en", "zh"]}),
        ({"compare": ["there", "none"], "languages": ["fr"]}, {
            "intermediate": {"none": {}, "there": {"tasks": ["xnli"], "language": "target"}}}),
    ],
)  # fmt: skip
def test_what_can_be_answered_is_left_alone(question: dict[str, Any], more: dict[str, Any]) -> None:
    assert said(question, **more) == []


def test_a_language_on_both_sides_of_a_gap_is_refused_before_the_run() -> None:
    for sides in ({"high": "all"}, {"high": ["en", "sw"], "low": ["sw", "yo"]}, {"low": "all - en"}):
        with pytest.raises(StudyError, match="stand on both sides of the gap"):
            said({"kind": "gap", **sides})
    assert said({"kind": "gap", "high": "source", "low": "all"}) == []
    assert said({"kind": "gap", "high": ["en"], "low": ["de", "fr"]}) == []


def test_a_search_that_nothing_was_trained_for_has_no_source_language() -> None:
    more = {"source_languages": ["zh"], "languages": ["zh", "de", "sw"], "targets": ["xnli", "tatoeba"]}
    gap = {"kind": "gap", "high": "source", "low": "all"}
    assert said(gap, **more) == []
    (line,) = said({**gap, "targets": ["tatoeba"], "compare": ["ner", "none"]}, **more)
    assert "nothing of high = 'source' is scored" in line
