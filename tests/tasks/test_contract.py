"""What every declared task keeps. A new task is tested here by being there."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from waystage import languages, sources, tasks
from waystage.forms.examples import EXAMPLES
from waystage.sources import conllu, formats, hub, readers
from waystage.sources.notes import Notes
from waystage.sources.retrieval import POOL
from waystage.tasks.task import Files, Hub, Layout, Task

EVERY = pytest.mark.parametrize("task", tasks.all_tasks(), ids=lambda task: task.name)
LAYOUTS = [(task, layout) for task in tasks.all_tasks() for layout in task.files]
HUBS = [(task, layout) for task in tasks.all_tasks() for layout in task.hub]


def name(value: Any) -> str:
    return value.name if isinstance(value, Task) else str(getattr(value, "path", getattr(value, "repo", value)))


def served(task: Task, layout: Layout) -> tuple[str, ...]:
    return layout.languages or tuple(lg for lg in task.languages if not layout.names or lg in layout.names)


@EVERY
def test_a_declaration_makes_sense(task: Task) -> None:
    assert task.form in EXAMPLES
    assert task.hub or task.files or task.members
    for code in (*task.languages, *task.train_languages):
        assert languages.resolve(code) == code
    assert len(set(task.languages)) == len(task.languages) and len(set(task.labels)) == len(task.labels)
    for other in (*task.train_on, *task.members):
        tasks.get(other)
    for said in task.derived_from:
        other, _, split = said.partition(":")
        assert split in {*tasks.get(other).splits, "*"}
    assert task.licence and task.max_length > 0 and task.batch > 0 and task.epochs > 0
    trained = tasks.get(task.train_on[-1]) if task.train_on else task
    if trained.train_languages and not task.train_on and task.form != "retrieval":
        assert "train" in task.splits
    assert task.train_split in (*trained.splits, "fit") or not trained.train_languages
    assert task.select_on in (*trained.splits, "held") or not trained.train_languages


@EVERY
def test_its_layouts_name_fields_of_its_form(task: Task) -> None:
    fields = {f.name for f in dataclasses.fields(EXAMPLES[task.form])} | {"group", "english", "gold"}
    for layout in (*task.hub, *task.files):
        assert set(layout.columns) <= fields and set(layout.values) <= fields
        assert set(layout.splits) <= {*task.splits, "train", "dev", "test"}
        assert set(layout.languages) <= {*task.languages, *task.train_languages, POOL}
        assert readers.reader(layout.reader)
        if isinstance(layout, Files):
            assert hasattr(formats, layout.format) or layout.format == "conllu" == conllu.conllu.__name__
        for field, table in layout.values.items():
            if field in ("label", "tags") and task.labels:
                assert set(table.values()) <= {*task.labels, None, tasks.LEAVE_OUT}


@EVERY
def test_it_has_a_stand_in_in_the_world(task: Task) -> None:
    for split, lg in itertools.product(task.splits, (task.languages[0], task.languages[-1])):
        identity = sources.identify(task, "world", split, (lg,))
        read = sources.read(task, identity, split, lg, place={}, notes=Notes(), limit=5, languages=(lg,))
        found = list(read)
        # running text is dealt out by how much a language has of it
        assert len(found) >= (1 if task.form == "masked" else 5)
        assert all(isinstance(e, EXAMPLES[task.form]) for e in found)
        assert len({e.id for e in found}) == len(found)
        said = {t for e in found for t in (getattr(e, "tags", None) or [getattr(e, "label", None)])}
        if task.labels:
            assert said <= {*task.labels, None}


@pytest.mark.parametrize(("task", "layout"), LAYOUTS, ids=name)
def test_its_folder_layouts_read_back_what_was_written(
    task: Task, layout: Files, made: SimpleNamespace, tmp_path: Path
) -> None:
    alone = dataclasses.replace(task, files=(layout,))
    for split in layout.splits:
        lg = served(task, layout)[0]
        if task.form == "retrieval":
            contents, wanted = made.search(task, layout, lg)
        else:
            wanted = made.examples(task, layout)
            contents = made.contents(task, layout, wanted, layout.names.get(lg, lg))
        for path, content in zip(made.place(tmp_path, layout, split, lg), contents, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="")
        identity = sources.identify(alone, str(tmp_path), split, (lg,))
        assert json.loads(json.dumps(identity)) == identity
        notes = Notes()
        read = sources.read(alone, identity, split, lg, place={"data": str(tmp_path)}, notes=notes)
        found = list(read)
        if task.form == "retrieval":
            assert [p for p in found if p.query] == wanted
            assert any(not p.query for p in found) or layout.format == "mewslix"
        else:
            compare(found, wanted, hidden=split in layout.hidden, free_label=layout.reader == "right_first")
        assert not notes.excluded


def compare(found: list[Any], wanted: list[Any], *, hidden: bool, free_label: bool = False) -> None:
    """Ids, items and clusters are the reader's own affair; the content is not."""
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        expected = {f.name: getattr(want, f.name) for f in dataclasses.fields(want)}
        about = {"id": got.id, "item": got.item, "cluster": got.cluster}
        if hidden:
            about["label"] = None
        if free_label:
            assert got.options[got.label] == want.options[want.label] and set(got.options) == set(want.options)
            about |= {"options": got.options, "label": got.label}
        assert got == type(want)(**{**expected, **about})


@pytest.mark.parametrize(("task", "copy"), [(t, h) for t, h in HUBS if t.form != "retrieval"], ids=name)
def test_its_copies_on_the_hub_are_read_by_their_columns(
    task: Task, copy: Hub, made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are handed over; `test_hub.py` shows how they are fetched."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    lg = served(task, copy)[0]
    wanted = made.examples(task, copy)
    records = [made.record(example, copy, copy.names.get(lg, lg)) for example in wanted]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(records), path)
    fetched = hub.Fetched("1" * 40, (("rows.parquet", "0" * 64),), (path,), {})
    monkeypatch.setattr(hub, "fetch", lambda *args: fetched)
    alone = dataclasses.replace(task, hub=(dataclasses.replace(copy, rows={}),))
    split = next(iter(copy.splits))
    identity = sources.identify(alone, "hub", split, (lg,))
    found = list(sources.read(alone, identity, split, lg, place={}, notes=Notes()))
    compare(found, wanted, hidden=split in copy.hidden, free_label=copy.reader == "right_first")
