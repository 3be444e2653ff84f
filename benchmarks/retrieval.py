"""Exact search: `forms.search.topk` against faiss IndexFlatIP, or against numpy where faiss is not installed, in turn.

    python benchmarks/retrieval.py [--size 20000] [--width 768] [--k 4] [--threads 2] [--clock wall|cpu] [--quick]

The vectors are of length 1 in clusters, so that near neighbours are truly near. The neighbours must be the same for
every query; the script fails where they are not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch

from kept import keep, place
from waystage.forms.search import topk


def vectors(count: int, width: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((count // 8 + 1, width), np.float32)
    made = centres[rng.integers(0, len(centres), count)] + rng.standard_normal((count, width), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def by_numpy(queries: np.ndarray, candidates: np.ndarray, k: int) -> np.ndarray:
    found = []
    for start in range(0, len(queries), 512):
        scores = queries[start : start + 512] @ candidates.T
        best = np.argpartition(-scores, k, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, 1))
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    said = parser.parse_args()
    if said.quick:
        said.size, said.rounds = 4000, 2
    torch.set_num_threads(said.threads)
    clock = time.perf_counter if said.clock == "wall" else time.process_time
    x, y = vectors(said.size, said.width, 1), vectors(said.size, said.width, 2)
    try:
        import faiss

        faiss.omp_set_num_threads(said.threads)
        index = faiss.IndexFlatIP(said.width)
        index.add(y)
        name, peer = "faiss IndexFlatIP", lambda: index.search(x, said.k)[1]
    except ImportError:
        name, peer = "numpy argpartition (faiss is not installed)", lambda: by_numpy(x, y, said.k)
    work = {
        name: peer,
        "topk fp32": lambda: topk(x, y, said.k, "fp32").index,
        "topk bf16 and fp32 again": lambda: topk(x, y, said.k, "bf16").index,
    }
    seconds: dict[str, list[float]] = {label: [] for label in work}
    found: dict[str, np.ndarray] = {}
    for _ in range(said.rounds + 1):
        for label, run in work.items():
            started = clock()
            found[label] = run()
            seconds[label].append(clock() - started)
    print(f"{said.size} x {said.size} x {said.width}, k = {said.k}, {said.threads} threads, {said.clock} clock")
    base = statistics.median(seconds[name][1:])
    differ = 0
    for label, times in seconds.items():
        took = statistics.median(times[1:])
        other = int((found[label] != found[name]).any(axis=1).sum())
        differ += other
        print(f"{label:44} {took:8.2f} s   x {base / took:5.2f}   queries with other neighbours: {other}")
    how = {"threads": said.threads, "clock": said.clock, "width": said.width, "k": said.k, "rounds": said.rounds}
    medians = {label: statistics.median(times[1:]) for label, times in seconds.items()}
    ratios = {label: base / took for label, took in medians.items()}
    record = {**how, "seconds": medians, "ratios": ratios, "other neighbours": differ}
    keep(place(said.out, "retrieval", quick=said.quick), f"{said.size} x {said.size}", record)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
