"""SQuAD's exact match and F1: xquad and tydiqa, in every language, English articles and all. And SQuAD 2.0's."""

from __future__ import annotations

import string
from collections.abc import Sequence

from waystage.errors import InputError
from waystage.metrics.answers import Rules, answer_scores, score_answers
from waystage.metrics.totals import add_up

SQUAD = Rules(punctuation=string.punctuation, articles=("a", "an", "the"))


def squad_normalize(text: str) -> str:
    return SQUAD.normalize([text])[0]


def score_squad(golds: Sequence[Sequence[str]], predictions: Sequence[str | None]) -> dict[str, float]:
    """`exact_match` and `f1` in percent; one prediction per question, None where there is none."""
    return score_answers(golds, predictions, SQUAD)


def score_squad2(golds: Sequence[Sequence[str]], predictions: Sequence[str]) -> dict[str, float]:
    """SQuAD 2.0, where "" means "no answer": two empty answers agree (F1 1), an empty one and another do not.

    A question without gold answers is unanswerable; gold answers that normalise to nothing do not count. Next to
    `exact_match` and `f1` over all, the same over the answerable ones and the share of unanswerable ones left empty.
    """
    meant = [[text for text, kept in zip(a, SQUAD.normalize(a), strict=True) if kept] or [""] for a in golds]
    exact, overlap = answer_scores(meant, predictions, SQUAD)
    if not exact:
        raise InputError("no question to score")
    f1 = [float(e) if answers == [""] else f for e, f, answers in zip(exact, overlap, meant, strict=True)]
    yes = [i for i, answers in enumerate(golds) if answers]
    no = [i for i, answers in enumerate(golds) if not answers]
    scores = {"exact_match": 100.0 * sum(exact) / len(exact), "f1": 100.0 * add_up(f1) / len(f1)}
    if yes:
        scores["has_answer_exact_match"] = 100.0 * sum(exact[i] for i in yes) / len(yes)
        scores["has_answer_f1"] = 100.0 * add_up(f1[i] for i in yes) / len(yes)
    if no:
        scores["no_answer_exact_match"] = 100.0 * sum(exact[i] for i in no) / len(no)
    return scores
