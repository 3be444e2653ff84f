"""Labels of inference and paraphrase are right, by a judge that knows only what clauses mean."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

from waystage.world.facts import facts
from waystage.world.names import pool
from waystage.world.stream import Stream
from waystage.world.tasks import nli, paraphrase, similar

_spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("oracle.py"))
assert _spec and _spec.loader
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)
NAMES = pool(0, "target/test")


@pytest.mark.parametrize("domain", ["general", "medicine", "commerce"])
@pytest.mark.parametrize("make", [nli.plain, nli.scene])
def test_the_judge_agrees_with_every_label(make, domain: str) -> None:
    for number in range(1500):
        draw = Stream("judge", number)
        premises, hypothesis, label = make(draw, facts(), NAMES, number % 3, domain)
        assert label == number % 3
        assert oracle.judge(premises[0], hypothesis) == label, (number, premises[0], hypothesis)


def test_adversarial_hypotheses_follow_from_one_of_two_statements_or_from_none() -> None:
    for number in range(1500):
        (a, b), hypothesis, label = nli.adversarial(Stream("two", number), facts(), NAMES, number % 3, "general")
        judged = {oracle.judge(a, hypothesis), oracle.judge(b, hypothesis)} - {1}
        assert judged == ({label} - {1}), (number, a, b, hypothesis)


def test_classes_are_balanced_and_negation_does_not_give_them_away() -> None:
    denied: Counter[int] = Counter()
    for number in range(3000):
        _, hypothesis, label = nli.plain(Stream("cue", number), facts(), NAMES, number % 3, "general")
        denied[label] += hypothesis.negative
    assert denied[0] > 100 and denied[1] > 50 and denied[2] < 600


def test_exchanged_roles_change_the_meaning_and_nothing_else() -> None:
    for number in range(500):
        one, two = paraphrase.swap_pair(Stream("swap", number), facts(), NAMES, "general", number % 2 == 0)
        assert (one == two) == (number % 2 == 0)
        if one != two:
            assert oracle.judge(one, two) != 0

            def said(clause):
                return sorted(str(p) for p in (clause.subject, clause.object, *(p for _, p in clause.others)))

            assert said(one) == said(two) and one.verb == two.verb


def test_similarity_is_symmetric_and_full_only_for_the_same() -> None:
    seen = set()
    for number in range(600):
        one, two = similar.pair(Stream("alike", number), facts(), NAMES, "general")
        score = similar.similarity(one, two)
        assert score == similar.similarity(two, one) and 0 <= score <= 5
        assert similar.similarity(one, one) == 5
        seen.add(round(score))
    assert seen == {0, 1, 2, 3, 4, 5}
