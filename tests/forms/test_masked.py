from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.forms import masked
from waystage.forms.examples import Text

documents = st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["", "", "d1", "d2"])), min_size=1, max_size=8)

KINDS = ["unigram", "wordpiece", "byte_level", "llama"]


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=documents, max_length=st.integers(8, 40))
def test_no_piece_is_lost_and_no_sequence_too_long(tokenizers_by_kind, kind, drawn, max_length):
    tokenizer = tokenizers_by_kind[kind]
    examples = [Text(id=str(i), text=text, cluster=document) for i, (text, document) in enumerate(drawn)]
    encoded = masked.encode(examples, tokenizer, labels=(), max_length=max_length)
    special = set(encoded.facts["tokenizer"]["special_ids"])
    expected = [i for e in examples for i in tokenizer.encode(e.text, add_special_tokens=False).ids]
    new_line = [] if special & set(encoded.ids.tolist()) else tokenizer.encode("\n", add_special_tokens=False).ids
    found = [i for i in encoded.ids.tolist() if i not in special]
    if not new_line:
        assert found == [i for i in expected if i not in special]
    assert len(encoded) == 0 or encoded.lengths.max() <= max_length


def test_texts_share_a_sequence_within_their_document_only(xlmr):
    examples = [Text(id=str(i), text="one two", cluster=c) for i, c in enumerate(["a", "a", "b", "", ""])]
    encoded = masked.encode(examples, xlmr, labels=(), max_length=64)
    assert encoded.example.tolist() == [0, 2, 3]
    first = encoded.ids[: encoded.sequences[1]].tolist()
    alone = xlmr.encode("one two").ids
    assert first == [*alone, *alone[1:]]


def test_words_begin_after_spaces_and_everywhere_where_there_are_none(xlmr):
    text = "inspects the 北京大学是中国的一所大学。他住在東京都。"
    encoded = masked.encode([Text(id="a", text=text)], xlmr, labels=(), max_length=128)
    names = [xlmr.id_to_token(int(i)) for i in encoded.ids]
    starts = encoded.extra["word_start"]
    latin = [name for name, begins in zip(names, starts, strict=True) if begins and name.startswith("▁")]
    assert len(latin) == 3
    chinese = names.index("▁", [i for i, n in enumerate(names) if n.startswith("▁")][1] + 1)
    assert starts[chinese:].all()


GOLDEN = "9901ec5f0e691f50"
ARGUMENTS = {"vocab_size": 500, "mask_id": 4, "special_ids": (0, 1, 2, 3, 4)}


def a_batch(seed: int, tokens: int = 20000):
    bits = np.random.Philox(key=seed).random_raw(2 * tokens)
    ids = (5 + bits[:tokens] % np.uint64(495)).astype(np.uint32)
    word_start = bits[tokens:] % np.uint64(5) < 3
    word_start[0] = True
    ids[::40], word_start[::40] = 0, True
    return ids, word_start


def test_the_drawing_hides_whole_words_at_the_given_rate():
    ids, word_start = a_batch(1)
    new, where, labels = masked.draw(ids, word_start, seed=7, step=3, **ARGUMENTS)
    assert (labels == ids[where]).all()
    untouched = np.setdiff1d(np.arange(len(ids)), where)
    assert (new[untouched] == ids[untouched]).all()
    word = np.cumsum(word_start) - 1
    chosen = np.isin(word, word[where]) & (ids > 4)
    assert chosen.sum() == len(where)
    assert not np.isin(ids[where], ARGUMENTS["special_ids"]).any()
    assert len(where) / len(ids) == pytest.approx(0.15, abs=0.01)
    kinds = [(new[where] == 4).mean(), (new[where] == labels).mean()]
    assert kinds == [pytest.approx(0.8, abs=0.02), pytest.approx(0.1, abs=0.02)]
    assert new[where][(new[where] != 4)].min() > 4


def test_a_vocabulary_may_have_gaps():
    ids = np.arange(4, 60)
    new, where, labels = masked.draw(
        ids, np.ones(len(ids), bool), seed=1, step=0, vocab_size=100, mask_id=205, special_ids=[0, 205]
    )
    assert (new[where] == 205).any()
    assert labels.tolist() == ids[where].tolist()


def test_the_drawing_depends_on_nothing_but_its_arguments():
    ids, word_start = a_batch(2)
    first, second = (masked.draw(ids, word_start, seed=5, step=9, **ARGUMENTS) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    other = masked.draw(ids, word_start, seed=5, step=10, **ARGUMENTS)
    assert not np.array_equal(first[1], other[1])
    bytes_ = np.ascontiguousarray(first[0]).tobytes() + first[1].astype("<i8").tobytes()
    assert hashlib.sha256(bytes_).hexdigest()[:16] == GOLDEN


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_something_is_always_hidden(length, seed):
    ids = np.full(length, 9, np.uint32)
    _, where, _ = masked.draw(ids, np.ones(length, bool), seed=seed, step=0, rate=0.001, **ARGUMENTS)
    assert len(where) >= 1
    specials = np.zeros(length, np.uint32)
    assert len(masked.draw(specials, np.ones(length, bool), seed=seed, step=0, **ARGUMENTS)[1]) == 0
