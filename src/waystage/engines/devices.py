"""Which accelerators there are, asked without torch: the engine starts before any stage needs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from itertools import takewhile

# A number, or the beginning of a UUID. CUDA itself leaves out what comes behind anything else, such as -1.
NAME = re.compile(r"\d+|(GPU|MIG)-.*")


def visible() -> list[str]:
    """What may be written into CUDA_VISIBLE_DEVICES, one by one. Empty: stages run on the CPU."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is not None:
        named = (device.strip() for device in said.split(","))
        return list(dict.fromkeys(takewhile(NAME.fullmatch, named)))
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(number) for number in range(len(gpus))]


def sizes(ids: list[str]) -> tuple[int, ...]:
    """Bytes of memory of each of these; 0 where it is not known."""
    if not ids or shutil.which("nvidia-smi") is None:
        return (0,) * len(ids)
    query = ["nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits"]
    listed = subprocess.run(query, capture_output=True, text=True, check=False)
    known: dict[str, int] = {}
    for line in listed.stdout.splitlines():
        index, uuid, mebibytes = [*(word.strip() for word in line.split(",")), "", ""][:3]  # or words about an error
        if mebibytes.isdigit():  # else "[N/A]": an accelerator that shares the machine's memory
            known[index] = known[uuid] = int(mebibytes) * 2**20
    return tuple(known.get(one, 0) for one in ids)
