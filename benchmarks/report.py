"""What the page of a large study costs: time, memory, size, and how quickly it answers to a click.

    python benchmarks/report.py [--quick] [--page FILE]

A store is made as a study leaves it (drawn answers, scores computed from them): 40 languages, 12 arms, 10 targets and
5 seeds; with --quick 12 languages, 4 arms and 2 seeds. The page is rendered in a process of its own and, where there is
a Chromium, opened and clicked. Exits with 1 where a limit does not hold: 30 s of processor time, 2 GB, 10 MB, 100 ms.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "reports"))
LIMITS = {"cpu seconds": 30.0, "gigabytes of memory": 2.0, "megabytes of page": 10.0, "milliseconds per click": 100.0}
CLICKS = {
    "a cell": "document.querySelectorAll('[data-cell]')[{n}].click()",
    "sort": "document.querySelectorAll('.by-language thead th button')[{n} + 1].click()",
    "filter": "(c => {{ c.selectedIndex = {n}; c.dispatchEvent(new Event('change')); }})"
              "(document.querySelector('#controls').elements.family)",
    "examples": "(c => {{ c.selectedIndex = {n}; c.dispatchEvent(new Event('change')); }})"
                "(document.querySelector('#pick').elements.set)",
    "a question": "document.querySelector('#answers summary').click()",
    "dark": "document.querySelector('.theme').click()",
}  # fmt: skip
TIMES = 3


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--page", type=Path, help="keep the page here")
    options.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    said = options.parse_args()
    if said.folder:
        print(json.dumps(render(said.folder, quick=said.quick)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        again = [sys.executable, __file__, "--in", folder, *(["--quick"] if said.quick else [])]
        found = json.loads(subprocess.run(again, capture_output=True, text=True, check=True).stdout)
        page = Path(folder) / "page.html"
        found |= clicked(page, Path(folder) / "profile")
        if said.page:
            shutil.copyfile(page, said.page)
    for name, value in found.items():
        limit = next((limit for what, limit in LIMITS.items() if name.startswith(what)), None)
        over = "  OVER THE LIMIT" if limit and value > limit else ""
        print(f"{name:<40} {value:>10,.2f}" + (f"   (limit {limit:g})" if limit else "") + over)
    return int(any(value > limit for name, value in found.items() for what, limit in LIMITS.items()
                   if name.startswith(what)))  # fmt: skip


def render(folder: Path, *, quick: bool) -> dict[str, float]:
    import resource

    import test_scale

    from waystage.reports import write

    made = test_scale.large(folder, quick=quick)
    begun, used = time.perf_counter(), time.process_time()
    page = write(made, folder / "page.html")
    return {
        "languages": made.scores["language"].nunique(),
        "scores": len(made.scores),
        "seconds": time.perf_counter() - begun,
        "cpu seconds": time.process_time() - used,
        "gigabytes of memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "megabytes of page": page.stat().st_size / 1e6,
    }


def clicked(page: Path, profile: Path) -> dict[str, float]:
    """Milliseconds until the page has been laid out anew, the median of several clicks of each kind."""
    import browser

    if not browser.find():
        print("no Chromium here: clicks are not measured (apt-get install chromium)")
        return {}
    clock = "(f => {{ const t = performance.now(); f(); document.body.offsetHeight; return performance.now() - t; }})"
    found = {}
    with browser.running(profile) as chromium:
        opened = browser.Page(chromium, page)
        for name, script in CLICKS.items():
            took = [opened.run(f"{clock.format()}(() => {{ {script.format(n=n)} }})") for n in range(TIMES)]
            found[f"milliseconds per click: {name}"] = statistics.median(took)
    return found


if __name__ == "__main__":
    sys.exit(main())
