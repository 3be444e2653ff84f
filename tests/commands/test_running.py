"""Runs of a store, as typed: what goes on in it, and under which name it knows a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer import Exit
from typer.testing import CliRunner

from waystage.cli import app
from waystage.commands.studies import RUNS, _after, pinned, study_id
from waystage.engines.outcome import Failure, Outcome
from waystage.engines.status import State, folder
from waystage.graph import record
from waystage.graph.files import write_text
from waystage.graph.store import Store
from waystage.results import load
from waystage.study import lock


def test_what_goes_on_is_shown_however_old_it_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(RUNS + 5):
        state = State(f"run-{number:02}", {}, "mine", status="running" if number == 1 else "done")
        write_text(folder(store, state.run) / "state.json", state.dump())
    said = CliRunner().invoke(app, ["status", "--store", str(tmp_path)]).output
    assert said.count("mine") == RUNS
    assert "0 of 0 stages" in said
    assert "run-00" not in said


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("中文的任务", "阿拉伯文的任务"),
        ("Größe", "Gräße"),
        (f"{'intermediate tasks ' * 4}in Arabic", f"{'intermediate tasks ' * 4}in Chinese"),
    ],
)
def test_two_titles_are_two_studies(first: str, second: str, tmp_path: Path) -> None:
    results = load("studies/quickstart.toml", store=tmp_path)
    names = [study_id(replace(results, study=results.study.model_copy(update={"title": t}))) for t in (first, second)]
    assert names[0] != names[1]
    assert all(record.path(Store(tmp_path), name).name == f"{name}.json" for name in names)
    assert study_id(results) == "quickstart-one-step-before-the-target"


def test_two_files_of_one_title_are_two_studies_and_a_moved_one_is_one(tmp_path: Path) -> None:
    first, variant = tmp_path / "first.toml", tmp_path / "variant.toml"
    first.write_text(Path("studies/quickstart.toml").read_text())
    variant.write_text('extends = "first.toml"\nseeds = [7]\n')
    record.note_file(Store(tmp_path), "quickstart-one-step-before-the-target", first)
    names = [study_id(load(file, store=tmp_path)) for file in (first, variant)]
    assert names[0] == "quickstart-one-step-before-the-target" != names[1]
    assert study_id(load(first, store=tmp_path, rehearsal=True)) == f"{names[0]}-rehearsal"
    variant.unlink()
    moved = first.rename(tmp_path / "moved.toml")
    assert study_id(load(moved, store=tmp_path)) == names[0]


def test_a_rehearsal_with_a_model_of_the_hub_stays_a_rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'title = "t"\nmodels = ["xlm-roberta-base"]\ntargets = ["xnli"]\nlanguages = ["en", "de"]\n'
        '[intermediate.none]\n[rehearsal]\nmodels = ["somebody/tiny"]\nseeds = [7]\n'
    )
    monkeypatch.setattr(lock, "_commit", lambda name: "0" * 40)
    first = load(study, rehearsal=True, store=tmp_path)
    assert first.plan.unresolved == ("somebody/tiny",)
    again = pinned(study, None, first, rehearsal=True)
    assert again.study.source == "world"
    assert again.study.seeds == (7,)
    assert again.plan.unresolved == ()
    assert lock.read(lock.beside(study)).models == {"somebody/tiny": "0" * 40}


def test_the_table_of_scores_is_one_before_anything_is_scored(tmp_path: Path) -> None:
    scores = load("studies/quickstart.toml", rehearsal=True, store=tmp_path).scores
    assert len(scores[scores.headline].groupby(["target", "intermediate"]).value.mean()) == 0


@pytest.mark.parametrize(
    "ended", [{"failed": [Failure("f" * 64, "rows", "why", "log", ())]}, {"interrupted": "SIGINT"}]
)
def test_what_did_not_end_well_names_the_command_to_go_on(
    ended: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["/bin/waystage", "rehearse", "my study.toml", "-j", "2"])
    results = load("studies/quickstart.toml", rehearsal=True, store=tmp_path)
    with pytest.raises(Exit):
        _after(results, Outcome("r", **ended), json=False)
    assert "\n  waystage rehearse 'my study.toml' -j 2\n" in capsys.readouterr().out
