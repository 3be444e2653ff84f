"""Peak memory of a few training steps, ours and Trainer's, each in a process of its own.

    python benchmarks/engine_peak.py [--work nli:small ...] [--steps 3] [--threads 1] [--out FILE] [--quick]

Printed is the largest resident memory of the process, python and torch included, and how much of it is that of a
process that has only imported them.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import warnings
from pathlib import Path

import torch

from engine_data import WORKS, corpus, ours
from kept import keep, place
from waystage.training.loop import Job, State, full_precision, step
from waystage.training.mixture import Mixture
from waystage.training.weights import Adam, Weights

ROLES = ("nothing", "ours bf16", "ours fp32", "Trainer fp32", "Trainer bf16")
FULL = ["nli:base", "nli:small", "mlm:small"]


def play(role: str, name: str, steps: int) -> None:
    """Take the steps in this process."""
    work, shape = WORKS[name.split(":")[0]], name.split(":")[1]
    data = corpus(work, shape)
    mixture = Mixture((len(data),), (1.0,), work.batch, 1, steps)
    kind, _, precision = role.partition(" ")
    network, member = ours(work, "tiny" if kind != "ours" else shape, data, precision=precision or "fp32")
    if kind == "ours":
        weights = Weights(network, precision=precision, full=full_precision(network))
        job = Job(network, (member,), mixture, {"batch": work.batch}, 1, precision, Path())
        state = State()
        network.train()
        for _ in range(steps):
            step(job, weights, Adam(1e-5), 1e-5, state)
    else:
        from engine_peer import run

        if kind == "Trainer":
            run(
                work, shape, member, mixture, bf16=precision == "bf16", dropout=0.1, rate=1e-5, device="cpu",
                prepare=lambda model: None, after=lambda number, loss: None,
            )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", nargs="*")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    said = parser.parse_args()
    torch.set_num_threads(said.threads)
    warnings.filterwarnings("ignore")
    if said.role:
        play(said.role, said.work[0], said.steps)
        print(json.dumps({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    for name in said.work or (["nli:tiny"] if said.quick else FULL):
        peaks = {}
        for role in ROLES:
            words = [sys.executable, __file__, "--role", role, "--work", name, "--steps", str(said.steps)]
            told = subprocess.run([*words, "--threads", str(said.threads)], capture_output=True, text=True)
            if told.returncode:
                sys.exit(told.stderr)
            peaks[role] = json.loads(told.stdout.strip().splitlines()[-1])["peak"]
        print(f"{name}: " + ", ".join(f"{role} {peak:,.0f} MB" for role, peak in peaks.items()), flush=True)
        keep(place(said.out, "engine_peak", quick=said.quick), name, {"steps": said.steps, "peak MB": peaks})


if __name__ == "__main__":
    main()
