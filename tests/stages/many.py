"""Stages in several processes: `run` starts the processes once and takes several stages through them, one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from waystage.graph.seat import Seat
from waystage.stages import Context, run


def stage(
    kind: str, config: dict[str, Any], inputs: dict[str, Any], out: Path, *, sharded: bool = False, **how: Any
) -> dict[str, Any]:
    """As JSON. `how`: what `Context` takes besides."""
    texts = {name: [str(p) for p in given] if isinstance(given, list) else str(given) for name, given in inputs.items()}
    return {"kind": kind, "config": config, "inputs": texts, "out": str(out), "sharded": sharded, "how": how}


def together(size: int, stages: list[dict[str, Any]], code: str = "") -> None:
    """`code` is run in each process before the stages are."""
    with tempfile.TemporaryDirectory() as folder:
        said = json.dumps({"stages": stages, "meet": folder, "size": size, "code": code})
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1",
            "GLOO_SOCKET_IFNAME": "lo",
        }  # fmt: skip
        command = [sys.executable, "-W", "error", "-m", "tests.stages.many"]
        processes = [
            subprocess.Popen([*command, str(rank)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
            for rank in range(size)
        ]
        for process in processes:
            assert process.stdin
            process.stdin.write(said.encode())
            process.stdin.close()
            process.stdin = None
        errors = [process.communicate()[1].decode() for process in processes]
        assert not any(process.returncode for process in processes), "\n".join(errors)


def main(rank: int) -> None:
    said = json.load(sys.stdin)
    exec(said["code"], {"rank": rank})
    for number, one in enumerate(said["stages"]):
        out = Path(one["out"])
        seat = Seat(rank, said["size"], rank, f"file://{said['meet']}/{number}", one["sharded"])
        how = {"scratch": out.with_name(f"{out.name}-scratch"), **one["how"]}
        context = Context(**{**how, "scratch": Path(how["scratch"])}, seat=seat)
        inputs = {
            name: [Path(p) for p in given] if isinstance(given, list) else Path(given)
            for name, given in one["inputs"].items()
        }
        mine = out if not rank else out.with_name(f"{out.name}-of-{rank}")
        mine.mkdir(parents=True, exist_ok=True)
        run(one["kind"], one["config"], inputs, mine, context)
        assert not rank or not [path for path in mine.rglob("*") if path.is_file()], "only the first one writes"


if __name__ == "__main__":
    main(int(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # as the engine's processes end
