import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.metrics import (
    average_precision_at_k,
    best_threshold,
    candidates,
    extract,
    mean_average_precision,
    mine,
    mutual_nearest,
    nearest,
    nearest_lines,
    neighbours,
    reciprocal_rank,
    score_lareqa,
    score_mewslix,
    score_pairs,
    unify,
    unit,
    with_ids,
)


def vectors(rows, width, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (40, 33)])
def test_blocks_find_what_a_full_sort_finds(shape, monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS", 6)
    monkeypatch.setattr(neighbours, "_COLUMNS", 4)
    x, y = vectors(shape[0], 5), vectors(shape[1], 5, seed=1)
    full = x.astype(np.float64) @ y.T.astype(np.float64)
    for found, similarity in zip(mutual_nearest(x, y, 4), (full, full.T), strict=True):
        order = np.argsort(-similarity, axis=1)[:, :4]
        assert found.index.tolist() == order.tolist()
        assert found.similarity == pytest.approx(np.take_along_axis(similarity, order, 1), abs=1e-5)
    assert nearest(x, y, 4).index.tolist() == mutual_nearest(x, y, 4)[0].index.tolist()


def test_equal_similarities_give_the_lowest_index_across_blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "_ROWS", 2)
    monkeypatch.setattr(neighbours, "_COLUMNS", 3)
    x, y = np.ones((5, 2), dtype=np.float32), np.ones((8, 2), dtype=np.float32)
    forward, backward = mutual_nearest(x, y, 4)
    assert forward.index.tolist() == [[0, 1, 2, 3]] * 5
    assert backward.index.tolist() == [[0, 1, 2, 3]] * 8


def test_unit_leaves_zeros():
    assert unit(np.array([[3, 4], [0, 0]], dtype=np.float32)).tolist() == [
        [pytest.approx(0.6), pytest.approx(0.8)],
        [0, 0],
    ]


def test_tatoeba():
    eye = np.eye(4)
    assert nearest_lines(eye, eye[[2, 0, 3, 1]]).tolist() == [2, 0, 3, 1]
    assert nearest_lines([[10, 0], [0, 0.1]], [[0.01, 0], [0, 50]]).tolist() == [0, 1]
    assert nearest_lines([[10, 0], [1, 1]], [[2, 0]], normalize=False).tolist() == [1]


def test_tatoeba_takes_the_first_of_equal_lines_however_many_queries():
    lines = np.repeat(vectors(97, 64), 3, axis=0)  # every line three times
    assert nearest_lines(lines, vectors(97, 64)).tolist() == [3 * n for n in range(97)]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_of_a_diverged_model_are_refused(bad):
    with pytest.raises(InputError, match="row 1 holds NaN or infinity"):
        nearest_lines([[1.0, 0], [bad, 0]], [[1.0, 0]])
    with pytest.raises(InputError, match="one row per sentence"):
        nearest_lines([], [[1.0]])
    with pytest.raises(InputError, match="2 and 3 dimensions"):
        nearest(vectors(2, 2), vectors(2, 3), 1)


def plain_mining(x, y, k):
    """Margins and greedy matching straight from the full table of similarities."""
    full = unit(x) @ unit(y).T
    forward, backward = np.argsort(-full, axis=1)[:, :k], np.argsort(-full.T, axis=1)[:, :k]
    fm = np.array([full[i, forward[i]].mean() for i in range(len(x))])
    bm = np.array([full[backward[j], j].mean() for j in range(len(y))])
    proposals = []
    for i in range(len(x)):
        proposals.append(max(((full[i, j] / ((fm[i] + bm[j]) / 2), i, int(j)) for j in forward[i]), key=lambda c: c[0]))
    for j in range(len(y)):
        proposals.append(
            max(((full[i, j] / ((fm[i] + bm[j]) / 2), int(i), j) for i in backward[j]), key=lambda c: c[0])
        )
    kept, used_x, used_y = [], set(), set()
    for score, i, j in sorted(proposals, key=lambda c: -c[0]):
        if i not in used_x and j not in used_y:
            used_x.add(i)
            used_y.add(j)
            if score > 0:
                kept.append((i, j))
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_candidates_are_those_of_the_plain_way(seed):
    x = vectors(30, 12, seed)
    y = np.concatenate((x[:20] + 0.4 * vectors(20, 12, seed + 50), vectors(9, 12, seed + 99)))
    found = candidates(*mutual_nearest(unit(x), unit(y), 4))
    assert list(zip(found.source.tolist(), found.target.tolist(), strict=True)) == plain_mining(x, y, 4)
    assert (np.diff(found.score) <= 0).all()


def test_repeated_sentences_are_mined_once_and_then_have_no_id():
    x = y = abs(vectors(4, 8))
    source = [("s0", "twice"), ("s1", "one"), ("s2", "twice"), ("s3", "three")]
    target = [(f"t{n}", f"text {n}") for n in range(4)]
    names, merged = unify([text for _, text in source], x)
    assert names == ["twice", "one", "three"]
    assert merged.tolist() == x[[2, 1, 3]].tolist()  # the last embedding of a repeated sentence
    assert set(mine(source, target, x, y)) == {("s1", "t1"), ("s3", "t3")}


