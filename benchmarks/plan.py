"""Planning and running without work: how long the house itself takes, and how its memory grows.

    python benchmarks/plan.py [--quick]

Printed: seconds and memory per stage to make, plan, prune and record studies of growing size; a chain of 5,000 stages;
a rerun of 500 finished stages; milliseconds of overhead per trivial stage on each engine.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store

SIZES = (1_000, 10_000, 100_000)
RECIPE = {"learning_rate": 1e-05, "epochs": 2, "batch": 32, "warmup": 0.1, "decay": 0.01, "clip": 1.0, "dropout": 0.1}
TRIVIAL = "waystage_trivial.stage"
TRIVIAL_CODE = "def run(config, inputs, out, context):\n    (out / 'x').write_text('x')\n    return {}\n"


def study(size: int) -> list[Stage]:
    """Cells of five stages of which two are shared by a hundred cells each, with configs like real ones."""
    wanted: list[Stage] = []
    for cell in range(size // 2):
        if cell % 100 == 0:
            task = f"task {cell // 100}"
            rows = Stage(kind="rows", name=f"rows {task}", config={"task": task, "languages": ["en", "de", "sw"]})
            tokens = Stage(kind="tokens", name=f"tokens {task}", config={"max_length": 256}, inputs={"rows": rows})
        config = {"model": {"name": "m", "revision": "0f"}, "seed": cell, "recipe": RECIPE, "members": [{"task": task}]}
        train = Stage(kind="train", name=f"train {cell}", config=config, inputs={"tokens": (tokens,)}, temporary=True)
        inputs = {"rows": rows, "tokens": tokens, "checkpoint": train}
        wanted.append(Stage(kind="evaluate", name=f"evaluate {cell}", config={"languages": ["en"]}, inputs=inputs))
    return wanted


def chain(length: int) -> list[Stage]:
    stage = Stage(kind="rows", name="rows", config={})
    for number in range(length):
        stage = Stage(kind="train", name=f"train {number}", config={"recipe": RECIPE}, inputs={"start": stage})
    return [stage]


def plan_once(what: str, size: int) -> None:
    """In a process of its own, so that the peak of memory is that of one study."""
    from waystage.engines.memory import peak

    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        marks = [time.perf_counter()]
        wanted = study(size) if what == "study" else chain(size)
        marks.append(time.perf_counter())
        plan = Plan(wanted)
        marks.append(time.perf_counter())
        todo = plan.prune(store)
        marks.append(time.perf_counter())
        plan.record(store, "s")
        again = plan.prune(store, study="s")
        marks.append(time.perf_counter())
    assert len(todo.run) == len(again.run) == len(plan)
    parts = [f"{b - a:8.2f}" for a, b in pairwise(marks)]
    each = (peak() - before) / len(plan) / 1e3
    print(f"{what:>6}{len(plan):>9,}", *parts, f"{marks[-1] - marks[0]:8.2f}{each:14.1f}", flush=True)


def overhead(count: int) -> None:
    """Trivial stages on each engine, in the current directory's file system."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        package = Path(folder) / "waystage_trivial"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "stage.py").write_text(TRIVIAL_CODE)
        sys.path.insert(0, folder)
        stages = [Stage(kind=TRIVIAL, version=1, name=f"s{n}", config={"n": n}) for n in range(count)]
        plan = Plan(stages)
        for name, jobs in (("inline", 1), ("local", 1), ("local", 2)):
            store = Store(Path(folder) / f"{name}{jobs}")
            with contextlib.closing(get(name)(jobs=jobs)) as engine:
                execute(Plan([Stage(kind=TRIVIAL, version=1, name="warm", config={})]), store, engine)
                began = time.perf_counter()
                assert execute(plan, store, engine).ok
                took = time.perf_counter() - began
                began = time.perf_counter()
                assert execute(plan, store, engine).done == []
                again = time.perf_counter() - began
            print(f"{name:>8} --jobs {jobs}: {1000 * took / count:6.1f} ms per stage, rerun of {count}: {again:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--once", nargs=2, metavar=("WHAT", "SIZE"), help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.once:
        plan_once(said.once[0], int(said.once[1]))
        return
    print(f"{'':>6}{'stages':>9} {'make':>8} {'plan':>8} {'prune':>8} {'record':>8} {'all, s':>8}{'kB per stage':>14}")
    for what, size in [*(("study", size) for size in SIZES[: 2 if said.quick else 3]), ("chain", 5_000)]:
        subprocess.run([sys.executable, __file__, "--once", what, str(size)], check=True)
    overhead(50 if said.quick else 500)


if __name__ == "__main__":
    main()
