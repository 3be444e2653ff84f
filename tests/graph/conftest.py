from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waystage.graph.stage import Stage
from waystage.graph.store import Store

Make = Callable[..., None]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def make(store: Store) -> Make:
    """Put an artifact into the store as an engine would."""

    def commit(stage: Stage, into: Store = store, *, replace: bool = False, **files: str) -> None:
        record: dict[str, Any] = {"stage": {"kind": stage.kind, "name": stage.name}, "finished": "2026-01-02T03:04:05"}
        with into.lock(stage.fingerprint):
            folder = into.open(stage.fingerprint)
            (folder / "deep" / "er").mkdir(parents=True)
            (folder / "deep" / "er" / "data.txt").write_text(f"made by {stage.name}")
            for name, text in files.items():
                (folder / name).write_text(text)
            into.commit(stage.fingerprint, folder, record, replace=replace)

    return commit


def simple(name: str, /, *inputs: Stage, kind: str = "train", temporary: bool = False, **config: Any) -> Stage:
    given = {f"i{n}": stage for n, stage in enumerate(inputs)}
    return Stage(kind=kind, name=name, config={"name": name, **config}, inputs=given, temporary=temporary)


@pytest.fixture(name="simple")
def simple_() -> Callable[..., Stage]:
    return simple
