"""check says what is in the rows, and that a test was trained on is a problem, not a remark."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from waystage.cli import app

STUDY = """title = "t"
models = ["standin-s"]
targets = ["mine"]
languages = ["en"]
seeds = [1]
[intermediate.none]
[task.mine]
form = "pairs"
labels = ["no", "yes"]
files = { train = { en = "train.tsv" }, dev = { en = "dev.tsv" }, test = { en = "test.tsv" } }
"""


def rows(path: Path, numbers: range) -> None:
    said = (f"question {i} of all\tanswer {i}\t{'yes' if i % 2 else 'no'}\n" for i in numbers)
    path.write_text("first\tsecond\tlabel\n" + "".join(said))


def test_a_test_that_is_among_the_training_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(STUDY)
    rows(tmp_path / "train.tsv", range(60, 0, -1))
    rows(tmp_path / "dev.tsv", range(100, 110))
    rows(tmp_path / "test.tsv", range(40, 50))
    command = ["check", str(tmp_path / "s.toml"), "--store", str(tmp_path / "store"), "--no-batch"]
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert found.exit_code == 2, found.output
    assert "the test was seen before: mine test in en is partly in mine train" in found.output
    rows(tmp_path / "test.tsv", range(59, 80))  # a chance repetition is said, and no more
    found = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert found.exit_code == 0, found.output
    assert "leak: mine test in en" in found.output
