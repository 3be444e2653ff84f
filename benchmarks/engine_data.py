"""Made-up work of known shape for the engine's benchmarks: lengths as in NLI, QA and running text, XLM-R shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from waystage import forms
from waystage.forms.encoded import Encoded, Head
from waystage.models import heads, load
from waystage.training import setup
from waystage.training.corpus import Batch, Corpus, labels_of
from waystage.training.loop import Member
from waystage.training.network import Network

SHAPES = {  # layers, hidden, heads, intermediate, vocabulary
    "tiny": (4, 256, 4, 1024, 30_000),
    "small": (6, 384, 6, 1536, 250_002),
    "base": (12, 768, 12, 3072, 250_002),
    "large": (24, 1024, 16, 4096, 250_002),
}
TYPES = 30_000  # distinct tokens that the data uses


@dataclass(frozen=True)
class Work:
    name: str
    form: str
    head: Head
    batch: int
    middle: float  # median length
    spread: float
    longest: int


WORKS = {
    "nli": Work("nli", "pairs", Head("sequence", 3), 32, 35.3, 0.5, 128),
    "qa": Work("qa", "spans", Head("span", 2), 8, 168.0, 0.42, 384),
    "mlm": Work("mlm", "masked", Head("vocabulary", 0), 16, 110.0, 0.1, 128),
}


def config(shape: str, *, dropout: float = 0.1, labels: int = 3) -> Any:
    from transformers import AutoConfig

    layers, hidden, count, intermediate, vocabulary = SHAPES[shape]
    return AutoConfig.for_model(
        "xlm-roberta", vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=count,
        intermediate_size=intermediate, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, num_labels=labels,
    )  # fmt: skip


def corpus(work: Work, shape: str, *, units: int = 4096) -> Corpus:
    rng = np.random.default_rng(0)
    lengths = np.clip(np.exp(rng.normal(np.log(work.middle), work.spread, units)), 8, work.longest).astype(np.int64)
    ids = np.minimum(rng.zipf(1.2, int(lengths.sum())) + 5, min(TYPES, SHAPES[shape][4]) - 1).astype(np.uint32)
    sequences = np.concatenate([[0], np.cumsum(lengths)])
    labels = {
        "pairs": rng.integers(0, 3, units, dtype=np.int32),
        "spans": np.stack([rng.integers(0, lengths), rng.integers(0, lengths)], axis=1).astype(np.int32),
        "masked": None,
    }[work.form]
    starts = {"word_start": np.ones(len(ids), bool)} if work.form == "masked" else {}
    encoded = Encoded(ids, sequences, np.arange(units + 1), np.arange(units), labels, extra=starts)
    return Corpus([encoded], ["en"], labels_of=labels_of(work.head.kind))


def padded(batch: Batch, *, labels: bool = True) -> dict[str, torch.Tensor]:
    """What the peer takes: every example as long as the longest of the batch."""
    there = np.arange(batch.lengths.max()) < batch.lengths[:, None]
    ids = np.ones(there.shape, np.int64)
    ids[there] = batch.ids
    said = {"input_ids": ids, "attention_mask": there.astype(np.int64)}
    if not labels or batch.labels is None:
        pass
    elif batch.where is not None:
        flat = np.full(len(batch.ids), -100)
        flat[batch.where] = batch.labels
        wide = np.full(there.shape, -100)
        wide[there] = flat
        said["labels"] = wide
    elif batch.labels.ndim == 2:
        said |= {
            name: batch.labels[:, i].astype(np.int64) for i, name in enumerate(("start_positions", "end_positions"))
        }
    else:
        said["labels"] = batch.labels.astype(np.int64)
    return {name: torch.from_numpy(value) for name, value in said.items()}


def ours(work: Work, shape: str, data: Corpus, *, precision: str, dropout: float = 0.1) -> tuple[Network, Member]:
    backbone = load.fresh(config(shape, dropout=dropout), seed=1)
    vocabulary = None
    if work.form == "masked":
        vocabulary = {"vocab_size": SHAPES[shape][4], "mask_id": 4, "special_ids": [0, 1, 2, 3, 4]}
    else:
        used = np.zeros(SHAPES[shape][4], bool)
        data.mark(used)
        backbone.cut(np.flatnonzero(used))
    network = Network(backbone, {work.name: heads.make(work.head, backbone, drop=dropout, seed=1)})
    if precision == "bf16":
        setup.half(backbone)
    return network, Member(work.name, work.name, forms.get(work.form), data, vocabulary)
