import re
import string
import sys
import unicodedata
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from waystage.errors import InputError, UnknownName
from waystage.metrics import (
    MLQA_LANGUAGES,
    SQUAD,
    answer_scores,
    mlqa_normalize,
    mlqa_rules,
    score_mlqa,
    score_squad,
    score_squad2,
    squad_normalize,
)

ARTICLES = {
    "en": r"\b(a|an|the)\b",
    "es": r"\b(un|una|unos|unas|el|la|los|las)\b",
    "hi": None,
    "vi": r"\b(của|là|cái|chiếc|những)\b",
    "de": r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b",
    "ar": "ال",
    "zh": None,
}
ALL_MARKS = {c for c in map(chr, range(sys.maxunicode)) if unicodedata.category(c)[0] == "P"} | set(string.punctuation)


def plain(text: str, marks: set[str], articles: str | None, *, characters: bool = False) -> str:
    """One text at a time, step by step as the rule is written."""
    text = "".join(c for c in text.lower() if c not in marks)
    if articles:
        text = re.sub(articles, " ", text)
    if characters:
        text = "".join(f" {c} " if "\u4e00" <= c <= "\u9fa5" else c for c in text)
    return " ".join(text.split())


def plain_f1(prediction: str, gold: str) -> float:
    p, g = prediction.split(), gold.split()
    same = sum((Counter(p) & Counter(g)).values())
    return 0 if not same else (2 * (same / len(p)) * (same / len(g))) / (same / len(p) + same / len(g))


TRICKY = list("aAnNtThHeE ΣσςİIıßẞ\u0301\u0300\u0307\u200b\u200d\u00a0\u3000\x00\x1c\x85\t\n.,'’“”·。、؟،।«»€^`|_-$")
TRICKY += ["the", "an ", " a ", "THE", "ال", "لا", "của", "la\u0300", "là", "die", "der", "las", "un", "北", "大", "龥"]
TRICKY += ["龦", "㐀", "の", "한", "1", "٣", "\ud800", "\udc00", "😀", "ﬁ", "ǅ"]
TEXT = st.one_of(st.lists(st.sampled_from(TRICKY), max_size=12).map("".join), st.text(max_size=12))


@settings(deadline=None)
@given(st.lists(TEXT, max_size=6))
@example([])
@example([""])
@example(["", ""])
@example(["ΟΔΟΣ", "ΑΣ.", "Σ"])
@example(["a\0the", "x"])
def test_bulk_normalisation_is_the_rule_one_by_one(texts):
    assert SQUAD.normalize(texts) == [plain(t, set(string.punctuation), ARTICLES["en"]) for t in texts]
    for language in MLQA_LANGUAGES:
        want = [plain(t, ALL_MARKS, ARTICLES[language], characters=language == "zh") for t in texts]
        assert mlqa_rules(language).normalize(texts) == want


@settings(deadline=None)
@given(st.lists(st.tuples(st.lists(TEXT, min_size=1, max_size=3), st.none() | TEXT), min_size=1, max_size=6))
def test_scores_are_the_best_over_golds_question_by_question(asked):
    golds, answers = [list(g) for g, _ in asked], [a for _, a in asked]
    exact, f1 = answer_scores(golds, answers, SQUAD)
    for answer, texts, e, f in zip(answers, golds, exact, f1, strict=True):
        if answer is None:
            assert (e, f) == (False, 0)
            continue
        found, clean = squad_normalize(answer), [squad_normalize(t) for t in texts]
        assert e == (found in clean)
        assert f == max(plain_f1(found, gold) for gold in clean)


