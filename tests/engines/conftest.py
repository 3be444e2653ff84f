from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from waystage.engines.local import Local
from waystage.engines.slurm import Profile, Slurm
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

MakeStage = Callable[..., Stage]


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStage:
    """Makes stages of the kind in toys/step.py, which workers can import too; `tally` lists those that truly ran."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    count = iter(range(10**9))

    def make(
        *,
        id: Any = None,
        name: str | None = None,
        places: dict[str, str] | None = None,
        temporary: bool = False,
        resources: Resources | None = None,
        inputs: dict[str, Any] | None = None,
        **config: Any,
    ) -> Stage:
        number = next(count) if id is None else id
        return Stage(
            kind="toys.step",
            version=1,
            name=name or f"step {number}",
            config={"id": number, **config},
            inputs=inputs or {},
            places={"tally": str(tmp_path / "tally"), **(places or {})},
            temporary=temporary,
            resources=resources or Resources(),
        )

    return make


@pytest.fixture
def tally(tmp_path: Path) -> Callable[[], list[str]]:
    return lambda: (tmp_path / "tally").read_text().split() if (tmp_path / "tally").exists() else []


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def diamond(step: MakeStage) -> Plan:
    """One source, three that read it, one that reads these."""
    top = step(id="top", name="top")
    middle = [step(id=f"m{i}", name=f"middle {i}", inputs={"from": top}) for i in range(3)]
    return Plan([step(id="end", name="end", inputs={"from": tuple(middle), "first": top})])


@pytest.fixture
def local() -> Iterator[Local]:
    with contextlib.closing(Local(jobs=2, accelerators=[], grace=2.0)) as engine:
        yield engine


@pytest.fixture(scope="session")
def slurm_cluster() -> Iterator[Path]:
    """A SLURM cluster of this machine alone. Where there can be none, the tests that want it say why they skip."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        from toys.cluster import cluster, lacking

        if why := lacking():
            pytest.skip(f"SLURM IS NOT TESTED: {why}")
        with cluster() as home:
            yield home


@pytest.fixture
def slurm(slurm_cluster: Path) -> Iterator[Slurm]:
    with contextlib.closing(Slurm({"cpu": Profile(), "gpu": Profile()}, look=0.5)) as engine:
        yield engine
        engine.close(cancel=True)
