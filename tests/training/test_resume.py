"""A run that is killed anywhere and started again ends with the same bytes as one that never was."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.stages import small

from waystage.training.checkpoint import POINTS

pytestmark = pytest.mark.slow  # each of them starts several processes

RUN = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    from waystage.stages import Context, run
    job = json.loads(sys.argv[1])
    paths = lambda value: [Path(v) for v in value] if isinstance(value, list) else Path(value)
    context = Context(scratch=Path(job["scratch"]), places=job["places"])
    run("train", job["config"], {k: paths(v) for k, v in job["inputs"].items()}, Path(job["out"]), context)
    """
)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """A mixture with replay, early stopping, dropout and micro-batches: everything that has a state."""
    root = tmp_path_factory.mktemp("job")
    small.model(root / "model")
    pairs = small.stored(root / "pairs", "pairs", {"en": small.pairs(96, 1)}, ("no", "yes"))
    text = small.stored(root / "text", "masked", {"en": small.texts(40, 2), "de": small.texts(10, 3)})
    dev = small.stored(root / "dev", "pairs", {"en": small.pairs(24, 4)}, ("no", "yes"))
    config = {
        "model": small.LOCAL,
        "members": [
            {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"},
            {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"},
        ],
        "replay": {"mlm": 0.33, "exponent": 0.3},
        "recipe": {"steps": 24, "batch": 8, "learning_rate": 1e-3, "eval_every": 4, "patience": 4, "select": "best"},
        "seed": 1,
        "threads": 1,
        "precision": "bf16",
    }
    inputs = {
        "tokens": [str(pairs / "tokens"), str(text / "tokens")],
        "dev": [str(dev / "tokens")],
        "dev_rows": [str(dev / "rows")],
    }
    made = {"config": config, "inputs": inputs, "places": {"model": str(root / "model")}, "root": str(root)}
    made["whole"] = _payload(_run(made, "whole"))
    return made


def _start(job: dict[str, object], name: str, **environment: str) -> tuple[subprocess.Popen[bytes], Path]:
    root = Path(str(job["root"]))
    said = {**{k: job[k] for k in ("config", "inputs", "places")}, "scratch": str(root / f"{name}-scratch")}
    out = root / name
    code = [sys.executable, "-c", RUN, json.dumps({**said, "out": str(out)})]
    every = {**os.environ, "WAYSTAGE_CHECKPOINT_SECONDS": "0", **environment}
    return subprocess.Popen(code, env=every, stderr=subprocess.PIPE), out


def _run(job: dict[str, object], name: str, **environment: str) -> Path:
    process, out = _start(job, name, **environment)
    _, errors = process.communicate()
    expected = -signal.SIGKILL if environment else 0
    assert process.returncode == expected, errors.decode()
    return out


def _payload(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_a_run_has_all_its_files(job: dict[str, object]) -> None:
    names = {"encoder.safetensors", "heads.safetensors", "model.json", "curve.parquet", "training.json"}
    whole = job["whole"]
    assert isinstance(whole, dict)
    assert set(whole) == names


@pytest.mark.parametrize(
    "point", [pytest.param(p, marks=() if p == "state-json" else pytest.mark.slow) for p in POINTS]
)
def test_killed_at_a_write_point(job: dict[str, object], point: str) -> None:
    _run(job, point, WAYSTAGE_TEST_DIE_AT=f"{point}:{1 if point.startswith('best') else 3}")
    assert _payload(_run(job, point)) == job["whole"]


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_a_random_moment(job: dict[str, object], seed: int) -> None:
    process, _ = _start(job, f"random-{seed}")
    scratch = Path(str(job["root"])) / f"random-{seed}-scratch"
    while process.poll() is None and not scratch.exists():
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 0.5))
    process.kill()
    process.communicate()
    assert _payload(_run(job, f"random-{seed}")) == job["whole"]
