from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage import forms
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Pair, Similar, Span, Tags
from waystage.forms.writer import Writer

LABELS = ("A", "B")
label = st.sampled_from([*LABELS, None])
words = st.lists(st.sampled_from(["Paris", "is", "北京大学", "\u200b"]), max_size=30).map(tuple)
name, text = st.just("x"), st.text(max_size=9)
CONTEXT = "Paris is the capital of France " * 3


def tagged(sentence):
    tags = st.tuples(*[st.sampled_from(LABELS)] * len(sentence))
    return st.builds(Tags, id=name, words=st.just(sentence), tags=st.none() | tags)


examples = {
    "pairs": st.builds(Pair, id=name, first=text, second=text, label=label),
    "tags": words.flatmap(tagged),
    "similarity": st.builds(Similar, id=name, first=text, second=text, score=st.sampled_from([None, 1.0, 2.5])),
    "spans": st.sampled_from([True, False, None]).map(
        lambda known: Span(id="x", context=CONTEXT, question="?", answers=("capital",), starts=(13,), answerable=known)
    ),
}


@pytest.mark.parametrize("form", sorted(examples))
@given(data=st.data(), cuts=st.lists(st.integers(0, 8), max_size=3))
def test_chunks_make_what_one_piece_makes(tmp_path_factory, tokenizers_by_kind, form, data, cuts):
    rows = data.draw(st.lists(examples[form], min_size=1, max_size=8))
    tokenizer, folder = tokenizers_by_kind["wordpiece"], tmp_path_factory.mktemp("w")

    def encode(some):
        return forms.get(form).encode(some, tokenizer, labels=LABELS, max_length=20)

    whole = encode(rows)
    bounds = sorted({0, len(rows), *(min(c, len(rows)) for c in cuts)})
    with Writer(folder) as writer:
        for a, b in pairwise(bounds):
            writer.add(encode(rows[a:b]), np.arange(a, b))
    loaded = Encoded.load(folder)
    assert loaded.arrays().keys() == whole.arrays().keys()
    for name, array in whole.arrays().items():
        assert loaded.arrays()[name].dtype == array.dtype, name
        np.testing.assert_array_equal(loaded.arrays()[name], array, err_msg=name)
    assert loaded.facts == whole.facts


def test_an_error_leaves_no_facts_behind(tmp_path, xlmr):
    with pytest.raises(RuntimeError), Writer(tmp_path):
        raise RuntimeError
    assert not (tmp_path / "facts.json").exists()
