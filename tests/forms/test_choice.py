from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import DataError
from waystage.forms import choice
from waystage.forms.examples import Choice
from waystage.forms.pieces import join, pieces

options = st.lists(st.text(max_size=15), min_size=1, max_size=6).map(tuple)


@given(st.data(), st.lists(options, min_size=1, max_size=5))
def test_the_best_option_of_each_example_is_taken_however_many_there_are(tokenizers_by_kind, data, drawn):
    examples = [
        Choice(id=str(i), context="c", question="q?", options=o, label=data.draw(st.integers(0, len(o) - 1)))
        for i, o in enumerate(drawn)
    ]
    encoded = choice.encode(examples, tokenizers_by_kind["unigram"], labels=(), max_length=24)
    assert np.diff(encoded.units).tolist() == [len(o) for o in drawn]
    outputs = np.zeros((len(encoded.sequences) - 1, 1), np.float32)
    outputs[encoded.units[:-1] + encoded.labels] = 1
    predictions = choice.predict(outputs, encoded, examples, labels=())
    assert predictions["prediction"] == [e.label for e in examples]
    assert choice.score(examples, predictions, metric="accuracy", language="en") == {"accuracy": 100.0}
    kept = choice.predict(outputs, encoded, examples, labels=(), logits=True)["logits"]
    assert [values.index(1) for values in kept] == [e.label for e in examples]
    assert [len(values) for values in kept] == [len(o) for o in drawn]


def test_context_and_question_come_first_and_the_option_second(tokenizer):
    one = Choice(
        id="a", context="A man inspects.", question="What was the cause?", options=("the river", "a dog"), label=0
    )
    encoded = choice.encode([one], tokenizer, labels=(), max_length=128)
    running = tokenizer.encode("A man inspects. What was the cause?", add_special_tokens=False).ids
    for number, option in enumerate(one.options):
        ids = encoded.ids[encoded.sequences[number] : encoded.sequences[number + 1]].tolist()
        joined = join(tokenizer, [pieces(tokenizer, ["."])], pieces(tokenizer, [option]), max_length=64).ids[0].tolist()
        dot = tokenizer.encode(".", add_special_tokens=False).ids
        place = next(i for i in range(len(joined)) if joined[i : i + len(dot)] == dot)
        assert ids == joined[:place] + running + joined[place + len(dot) :]


def test_a_long_context_is_shortened_and_the_question_is_not(xlmr):
    question = "What was the cause?"
    one = Choice(id="a", context="the lazy dog " * 60, question=question, options=("fox",))
    encoded = choice.encode([one], xlmr, labels=(), max_length=40)
    assert encoded.facts["truncated"] == 1
    assert len(encoded.ids) == 40
    ending = xlmr.encode(question, "fox").ids[1:]
    assert encoded.ids[-len(ending) :].tolist() == ending


def test_labels_are_checked(xlmr):
    with pytest.raises(DataError, match="'a' says that option 2"):
        choice.encode([Choice(id="a", context="c", options=("x", "y"), label=2)], xlmr, labels=(), max_length=32)
    with pytest.raises(DataError, match="no options"):
        choice.encode([Choice(id="a", context="c", options=())], xlmr, labels=(), max_length=32)
    hidden = [Choice(id="a", context="c", options=("x", "y"))]
    assert choice.encode(hidden, xlmr, labels=(), max_length=32).labels is None
