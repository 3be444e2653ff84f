"""What an engine costs by itself: a study of 200 trivial stages, on the local engine and on Ray.

    python benchmarks/overhead.py [--quick] [--stages 200] [--repeat 5]

Each engine has two places on the CPU. Engines take turns, each time in a process of its own, from its first import to
its end; the median of the wall times is printed, with and without the seconds until the engine is up and the first
worker has run a stage, and until all is closed again. Ray is skipped where it is not installed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

TRIVIAL = "waystage_trivial.stage"
TRIVIAL_CODE = "def run(config, inputs, out, context):\n    (out / 'x').write_text('x')\n    return {}\n"


def once(name: str, count: int, root: Path) -> None:
    """Prints the seconds for the stages alone."""
    from waystage.engines import get
    from waystage.engines.run import execute
    from waystage.graph.plan import Plan
    from waystage.graph.stage import Stage
    from waystage.graph.store import Store

    stages = [Stage(kind=TRIVIAL, version=1, name=f"s{n}", config={"n": n}) for n in range(count)]
    store = Store(root)
    with contextlib.closing(get(name)(jobs=2)) as engine:
        assert execute(Plan([Stage(kind=TRIVIAL, version=1, name="first", config={})]), store, engine).ok
        up = time.perf_counter()
        outcome = execute(Plan(stages), store, engine)
        assert outcome.ok, outcome.text()
        print(time.perf_counter() - up)


def timed(name: str, count: int, root: Path, path: Path) -> tuple[float, float]:
    """Seconds in all, and of these the seconds for the stages alone."""
    command = [sys.executable, __file__, "--once", name, "--stages", str(count), "--store", str(root)]
    began = time.perf_counter()
    said = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True)
    ended = time.perf_counter()
    assert said.returncode == 0, said.stderr
    return ended - began, float(said.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="50 stages, once")
    parser.add_argument("--stages", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--once", help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.once:
        once(said.once, said.stages, said.store)
        return
    count, repeat = (50, 1) if said.quick else (said.stages, said.repeat)
    names = ["local", "ray"] if importlib.util.find_spec("ray") else ["local"]
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(dir=".") as folder:
        package = Path(folder).absolute() / "waystage_trivial"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "stage.py").write_text(TRIVIAL_CODE)
        for number in range(repeat):
            for name in names:
                took[name].append(timed(name, count, Path(folder) / f"{name}{number}", package.parent))
    for name, times in took.items():
        whole, alone = (median(column) for column in zip(*times, strict=True))
        print(f"{name:>6}: {count} stages in {whole:6.2f} s, {alone:6.2f} s of these between start and end, "
              f"{1000 * alone / count:5.1f} ms per stage")  # fmt: skip
    if len(names) == 2:
        ratios = [median(column[i] for column in took["ray"]) / median(column[i] for column in took["local"])
                  for i in (0, 1)]  # fmt: skip
        print(f"ray / local: {ratios[0]:.2f} with start and end, {ratios[1]:.2f} without")


if __name__ == "__main__":
    main()
