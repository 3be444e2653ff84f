"""The size of a large study: 40 languages, 12 arms, 10 targets, 5 seeds, all answers kept. Minutes, so marked slow.

`python benchmarks/report.py` says what a page of it costs, and how it answers to clicks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from synthetic import results, study

from waystage.results import Results

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "report.py"
SOME = ("en", "de", "ru", "hi", "ar", "tr", "zh", "sw", "te", "mr", "vi", "fi")
TARGETS = ("xnli", "xcopa", "udpos", "panx", "xquad", "mlqa", "tydiqa", "tatoeba", "lareqa", "pawsx")


def large(root: Path, *, quick: bool = False) -> Results:
    size: dict[str, Any] = {"arms": 4, "languages": SOME, "seeds": (1, 2)} if quick else {
        "arms": 12, "languages": "xtreme", "seeds": (1, 2, 3, 4, 5)
    }  # fmt: skip
    return results(root, study(targets=TARGETS, **size), items=20, everywhere=True)


@pytest.mark.slow
def test_a_large_study_stays_a_page_that_can_be_sent(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, BENCHMARK, "--in", tmp_path], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(said.stdout)
    assert found["megabytes of page"] <= 10
    assert found["gigabytes of memory"] <= 2
    assert found["languages"] == 40
    assert found["scores"] > 12 * 9 * 40 * 5
