"""A real study, small: every engine makes the same artifacts, byte for byte."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

import waystage
from waystage import engines
from waystage.engines.run import execute
from waystage.engines.slurm import Profile, Slurm
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality

pytestmark = pytest.mark.slow


def study(model: Path) -> waystage.Study:
    values: dict[str, Any] = {
        "title": "The same everywhere",
        "source": "world",
        "models": [str(model)],
        "targets": ["udpos", "tatoeba"],
        "languages": ["en", "de", "tr"],
        "seeds": [1],
        "precision": "fp32",
        "keep": "all",
        "intermediate": {"none": {}, "mnli": {"tasks": ["mnli"]}},
        "recipe": {"steps": 3, "batch": 8, "examples": 48, "max_length": 48, "learning_rate": 1e-3},
        "rehearsal": {"test_examples": 12},
    }
    return waystage.Study(**values)


def made_by(engine: engines.Engine, model: Path, root: Path) -> list[tuple[str, str, str]]:
    results = waystage.load(study(model), store=root)
    with contextlib.closing(engine):
        outcome = execute(Plan(results.plan.wanted), results.store, engine)
    assert outcome.ok, outcome.text()
    store = Store(root)
    return equality(store, store.fingerprints())


@pytest.fixture(scope="module")
def reference(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    found = made_by(engines.get("inline")(jobs=1), small_model, tmp_path_factory.mktemp("inline"))
    assert len({fingerprint for fingerprint, _, _ in found}) > 8
    return found


@pytest.mark.parametrize("name", ["local", "ray"])
def test_side_by_side(name: str, small_model: Path, reference: list[tuple[str, str, str]], tmp_path: Path) -> None:
    if name == "ray":
        pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    assert made_by(engines.get(name)(jobs=2), small_model, tmp_path / "store") == reference


def test_on_slurm(
    slurm_cluster: Path, small_model: Path, reference: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    engine = Slurm({"cpu": Profile(), "gpu": Profile()}, look=0.5)
    assert made_by(engine, small_model, tmp_path / "store") == reference
