"""Is it the same training? Against transformers, on the same batches, from the same weights, without dropout.

    python benchmarks/engine_same.py [--shape base] [--seeds 5] [--steps 150] [--threads 1] [--out FILE] [--quick]

1. Loss and gradient of one NLI-like batch at random weights: ours in fp32 and bf16, and transformers' own autocast to
   bf16, each against transformers in fp32 with padding. The cosine is that of all gradients of the encoder together.
2. The stand-in model learns to tag the built-in world's English, with so many seeds: loss curves, and accuracy on dev
   sentences. Printed is how far ours is from Trainer in fp32, beside how far seeds are from one another.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    PrinterCallback,
    Trainer,
    TrainingArguments,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
)
from transformers.utils import logging

from engine_data import WORKS, config, corpus, ours, padded
from kept import keep, place
from waystage import forms, stages
from waystage.forms.encoded import Encoded, Head
from waystage.models import heads, load
from waystage.models.shapes import STANDINS
from waystage.training import setup
from waystage.training.corpus import Corpus
from waystage.training.loop import Job, Member, full_precision, train
from waystage.training.mixture import Mixture
from waystage.training.network import Network
from waystage.training.predict import outputs
from waystage.training.weights import Weights

RATE, BATCH = 1e-3, 16
STANDIN = "standin-s"
FIRST, LAST = 10, 30  # steps over which the beginning and the end of a curve are compared


def gradients(shape: str) -> dict[str, dict[str, float]]:
    work = WORKS["nli"]
    data = corpus(work, shape, units=256)
    batch = data.gather(np.arange(work.batch))
    torch.manual_seed(1)
    model = XLMRobertaForSequenceClassification(config(shape, dropout=0.0)).train()
    found: dict[str, tuple[float, torch.Tensor]] = {}
    order = [name for name, _ in model.roberta.named_parameters()]
    for name, half in (("transformers fp32", False), ("transformers bf16", True)):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = model(**padded(batch)).loss
        loss.backward()
        grads = dict(model.roberta.named_parameters())
        found[name] = float(loss.detach()), torch.cat([grads[n].grad.float().flatten() for n in order])
    model.zero_grad()
    for precision in ("fp32", "bf16"):
        network, member = ours(work, shape, data, precision=precision, dropout=0.0)
        whole = load.fresh(config(shape, dropout=0.0), seed=1)  # with its whole table: the gradients are then alike
        whole.model.load_state_dict(model.roberta.state_dict(), strict=False)
        head = network.head("nli")
        head.load_state_dict(classifier(model.classifier))
        network = Network(whole, {"nli": head})
        if precision == "bf16":
            setup.half(whole)
        weights = Weights(network, precision=precision, full=full_precision(network))
        total, count = network.loss(batch, "nli", member.form)
        total.backward()
        weights.collect()
        grads = dict(zip(weights.names, weights.grad_views, strict=True))
        every = torch.cat([grads[f"backbone.model.{n}"].flatten() for n in order]) / int(count)
        found[f"ours {precision}"] = float(total.detach()) / int(count), every
        del network, whole, weights, grads, total  # at base size two of them at once are too much
    loss, exact = found["transformers fp32"]
    return {
        name: {
            "loss": value, "away": abs(value - loss), "cosine": cosine(grad, exact),
            "relative error": float((grad - exact).norm() / exact.norm()),
        }
        for name, (value, grad) in found.items()
    }  # fmt: skip


def cosine(one: torch.Tensor, two: torch.Tensor) -> float:
    """Summed in fp64, piece by piece: hundreds of millions of terms."""
    sums = [0.0, 0.0, 0.0]
    for a, b in zip(one.split(1 << 22), two.split(1 << 22), strict=True):
        x, y = a.double(), b.double()
        sums = [sums[0] + float(x @ y), sums[1] + float(x @ x), sums[2] + float(y @ y)]
    return sums[0] / (sums[1] * sums[2]) ** 0.5


def classifier(theirs: Any) -> dict[str, torch.Tensor]:
    pairs = {"dense": theirs.dense, "out": theirs.out_proj}
    return {f"{name}.{kind}": getattr(layer, kind) for name, layer in pairs.items() for kind in ("weight", "bias")}


@dataclass(frozen=True)
class Tagging:
    train: Corpus
    dev: Encoded
    labels: tuple[str, ...]


def tagging(folder: Path, sentences: int) -> Tagging:
    """English sentences of the built-in world, as the stages make them."""
    from waystage import tasks

    labels = tuple(tasks.get("udpos").labels)
    found = []
    for split, limit in (("train", sentences), ("dev", 400)):
        rows, tokens = folder / f"{split}-rows", folder / f"{split}-tokens"
        rows.mkdir(), tokens.mkdir()
        said = {"task": "udpos", "form": "tags", "languages": ["en"]}
        source = {"kind": "world", "seed": 0, "version": 1}
        context = stages.Context(scratch=folder)
        stages.run("rows", {**said, "split": split, "source": source, "limit": limit}, {}, rows, context)
        how = {"form": "tags", "labels": list(labels), "options": {}, "max_length": 128}
        how["tokenizer"] = {"name": STANDIN, "revision": "-"}
        stages.run("tokens", how, {"rows": rows}, tokens, context)
        found.append(Corpus.load(tokens, labels_of="where"))
    return Tagging(found[0], found[1].parts[0], labels)


def network_of(data: Tagging, seed: int, precision: str) -> Network:
    backbone = load.backbone({"name": STANDIN, "revision": "-"}, {}, dropout=0.0)
    head = heads.make(Head("token", len(data.labels)), backbone, drop=0.0, seed=seed, name="tags")
    if precision == "bf16":
        setup.half(backbone)
    return Network(backbone, {"tags": head})


def accuracy(logits: np.ndarray, data: Tagging) -> float:
    assert data.dev.labels is not None
    gold = np.asarray(data.dev.labels)
    return 100 * float((logits.argmax(1) == gold)[gold != -100].mean())


def by_us(data: Tagging, seed: int, steps: int, precision: str, folder: Path) -> tuple[list[float], float]:
    network = network_of(data, seed, precision)
    mixture = Mixture((len(data.train),), (1.0,), BATCH, seed, steps)
    member = Member("tags", "tags", forms.get("tags"), data.train)
    recipe = {"learning_rate": RATE, "batch": BATCH}
    done = train(Job(network, (member,), mixture, recipe, seed, precision, folder / f"{precision}-{seed}"))
    return done.state.losses, accuracy(outputs(network, "tags", data.dev), data)


def by_trainer(data: Tagging, seed: int, steps: int, half: bool, folder: Path) -> tuple[list[float], float]:
    head = network_of(data, seed, "fp32").head("tags")
    model = XLMRobertaForTokenClassification.from_pretrained(
        STANDINS / STANDIN, num_labels=len(data.labels), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        dtype=torch.float32,
    )  # fmt: skip
    model.classifier.load_state_dict(head.out.state_dict())
    mixture = Mixture((len(data.train),), (1.0,), BATCH, seed, steps)
    order: list[int] = []
    for step in range(steps):
        _, epoch, part = mixture.at(step)
        order += data.train.order(seed, epoch)[part].tolist()
    losses: list[float] = []

    class Same(Trainer):
        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return order

        def compute_loss(self, *args: Any, **named: Any) -> Any:
            loss = super().compute_loss(*args, **named)
            losses.append(float(loss.detach()))
            return loss

    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"), per_device_train_batch_size=BATCH, max_steps=steps, learning_rate=RATE,
        weight_decay=0.01, adam_epsilon=1e-8, max_grad_norm=1.0, warmup_steps=-(-steps // 10), bf16=half, use_cpu=True,
        report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True, remove_unused_columns=False,
        dataloader_pin_memory=False, lr_scheduler_type="linear",
    )  # fmt: skip

    def together(units: list[int]) -> dict[str, torch.Tensor]:
        return padded(data.train.gather(np.array(units)))

    trainer = Same(
        model=model, args=arguments, train_dataset=list(range(len(data.train))), data_collator=together
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    network = network_of(data, seed, "fp32")
    network.backbone.model.load_state_dict(model.roberta.state_dict(), strict=False)
    network.head("tags").out.load_state_dict(model.classifier.state_dict())
    return losses, accuracy(outputs(network, "tags", data.dev), data)


def curves(seeds: int, steps: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data = tagging(folder, 2000)
        runs: dict[str, list[tuple[list[float], float]]] = {}
        for seed in range(1, seeds + 1):
            for half in (False, True):
                one = by_trainer(data, seed, steps, half, folder)
                runs.setdefault("Trainer bf16" if half else "Trainer fp32", []).append(one)
            for precision in ("fp32", "bf16"):
                runs.setdefault(f"ours {precision}", []).append(by_us(data, seed, steps, precision, folder))
    exact = np.array([losses for losses, _ in runs["Trainer fp32"]])
    right = np.array([share for _, share in runs["Trainer fp32"]])
    found: dict[str, Any] = {}
    for name, some in runs.items():
        losses, shares = np.array([a for a, _ in some]), np.array([b for _, b in some])
        apart = shares - right
        found[name] = {
            "first steps away": float(np.abs(losses - exact)[:, :FIRST].mean()),
            "last steps away": float(np.abs(losses[:, -LAST:].mean(1) - exact[:, -LAST:].mean(1)).mean()),
            "between seeds": float(losses[:, -LAST:].mean(1).std(ddof=1)),
            "accuracy": shares.tolist(),
            "accuracy away": float(apart.mean()),
            "interval": float(_quantile(seeds) * apart.std(ddof=1) / seeds**0.5),
        }
    return found


def _quantile(count: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, count - 1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shape", default="base")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true")
    said = parser.parse_args()
    if said.quick:
        said.shape, said.seeds, said.steps = "tiny", 2, 40
    warnings.filterwarnings("ignore")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(said.threads)
    out = place(said.out, "engine_same", quick=said.quick)
    first = gradients(said.shape)
    print(f"one batch, {said.shape}            loss   away from fp32   cosine   relative error of the gradient")
    for name, row in first.items():
        print(f"{name:22} {row['loss']:9.5f} {row['away']:12.6f} {row['cosine']:12.6f} {row['relative error']:12.5f}")
    keep(out, f"one batch, {said.shape}", first)
    second = curves(said.seeds, said.steps)
    print(f"{STANDIN}, tagging, {said.seeds} seeds, {said.steps} steps: distances from Trainer fp32 with the same seed")
    print(f"{'':14} first {FIRST} losses   mean of last {LAST}   (seeds apart)   accuracy   difference")
    for name, row in second.items():
        print(
            f"{name:14} {row['first steps away']:13.6f} {row['last steps away']:17.5f} {row['between seeds']:15.5f} "
            f"{np.mean(row['accuracy']):11.2f} {row['accuracy away']:+9.2f} +- {row['interval']:.2f}"
        )
    keep(out, f"{STANDIN}, {said.seeds} seeds", {"steps": said.steps, **second})


if __name__ == "__main__":
    main()
