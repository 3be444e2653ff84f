"""A step costs the same whatever the size of the data: steps over 1,000 and over 1,000,000 examples in turn.

    python benchmarks/engine_scale.py [--examples 1000000] [--steps 500] [--threads 2] [--clock wall|cpu] [--quick]

Printed: median seconds per step of both, their ratio, and how much memory the large data set added to the process (its
arrays are mapped from disk, and only what a batch takes is read).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine_data import WORKS, ours
from kept import keep, place
from waystage.forms.encoded import Encoded
from waystage.training.corpus import Corpus
from waystage.training.loop import Job, State, full_precision, step
from waystage.training.mixture import Mixture
from waystage.training.weights import Adam, Weights


def stored(folder: Path, examples: int) -> Corpus:
    """Both sets are drawn from the same lengths, so a step has the same work on average."""
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(np.log(35.3), 0.5, examples)), 8, 128).astype(np.int64)
    sequences = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(5, 30_000, int(sequences[-1]), dtype=np.uint32)
    labels = rng.integers(0, 3, examples, dtype=np.int32)
    Encoded(ids, sequences, np.arange(examples + 1), np.arange(examples), labels).save(folder / "en")
    return Corpus.load(folder)


def resident() -> float:
    """Megabytes of memory that belong to the process alone: mapped files are the kernel's to take back."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(fields["RssAnon"].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    said = parser.parse_args()
    if said.quick:
        said.examples, said.steps = 200_000, 60
    torch.set_num_threads(said.threads)
    clock = time.perf_counter if said.clock == "wall" else time.process_time
    work = WORKS["nli"]
    with tempfile.TemporaryDirectory() as folder:
        small, large = stored(Path(folder) / "small", 1000), stored(Path(folder) / "large", said.examples)
        network, member = ours(work, "tiny", large, precision="bf16")
        weights = Weights(network, precision="bf16", full=full_precision(network))
        jobs = []
        for data in (small, large):
            mixture = Mixture((len(data),), (1.0,), work.batch, 1, said.steps)
            jobs.append(Job(network, (replace(member, corpus=data),), mixture, {}, 1, "bf16", Path(folder)))
        states, times = [State(), State()], ([], [])
        network.train()
        before = 0.0
        for number in range(said.steps):
            if number == said.steps // 4:  # by then every kind of batch has had its buffers
                before = resident()
            for job, state, taken in zip(jobs, states, times, strict=True):
                started = clock()
                step(job, weights, Adam(1e-5), 1e-5, state)
                taken.append(clock() - started)
        one, two = (statistics.median(taken[5:]) for taken in times)
        print(f"1,000 examples {one:.4f} s/step, {said.examples:,} examples {two:.4f} s/step, ratio {two / one:.3f}")
        grew = resident() - before
        print(f"memory of the process grew by {grew:.0f} MB over the last three quarters")
        how = {"threads": said.threads, "clock": said.clock, "steps": said.steps}
        found = {**how, "1000": one, "all": two, "ratio": two / one, "grew MB": grew}
        keep(place(said.out, "engine_scale", quick=said.quick), f"{said.examples} examples", found)


if __name__ == "__main__":
    main()
