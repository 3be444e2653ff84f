"""A kind of stage that several processes share, each of which can come to grief."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from waystage.errors import DataError, StageError


class StartAgain(StageError):
    """Under the name that the engine knows."""


def run(config: dict[str, Any], inputs: dict[str, Any], out: Path, context: Any) -> dict[str, Any]:
    seat, told = context.seat, config.get("told", {}).get(str(context.seat.rank))
    (context.scratch / f"pid-{seat.rank}").write_text(str(os.getpid()))
    if told == "die":
        os.kill(os.getpid(), 9)
    if told == "die once" and not (context.scratch / "died").exists():
        (context.scratch / "died").touch()
        os.kill(os.getpid(), 9)
    if told == "leave":
        os._exit(7)
    if told == "wrong":
        raise DataError("there is no column 'gold'", "rows.parquet", 7)
    if told == "fail":
        raise RuntimeError("the grief of one")
    if told == "miss":  # what the others see when one is gone
        _all_come(context)
        time.sleep(0.2)
        raise RuntimeError("connection closed by peer")
    if told == "again" and not (context.scratch / "tried").exists():
        (context.scratch / "tried").touch()
        raise StartAgain("once more, with less")
    if told == "wait":
        time.sleep(600)
    if seat.rank == 0:
        _all_come(context)
    context.log(f"process {seat.rank} is here")
    context.progress({"step": 1, "of": 1})
    if seat.rank == 0:
        (out / "a.txt").write_text(f"{seat.size} {seat.sharded}")
    return {"rank": seat.rank, "device": context.device, "local": seat.local, "meet": seat.meet}


def _all_come(context: Any) -> None:
    """As in a real stage: none is done, or misses another, before all are there."""
    while len(list(context.scratch.glob("pid-*"))) < context.seat.size:
        time.sleep(0.01)
