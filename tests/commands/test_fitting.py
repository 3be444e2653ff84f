"""What a plan says about size before anything is paid for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from waystage.cli import app

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, object]]]:
    command = ["plan", str(STUDIES / "scaling.toml"), "--store", str(tmp_path_factory.mktemp("store")), "--json"]
    said = CliRunner().invoke(app, [*command, "--set", 'placement.devices="80GB"'])
    assert said.exit_code == 0, said.output
    found: dict[str, list[dict[str, object]]] = json.loads(said.stdout)
    return found


def test_every_size_has_a_placement_hours_memory_and_disk(plan: dict[str, list[dict[str, object]]]) -> None:
    sizes = {str(one["model"]).rsplit("-", 1)[1] for one in plan["placements"]}
    assert sizes == {"7B", "14B", "32B", "72B"}
    for one in plan["placements"]:
        assert float(str(one["hours"])) > 0 and int(str(one["memory"])) > 10**10 and "disk" in one
        assert one["fits"] or "[placement] devices" in str(one["advice"])


def test_as_shipped_everything_fits(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["plan", str(STUDIES / "scaling.toml"), "--store", str(tmp_path), "--json"])
    found = json.loads(said.stdout)
    assert all(one["fits"] for one in (*found["placements"], *found["predicting"]))


def test_predicting_is_placed_too(plan: dict[str, list[dict[str, object]]]) -> None:
    fits = {str(one["model"]).rsplit("-", 1)[1]: one["fits"] for one in plan["predicting"]}
    assert fits == {"7B": True, "14B": True, "32B": True, "72B": False}


def test_a_model_whose_shape_nobody_knows_is_named(tmp_path: Path) -> None:
    command = ["plan", str(STUDIES / "scaling.toml"), "--store", str(tmp_path)]
    models = ["--set", 'models=["org/new", "Qwen/Qwen2.5-7B"]']
    said = " ".join(CliRunner().invoke(app, [*command, *models]).output.split())
    assert "org/new: its shape is not known here, so its 51 training stages are counted as those of a base" in said
    found = json.loads(CliRunner().invoke(app, [*command, *models, "--json"]).stdout)
    assert found["unplaced"] == {"org/new": 51}


def test_every_placement_that_does_not_fit_says_what_would(tmp_path: Path) -> None:
    sizes = ["0.5B", "1.5B", "3B", "7B", "14B", "32B", "72B"]
    models = ["--set", f"models={[f'Qwen/Qwen2.5-{size}' for size in sizes]}".replace("'", '"')]
    command = ["plan", str(STUDIES / "scaling.toml"), "--store", str(tmp_path), *models]
    small = ["--set", 'placement.devices="1GB"']
    found = json.loads(CliRunner().invoke(app, [*command, *small, "--json"]).stdout)["placements"]
    lacking = [one for one in found if not one["fits"]]
    said = CliRunner().invoke(app, [*command, *small]).output
    assert len(lacking) > 12
    assert said.count("does not fit: ") == len(lacking)
