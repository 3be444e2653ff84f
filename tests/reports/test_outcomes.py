"""Items are taken apart so that their sums give the official score back, in every form that has sums."""

from __future__ import annotations

import random

import pytest
from synthetic import results, study

from waystage.forms.examples import Span, Tags
from waystage.metrics import score_pos, score_spans, score_squad2
from waystage.metrics.spans import count_spans
from waystage.reports import asking, outcomes
from waystage.stats import contrast
from waystage.stats.items import by_seed
from waystage.tasks import get

TARGETS = ("xnli", "udpos", "xquad", "tatoeba", "xcopa")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    said = study(targets=TARGETS, languages=("en", "de", "ar", "zh", "et"))
    return results(tmp_path_factory.mktemp("items"), said)


def test_the_sums_of_items_are_the_scores(found):
    both = contrast(
        found.scores, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=TARGETS,
        languages=found.study.languages, untrained=asking.untrained(found),
    )  # fmt: skip
    blocks = outcomes.reader(found)(both)
    assert set(blocks) == set(TARGETS)
    for pair in both.pairs:
        expected = [pair.per_seed[seed] for seed in both.seeds]
        assert by_seed(blocks[pair.target]) == pytest.approx(expected), pair.target


def test_parallel_tasks_share_their_items_between_languages(found):
    both = contrast(
        found.scores, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=("xnli", "udpos"),
        languages=("en", "de", "ar"),
    )  # fmt: skip
    blocks = outcomes.reader(found)(both)
    assert [block.over.shape[2] for block in blocks["xnli"]] == [3]
    assert [block.over.shape[2] for block in blocks["udpos"]] == [1, 1, 1]


def test_an_answer_carries_its_items(found):
    first = asking.answers(found)[1]
    assert {line["what"].split(",")[0] for line in first["items"]} == {line["what"] for line in first["targets"]}
    assert all("other seeds and other test items" in line["what"] for line in first["items"])


def test_spans_by_sentence_add_up():
    rng = random.Random(3)
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "NOUN", "VERB"]
    for _ in range(50):
        gold = [[rng.choice(tags) for _ in range(rng.randint(1, 9))] for _ in range(rng.randint(1, 7))]
        found = [[t if rng.random() < 0.7 else rng.choice(tags) for t in one] for one in gold]
        right, predicted, wanted = count_spans(gold, found)
        f1 = 200 * right.sum() / max(1, (predicted.sum() + wanted.sum()))
        assert f1 == pytest.approx(score_spans(gold, found)["f1"])
        assert len(right) == len(gold)
    examples = [Tags(id=str(i), words=("x",) * len(one), tags=tuple(one)) for i, one in enumerate(gold)]
    items = outcomes._FORMS["tags"](get("udpos"), examples, found, "de")
    above, below = map(sum, zip(*items.values(), strict=True))
    assert 100 * above / below == pytest.approx(score_pos(gold, found)["f1"])


def test_unanswerable_questions_count_as_in_the_official_score():
    task = get("squad2")
    examples = [
        Span(id="a", context="the red house", question="?", answers=("red house",), starts=(4,)),
        Span(id="b", context="the red house", question="?", answerable=False),
        Span(id="c", context="the red house", question="?", answerable=False),
        Span(id="d", context="the red house", question="?", answerable=None),
    ]
    answers = ["the red", "", "house", "red"]
    items = outcomes._FORMS["spans"](task, examples, answers, "en")
    assert set(items) == {"a", "b", "c"}
    official = score_squad2([("red house",), (), ()], answers[:3])["f1"]
    assert 100 * sum(v for v, _ in items.values()) / 3 == pytest.approx(official)


def test_mined_pairs_are_an_f1_over_queries():
    from waystage.forms.examples import Passage
    from waystage.metrics import score_pairs

    queries = [Passage(id=f"q{i}", text="x", query=True, gold=(f"c{i}",) if i < 6 else ()) for i in range(10)]
    answers = [["c0"], ["c1"], ["c9"], [], [], ["c5"], ["c6"], [], [], []]
    items = outcomes._FORMS["retrieval"](get("bucc"), queries, answers, "de")
    above, below = map(sum, zip(*items.values(), strict=True))
    gold = {(q.id, g) for q in queries for g in q.gold}
    official = score_pairs(gold, {(q.id, a) for q, given in zip(queries, answers, strict=True) for a in given})["f1"]
    assert 100 * above / below == pytest.approx(official)


def test_a_scorer_that_knows_the_language_is_the_one_that_is_asked():
    example = [Span(id="a", context="das Haus am See", question="?", answers=("Haus",), starts=(4,))]
    squad, mlqa = (outcomes._FORMS["spans"](get(name), example, ["das Haus"], "de")["a"] for name in ("xquad", "mlqa"))
    assert squad == (pytest.approx(2 / 3), 1.0)
    assert mlqa == (1.0, 1.0)  # German articles do not count


def test_items_are_those_of_the_checkpoint_that_counts(found):
    """Further selections of a run are scored beside it; their answers are other ones."""
    from dataclasses import replace

    by_key = {(c.intermediate, c.target, c.seed): c for c in found.plan.cells}
    cells = []
    for cell in found.plan.cells:
        other = by_key["squad" if cell.intermediate == "mnli" else "none", cell.target, cell.seed]
        cells += [cell, replace(cell, selection="target-dev", evaluate=other.evaluate)]
    selected = replace(found, plan=replace(found.plan, cells=tuple(cells)))
    both = contrast(
        selected.scores, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=("xnli",),
        languages=found.study.languages,
    )  # fmt: skip
    blocks = outcomes.reader(selected)(both)
    assert by_seed(blocks["xnli"]) == pytest.approx([both.pairs[0].per_seed[seed] for seed in both.seeds])
