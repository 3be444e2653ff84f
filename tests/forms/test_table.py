from __future__ import annotations

import hashlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import DataError
from waystage.forms import table
from waystage.forms.examples import EXAMPLES, Choice, Pair, Passage, Span, Tags

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
several = st.lists(words, max_size=4).map(tuple)


@given(st.lists(st.builds(Span, id=words, context=words, question=words, answers=several,
                          starts=st.lists(st.integers(0, 9), max_size=3).map(tuple),
                          answerable=st.sampled_from([True, False, None])), max_size=5))  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory, examples):
    path = tmp_path_factory.mktemp("t") / "en.parquet"
    assert table.write(path, examples, form="spans") == len(examples)
    assert table.read(path, "spans") == examples
    assert table.ids(path) == [e.id for e in examples]
    assert table.count(path) == len(examples)


def test_hidden_and_empty_are_not_the_same(tmp_path):
    examples = [Tags(id="a", words=("x",)), Tags(id="b", words=(), tags=()), Tags(id="c", words=("y",), tags=("N",))]
    table.write(tmp_path / "t.parquet", examples)
    assert table.read(tmp_path / "t.parquet", "tags") == examples
    passages = [Passage(id="q", text="?", query=True, gold=None), Passage(id="c", text="!", query=False)]
    table.write(tmp_path / "p.parquet", passages)
    assert table.read(tmp_path / "p.parquet", "retrieval") == passages


def test_the_same_examples_give_the_same_bytes(tmp_path):
    examples = [Pair(id=str(i), first=f"text {i}", label="x") for i in range(2000)]
    for name in "ab":
        table.write(tmp_path / name, iter(examples))
    assert len({hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in "ab"}) == 1


def test_batches_go_through_a_long_file_in_order(tmp_path):
    count = table.ROWS + 700
    table.write(tmp_path / "p", (Choice(id=str(i), context="c", options=("a", "b"), label=1) for i in range(count)))
    sizes, seen = [], []
    for rows in table.batches(tmp_path / "p", "choice", rows=5000):
        sizes.append(len(rows))
        seen += [row.id for row in rows]
    assert max(sizes) <= 5000
    assert seen == [str(i) for i in range(count)]


@pytest.mark.parametrize("form", sorted(EXAMPLES))
def test_every_form_has_a_table(tmp_path, form):
    table.write(tmp_path / "none", [], form=form)
    assert table.read(tmp_path / "none", form) == []
    assert {f.name for f in fields(EXAMPLES[form])} >= {"id", "item", "cluster"}


def test_what_is_no_table_is_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match=r"x\.parquet"):
        table.read(tmp_path / "x.parquet", "pairs")
    with pytest.raises(DataError, match="no such file"):
        table.read(tmp_path / "y.parquet", "pairs")
    table.write(tmp_path / "pairs.parquet", [Pair(id="a", first="b")])
    with pytest.raises(DataError, match="'context'"):
        table.read(tmp_path / "pairs.parquet", "spans")
    with pytest.raises(DataError, match="example 'bad'"):
        table.write(tmp_path / "z", [Pair(id="good", first="b"), Pair(id="bad", first="\ud800")])
