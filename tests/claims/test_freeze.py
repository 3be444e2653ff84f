"""What was frozen before the first score is told apart from what was made afterwards."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from waystage.claims import freeze
from waystage.cli import app
from waystage.errors import StudyError
from waystage.results import Results, load

STUDY = """title = "t"
models = ["xlm-roberta-base"]
targets = ["xnli"]
languages = ["en", "de"]
[intermediate.none]
[intermediate.mnli]
tasks = ["mnli"]
[[question]]
ask = "Does it help?"
compare = ["mnli", "none"]
margin = 1.0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "study.toml"
    file.write_text(STUDY)
    return file


def results(path: Path, tmp_path: Path) -> Results:
    return load(path, store=tmp_path / "store")


def test_before_any_score(path, tmp_path):
    assert freeze.states(results(path, tmp_path))[0].startswith("not frozen")
    new = freeze.freeze(results(path, tmp_path), freeze.beside(path))
    assert [entry.what for entry in new] == ["scope", "claims", "question"]
    (state,) = freeze.states(results(path, tmp_path))
    assert state.startswith("frozen 20") and state.endswith("before any score")
    assert freeze.freeze(results(path, tmp_path), freeze.beside(path)) == []


def test_the_wording_may_change_and_the_margin_may_not(path, tmp_path):
    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    path.write_text(STUDY.replace("Does it help?", "Is it of use?"))
    assert freeze.states(results(path, tmp_path))[0].endswith("before any score")
    path.write_text(STUDY.replace("margin = 1.0", "margin = 0.2"))
    assert freeze.states(results(path, tmp_path)) == [
        "made afterwards: this question is not among those that were frozen"
    ]
    path.write_text(STUDY.replace('["en", "de"]', '["en", "fr"]'))
    assert "what is analysed was changed since" in freeze.states(results(path, tmp_path))[0]
    path.write_text(STUDY + '[translator]\nmodel = "facebook/nllb-200-distilled-600M"\n')
    assert "what is analysed was changed since" in freeze.states(results(path, tmp_path))[0]


def test_after_scores(path, tmp_path):
    entry = freeze.Entry("question", "x", "?", "2026-05-01T00:00:00+00:00", 3, 12)
    assert entry.words("2026-04-30") == ("made afterwards: frozen 2026-05-01, when 3 of 12 evaluations had been scored")
    early = freeze.Entry("question", "x", "?", "2026-05-01T00:00:00+00:00", 0, 12)
    assert "the first score is older" in early.words("2026-04-30T00:00:00+00:00")
    assert early.words("2026-05-02T00:00:00+00:00").endswith("before any score")


def test_the_file_only_grows(path, tmp_path):
    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    first = tomllib.loads(freeze.beside(path).read_text())["frozen"]
    path.write_text(STUDY.replace("margin = 1.0", "margin = 0.2"))
    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    second = tomllib.loads(freeze.beside(path).read_text())["frozen"]
    assert second[: len(first)] == first
    assert [entry["what"] for entry in second[len(first) :]] == ["question"]


def test_a_damaged_file_is_said(path, tmp_path):
    freeze.beside(path).write_text("[[frozen]]\nwhat = 1\nodd = 2\n")
    with pytest.raises(StudyError, match="is damaged"):
        freeze.states(results(path, tmp_path))


def test_commands(path, tmp_path):
    store = ["--store", str(tmp_path / "store")]
    done = CliRunner().invoke(app, ["freeze", str(path), *store])
    assert done.exit_code == 0, done.output
    assert "frozen: question: Does it help?" in done.output
    asked = CliRunner().invoke(app, ["questions", str(path), *store])
    assert "before any score" in asked.output
    said = CliRunner().invoke(app, ["claims", str(path), *store])
    assert said.exit_code == 0, said.output
    assert "nothing has been scored yet" in said.output
    assert CliRunner().invoke(app, ["claims", str(path), "--json", "--rehearsal", *store]).exit_code == 0


def test_claims_are_frozen_too(path, tmp_path):
    from waystage.claims.read import SHIPPED

    assert freeze.claims_state(results(path, tmp_path), path).startswith("not frozen")
    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    assert freeze.claims_state(results(path, tmp_path), path).endswith("before any score")
    mine = tmp_path / "claims.toml"
    mine.write_text(SHIPPED.read_text(encoding="utf-8").replace("tolerance = 2.0", "tolerance = 5.0"), encoding="utf-8")
    assert freeze.claims_state(results(path, tmp_path), path, mine).startswith("made afterwards: this file of claims")
    path.write_text(STUDY.replace('["en", "de"]', '["en", "fr"]'))
    assert "what is analysed was changed since" in freeze.claims_state(results(path, tmp_path), path)


def test_a_frozen_question_that_is_no_longer_asked_is_named(path, tmp_path):
    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    assert freeze.withdrawn(results(path, tmp_path)) == []
    path.write_text(STUDY.partition("[[question]]")[0])
    assert freeze.withdrawn(results(path, tmp_path)) == ["Does it help?"]
    asked = CliRunner().invoke(app, ["questions", str(path), "--store", str(tmp_path / "store")])
    assert "frozen, and not asked in this way any more: Does it help?" in asked.output


def test_the_report_says_when_a_question_was_frozen(path, tmp_path):
    from waystage.reports import text, write

    freeze.freeze(results(path, tmp_path), freeze.beside(path))
    found = results(path, tmp_path)
    assert "before any score" in text(found)
    for format in ("html", "md"):
        assert "before any score" in write(found, tmp_path / f"r.{format}", format).read_text(encoding="utf-8")


def test_a_benchmark_among_the_targets_of_a_question_is_its_tasks():
    from waystage.study import Study

    said = Study(
        title="t", models=["xlm-roberta-base"], targets=["xtreme"],
        intermediate={"none": {}, "mnli": {"tasks": ["mnli"]}},
        question=[{"compare": ["mnli", "none"], "targets": ["xtreme", "xnli"]}],
    )  # fmt: skip
    assert set(said.question[0].targets) == set(said.target_tasks())
