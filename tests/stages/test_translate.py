"""Translated rows: labels copied, answers and phrases projected, and an audit that says what was lost."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.stages import small

from waystage import tasks
from waystage.errors import InputError
from waystage.forms import projection, table
from waystage.forms.examples import Example, Pair, Span, Tags
from waystage.forms.projection import Dropped
from waystage.sources import world
from waystage.stages import Context, run
from waystage.world.translate import examples

N = 240


def _translated(
    root: Path, task: str, into: str, error: int, split: str = "train", **more: Any
) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Source rows, translated rows, audit."""
    said, identity = tasks.get(task), world.identify()
    config = {"task": task, "form": said.form, "split": split, "languages": ["en"]}
    for name in ("rows", "out"):
        (root / name).mkdir(parents=True)
    context = Context(scratch=root / "scratch")
    run("rows", {**config, "source": identity, "limit": N}, {}, root / "rows", context)
    translator = {**identity, "limit": N, "origin": "en", "error": error}
    translated = {**config, "languages": [into], "from": "en", "into": into, "translator": translator, **more}
    run("translate", {**translated, "labels": list(said.labels)}, {"rows": root / "rows"}, root / "out", context)
    before, after = (table.read(root / f, said.form) for f in ("rows/en.parquet", f"out/{into}.parquet"))
    return before, after, json.loads((root / "out" / "audit.json").read_text())


def _truth(task: str, into: str, error: int, before: list[Example]) -> dict[str, Any]:
    made = examples(tasks.get(task), "train", into, "en", N, error, translated=True)
    return {source.id: one for source, one in zip(before, made, strict=True)}


@pytest.mark.parametrize(("into", "error"), [("de", 10), ("zh", 10), ("tr", 30), ("sw", 20), ("ar", 30), ("ja", 20)])
def test_answers_that_are_kept_are_right(tmp_path: Path, into: str, error: int) -> None:
    before, after, audit = _translated(tmp_path, "squad", into, error)
    truth = _truth("squad", into, error, before)
    right = sum((truth[one.id].answers, truth[one.id].starts) == (one.answers, one.starts) for one in after)
    assert right / len(after) >= 0.95
    assert all(truth[one.id].context == one.context for one in after)
    assert len(after) > N / 3
    assert audit["kept"] == len(after)
    assert sum(audit["dropped"].values()) == len(before) - len(after) > 0
    assert len(audit["examples"]) == len(audit["dropped examples"]) == 20


def _named(one: Tags) -> Counter[tuple[str, str]]:
    """Kind and letters: how a script without spaces is cut into words is not what is asked."""
    return Counter((kind, "".join(one.words[first:end])) for first, end, kind in projection.phrases(one))


@pytest.mark.parametrize(("into", "error"), [("de", 0), ("de", 40), ("sw", 20), ("tr", 30), ("zh", 10), ("ja", 20)])
def test_names_that_are_kept_are_right(tmp_path: Path, into: str, error: int) -> None:
    before, after, audit = _translated(tmp_path, "panx", into, error)
    truth = _truth("panx", into, error, before)
    kept = sum(_named(one).total() for one in after)
    right = sum((_named(one) & _named(truth[one.id])).total() for one in after)
    assert right / kept >= 0.95
    assert len(after) == audit["kept"] > N / 5
    assert audit["kept"] + sum(audit["dropped"].values()) == len(before)
    if error == 0:
        assert right == kept == sum(_named(one).total() for one in truth.values())


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("[Kizamart] spart.", True),
        ("[ Kizamart ] spart.", True),
        ("K[izamart] spart.", False),  # both are words that read almost like the name, and neither is it
        ("[Kizamar]t spart.", False),
        ("[Kizamart]s Haus.", True),  # an ending, and the name is what it is by itself
        ("von[Kizamart].", True),
    ],
)
def test_a_mark_within_a_word_has_slipped(sentence: str, kept: bool) -> None:
    tagged = Tags(id="t", words=("Kizamart", "saves", "."), tags=("B-ORG", "O", "O"))
    found = projection.tags(tagged, sentence=sentence, alone=["Kizamart"], language="de", of_kind=["ORG"], rest="O")
    assert isinstance(found, Tags) == kept


def test_labels_of_sentences_are_copied_and_items_keep_their_ids(tmp_path: Path) -> None:
    before, after, audit = _translated(tmp_path, "mnli", "sw", 0)
    assert [(one.id, one.label) for one in after] == [(one.id, one.label) for one in before]
    assert all(one.first != other.first for one, other in zip(before, after, strict=True))
    assert audit["share kept"] == 1.0


def test_training_data_without_their_held_out_tenth_are_translated_too(tmp_path: Path) -> None:
    before, after, _ = _translated(tmp_path, "squad", "de", 0, split="fit")
    assert len(after) > 0.95 * len(before) == 0.95 * N
    assert all(one.answers for one in after)


def test_a_part_is_translated_as_the_whole_is(tmp_path: Path) -> None:
    _, whole, _ = _translated(tmp_path / "whole", "mnli", "de", 10)
    _, part, _ = _translated(tmp_path / "part", "mnli", "de", 10, examples=50)
    assert len(part) == 50
    by_id = {one.id: one for one in whole}
    assert all(by_id[one.id] == one for one in part)


# -- projection by itself ----------------------------------------------------------------------------------------------

SPAN = Span(id="q", context="He lives in New York now.", question="Where?", answers=("New York",), starts=(12,))


def _project(context: str, answer: str) -> Any:
    return projection.span(SPAN, context=context, pair="[]", answer=answer, question="Wo?")


