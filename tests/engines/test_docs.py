"""docs/store.md says what is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from waystage.graph.stage import Stage
from waystage.graph.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")


def test_the_example_runs(step: Callable[..., Stage], store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    wanted = [step(id="a", temporary=True), step(id="b")]
    names = {"wanted": [step(id="c", inputs={"from": wanted[0]}), wanted[1]]}
    exec(code.replace("/data/waystage", str(store.root)), names)
    assert capsys.readouterr().out.startswith("3 stages done, 0 reused")
    made = {path.name for path in store.root.iterdir()}
    named = set(re.findall(r"`(\w+)[/`]", "".join(line for line in PAGE.splitlines() if line.startswith("| `"))))
    assert made <= named and len(made) == 8
