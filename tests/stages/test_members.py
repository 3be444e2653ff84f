"""What a message calls an example: by its id, which stands in the rows that the tokens were made of."""

from __future__ import annotations

from pathlib import Path

from tests.stages import small

from waystage.forms import table
from waystage.graph.store import Store
from waystage.stages.members import named, said


def test_examples_are_called_by_their_ids(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made = small.stored(tmp_path / "pairs", "pairs", {"en": small.pairs(6, 1)}, ("no", "yes"))
    rows, tokens = "ab" * 32, "cd" * 32
    for fingerprint, folder, inputs in ((rows, made / "rows", {}), (tokens, made / "tokens", {"rows": rows})):
        open_ = store.open(fingerprint)
        folder.rename(open_ / "x")
        for path in (open_ / "x").iterdir():
            path.rename(open_ / path.name)
        (open_ / "x").rmdir()
        store.commit(fingerprint, open_, {"stage": {"kind": "rows", "inputs": inputs}})
    ids = table.ids(store.path(rows) / "en.parquet")
    assert named(store.path(tokens))("en", 3) == f"en:3 ({ids[3]})"
    store.remove(rows)
    assert named(store.path(tokens))("en", 3) == "en:3"


def test_without_a_store_they_are_called_by_their_row(tmp_path: Path) -> None:
    assert named(tmp_path)("de", 7) == "de:7"


def test_the_usual_score_chooses_the_checkpoint_of_a_task_of_ones_own(tmp_path: Path) -> None:
    usual = {"spans": "f1", "similarity": "spearman", "tags": "f1", "masked": "loss"}
    for form, metric in usual.items():
        assert said({"task": "mine", "form": form, "labels": []}, tmp_path).metric == metric
    assert (
        said({"task": "mine", "form": "spans", "labels": [], "metric": "exact_match"}, tmp_path).metric == "exact_match"
    )


def test_an_example_is_found_in_the_rows_of_its_language_where_there_are_several(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    kept = {"en": "ab" * 32, "sw": "ef" * 32}
    for language, fingerprint in kept.items():
        folder = store.open(fingerprint)
        table.write(folder / f"{language}.parquet", small.pairs(4, 1), form="pairs")
        store.commit(fingerprint, folder, {"stage": {"kind": "rows", "inputs": {}}})
    tokens = "cd" * 32
    store.commit(tokens, store.open(tokens), {"stage": {"kind": "tokens", "inputs": {"rows": list(kept.values())}}})
    name = named(store.path(tokens))
    assert [name("sw", 2), name("en", 0), name("de", 1)] == ["sw:2 (p2)", "en:0 (p0)", "de:1"]