def test_marks_with_spaces_around_them_are_read() -> None:
    assert projection.marked_span(SPAN) == ("He lives in [New York] now.", "[]")
    for text in ("Er wohnt jetzt in [New York].", "Er wohnt jetzt in [ New York ]."):
        found = _project(text, "New York")
        assert found.context == "Er wohnt jetzt in New York."
        assert (found.answers, found.starts) == (("New York",), (18,))


@pytest.mark.parametrize(
    ("context", "answer", "kept"),
    [
        ("Er wohnt in New York.", "New York", True),  # no marks, but it stands there once
        ("New York, er wohnt in New York.", "New York", False),  # no marks, and twice
        ("Er [wohnt in] New York.", "New York", False),  # around something else
        ("Er wohnt in N[ew Yor]k.", "New York", False),  # in the middle of words
        ("Er [wohnt [in New York.", "New York", True),  # marks that do not pair are no marks
        ("[]Er wohnt da.", "New York", False),
    ],
)
def test_marks_and_the_answer_by_itself_have_to_agree(context: str, answer: str, kept: bool) -> None:
    found = _project(context, answer)
    assert isinstance(found, Span) == kept
    if kept:
        assert found.context[found.starts[0] :].startswith("New York")


def test_other_brackets_where_the_text_has_some() -> None:
    marked = projection.marked_span(replace(SPAN, context="He lives in New York [1] now."))
    assert marked == ("He lives in {New York} [1] now.", "{}")
    assert projection.marked_span(replace(SPAN, context="He lives in New York []{}<>«»⟦⟧")) is None


def test_phrases_of_two_kinds() -> None:
    tagged = Tags(id="t", words=("Ann", "Lee", "left", "Rome", "."), tags=("B-PER", "I-PER", "O", "B-LOC", "O"))
    kinds = projection.kinds(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
    assert projection.marked_tags(tagged, "en", kinds) == "{Ann Lee} left [Rome] ."
    options: Any = {"alone": ["Ann Lee", "Rom"], "language": "de", "of_kind": kinds, "rest": "O"}
    found = projection.tags(tagged, sentence="[Rom] wurde von {Ann Lee} verlassen.", **options)
    assert found == Tags(
        id="t", words=("Rom", "wurde", "von", "Ann", "Lee", "verlassen", "."),
        tags=("B-LOC", "O", "O", "B-PER", "I-PER", "O", "O"),
    )  # fmt: skip
    assert isinstance(projection.tags(tagged, sentence="[Rom] wurde verlassen.", **options), Dropped)
    assert isinstance(projection.tags(tagged, sentence="{Rom} und [Ann Lee].", **options), Dropped)


def test_words_of_scripts_without_spaces_are_characters() -> None:
    assert projection.split("他住在 纽约。", "zh") == ["他", "住", "在", "纽", "约", "。"]
    assert projection.split("ที่นี่", "th") == ["ที่", "นี่"]
    assert projection.split("नमस्ते, दुनिया!", "hi") == ["नमस्ते", ",", "दुनिया", "!"]


# -- a model of transformers -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of one layer with random weights: what it says is nonsense, and always the same."""
    import torch
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("seq2seq")
    words = PreTrainedTokenizerFast(
        tokenizer_object=small.tokenizer(), unk_token="<unk>", pad_token="<pad>", eos_token="</s>", bos_token="<s>"
    )
    config = T5Config(
        vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, pad_token_id=words.pad_token_id,
        eos_token_id=words.eos_token_id, decoder_start_token_id=words.pad_token_id,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        T5ForConditionalGeneration(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def _by_model(root: Path, model: Path, rows: list[Any], form: str, **said: Any) -> list[Any]:
    for name in ("rows", "out"):
        (root / name).mkdir(parents=True)
    table.write(root / "rows" / "en.parquet", rows, form=form)
    config = {
        "task": "own", "form": form, "split": "train", "languages": ["de"], "from": "en", "into": "de",
        "translator": {"kind": "seq2seq", "model": small.LOCAL, "beams": 1, "max_length": 12, **said},
    }  # fmt: skip
    context = Context(scratch=root / "scratch", places={"model": str(model), "batch": "4"})
    run("translate", config, {"rows": root / "rows"}, root / "out", context)
    return table.read(root / "out" / "de.parquet", form)


@pytest.mark.parametrize("beams", [1, 2])
def test_any_seq2seq_model_of_transformers_translates(tmp_path: Path, model: Path, beams: int) -> None:
    rows = small.pairs(10, 1)
    said = _by_model(tmp_path / "a", model, rows, "pairs", beams=beams)
    assert [(one.id, one.label) for one in said] == [(one.id, one.label) for one in rows]  # type: ignore[attr-defined]
    assert any(one.first != other.first for one, other in zip(said, rows, strict=True))  # type: ignore[attr-defined]
    assert said == _by_model(tmp_path / "b", model, rows, "pairs", beams=beams)


def test_a_killed_translation_goes_on_with_what_it_has(tmp_path: Path, model: Path) -> None:
    rows: list[Any] = [Pair(id="1", first="kaba", second="lece", label="no")]
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "translated-000000000.json").write_text(json.dumps(["eins", "zwei"]))
    assert _by_model(tmp_path, model, rows, "pairs")[0].first == "eins"


def test_weights_in_another_format_are_refused(tmp_path: Path, model: Path) -> None:
    import shutil

    bare = shutil.copytree(model, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(InputError, match="no weights in safetensors"):
        _by_model(tmp_path, bare, small.pairs(2, 1), "pairs")
