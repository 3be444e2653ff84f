"""Prediction speed: Waystage's sorted, packed passes against Trainer.predict in its default way, in turn.

    python benchmarks/engine_eval.py [--shape base] [--examples 1000] [--batch 32] [--threads 2] [--quick]

Both give logits for the same NLI-like examples with the same weights. Printed: seconds, ratios, how far logits and
classes are apart; the first round is left out. Ten thousand examples at the base size take Trainer in fp32 ten minutes
a round. What an example costs does not depend on how many there are, so the usual run takes a thousand.

Needs `accelerate` for the peer: pip install accelerate
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainingArguments, XLMRobertaForSequenceClassification

from engine_data import WORKS, config, corpus, padded
from kept import keep, place
from waystage.models import heads, load
from waystage.training import setup
from waystage.training.network import Network
from waystage.training.predict import outputs


def peer(shape: str, data: Any, *, bf16: bool, batch_size: int, device: str) -> tuple[Any, Any]:
    """A Trainer and its data set, with padding to the longest of each batch."""
    encoded = data.parts[0]

    def collate(units: list[int]) -> dict[str, torch.Tensor]:
        return padded(data.gather(np.array(units)), labels=False)

    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(), per_device_eval_batch_size=batch_size, report_to=[],
        use_cpu=device == "cpu", disable_tqdm=True, bf16_full_eval=bf16, remove_unused_columns=False,
    )  # fmt: skip
    model = XLMRobertaForSequenceClassification(config(shape))
    return Trainer(model=model, args=arguments, data_collator=collate), list(range(len(encoded)))


def same_weights(model: Any, shape: str, *, precision: str) -> Network:
    backbone = load.fresh(config(shape), seed=1)
    backbone.model.load_state_dict(model.roberta.state_dict(), strict=False)
    head = heads.make(WORKS["nli"].head, backbone, drop=0.0, seed=1)
    classifier = model.classifier
    head.load_state_dict({
        "dense.weight": classifier.dense.weight, "dense.bias": classifier.dense.bias,
        "out.weight": classifier.out_proj.weight, "out.bias": classifier.out_proj.bias,
    })  # fmt: skip
    network = Network(backbone, {"nli": head})
    setup.compute(network, precision)
    return network


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="base")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32, help="of Trainer, whose own default is 8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    said = parser.parse_args()
    try:
        import accelerate  # noqa: F401
    except ImportError:
        print("the peer, transformers' Trainer, needs accelerate. Type: pip install accelerate")
        return
    if said.quick:
        said.shape, said.examples, said.rounds = "tiny", 512, 2
    warnings.filterwarnings("ignore")
    torch.set_num_threads(said.threads)
    clock = time.perf_counter if said.clock == "wall" else time.process_time
    data = corpus(WORKS["nli"], said.shape, units=said.examples)
    encoded = data.parts[0]
    trainer, rows = peer(said.shape, data, bf16=False, batch_size=said.batch, device=said.device)
    half, _ = peer(said.shape, data, bf16=True, batch_size=said.batch, device=said.device)
    half.model.load_state_dict(trainer.model.state_dict())
    networks = {p: same_weights(trainer.model, said.shape, precision=p) for p in ("fp32", "bf16")}
    for network in networks.values():
        setup.place(network, said.device)
    work = {
        "Trainer.predict fp32": lambda: trainer.predict(rows).predictions,
        "Trainer.predict bf16_full_eval": lambda: half.predict(rows).predictions,
        "ours fp32": lambda: outputs(networks["fp32"], "nli", encoded),
        "ours bf16": lambda: outputs(networks["bf16"], "nli", encoded),
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    logits: dict[str, np.ndarray] = {}
    for _ in range(said.rounds + 1):
        for name, run in work.items():
            started = clock()
            logits[name] = np.asarray(run(), np.float32)
            seconds[name].append(clock() - started)
    exact = logits["Trainer.predict fp32"]
    print(f"{said.shape}, {said.examples} examples, {said.threads} threads, {said.clock} clock, first round left out")
    print("                                  seconds   x fp32   x bf16   largest difference   same class")
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    how = {
        "threads": said.threads,
        "clock": said.clock,
        "examples": said.examples,
        "rounds": said.rounds,
        "batch of Trainer": said.batch,
    }
    record: dict[str, Any] = {}
    for name, took in medians.items():
        record[name] = {
            "seconds": took, "x fp32": medians["Trainer.predict fp32"] / took,
            "x bf16": medians["Trainer.predict bf16_full_eval"] / took,
            "largest difference": float(np.abs(logits[name] - exact).max()),
            "same class": float((logits[name].argmax(1) == exact.argmax(1)).mean()),
        }  # fmt: skip
        row = record[name]
        print(
            f"{name:32} {took:8.2f} {row['x fp32']:8.2f} {row['x bf16']:8.2f} {row['largest difference']:14.5f} "
            f"{row['same class']:15.4f}"
        )
    out = place(said.out, "engine_eval", quick=said.quick)
    keep(out, f"nli:{said.shape}", {**how, **record}, kind=said.device)


if __name__ == "__main__":
    main()
