"""What commands say about a plan that cannot run, about threads, and about what is needed of a store."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from waystage.cli import app
from waystage.engines.outcome import Outcome
from waystage.engines.status import Row, State
from waystage.errors import InputError
from waystage.graph import record
from waystage.graph.files import write_text
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.results import load

TEXT = """
title = "Nothing there"
source = "{folder}"
models = ["xlm-roberta-base"]
targets = ["xnli"]
languages = ["en", "de"]
seeds = [1]

[intermediate.none]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    path = tmp_path / "study.toml"
    path.write_text(TEXT.format(folder=tmp_path / "data"))
    return path


def said(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"})


def test_a_plan_that_cannot_run_ends_like_the_run_would(study: Path, tmp_path: Path) -> None:
    plan = said("plan", study, "--store", tmp_path / "store")
    assert plan.exit_code == 2 and "cannot run yet: " in plan.stdout
    assert said("plan", study, "--store", tmp_path / "store", "--json").exit_code == 2


def test_more_threads_than_cores_are_said_and_nonsense_is_refused(study: Path, tmp_path: Path) -> None:
    many = said("plan", study, "--store", tmp_path / "store", "--set", "source='world'", "--set", "threads=1000")
    assert many.exit_code == 0 and f"threads = 1000, but this machine has {os.cpu_count()} cores" in many.stdout
    one = said("plan", study, "--store", tmp_path / "store", "--set", "source='world'")
    assert "threads" not in one.stdout
    with pytest.raises(InputError, match="1024"):
        CliRunner().invoke(app, ["plan", str(study), "--set", "threads=100000"], catch_exceptions=False)


def test_data_that_the_world_stands_in_for_are_named(study: Path, tmp_path: Path) -> None:
    study.write_text(study.read_text() + '[task.mine]\nform = "similarity"\nfiles.en = "mine.tsv"\n')
    words = ("plan", study, "--store", tmp_path / "store", "--set", "source='world'", "--set")
    assert "not read: the data named for xnli, mine;" in said(*words, "sources.xnli='./download'").stdout
    assert "not read" not in said("plan", study, "--rehearsal", "--store", tmp_path / "store").stdout


def test_an_empty_report_says_that_it_is_empty_and_what_to_type(study: Path, tmp_path: Path) -> None:
    store, page = Store(tmp_path / "store"), tmp_path / "page.html"
    alone = said("report", study, "--store", store.root, "-o", page).stderr
    assert f"nothing of this study is scored yet in {store.root}. Type: waystage run {study} --store" in alone
    assert "--rehearsal" not in alone
    Plan([Stage(kind="rows", name="x", config={})]).record(store, "nothing-there-rehearsal")
    assert "Its rehearsal is there: add --rehearsal" in said("questions", study, "--store", store.root).stderr


def test_without_studies_the_list_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "no study file in ./studies" in said("list", "studies").stdout


def test_a_run_that_another_one_helped_says_once_how_many_it_reused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = {word: Row(word, "rows", 1.0, status=word) for word in ("done", "reused")}
    state = State(run="r", rows=rows, study="mine", reused=2, status="done")
    write_text(store.root / "runs" / "r" / "state.json", state.dump())
    assert "mine  done: 1 done, 3 reused" in said("status", "--store", store.root).stdout


def test_a_graph_is_mermaid_and_called_so(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no picture: call it .*graph\.mmd"):
        CliRunner().invoke(app, ["plan", str(study), "--graph", str(tmp_path / "graph.svg")], catch_exceptions=False)
    files = [tmp_path / "graph.mmd", tmp_path / "graph.md"]
    for file in files:
        said("plan", study, "--store", tmp_path / "store", "--set", "source='world'", "--graph", file)
    plain, fenced = (file.read_text() for file in files)
    assert plain.startswith("flowchart LR\n") and fenced == f"```mermaid\n{plain}```\n"


def test_gc_says_whose_word_counts(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store")
    assert "every study of this store says: no study" in said("store", "gc", "--store", store.root).stdout
    Plan([Stage(kind="rows", name="x", config={})]).record(store, "mine")
    assert "every study of this store says: mine" in said("store", "gc", "--store", store.root).stdout


def made(store: Store, stages: Iterable[Stage]) -> None:
    """As if these had run."""
    for stage in stages:
        with store.lock(stage.fingerprint):
            folder = store.open(stage.fingerprint)
            (folder / "file").write_text("x")
            store.commit(stage.fingerprint, folder, {"stage": {"kind": stage.kind, "name": stage.name}})


def test_gc_keeps_what_a_file_says_whatever_its_last_run_said(tmp_path: Path) -> None:
    study = tmp_path / "s.toml"
    study.write_text(TEXT.format(folder="world").replace('"en", "de"', '"en"'))
    (tmp_path / "store").mkdir()
    store = Store(tmp_path / "store")
    of = {seeds: Plan(load(study, store=store, overrides=[f"seeds={seeds}"]).plan.wanted) for seeds in ("[1]", "[4]")}
    for plan in of.values():
        made(store, plan.stages.values())
    of["[4]"].record(store, "nothing-there-rehearsal")  # run --set seeds=[4] came last
    record.note_file(store, "nothing-there-rehearsal", study)
    both, files = {*of["[1]"].stages, *of["[4]"].stages}, ["--store", store.root]
    for more in ([], ["--keep", study]):
        assert said("store", "gc", *files, "--yes", *more).exit_code == 0
        assert set(store.fingerprints()) == both
    said("store", "pack", tmp_path / "all.tar", *files, "--study", study)
    with tarfile.open(tmp_path / "all.tar") as packed:
        assert {Path(name).parts[2] for name in packed.getnames() if name.startswith("artifacts/")} == both
    study.write_text("title = ")  # what cannot be planned any more is kept as it was recorded
    assert said("store", "gc", *files, "--yes").exit_code == 0
    assert set(store.fingerprints()) == set(of["[4]"].stages)


def test_a_run_on_a_cluster_says_how_many_stages_ran_side_by_side() -> None:
    assert "busy: 3.5 stages side by side" in Outcome("r", done=["a", "b"], together=3.5).text()
    known = Outcome("r", done=["a", "b"], together=3.5, busy={"places on the CPU": (0.9, 4)}).text()
    assert "busy: 90% of 4 places on the CPU" in known and "side by side" not in known


def test_what_would_have_no_effect_is_refused(study: Path, tmp_path: Path) -> None:
    for words, why in (
        (("report", study, "--text", "--out", "x.txt"), "--out would do nothing beside --text"),
        (("report", study, "--figure", "gains", "--compare", study), "--figure and --compare exclude each other"),
        (("report", study, "--out", tmp_path / "x.docx"), "no format is called 'docx'"),
        (("score", "--task", "xnli", "preds", "--gold", "a", "--predictions", "b"), "a folder belongs to two folders"),
        (("score", "preds", "gold", "--language", "de"), "--language belongs to one pair of files"),
        (("show", "xnli", "sw", "--data"), "--data describes one task at a time"),
    ):
        with pytest.raises(InputError, match=why):
            CliRunner().invoke(app, [*map(str, words)], catch_exceptions=False)


def test_one_broken_study_does_not_hide_the_others(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "studies").mkdir()
    study.rename(tmp_path / "studies" / "good.toml")
    (tmp_path / "studies" / "bad.toml").write_text("partition = 'gpu'\n")  # a profile of a cluster, say
    monkeypatch.chdir(tmp_path)
    bad, good = json.loads(said("list", "studies", "--json").stdout)
    assert bad["title"].startswith("cannot be read: ") and bad["arms"] is None
    assert good["title"] == "Nothing there" and good["arms"] == 1


def test_show_shows_all_that_it_is_asked_for() -> None:
    both = said("show", "xnli", "sw").stdout
    assert "XNLI" in both and "Swahili" in both
    assert said("show", "task", "xnli").stdout == said("show", "xnli").stdout
    assert set(json.loads(said("show", "xnli", "sw", "--json").stdout)) == {"xnli", "sw"}
    assert json.loads(said("show", "sw", "--json").stdout)["name"] == "Swahili"


def test_json_is_nothing_but_json(study: Path, tmp_path: Path) -> None:
    words = ("plan", study, "--store", tmp_path, "--set", "source='world'", "--json", "--graph", tmp_path / "x.mmd")
    assert json.loads(said(*words).stdout)["totals"]
