"""The size of a large study: 40 languages, 12 arms, 10 targets, 5 seeds, all answers kept. Minutes, so marked slow.

`python tests/reports/test_scale.py FOLDER` makes such a store and says what a page of it costs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from synthetic import results, study

from waystage.results import Results

TARGETS = ("xnli", "xcopa", "udpos", "panx", "xquad", "mlqa", "tydiqa", "tatoeba", "lareqa", "pawsx")


def large(root: Path) -> Results:
    said = study(arms=12, targets=TARGETS, languages="xtreme", seeds=(1, 2, 3, 4, 5))
    return results(root, said, items=20, everywhere=True)


@pytest.mark.slow
def test_a_large_study_stays_a_page_that_can_be_sent(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = dict(line.split("=") for line in said.split())
    assert float(found["megabytes"]) <= 10
    assert float(found["gigabytes"]) <= 2
    assert int(found["languages"]) == 40
    assert int(found["scores"]) > 12 * 9 * 40 * 5


def main(root: Path) -> None:
    import resource

    from waystage.reports import write

    made = large(root)
    begun, used = time.perf_counter(), time.process_time()
    page = write(made, root / "page.html")
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    languages = made.scores["language"].nunique()
    sys.stdout.write(
        f"seconds={seconds:.1f} cpu={cpu:.1f} megabytes={page.stat().st_size / 1e6:.2f} "
        f"gigabytes={kilobytes / 1e6:.2f} languages={languages} scores={len(made.scores)}\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
