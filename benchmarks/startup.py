"""How long the quick commands take, as whole processes: `python benchmarks/startup.py [--quick]`.

Medians of several runs. A limit is a promise of the docs; a busy machine may miss it, so look at the ratio to Python's
own start, which is printed beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 3 if "--quick" in sys.argv else 9
LIMITS = {
    ("--help",): 0.5,
    ("list", "tasks"): 0.5,
    ("list", "models"): 0.5,
    ("show", "xnli"): 0.5,
    ("status",): 0.5,
    ("plan", "studies/quickstart.toml"): 0.5,
    ("plan", "studies/phang2020.toml"): 2.0,
}


def seconds(command: list[str], environment: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begun


def main() -> int:
    missed = 0
    with tempfile.TemporaryDirectory() as store:
        environment = {**os.environ, "WAYSTAGE_STORE": store}
        bare = statistics.median(seconds([sys.executable, "-c", "pass"], environment) for _ in range(RUNS))
        print(f"python alone: {bare:.3f} s")
        for words, limit in LIMITS.items():
            command = [sys.executable, "-m", "waystage", *words]
            took = statistics.median(seconds(command, environment) for _ in range(RUNS))
            missed += took > limit
            print(f"waystage {' '.join(words):35} {took:6.3f} s   {took / bare:5.1f} x python   limit {limit} s"
                  + ("   MISSED" if took > limit else ""))  # fmt: skip
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
