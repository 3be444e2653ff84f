"""The quickstart, with fewer examples: every engine makes the same artifacts, byte for byte."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import waystage
from waystage import engines
from waystage.engines.run import execute
from waystage.engines.slurm import Profile, Slurm
from waystage.graph.plan import Plan
from waystage.graph.store import Store, equality

pytestmark = pytest.mark.slow


QUICKSTART = Path(__file__).parents[2] / "studies" / "quickstart.toml"
FEWER = (
    'languages=["en", "de", "sw"]',
    "seeds=[1]",
    'keep="all"',
    "rehearsal.seeds=[1]",
    "rehearsal.test_examples=12",
    "rehearsal.recipe={ steps = 3, batch = 8, examples = 48, eval_examples = 16, max_length = 48, dropout = 0.1 }",
)


def made_by(engine: engines.Engine, root: Path) -> list[tuple[str, str, str]]:
    results = waystage.load(QUICKSTART, rehearsal=True, store=root, overrides=list(FEWER))
    with contextlib.closing(engine):
        outcome = execute(Plan(results.plan.wanted), results.store, engine)
    assert outcome.ok, outcome.text()
    store = Store(root)
    return equality(store, store.fingerprints())


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    found = made_by(engines.get("inline")(jobs=1), tmp_path_factory.mktemp("inline"))
    assert len({fingerprint for fingerprint, _, _ in found}) > 30
    return found


@pytest.mark.parametrize("name", ["local", "ray"])
def test_side_by_side(name: str, reference: list[tuple[str, str, str]], tmp_path: Path) -> None:
    if name == "ray":
        pytest.importorskip("ray", reason="no ray here: pip install 'waystage[ray]'")
    assert made_by(engines.get(name)(jobs=2), tmp_path / "store") == reference


def test_on_slurm(slurm_cluster: Path, reference: list[tuple[str, str, str]], tmp_path: Path) -> None:
    engine = Slurm({"cpu": Profile(), "gpu": Profile()}, look=0.5)
    assert made_by(engine, tmp_path / "store") == reference
