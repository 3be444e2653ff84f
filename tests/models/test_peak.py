"""Predicted against measured peak memory: real stages, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of a process is read from /proc")
def test_the_formulas_say_what_is_measured() -> None:
    said = subprocess.run([sys.executable, str(BENCHMARK), "--json"], capture_output=True, text=True, check=True)
    found = {row["configuration"]: row["predicted"] / row["measured"] - 1 for row in json.loads(said.stdout)}
    assert len(found) >= 6
    assert {name: error for name, error in found.items() if abs(error) > 0.15} == {}
