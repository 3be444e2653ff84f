from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import DataError
from waystage.forms import tags
from waystage.forms.examples import Tags

LABELS = ("A", "B", "C")
word = st.text(max_size=30) | st.sampled_from(["\u200b", "", "👩‍👩‍👧‍👦", "x" * 90, "e\u0301", "שלום", "北京大学", " "])
sentence = st.lists(st.tuples(word, st.sampled_from(LABELS)), max_size=25)
sentences = st.lists(sentence, min_size=1, max_size=5)

KINDS = ["unigram", "wordpiece", "byte_level", "llama"]


def examples_of(drawn) -> list[Tags]:
    return [
        Tags(id=str(i), words=tuple(w for w, _ in words), tags=tuple(t for _, t in words))
        for i, words in enumerate(drawn)
    ]


def oracle(encoded) -> np.ndarray:
    """What a model would put out that knows the labels."""
    return np.eye(len(LABELS), dtype=np.float32)[encoded.labels] if encoded.labels is not None else np.zeros((0, 3))


@pytest.mark.parametrize("kind", KINDS)
@given(drawn=sentences, max_length=st.integers(6, 40), last=st.booleans())
def test_every_word_gets_exactly_one_tag_and_the_right_one(tokenizers_by_kind, kind, drawn, max_length, last):
    tokenizer = tokenizers_by_kind[kind]
    examples = examples_of(drawn)
    piece = "last" if last else "first"
    encoded = tags.encode(examples, tokenizer, labels=LABELS, max_length=max_length, label_piece=piece)
    predictions = tags.predict(oracle(encoded), encoded, examples, labels=LABELS, logits=True)
    best = [[LABELS[int(np.argmax(word))] for word in sentence] for sentence in predictions["logits"]]
    assert best == predictions["prediction"]
    assert predictions["id"] == [e.id for e in examples]
    assert predictions["prediction"] == [list(e.tags) for e in examples]
    assert encoded.lengths.max() <= max_length
    assert encoded.lengths.min() >= 1
    lengths = np.repeat(encoded.lengths, np.diff(encoded.where_offsets))
    assert (encoded.where >= 0).all() and (encoded.where < lengths).all()


@given(drawn=sentences, max_length=st.integers(6, 40))
def test_windows_hold_the_pieces_of_their_words_in_order(tokenizers_by_kind, drawn, max_length):
    xlmr = tokenizers_by_kind["unigram"]
    examples = examples_of(drawn)
    encoded = tags.encode(examples, xlmr, labels=LABELS, max_length=max_length)
    room = max_length - 2
    for number, example in enumerate(examples):
        found: list[int] = []
        for unit in np.flatnonzero(encoded.example == number):
            found += encoded.ids[encoded.sequences[unit] + 1 : encoded.sequences[unit + 1] - 1].tolist()
        expected: list[int] = []
        for text in example.words:
            expected += (xlmr.encode([text], is_pretokenized=True, add_special_tokens=False).ids or [3])[:room]
        assert found == expected


def test_the_label_stands_at_the_first_or_the_last_piece(xlmr):
    example = Tags(id="a", words=("Paris", "inspects", "zzz"), tags=("A", "B", "C"))
    sizes = [len(xlmr.encode([w], is_pretokenized=True, add_special_tokens=False).ids) for w in example.words]
    first = tags.encode([example], xlmr, labels=LABELS, max_length=64)
    last = tags.encode([example], xlmr, labels=LABELS, max_length=64, label_piece="last")
    assert first.where.tolist() == [1, 1 + sizes[0], 1 + sizes[0] + sizes[1]]
    assert (last.where - first.where).tolist() == [n - 1 for n in sizes]


def test_hidden_tags_and_tags_that_nobody_declared(xlmr):
    hidden = [Tags(id="a", words=("x", "y"))]
    assert tags.encode(hidden, xlmr, labels=LABELS, max_length=32).labels is None
    odd = [Tags(id="s7", words=("x", "y"), tags=("A", "B-OTH"))]
    with pytest.raises(DataError, match="'s7' has the label 'B-OTH'"):
        tags.encode(odd, xlmr, labels=LABELS, max_length=32)
    assert tags.encode(odd, xlmr, labels=LABELS, max_length=32, most=3).labels.tolist() == [0, -100]


def test_scores_are_the_official_ones(xlmr):
    examples = [Tags(id="a", words=("x",) * 4, tags=("NOUN", "NOUN", "NOUN", "VERB"))]
    scores = tags.score(
        examples, {"id": ["a"], "prediction": [["NOUN", "NOUN", "PROPN", "VERB"]]}, metric="f1", language="en"
    )
    assert scores["f1"] == pytest.approx(40.0)
    assert scores["token_accuracy"] == 75
