"""Training speed: Waystage and transformers' Trainer take the same batches, step by step in turn.

    python benchmarks/engine_train.py [--work nli:tiny ...] [--steps 12] [--threads 2] [--clock wall|cpu] [--quick]

Printed per work: median seconds per step of both (the first third is warm-up), the ratios against Trainer in fp32 and
in bf16, the losses of the first and last step, tokens computed per real token, FLOP/s and its share of what this
machine's matrix multiplication reaches. FLOPs are those of whole layers at every real token, so a product that is left
out counts as work done. A work that ends in `:exact` is the reference mode: fp32, no dropout, the same weights at the
start, and how far the losses are apart. Without --work all rows are done, in some ten minutes on two threads.

Needs `accelerate` for the peer: pip install accelerate
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from engine_data import SHAPES, WORKS, Work, corpus, ours
from engine_peer import run, take_weights
from kept import keep, place
from waystage.training import setup
from waystage.training.loop import Job, State, full_precision, step
from waystage.training.mixture import Mixture
from waystage.training.weights import Adam, Weights, linear_rate

RATE = 1e-5
QUICK = ["nli:tiny", "mlm:tiny", "nli:tiny:exact"]
FULL = ["nli:base", "nli:small", "nli:tiny", "qa:base", "mlm:small", "nli:base:exact", "nli:tiny:exact"]
STEPS = {"tiny": 30, "small": 12, "base": 7, "large": 7}


def compare(
    work: Work, shape: str, *, bf16_peer: bool, precision: str, steps: int, clock: Any, device: str, exact: bool = False
) -> dict:  # fmt: skip
    data = corpus(work, shape)
    mixture = Mixture((len(data),), (1.0,), work.batch, 1, steps)
    dropout = 0.0 if exact else 0.1
    network, member = ours(work, shape, data, precision=precision, dropout=dropout)
    setup.place(network, device)
    weights = Weights(network, precision=precision, full=full_precision(network))
    job = Job(network, (member,), mixture, {"batch": work.batch}, 1, precision, Path())
    state, adam = State(), Adam(RATE)
    network.train()
    mine: list[float] = []
    theirs: list[float] = []
    losses: list[float] = []
    begun = [clock()]

    def after(number: int, loss: float) -> None:
        theirs.append(clock() - begun[0])
        losses.append(loss)
        started = clock()
        step(job, weights, adam, linear_rate(number - 1, steps, RATE, 0.1), state)
        if device != "cpu":
            torch.cuda.synchronize()
        mine.append(clock() - started)
        begun[0] = clock()

    def prepare(model: Any) -> None:
        if exact:
            take_weights(work, shape, model, network.head(work.name))
        begun[0] = clock()

    run(
        work, shape, member, mixture, bf16=bf16_peer, dropout=dropout, rate=RATE, device=device, prepare=prepare,
        after=after,
    )  # fmt: skip
    warm = steps // 3
    layers, hidden, _, intermediate, _ = SHAPES[shape]
    per_token = layers * (4 * hidden * hidden + 2 * hidden * intermediate)
    return {
        "ours": statistics.median(mine[warm:]), "theirs": statistics.median(theirs[warm:]),
        "our_losses": [round(state.losses[0], 4), round(state.losses[-1], 4)],
        "their_losses": [round(losses[0], 4), round(losses[-1], 4)],
        "losses_apart": max(abs(a - b) for a, b in zip(state.losses, losses, strict=True)),
        "flops": 6 * per_token * state.tokens / steps / statistics.median(mine[warm:]),
        "computed_per_real": sum(-(-(t + 1) // 128) * 128 for t in _tokens(job)) / state.tokens,
    }  # fmt: skip


def _tokens(job: Job) -> list[int]:
    found = []
    for number in range(job.mixture.steps):
        member, epoch, part = job.mixture.at(number)
        data = job.members[member].corpus
        found.append(len(data.gather(data.order(job.seed + member, epoch)[part]).ids))
    return found


def ceiling(precision: str, clock: Any, device: str) -> float:
    """FLOP/s of one big matrix multiplication."""
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(2048, 2048).to(device, kind) for _ in range(2))
    best = 1e9
    for _ in range(4):
        started = clock()
        a @ b
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, clock() - started)
    return 2 * 2048**3 / best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", nargs="*")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    said = parser.parse_args()
    try:
        import accelerate  # noqa: F401
    except ImportError:
        print("the peer, transformers' Trainer, needs accelerate. Type: pip install accelerate")
        return
    warnings.filterwarnings("ignore")
    torch.set_num_threads(said.threads)
    clock = time.perf_counter if said.clock == "wall" else time.process_time
    out = place(said.out, "engine_train", quick=said.quick)
    top = ceiling(said.precision, clock, said.device)
    print(f"{said.threads} threads, {said.clock} clock, matrix product in {said.precision}: {top / 1e9:.0f} GFLOP/s")
    print("work            ours s/step   Trainer fp32   ratio   Trainer bf16   ratio   GFLOP/s  share  computed/real")
    for name in said.work or (QUICK if said.quick else FULL):
        work, shape = WORKS[name.split(":")[0]], name.split(":")[1]
        steps = said.steps or (9 if said.quick else STEPS[shape])
        how = {"threads": said.threads, "clock": said.clock, "steps": steps, "matrix product GFLOP/s": top / 1e9}
        common = {"precision": said.precision, "steps": steps, "clock": clock, "device": said.device}
        if name.endswith(":exact"):
            found = compare(work, shape, bf16_peer=False, exact=True, **{**common, "precision": "fp32"})
            ratio = found["theirs"] / found["ours"]
            print(
                f"{name:14} {found['ours']:8.3f} {found['theirs']:12.3f} {ratio:8.2f}   losses apart by at most "
                f"{found['losses_apart']:.1e} in {steps} steps",
                flush=True,
            )
            keep(out, name, {**how, "ratio": ratio, **found}, kind=said.device)
            continue
        plain = compare(work, shape, bf16_peer=False, **common)
        half = compare(work, shape, bf16_peer=True, **common)
        print(
            f"{name:14} {plain['ours']:8.3f}/{half['ours']:.3f} {plain['theirs']:12.3f} "
            f"{plain['theirs'] / plain['ours']:8.2f} {half['theirs']:13.3f} {half['theirs'] / half['ours']:8.2f} "
            f"{plain['flops'] / 1e9:9.0f} {plain['flops'] / top:6.2f} {plain['computed_per_real']:8.3f}"
            f"   losses ours {plain['our_losses']} theirs {plain['their_losses']}",
            flush=True,
        )
        ratios = {"ratio fp32": plain["theirs"] / plain["ours"], "ratio bf16": half["theirs"] / half["ours"]}
        keep(out, name, {**how, **ratios, "against fp32": plain, "against bf16": half}, kind=said.device)


if __name__ == "__main__":
    main()