@pytest.mark.parametrize(
    ("gold", "answer", "exact", "f1"),
    [
        ("The Eiffel Tower", "eiffel tower!", 100, 100),
        ("red brick house", "red door", 0, 40.0),
        ("北京大学。", "北京大学", 0, 0),
        ("แม่น้ำ เจ้าพระยา", "เจ้าพระยา", 0, 66.66666666666666),
        ("القاهرة، مصر؟", "القاهرة مصر", 0, 0),
        ("", "", 100, 0),
        ("A.N. Other", "Other", 100, 100),
        ("ΟΔΟΣ", "οδος", 100, 100),  # capital sigma at the end of a word becomes the final one ...
        ("ΟΔΟΣ", "οδοσ", 0, 0),  # ... and that is not the other one
        ("İstanbul", "istanbul", 0, 0),  # i and a dot above
        ("İstanbul", "i\u0307stanbul", 100, 100),
        ("10\u00a0km", "10 km", 100, 100),  # no-break space is white space
        ("10\u200bkm", "10 km", 0, 0),  # zero-width space is not
        ("a\u0300 la carte", "\u0300 la carte", 100, 100),  # decomposed: the letter is taken for an article
        ("à la carte", "la carte", 0, 80.0),
        ("Straße", "strasse", 0, 0),
    ],
)
def test_squad(gold, answer, exact, f1):
    assert score_squad([[gold]], [answer]) == {"exact_match": exact, "f1": f1}


@pytest.mark.parametrize(
    ("language", "gold", "answer", "exact", "f1"),
    [
        ("zh", "北京大学", "北京", 0, 66.66666666666666),
        ("zh", "使用Python语言", "python 语言", 0, 74.99999999999999),
        ("ar", "العالم", "ع م", 100, 100),
        ("ar", "سؤال", "سؤ", 100, 100),
        ("de", "die", "", 100, 0),
        ("en", "€5", "5", 0, 0),
        ("hi", "नई दिल्ली।", "नई दिल्ली", 100, 100),
        ("vi", "ca\u0301i bàn", "bàn", 0, 66.66666666666666),
        ("es", "¿El niño?", "nin\u0303o", 0, 0),
    ],
)
def test_mlqa(language, gold, answer, exact, f1):
    assert score_mlqa([[gold]], [answer], language) == {"exact_match": exact, "f1": f1}


def test_sums_run_in_file_order_and_keep_their_last_digit():
    right, near = (["x"], "x"), (["ans"], "ans i")
    for questions, f1 in (([right] * 3 + [near] * 4, 80.95238095238096), ([near] * 4 + [right] * 3, 80.95238095238095)):
        golds, answers = zip(*questions, strict=True)
        assert score_squad(golds, answers) == {"exact_match": 42.857142857142854, "f1": f1}


def test_more_questions_than_one_batch():
    count = 20_000
    golds = [[f"answer {n}"] for n in range(count)]
    answers = [f"The answer {n}" if n % 2 else "wrong" for n in range(count)]
    assert score_squad(golds, answers) == {"exact_match": 50.0, "f1": 50.0}


def test_long_answers_take_linear_time_per_token():
    long = " ".join(str(n) for n in range(200_000))
    assert score_squad([[long + " end"]], [long])["f1"] > 99.9


def test_what_has_no_score():
    with pytest.raises(InputError, match="question number 2 has an empty list"):
        score_squad([["a"], []], ["a", "b"])
    with pytest.raises(InputError, match="1 predictions for 2 questions"):
        score_squad([["a"], ["b"]], ["a"])
    with pytest.raises(InputError, match="no question"):
        score_squad([], [])
    with pytest.raises(UnknownName, match="en es hi vi de ar zh"):
        mlqa_normalize("x", "th")


def test_squad2_rewards_silence_where_there_is_no_answer():
    golds = [["Paris", "the city of Paris"], [], [], ["The"]]
    assert score_squad2(golds, ["Paris", "", "Rome", ""]) == {
        "exact_match": 75.0,
        "f1": 75.0,
        "has_answer_exact_match": 100.0,  # the last gold answer is an article only, so nothing is the right answer
        "has_answer_f1": 100.0,
        "no_answer_exact_match": 50.0,
    }
    assert score_squad2([["Paris"]], [""])["f1"] == 0
    assert "no_answer_exact_match" not in score_squad2([["Paris"]], [""])
    assert score_squad2([[]], ["the"]) == {"exact_match": 100.0, "f1": 100.0, "no_answer_exact_match": 100.0}
    with pytest.raises(InputError):
        score_squad2([], [])
