from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.forms.pieces import fit, frame, join, pieces, word_pieces

texts = st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", ["unigram", "wordpiece"])
@given(texts, st.integers(8, 40))
def test_pairs_are_what_the_tokenizers_library_makes_of_them(tokenizers_by_kind, kind, both, max_length):
    tokenizer = tokenizers_by_kind[kind]
    first, second = (pieces(tokenizer, [pair[i] for pair in both]) for i in (0, 1))
    joined = join(tokenizer, [first], second, max_length=max_length)
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    sizes = zip(both, second.lengths, strict=True)
    expected = [tokenizer.encode(a, b) if n else tokenizer.encode(a) for (a, b), n in sizes]
    tokenizer.no_truncation()
    assert [joined.ids[i].tolist() for i in range(len(both))] == [e.ids for e in expected]
    types = [0] * len(joined.ids.values) if joined.types is None else joined.types.tolist()
    assert types == [t for e in expected for t in e.type_ids]


def test_the_second_text_begins_where_it_says(tokenizer):
    first, second = pieces(tokenizer, ["a b c", "d"]), pieces(tokenizer, ["e f", "g h i"])
    joined = join(tokenizer, [first], second, max_length=64)
    for row in range(2):
        rest = joined.ids[row][joined.second[row] :].tolist()
        assert rest[: int(second.lengths[row])] == second.ids[row].tolist()


def test_a_tokenizer_without_special_tokens_keeps_two_texts_apart(tokenizers_by_kind):
    tokenizer = tokenizers_by_kind["byte_level"]
    joined = join(tokenizer, [pieces(tokenizer, ["one"])], pieces(tokenizer, ["two"]), max_length=32)
    assert tokenizer.decode(joined.ids.values.tolist()) == "one\ntwo"


def test_no_sequence_is_ever_empty(tokenizer):
    joined = join(tokenizer, [pieces(tokenizer, [""])], pieces(tokenizer, [""]), max_length=16)
    assert len(joined.ids.values) >= 1


@given(st.integers(0, 60), st.integers(0, 60), st.integers(2, 50))
def test_shortening_keeps_as_much_as_fits(first, second, room):
    one, two = (int(n[0]) for n in fit(np.array([first]), np.array([second]), room))
    assert one <= first and two <= second
    assert one + two == min(first + second, room)


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=12))
def test_words_become_the_pieces_that_they_have_in_their_sentence(tokenizers_by_kind, words):
    for kind in ("unigram", "wordpiece", "llama"):
        tokenizer = tokenizers_by_kind[kind]
        whole = tokenizer.encode(words, is_pretokenized=True, add_special_tokens=False)
        ours = word_pieces(tokenizer, words)
        assert [list(ours.ids[row]) for row in ours.index] == [
            [i for i, w in zip(whole.ids, whole.word_ids, strict=True) if w == n] for n in range(len(words))
        ]


def test_byte_level_words_are_those_of_running_text(tokenizers_by_kind):
    tokenizer = tokenizers_by_kind["byte_level"]
    ours = word_pieces(tokenizer, ["capital", "of", "France"])
    running = tokenizer.encode(" capital of France").ids
    assert [int(i) for row in ours.index for i in ours.ids[row]] == running


def test_too_short_a_sequence_says_what_to_use(xlmr):
    with pytest.raises(InputError, match="at least 6"):
        join(xlmr, [pieces(xlmr, ["a"])], pieces(xlmr, ["b"]), max_length=5)


def test_the_frame_is_the_tokenizers_own(tokenizers_by_kind):
    assert frame(tokenizers_by_kind["unigram"]).pair == ((0,), (2, 2), (2,))
    assert frame(tokenizers_by_kind["wordpiece"]).types == (0, 0, 0, 1, 1)
    assert frame(tokenizers_by_kind["llama"]).single == ((1,), ())
