"""score of two folders: what is there is said, what is not there is said too."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from waystage.cli import app


def trees(folder: Path) -> list[str]:
    """Gold of two languages, one of them hidden, and predictions for the other one."""
    for side in ("gold", "found"):
        (folder / side / "xnli").mkdir(parents=True)
    (folder / "gold/xnli/test-sw.tsv").write_text("neutral\nentailment\nneutral\nneutral\n")
    (folder / "gold/xnli/test-ur.tsv").write_text("neutral\nneutral\nneutral\n")
    (folder / "found/xnli/test-sw.tsv").write_text("neutral\nentailment\nentailment\nneutral\n")
    return ["score", str(folder / "found"), str(folder / "gold"), "--benchmark", "xtreme-r"]


def test_with_files_missing_the_scores_of_the_others_are_shown(tmp_path: Path) -> None:
    command = [*trees(tmp_path), "--allow-missing"]
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert found.exit_code == 0, found.output
    assert "xnli accuracy: sw 75.00\n" in found.output and "missing: " in found.output
    found = CliRunner().invoke(app, [*command, "--json"])
    said = json.loads(found.output)
    assert said["detailed"]["xnli"] == {"accuracy": {"sw": 75.0}}
    assert str(tmp_path / "found/xnli/test-ur.tsv") in said["missing"]


def test_hidden_labels_of_what_is_predicted_are_refused(tmp_path: Path) -> None:
    command = [*trees(tmp_path), "--allow-missing"]
    (tmp_path / "found/xnli/test-ur.tsv").write_text("neutral\nneutral\nneutral\n")
    found = CliRunner().invoke(app, command)
    assert "a placeholder for hidden test labels" in str(found.exception)


def test_questions_without_an_answer_are_counted_aloud(tmp_path: Path) -> None:
    """As officially, they are wrong; but the file of another language would give a zero and not a word."""
    asked = [{"id": str(n), "question": "?", "answers": [{"text": "ja", "answer_start": 0}]} for n in range(3)]
    gold = {"data": [{"title": "t", "paragraphs": [{"context": "ja", "qas": asked}]}]}
    for side, said in (("gold", gold), ("found", {"0": "ja"})):
        (tmp_path / side / "xquad").mkdir(parents=True)
        (tmp_path / side / "xquad/test-de.json").write_text(json.dumps(said))
    files = [str(tmp_path / side / "xquad/test-de.json") for side in ("gold", "found")]
    pair = ["--task", "xquad", "--language", "de", "--gold", files[0], "--predictions", files[1], "--json"]
    for words in (pair, [str(tmp_path / "found"), str(tmp_path / "gold"), "--allow-missing"]):
        found = CliRunner().invoke(app, ["score", *words])
        assert "2 of 3 questions have no answer in" in found.stderr and "such as '1'" in found.stderr
        assert found.exit_code == 0 and "33.3" in found.stdout