def test_a_repeated_pair_of_ids_keeps_its_larger_score():
    source, target = [("s", "a"), ("r", "twice"), ("q", "twice")], [("t", "b")]
    assert with_ids([(1.5, "a", "b"), (1.2, "a", "b"), (9.0, "twice", "b")], source, target) == {("s", "t"): 1.5}


def test_zero_vectors_and_negative_margins_are_no_candidates():
    x = np.array([[0.0, 0.0], [1.0, 0.0]])
    assert set(mine([("a", "a"), ("b", "b")], [("c", "c")], x, [[1.0, 0.0]])) == {("b", "c")}
    assert mine([("a", "a")], [("c", "c")], [[0.0, 0.0]], [[0.0, 0.0]]) == {}


def test_mining_wants_one_embedding_per_sentence():
    with pytest.raises(InputError, match="1 embeddings for 2 sentences"):
        mine([("a", "a"), ("b", "b")], [("c", "c")], [[1.0]], [[1.0]])


def test_threshold():
    right, wrong = ("a", "b"), ("x", "y")
    assert best_threshold({right: 1.5, ("c", "d"): 1.25, wrong: 1.0, ("z", "z"): 0.5}, [right, ("c", "d")]) == 1.125
    assert best_threshold({right: 1.5}, [right]) == 1.5  # to take all is best: the last score
    assert best_threshold({wrong: 1.5}, [right]) == 0.0
    assert best_threshold({}, [right]) == 0.0
    assert best_threshold({wrong: 1.5}, []) == 0.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 9), st.booleans()), min_size=1, max_size=15, unique_by=lambda c: c[0]))
def test_extraction_at_the_threshold_reaches_the_best_f1_of_all_cuts(items):
    scores = {(f"s{value}", f"t{value}"): float(value) for value, _ in items}
    gold = [(f"s{value}", f"t{value}") for value, ok in items if ok] or [("none", "none")]
    cuts = [score_pairs(gold, extract(scores, value))["f1"] for value in scores.values()]
    reached = score_pairs(gold, extract(scores, best_threshold(scores, gold)))["f1"]
    assert reached == max(cuts) or max(cuts) == 0


def test_pairs():
    gold, found = ["a\tb", "c\td", "e\tf", "g\th"], ["a\tb", "c\td", "x\ty"]
    assert score_pairs(gold, found) == {"f1": 57.14285714285715, "precision": 66.66666666666666, "recall": 50.0}
    assert score_pairs([], []) == score_pairs(["a"], []) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}


def test_average_precision():
    assert average_precision_at_k({1, 2, 3}, [1, 9, 2, 8, 7, 3], 20) == 0.7222222222222222
    assert (
        average_precision_at_k(set(range(11)), [n for t in range(10) for n in (99 + t, t)], 20) == 0.45454545454545453
    )
    assert average_precision_at_k({0}, [*range(1, 21), 0], 20) == 0
    assert average_precision_at_k({0}, [*range(1, 21), 0], None) == 1 / 21
    assert mean_average_precision([({1}, [1]), ({1}, [2, 1])]) == 0.75
    assert score_lareqa([{1}, {1}], [[1], [2, 1]]) == {"map@20": 75.0}
    for wrong in (lambda: average_precision_at_k([], [1]), lambda: mean_average_precision([])):
        with pytest.raises(InputError):
            wrong()
    with pytest.raises(InputError, match="1 rankings for 2"):
        score_lareqa([{1}, {2}], [[1]])


def test_mewslix():
    assert score_mewslix(["Q1", "Q2", "Q3"], [["Q1"], ["Q9", "Q2"], []]) == {"map@20": 50.0}
    assert score_mewslix(["G"] * 7, [["x"] * n + ["G"] for n in range(7)]) == {"map@20": 37.04081632653061}
    assert score_mewslix([], []) == {"map@20": 0.0}
    others = [f"Q{n}" for n in range(100, 119)]
    assert reciprocal_rank("Q1", [*others, "Q1"]) == 1 / 20
    assert reciprocal_rank("Q1", [*others, "Q0", "Q1"]) == 0
    with pytest.raises(InputError, match="1 rankings for 2 mentions"):
        score_mewslix(["Q1", "Q2"], [[]])


@pytest.mark.slow
def test_mining_stays_small():
    count = 20_000
    x = unit(vectors(count, 32))
    shuffled = list(range(count))
    random.Random(0).shuffle(shuffled)
    tracemalloc.start()
    found = candidates(*mutual_nearest(x, x[shuffled], 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [shuffled[t] for t in found.target] == found.source.tolist()
    assert peak < 400e6  # the full table would take 1.6 GB
