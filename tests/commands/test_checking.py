"""check says what is in the rows, and that a test was trained on is a problem, not a remark."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from waystage.cli import app
from waystage.commands.checking import _one_batch
from waystage.engines.outcome import Outcome
from waystage.graph.plan import Plan
from waystage.results import load

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


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_language_without_a_single_row_is_a_problem(part: str, tmp_path: Path) -> None:
    """It would be missing from every table, and `run` would say that all is done."""
    (tmp_path / "s.toml").write_text(STUDY)
    for name, numbers in (("train", range(40)), ("dev", range(50, 60)), ("test", range(60, 70))):
        rows(tmp_path / f"{name}.tsv", numbers if name != part else range(0))
    where = [str(tmp_path / "s.toml"), "--store", str(tmp_path / "store")]
    found = CliRunner().invoke(app, ["check", *where], env={"COLUMNS": "200"})
    assert found.exit_code == 2, found.output
    assert f"problem: mine {part} en: there is no example" in found.output
    found = CliRunner().invoke(app, ["run", *where, "--engine", "inline"], env={"COLUMNS": "200"})
    assert found.exit_code == 1, found.output
    assert f"mine has no example in en ({part}): 0 rows were read" in found.output


LONG = """title = "t"
models = ["standin-s"]
source = "world"
precision = "fp32"
targets = ["xnli", "udpos", "tatoeba"]
languages = ["en", "de"]
seeds = [1, 2]
[recipe]
max_length = 48
[recipe.target]
epochs = 7
[recipe.task.udpos]
epochs = 9
examples = 5000
[intermediate.none]
[intermediate.two]
tasks = ["mnli"]
recipe = { steps = 4000 }
then = [{ tasks = ["squad"], recipe = { epochs = 3 } }]
[intermediate.few]
target = { shots = 100 }
[intermediate.there]
target = { language = "target", recipe = { epochs = 20 } }
"""


def test_one_batch_is_one_batch_whichever_table_says_how_long_a_stage_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.toml").write_text(LONG)
    seen: list[Plan] = []

    def tried(made: Plan, *_: object, **__: object) -> Outcome:
        seen.append(made)
        return Outcome("r")

    monkeypatch.setattr("waystage.engines.run.execute", tried)
    for rehearsal in (False, True):
        results = load(tmp_path / "s.toml", rehearsal=rehearsal, store=tmp_path / "store")
        assert _one_batch(results) == []
        trained = [stage for stage in seen.pop().stages.values() if stage.kind == "train"]
        assert len(trained) > 8 and {stage.config["recipe"]["steps"] for stage in trained} == {1}
        assert not any("epochs" in stage.config["recipe"] for stage in trained)
        assert {stage.config["seed"] for stage in trained} == {1}
