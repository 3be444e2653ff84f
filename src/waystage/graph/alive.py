"""Is the process that left this mark still there?

On the same machine the process table answers, at once and also after kill -9; a process id that was given to somebody
else is told apart by its start time. For other machines only the age of the mark's heartbeat can say.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

BEAT = 10.0  # seconds between two heartbeats
STALE = 60.0  # no heartbeat for so long: its owner is gone


@cache
def host() -> str:
    return socket.gethostname()


def me() -> dict[str, Any]:
    pid = os.getpid()
    return {"host": host(), "pid": pid, "born": _born(pid)}


def alive(who: Mapping[str, Any], age: float) -> bool:
    """`who` is what `me()` gave then, `age` the seconds since its last heartbeat."""
    if who.get("host") != host():
        return age < STALE
    pid = int(who["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # there, and somebody else's
        pass
    return who.get("born") in (None, _born(pid))


def _born(pid: int) -> int | None:
    """Start time in clock ticks since boot; None where there is no /proc (macOS) or the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return None if fields[0] == "Z" else int(fields[19])
