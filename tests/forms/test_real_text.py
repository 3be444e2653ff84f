"""Real text in many scripts, where it is at hand: nothing is lost on the way to tokens and back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from waystage.forms import spans, tags
from waystage.forms.examples import Span, Tags

DATA = Path(os.environ.get("WAYSTAGE_TEST_DATA", Path(__file__).parents[2] / ".." / "shared")) / "data"
XQUAD = sorted((DATA / "xquad").glob("xquad.*.json"))
UD = sorted((DATA / "ud").glob("*/*-ud-test.conllu"))


@pytest.fixture(scope="module")
def mbert() -> Tokenizer:
    path = DATA / "tokenizers" / "mbert_modified_vocab.txt"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    vocabulary = {piece: i for i, piece in enumerate(path.read_text(encoding="utf-8").split("\n")) if piece}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )  # fmt: skip
    return made


def questions(path: Path) -> list[Span]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    return [
        Span(
            id=asked["id"],
            context=paragraph["context"],
            question=asked["question"],
            answers=tuple(answer["text"] for answer in asked["answers"]),
            starts=tuple(answer["answer_start"] for answer in asked["answers"]),
        )
        for article in articles
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    ]


@pytest.mark.parametrize("path", XQUAD, ids=lambda path: path.stem)
def test_answers_come_back_in_every_script(path, mbert):
    examples = questions(path)
    encoded = spans.encode(examples, mbert, labels=(), max_length=384)
    assert not [fact for fact in encoded.facts if fact.startswith("answers")]
    outputs = np.zeros((len(encoded.ids), 2), np.float32)
    held = np.flatnonzero(encoded.labels[:, 0])
    for column in (0, 1):
        outputs[encoded.sequences[held] + encoded.labels[held, column], column] = 10
    predictions = spans.predict(outputs, encoded, examples, labels=(), longest=150)
    scores = spans.score(examples, predictions, metric="f1", language=path.stem[-2:])
    assert scores["exact_match"] > 99.5  # some answers end inside of a piece


def sentences(path: Path) -> list[Tags]:
    found = []
    for number, block in enumerate(path.read_text(encoding="utf-8").strip().split("\n\n")):
        rows = [line.split("\t") for line in block.split("\n") if line and not line.startswith("#")]
        words = [(row[1], row[3]) for row in rows if row[0].isdigit()]
        found.append(Tags(id=str(number), words=tuple(w for w, _ in words), tags=tuple(t for _, t in words)))
    return found


@pytest.mark.parametrize("path", UD[:: max(1, len(UD) // 12)], ids=lambda path: path.stem)
def test_every_word_of_a_treebank_gets_its_tag(path, mbert):
    examples = sentences(path)[:500]
    labels = sorted({tag for e in examples for tag in e.tags})
    encoded = tags.encode(examples, mbert, labels=labels, max_length=48)
    outputs = np.eye(len(labels), dtype=np.float32)[encoded.labels]
    predictions = tags.predict(outputs, encoded, examples, labels=labels)
    assert predictions["prediction"] == [list(e.tags) for e in examples]
    scores = tags.score(examples, predictions, metric="f1", language="en")
    assert scores["token_accuracy"] == 100
