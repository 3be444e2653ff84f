from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import DataError
from waystage.forms import pairs, similarity
from waystage.forms.examples import Pair, Similar

LABELS = ("entailment", "neutral", "contradiction")
rows = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.sampled_from(LABELS)), min_size=1, max_size=6)


@given(rows)
def test_the_right_label_comes_back(tokenizers_by_kind, drawn):
    examples = [Pair(id=str(i), first=a, second=b, label=label) for i, (a, b, label) in enumerate(drawn)]
    encoded = pairs.encode(examples, tokenizers_by_kind["wordpiece"], labels=LABELS, max_length=20)
    outputs = np.eye(3, dtype=np.float32)[encoded.labels]
    predictions = pairs.predict(outputs, encoded, examples, labels=LABELS)
    assert predictions["prediction"] == [e.label for e in examples]
    assert pairs.score(examples, predictions, metric="accuracy", language="en") == {"accuracy": 100.0}
    kept = pairs.predict(outputs, encoded, examples, labels=LABELS, logits=True)
    assert kept == predictions | {"logits": outputs.tolist()}


def test_a_repeated_text_is_the_same_text(xlmr):
    premise = "A man inspects the uniform."
    examples = [Pair(id=str(i), first=premise, second=t, label="neutral") for i, t in enumerate(["a", "b", ""])]
    encoded = pairs.encode(examples, xlmr, labels=LABELS, max_length=64)
    expected = [xlmr.encode(premise, "a").ids, xlmr.encode(premise, "b").ids, xlmr.encode(premise).ids]
    assert encoded.ids.tolist() == [i for ids in expected for i in ids]


def test_labels_are_known_or_hidden(xlmr):
    hidden = [Pair(id="a", first="x")]
    assert pairs.encode(hidden, xlmr, labels=LABELS, max_length=32).labels is None
    partly = [*hidden, Pair(id="b", first="x", label="neutral")]
    assert pairs.encode(partly, xlmr, labels=LABELS, max_length=32).labels.tolist() == [-100, 1]
    with pytest.raises(DataError, match="'c' has the label 'contradictory'"):
        pairs.encode([Pair(id="c", first="x", label="contradictory")], xlmr, labels=LABELS, max_length=32)
    assert pairs.score(hidden, {"id": ["a"], "prediction": ["neutral"]}, metric="accuracy", language="en") == {}
    with pytest.raises(DataError, match="'z'"):
        pairs.score(hidden, {"id": ["z"], "prediction": ["neutral"]}, metric="accuracy", language="en")


SIMILAR = [Similar(id=str(i), first=f"a {i}", second=f"b {i}", score=float(i)) for i in range(5)]


def test_regression_comes_back_on_the_scale_of_the_scores(xlmr):
    encoded = similarity.encode(SIMILAR, xlmr, labels=(), max_length=32)
    assert encoded.labels.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    predictions = similarity.predict(encoded.labels[:, None], encoded, SIMILAR, labels=())
    assert predictions["prediction"] == pytest.approx([0, 1, 2, 3, 4], abs=1e-6)
    scores = similarity.score(SIMILAR, predictions, metric="spearman", language="en")
    assert scores == {"pearson": pytest.approx(100), "spearman": pytest.approx(100)}
    assert similarity.head((), {}).size == 1
    alone = {name: values[:1] for name, values in predictions.items()}
    assert similarity.score(SIMILAR, alone, metric="spearman", language="en") == {}, "one pair has no correlation"


def test_two_texts_are_read_separately_and_compared_by_cosine(xlmr):
    encoded = similarity.encode(SIMILAR, xlmr, labels=(), max_length=32, bi=True)
    assert np.diff(encoded.units).tolist() == [2] * 5
    assert encoded.ids[: encoded.sequences[1]].tolist() == xlmr.encode("a 0").ids
    angle = np.arccos(encoded.labels)
    outputs = np.zeros((10, 2))
    outputs[0::2, 0] = 3
    outputs[1::2] = np.stack([np.cos(angle), np.sin(angle)], axis=1) * 7
    predictions = similarity.predict(outputs, encoded, SIMILAR, labels=(), bi=True)
    assert predictions["prediction"] == pytest.approx([0, 1, 2, 3, 4], abs=1e-5)
    assert similarity.head((), {"bi": True}).kind == "embed"
