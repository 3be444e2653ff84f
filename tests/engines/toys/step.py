"""A kind of stage for tests: small, deterministic, and able to behave badly on demand.

Config is identity and decides the files; `places` (no identity) carries what a test wants to watch or disturb.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from waystage.errors import DataError


def run(config: dict[str, Any], inputs: dict[str, Any], out: Path, context: Any) -> dict[str, Any]:
    if "tally" in context.places:  # one line for each time that a stage truly ran, by whoever ran it
        with open(context.places["tally"], "a") as tally:
            tally.write(f"{config['id']}\n")
    digest = hashlib.sha256(str(config["id"]).encode())
    for name in sorted(inputs):
        given = inputs[name]
        for folder in given if isinstance(given, list) else [given]:
            digest.update((folder / "data" / "a.bin").read_bytes())
    _behave(config, context)
    (out / "data").mkdir()
    (out / "data" / "a.bin").write_bytes(digest.digest() * 100)
    (out / "b.txt").write_text(digest.hexdigest())
    return {"device": context.device, "cuda": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid(),
            "omp": os.environ.get("OMP_NUM_THREADS"),
            "team": {key: value for key, value in os.environ.items() if key.startswith("PET_")},
            **({"earlier_seconds": config["earlier"]} if "earlier" in config else {})}  # fmt: skip


def _behave(config: dict[str, Any], context: Any) -> None:
    if config.get("print"):
        print("to stdout")  # noqa: T201
        print("to stderr", file=sys.stderr)  # noqa: T201
        os.write(1, b"straight to descriptor 1\n")
        context.log("to the log")
        assert sys.stdin.read() == ""
    if config.get("fail"):
        raise ValueError(f"told to fail: {config['fail']}")
    if config.get("wrong"):
        raise DataError("there is no column 'gold'", config["wrong"], 7)
    if config.get("exit"):
        sys.exit(3)
    if config.get("die"):
        os.kill(os.getpid(), 9)
    if config.get("deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        (context.scratch / "deaf").touch()
        time.sleep(600)
    gate = context.places.get("gate")
    if gate:  # until the test opens it
        Path(gate + f".{config['id']}.waits").touch()
        while not Path(gate).exists():
            time.sleep(0.01)
    for step in range(config.get("steps", 0)):
        (context.scratch / "step").write_text(str(step))
        once = context.places.get("die once")
        if once and step == 1 and not Path(once).exists():
            Path(once).touch()
            os.kill(os.getpid(), 9)
        context.progress({"step": step + 1, "of": config["steps"], "loss": 1.0 / (step + 1), "rate": 10.0})
        time.sleep(config.get("pause", 0.0))
