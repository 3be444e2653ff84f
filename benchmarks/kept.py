"""Results of benchmarks as JSON files that say on which machine they were taken."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def device(kind: str = "cpu") -> str:
    """The name of the processor that did the work, and which fast instructions it has."""
    import torch

    if kind != "cpu":
        return torch.cuda.get_device_name()
    lines = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    has = [name for name in ("avx512_bf16", "amx_bf16") if name in fields.get("flags", "").split()]
    model = f"family {fields.get('cpu family')} model {fields.get('model')}"
    return f"{fields.get('model name', 'CPU')} ({model}; {os.cpu_count()} cores; {', '.join(has) or 'no bf16'})"


def place(said: Path | None, script: str, *, quick: bool) -> Path | None:
    """Where the results of a script go: where it was told, else to the kept ones; those of a quick run nowhere."""
    return said or (None if quick else Path(__file__).parent / "results" / f"{script}.json")


def keep(path: Path | None, name: str, record: Mapping[str, Any], *, kind: str = "cpu") -> None:
    """Put one result into a file beside those that are there under other names."""
    if path is None:
        return
    import torch
    import transformers

    path.parent.mkdir(parents=True, exist_ok=True)
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    held[name] = {"device": device(kind), **versions, **record}
    path.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")
