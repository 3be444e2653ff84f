"""The data doctor finds what is wrong, and says how often."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from waystage import sources, tasks
from waystage.forms.examples import Choice, Pair, Span, Tags
from waystage.sources import doctor
from waystage.sources.notes import Notes


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """One piece per word, with marks around sequences."""
    words = ["<s>", "</s>", "<unk>", "a", "b", "c", "d", "e", "?"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return made


def test_labels_lengths_repetitions_and_empty_fields() -> None:
    found = doctor.describe(
        [
            Pair(id="0", first="The cat.", second="x", label="yes"),
            Pair(id="1", first="the  CAT", second="x!", label="no"),
            Pair(id="2", first=" ", second="y", label="yes"),
        ]
    )
    assert found["labels"] == {"yes": {"count": 2, "share": 2 / 3}, "no": {"count": 1, "share": 1 / 3}}
    assert (found["duplicates"], found["empty"], found["characters"]["most"]) == (1, {"first": 1}, 11)


def test_wrong_offsets_are_listed() -> None:
    right = Span(id="right", context="a b c", question="?", answers=("b",), starts=(2,))
    wrong = Span(id="wrong", context="a b c", question="?", answers=("b", "c"), starts=(2, 3))
    outside = Span(id="outside", context="a b c", question="?", answers=("c",), starts=(-1,))
    found = doctor.describe([right, wrong, outside])
    assert found["wrong offsets"] == {"count": 2, "first": ["wrong", "outside"]}


def test_the_same_passage_on_both_sides_is_a_leak() -> None:
    trained = [Span(id="t", context="Der Fluss, der Rhein.", question="Welcher?", answers=("Rhein",), starts=(15,))]
    evaluated = [
        Span(id="1", context="Der FLUSS der Rhein", question="Wer?"),
        Span(id="2", context="Die Elbe", question="Welcher?"),
    ]
    assert doctor.leakage(evaluated, trained) == {"passage": {"count": 1, "share": 0.5, "first": ["1"]}}
    assert doctor.leakage(evaluated[1:], trained) == {}
    assert doctor.leakage(trained, trained)["whole"]["share"] == 1.0


def test_signs_and_empty_texts_are_no_leak() -> None:
    trained = [Pair(id="t", first="\U0001f600", second="", label="yes"), Pair(id="u", first="", second="b", label="no")]
    evaluated = [Pair(id="1", first="\U0001f622", second=""), Pair(id="2", first=" ", second="c")]
    assert doctor.leakage(evaluated, trained) == {} and doctor.duplicates([*trained, *evaluated]) == 0
    assert doctor.leakage([Pair(id="3", first="\U0001f600 ", second="")], trained)["whole"]["count"] == 1


def test_leaks_are_found_between_tasks_and_within_a_language() -> None:
    span = [Span(id="x", context="Ana was born.", question="Who?", answers=("Ana",), starts=(0,))]
    pair = [Pair(id="p", first="ana was BORN", second="Somebody was.", label="entailment")]
    prints = {
        ("xquad", "test", "en"): doctor.prints_of(span),
        ("xquad", "test", "de"): doctor.prints_of(span),
        ("squad", "held", "en"): doctor.prints_of(pair[:0]),
        ("squad2", "fit", "en"): doctor.prints_of([*span, *pair]),
        ("mnli", "train", "de"): doctor.prints_of(pair),
    }
    found = [(leak["language"], leak["of"], leak["in"], sorted(leak.keys() & {"whole", "passage"}))
             for leak in doctor.leaks(prints)]  # fmt: skip
    assert found == [
        ("en", "xquad test", "squad2 fit", ["passage", "whole"]),
        ("de", "xquad test", "mnli train", ["passage"]),
    ]


@given(st.text())
def test_a_normal_text_is_its_own_normal_text(text: str) -> None:
    assert doctor.normal(doctor.normal(text)) == doctor.normal(text)
    assert doctor.normal(f"  {text.upper().lower()}!") == doctor.normal(text.upper().lower())


def test_what_is_cut_off_is_said(tokenizer: Tokenizer) -> None:
    short, long = (Pair(id=str(n), first="a " * n, second="b", label="neutral") for n in (3, 30))
    found = doctor.pieces(tasks.get("xnli"), [short, long], tokenizer, 16)
    assert found["cut or in windows"] == 0.5
    assert found["per unit"]["most"] == 16 and found["per unit"]["least"] == 7
    assert found["per word"] == 1.0


def test_an_example_is_cut_once_however_many_of_its_parts_are(tokenizer: Tokenizer) -> None:
    """Four long options, a long question before a long context, a sentence in three windows: one example each."""
    many = "a " * 40
    some = {
        "siqa": [
            Choice(id=str(n), context="a", question="b", options=(text,) * 4) for n, text in enumerate(("c", many))
        ],
        "xquad": [Span(id=str(n), context=text, question=text) for n, text in enumerate(("c", many))],
        "udpos": [Tags(id=str(n), words=tuple(text.split())) for n, text in enumerate(("c", many))],
    }
    for name, examples in some.items():
        assert doctor.pieces(tasks.get(name), examples, tokenizer, 16)["cut or in windows"] == 0.5, name


def test_people_see_what_the_model_sees(tokenizer: Tokenizer) -> None:
    xnli, siqa, panx = (tasks.get(name) for name in ("xnli", "siqa", "panx"))
    assert doctor.seen(xnli, [Pair(id="0", first="a b", second="c")], tokenizer) == ["<s> a b </s> c </s>"]
    choice = Choice(id="0", context="a", question="b ?", options=("c", "d", "e"))
    assert doctor.seen(siqa, [choice], tokenizer)[0].startswith("<s> a")
    assert doctor.seen(panx, [Tags(id="0", words=("a", "x"))], tokenizer) == ["<s> a <unk> </s>"]


def test_a_whole_task_is_examined(tmp_path: Path, tokenizer: Tokenizer) -> None:
    def data(name: str, context: str, start: int) -> None:
        asked = [{"id": name, "question": "?", "answers": [{"text": "b", "answer_start": start}]}]
        path = tmp_path / f"arcd/arcd-{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": asked}]}]}))

    data("train", "a b c", 2)
    data("test", "A b c.", 3)
    found = doctor.examine(tasks.get("arcd"), str(tmp_path), tokenizer=tokenizer)
    assert found["splits"]["dev"]["ar"]["wrong offsets"]["count"] == 1
    assert found["splits"]["train"]["ar"]["pieces"]["per word"] == 1.0
    leak = found["leaks"][0]
    assert (leak["of"], leak["in"], leak["passage"]["count"]) == ("arcd dev", "arcd train", 1)
    assert "is partly in arcd train: examples 1 (100%), passages 1 (100%), such as 'test'" in doctor.leak_in_words(leak)
    assert found["seen"] == ["<s> ? </s> a b c </s>"] and found["licence"] == "MIT"
    assert json.loads(json.dumps(found)) == found and found["missing"] == []
    nothing = doctor.examine(tasks.get("xquad"), str(tmp_path), languages=["de"])
    assert "looked for xquad/xquad.de.json" in nothing["missing"][0]["why"]


@pytest.mark.slow
def test_passages_of_xquad_are_in_squad_2(real_data: Path) -> None:
    """78 of the 240 passages, as whoever gathered the data counted."""

    def read(name: str, split: str) -> list[Span]:
        task = tasks.get(name)
        identity = sources.identify(task, str(real_data), split, ("en",))
        place = {"data": str(real_data)}
        return list(sources.read(task, identity, split, "en", place=place, notes=Notes()))  # type: ignore[arg-type]

    assert doctor.leakage(read("xquad", "test"), read("squad2", "dev"))["passage"]["count"] == 78
