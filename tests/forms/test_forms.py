"""What holds for every form. A new form is tested by giving it a few examples here."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

from waystage import forms
from waystage.errors import UnknownName
from waystage.forms import table
from waystage.forms.encoded import Encoded, Head
from waystage.forms.examples import EXAMPLES, Choice, Pair, Passage, Similar, Span, Tags, Text

LABELS = {"pairs": ("yes", "no"), "tags": ("N", "V")}
SAMPLES = {
    "pairs": [Pair(id=str(i), first=f"one {i}", second="two", label=("yes", "no")[i % 2]) for i in range(3)],
    "choice": [Choice(id=str(i), context="c", options=("a", "b", "c")[: i + 1], label=i) for i in range(3)],
    "spans": [
        Span(id=str(i), context=f"the answer is {i} " * 9, question="what?", answers=(str(i),), starts=(14,))
        for i in range(3)
    ],
    "tags": [Tags(id=str(i), words=("Paris", "is") * 4, tags=("N", "V") * 4) for i in range(3)],
    "similarity": [Similar(id=str(i), first="one", second=f"two {i}", score=float(i)) for i in range(3)],
    "retrieval": [
        Passage(id=f"{'q' if q else 'c'}{i}", text=f"number {i}", query=q, gold=(f"c{i}",) if q else ())
        for i in range(3)
        for q in (True, False)
    ],
    "masked": [Text(id=str(i), text="The quick brown fox jumps over the lazy dog.") for i in range(3)],
}


def outputs_of(encoded: Encoded, head: Head) -> np.ndarray:
    """Noise of the shape that the head gives."""
    rows = {
        "sequence": len(encoded.sequences) - 1, "option": len(encoded.sequences) - 1, "span": len(encoded.ids),
        "token": 0 if encoded.where is None else len(encoded.where), "embed": len(encoded.sequences) - 1,
        "vocabulary": len(encoded),
    }[head.kind]  # fmt: skip
    size = head.size or {"embed": 8, "vocabulary": 2}[head.kind]
    return 1 + np.random.default_rng(1).random((rows, size), np.float32)


def test_every_kind_of_example_has_a_form():
    assert forms.names() == tuple(sorted(EXAMPLES)) == tuple(sorted(SAMPLES))


def test_a_wrong_name_is_told_with_what_is_near():
    with pytest.raises(UnknownName, match="'spans'"):
        forms.get("span")


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_form_goes_all_the_way(name, tmp_path, tokenizer):
    form, labels = forms.get(name), LABELS.get(name, ())
    assert name == form.NAME
    table.write(tmp_path / "en.parquet", SAMPLES[name])
    examples = table.read(tmp_path / "en.parquet", name)
    encoded = form.encode(examples, tokenizer, labels=labels, max_length=24)
    assert encoded.ids.dtype == np.uint32
    assert encoded.lengths.min() >= 1 and encoded.lengths.sum() == len(encoded.ids)
    assert np.diff(encoded.sequences).max() <= 24
    assert (np.diff(encoded.example) >= 0).all()
    head = form.head(labels, {})
    predictions = form.predict(outputs_of(encoded, head), encoded, examples, labels=labels)
    assert next(iter(predictions)) == "id"
    assert len({len(column) for column in predictions.values()}) == 1
    scores = form.score(examples, predictions, metric="any", language="en")
    assert scores and all(isinstance(value, float) for value in scores.values())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_what_is_saved_is_what_is_loaded(name, tmp_path, xlmr):
    encoded = forms.get(name).encode(SAMPLES[name], xlmr, labels=LABELS.get(name, ()), max_length=24)
    encoded.save(tmp_path / "en")
    loaded = Encoded.load(tmp_path / "en")
    assert isinstance(loaded.ids, np.memmap)
    assert loaded.arrays().keys() == encoded.arrays().keys()
    for key, array in encoded.arrays().items():
        assert loaded.arrays()[key].dtype == array.dtype
        assert (loaded.arrays()[key] == array).all()
    assert loaded.facts == encoded.facts


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_nothing_is_needed_to_encode_nothing(name, xlmr):
    encoded = forms.get(name).encode([], xlmr, labels=LABELS.get(name, ()), max_length=24)
    assert len(encoded) == 0 and encoded.facts["tokens"] == 0


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_form_has_the_same_functions(name):
    form = forms.get(name)
    for function, first in {
        "encode": ["examples", "tokenizer", "labels", "max_length"],
        "head": ["labels", "options"],
        "loss": ["outputs", "targets"],
        "predict": ["outputs", "encoded", "examples", "labels"],
        "score": ["examples", "predictions", "metric", "language"],
    }.items():
        assert list(inspect.signature(getattr(form, function)).parameters)[: len(first)] == first
    assert form.__doc__


def test_no_form_imports_torch():
    code = (
        "import sys; from waystage import forms; [forms.get(n) for n in forms.names()]; "
        "import waystage.forms.search, waystage.forms.table; "
        "print([m for m in ('torch', 'transformers', 'pyarrow', 'scipy', 'tokenizers') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
