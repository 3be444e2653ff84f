from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.forms import search
from waystage.forms.bag import bags
from waystage.forms.search import topk


def plainly(queries, candidates, k):
    """All products, sorted: what `topk` must find."""
    products = (queries.astype(np.float64) @ candidates.astype(np.float64).T).astype(np.float32)
    return np.argsort(-products, axis=1, kind="stable")[:, :k]


def unit(rows: int, size: int, seed: int, shared: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, size)) + shared * np.random.default_rng(99).normal(size=size)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("shared", [0.0, 5.0])
@pytest.mark.parametrize("count", [3, 70, 5000])
def test_the_neighbours_are_the_nearest(precision, shared, count):
    queries, candidates = unit(40, 64, 1, shared), unit(count, 64, 2, shared)
    found = topk(queries, candidates, 4, precision)
    assert (found.index == plainly(queries, candidates, 4)).all()
    assert np.allclose(found.similarity, np.take_along_axis(queries @ candidates.T, found.index, 1), atol=1e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_blocks_change_nothing(monkeypatch, precision):
    queries, candidates = unit(50, 16, 3), unit(4000, 16, 4)
    whole = topk(queries, candidates, 5, precision)
    monkeypatch.setattr(search, "COLUMNS", 1111)
    monkeypatch.setattr(search, "ROWS", 7)
    parts = topk(queries, candidates, 5, precision)
    assert (whole.index == parts.index).all() and (whole.similarity == parts.similarity).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_of_equals_the_first_wins_however_many_they_are(precision):
    one = unit(1, 32, 5)
    candidates = np.concatenate([unit(300, 32, 6), np.repeat(one, 400, axis=0), unit(300, 32, 7)])
    found = topk(np.repeat(one, 3, axis=0), candidates, 6, precision)
    assert (found.index == np.arange(300, 306)).all()


@given(st.integers(1, 40), st.integers(1, 60), st.integers(1, 8), st.integers(0, 2**31))
def test_any_small_search_is_right(rows, count, k, seed):
    rng = np.random.default_rng(seed)
    queries, candidates = (rng.integers(-2, 3, (n, 3)).astype(np.float32) for n in (rows, count))
    for precision in ("fp32", "bf16"):
        assert (topk(queries, candidates, k, precision).index == plainly(queries, candidates, min(k, count))).all()


def test_nan_is_refused():
    with pytest.raises(InputError, match="diverged"):
        topk(np.full((2, 3), np.nan), np.ones((2, 3)), 1)


def test_bags_know_texts_that_share_their_letters():
    texts = [
        "the capital of France is Paris",
        "Paris, the capital of France!",
        "北京大学是中国的一所大学",
        "une pomme rouge",
        "",
    ]
    vectors = np.concatenate(bags([tuple(texts[:2]), tuple(texts[2:])]))
    cosines = vectors @ vectors.T
    assert cosines[0, 1] > 0.5 > abs(cosines[0, 2])
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 1, np.linalg.norm(vectors[4])], atol=1e-5)
    assert bags([tuple(texts[:2])], columns=64)[0].shape == (2, 64)


def test_a_bag_does_not_depend_on_where_its_text_stands(monkeypatch):
    from waystage.forms import bag

    texts = tuple(f"sentence number {i} of many" for i in range(50))
    (whole,) = bags([texts])
    monkeypatch.setattr(bag, "CHUNK", 7)
    assert np.allclose(np.concatenate(bags([texts[:20], texts[20:]])), whole, atol=1e-6)


def test_vectors_that_cannot_be_written_to_are_searched():
    queries, candidates = unit(40, 64, 1), unit(500, 64, 2)
    expected = plainly(queries, candidates, 4)
    queries.flags.writeable = candidates.flags.writeable = False  # as those of a file that is mapped
    assert (topk(queries, candidates, 4).index == expected).all()
