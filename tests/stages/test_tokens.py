from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from waystage.errors import DataError
from waystage.forms import table
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Pair, Passage, Tags
from waystage.stages import Context, tokens
from waystage.stages import run as run_stage

WORDS = "the a one two three four five six seven eight nine ten".split()
VOCABULARY = {word: i for i, word in enumerate(["<unk>", "<s>", "</s>", *WORDS])}


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> Tokenizer:
    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    monkeypatch.setattr("waystage.models.load.tokenizer", lambda model, places: made)
    return made


def config(form: str, **more) -> dict:
    return {
        "task": "t", "form": form, "labels": ["yes", "no"], "tokenizer": {"name": "test", "revision": "1"},
        "max_length": 32, **more,
    }  # fmt: skip


def make(tmp_path: Path, **languages) -> Path:
    rows = tmp_path / "rows"
    rows.mkdir(exist_ok=True)
    for language, examples in languages.items():
        table.write(rows / f"{language}.parquet", examples)
    return rows


def run(tmp_path: Path, rows: Path, config: dict, name: str = "out") -> tuple[dict, Path]:
    out = tmp_path / name
    out.mkdir()
    facts = run_stage("tokens", config, {"rows": rows}, out, Context(scratch=tmp_path / "scratch"))
    return facts, out


def some(count: int, label: str | None = "yes") -> list[Pair]:
    return [Pair(id=f"e{i}", first=WORDS[i % 12], second="the " * (i % 5 + 1), label=label) for i in range(count)]


def test_every_language_becomes_an_encoded(tmp_path):
    rows = make(tmp_path, en=some(30), sw=some(7, None))
    facts, out = run(tmp_path, rows, config("pairs"))
    assert sorted(p.name for p in out.iterdir()) == ["en", "sw"]
    english, swahili = Encoded.load(out / "en"), Encoded.load(out / "sw")
    assert (len(english), len(swahili)) == (30, 7)
    assert english.labels.tolist() == [0] * 30
    assert swahili.labels is None
    assert english.ids[:5].tolist() == [1, VOCABULARY["the"], 2, VOCABULARY["the"], 2]
    assert facts["tokens"] == len(english.ids) + len(swahili.ids)
    assert facts["languages"]["en"]["examples"] == 30


def test_chunks_leave_no_trace(tmp_path, monkeypatch):
    rows = make(tmp_path, en=some(500))
    _, whole = run(tmp_path, rows, config("pairs"), "whole")
    monkeypatch.setattr(tokens, "CHUNK", 64)
    _, parts = run(tmp_path, rows, config("pairs"), "parts")
    for path in sorted((whole / "en").iterdir()):
        assert path.read_bytes() == (parts / "en" / path.name).read_bytes(), path.name


def test_fewer_examples_are_a_part_of_more(tmp_path):
    rows = make(tmp_path, en=some(200))
    chosen = {}
    for limit in (10, 50, None):
        _, out = run(tmp_path, rows, config("pairs", examples=limit), f"limit-{limit}")
        chosen[limit] = Encoded.load(out / "en").example.tolist()
    assert len(chosen[10]) == 10 and len(chosen[50]) == 50 and chosen[None] == list(range(200))
    assert set(chosen[10]) < set(chosen[50])
    assert chosen[50] == sorted(chosen[50])
    assert chosen[50][-1] - chosen[50][0] > 100
    _, other = run(tmp_path, rows, config("pairs", examples=50, seed=1), "other-seed")
    assert set(Encoded.load(other / "en").example.tolist()) != set(chosen[50])


def test_examples_are_numbered_as_in_the_rows(tmp_path):
    examples = [Tags(id=str(i), words=(WORDS[i % 12],), tags=("N",)) for i in range(40)]
    _, out = run(tmp_path, make(tmp_path, en=examples), config("tags", labels=["N"], examples=5))
    encoded = Encoded.load(out / "en")
    for unit, row in enumerate(encoded.example):
        assert encoded.ids[encoded.sequences[unit] + 1] == VOCABULARY[examples[row].words[0]]


def test_labels_may_be_those_of_the_rows(tmp_path):
    examples = [Tags(id=str(i), words=("one", "two"), tags=("common", "common" if i else "rare")) for i in range(3)]
    said = config("tags", labels=[], options={"labels": "from train", "most": 1})
    _, out = run(tmp_path, make(tmp_path, en=examples), said)
    encoded = Encoded.load(out / "en")
    assert encoded.facts["labels"] == ["common"]
    assert encoded.labels.tolist() == [0, -100, 0, 0, 0, 0]


def test_a_query_and_its_answer_may_stand_far_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "CHUNK", 4)
    examples = [Passage(id=f"q{i}", text="one", query=True, gold=(f"c{i}",)) for i in range(10)]
    examples += [Passage(id=f"c{i}", text="two", query=False) for i in range(10)]
    rows = make(tmp_path, en=examples)
    _, paired = run(tmp_path, rows, config("retrieval", options={"paired": True, "mode": "pool"}), "paired")
    assert len(Encoded.load(paired / "en")) == 10
    _, each = run(tmp_path, rows, config("retrieval", options={"mode": "pool"}), "each")
    assert len(Encoded.load(each / "en")) == 20


def test_memory_does_not_grow_with_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "CHUNK", 256)
    monkeypatch.setattr(table, "ROWS", 256)

    def peak(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        rows = make(folder, en=(Pair(id=str(i), first="one two three " * 8, label="yes") for i in range(count)))
        tracemalloc.start()
        run(folder, rows, config("pairs"))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(600)  # what is imported and cached stays
    assert peak(12_000) < 1.5 * peak(1_200)


def test_a_language_without_rows_is_empty(tmp_path):
    rows = make(tmp_path, en=some(3))
    table.write(rows / "sw.parquet", [], form="pairs")
    _, out = run(tmp_path, rows, config("pairs"))
    assert len(Encoded.load(out / "sw")) == 0


def test_rows_that_are_not_there(tmp_path):
    (tmp_path / "rows").mkdir()
    with pytest.raises(DataError, match="no rows"):
        run(tmp_path, tmp_path / "rows", config("pairs"))


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = make(tmp_path, en=some(100))
    hashes = []
    for name in "ab":
        _, out = run(tmp_path, rows, config("pairs"), name)
        hashes.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (out / "en").iterdir()})
    assert hashes[0] == hashes[1]
    assert np.load(tmp_path / "a" / "en" / "ids.npy", mmap_mode="r").dtype == np.uint32


def test_a_limit_of_a_search_is_one_of_queries_and_keeps_every_candidate(tmp_path: Path) -> None:
    passages = [Passage(id=f"c{i}", text=f"answer {i}", query=False) for i in range(9)]
    passages += [Passage(id=f"q{i}", text=f"question {i}", query=True, gold=(f"c{i}",)) for i in range(9)]
    table.write(tmp_path / "en.parquet", passages)
    chosen = tokens.chosen_rows(tmp_path / "en.parquet", 4, queries=True)
    assert chosen is not None
    assert set(range(9)) <= set(chosen) and len(chosen) == 9 + 4
