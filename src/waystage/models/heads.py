"""Our own small layers on top of the encoder: the same for every family, so that no head ever survives by accident.

What each kind makes of the vectors [T, hidden] of a batch:

    sequence    [sequences, size]   dropout, dense, tanh, dropout, out on the pooled vector, as RoBERTa does it
    option      [sequences]         the same with one output
    token       [entries, size]     dropout, out on the vectors at `where`
    span        [tokens, 2]         out on every vector
    embed       [sequences, hidden] the mean vector, no weights
    vocabulary  [positions, vocab]  dense, activation, norm on the vectors at `where`, then the (tied) embedding table;
                                    the parts that the family has, see `families.LanguageHead`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, linear
from transformers.activations import ACT2FN

from waystage.forms.encoded import Head
from waystage.models.dropout import Dropout, Noise
from waystage.models.families import LanguageHead
from waystage.models.vocabulary import capped, cross_entropy


@dataclass(frozen=True)
class Reads:
    """Which rows of a stream stand before a head: the first of `hidden` are these, whatever comes after only fills up.

    Without `rows` they are all tokens.
    """

    lengths: np.ndarray  # tokens of each sequence
    rows: np.ndarray | None

    @property
    def count(self) -> int:
        return int(self.lengths.sum()) if self.rows is None else len(self.rows)


class HeadLayer(nn.Module):
    def __init__(self, kind: str, size: int, hidden: int, *, drop: float, causal: bool, noise: Noise):
        super().__init__()
        self.kind, self.size, self.causal = kind, size, causal
        self.drop = Dropout(drop, noise)
        if kind in ("sequence", "option"):
            self.dense = nn.Linear(hidden, hidden)
        if kind in ("sequence", "option", "token", "span"):
            self.out = nn.Linear(hidden, {"option": 1, "span": 2}.get(kind, size))

    def reads(self, lengths: np.ndarray, where: np.ndarray | None) -> Reads:
        if self.kind in ("sequence", "option"):
            ends = np.cumsum(lengths)
            return Reads(lengths, ends - 1 if self.causal else ends - lengths)
        return Reads(lengths, where if self.kind == "token" else None)

    def forward(self, hidden: Tensor, reads: Reads, table: Tensor | None = None) -> Tensor:
        if self.kind == "embed":
            return mean(hidden, reads.lengths)
        x = hidden[: reads.count].to(self.out.weight.dtype)
        if self.kind == "token":
            return self.out(self.drop(x))
        if self.kind == "span":
            return self.out(x)
        logits = self.out(self.drop(torch.tanh(self.dense(self.drop(x)))))
        return logits[:, 0] if self.kind == "option" else logits


class VocabularyHead(nn.Module):
    """Which token stood here. Shares the embedding table, as the checkpoints do."""

    kind, size = "vocabulary", 0

    def __init__(self, hidden: int, width: int, vocabulary: int, described: LanguageHead, config: Any):
        """`width` is that of the table, which a few families make another one than that of the rest."""
        super().__init__()
        self.transform = described.transform
        biased = {part: bool(getattr(config, name)) for part, name in described.biases.items()}
        if described.transform:
            self.act = ACT2FN[getattr(config, described.act)] if described.act else gelu
            self.dense = nn.Linear(hidden, width, bias=biased.get("dense.bias", True))
            eps = float(getattr(config, described.eps))
            self.norm = nn.LayerNorm(width, eps=eps, bias=biased.get("norm.bias", True))
        self.bias: nn.Parameter | None = None
        if biased.get("bias", described.transform):
            self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.cap: float | None = getattr(config, "final_logit_softcapping", None)
        self.table: nn.Parameter | None = None  # where the checkpoint does not tie it to the embedding

    def reads(self, lengths: np.ndarray, where: np.ndarray | None) -> Reads:
        return Reads(lengths, where)

    def forward(self, hidden: Tensor, reads: Reads, table: Tensor | None = None) -> Tensor:
        x = self._transformed(hidden[: reads.count])
        own = table if self.table is None else self.table
        assert own is not None
        return capped(linear(x, own.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype)), self.cap)

    def losses(self, hidden: Tensor, reads: Reads, table: nn.Embedding, labels: Tensor) -> Tensor:
        """[P]: the cross-entropy of each position, without an array of all logits."""
        x = self._transformed(hidden)
        answers = labels.new_full((len(x),), -100)  # the rows that only fill up keep the number of shapes small
        answers[: len(labels)] = labels
        if self.table is not None:
            return cross_entropy(x, self.table, self.bias, answers, cap=self.cap)[: len(labels)]
        slot = getattr(table, "slot", None)
        return cross_entropy(x, table.weight, self.bias, answers, slot, cap=self.cap)[: len(labels)]

    def _transformed(self, x: Tensor) -> Tensor:
        if not self.transform:
            return x
        return self.norm(self.act(self.dense(x.to(self.dense.weight.dtype)))).to(x.dtype)


def mean(hidden: Tensor, lengths: np.ndarray) -> Tensor:
    """[sequences, hidden] in fp32."""
    sequence = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)).to(hidden.device)
    sums = torch.zeros(len(lengths), hidden.shape[1], device=hidden.device)
    sums = sums.index_add(0, sequence, hidden[: len(sequence)].float())
    return sums / torch.from_numpy(lengths).to(sums)[:, None]


POOLING = ("mean", "first", "last")


def pooled(hidden: Tensor, lengths: np.ndarray, how: str) -> Tensor:
    """One vector per sequence in fp32: the mean of its tokens, or its first or last one."""
    if how == "mean":
        return mean(hidden, lengths)
    ends = np.cumsum(lengths)
    rows = ends - lengths if how == "first" else ends - 1
    return hidden[torch.from_numpy(rows).to(hidden.device)].float()


def make(head: Head, backbone: Any, *, drop: float, seed: int, name: str = "", width: int = 0) -> nn.Module:
    """A new head. Its weights are drawn from `seed` and `name` alone, the same on every machine and in any order.

    `width` is that of the vectors that a language model compares with its table, where it is not the embedding.
    """
    hidden = int(backbone.config.hidden_size)
    causal = backbone.family.causal
    with torch.random.fork_rng(devices=[]):
        if head.kind == "vocabulary":
            width, vocabulary = width or backbone.embedding.embedding_dim, int(backbone.config.vocab_size)
            described = backbone.family.language
            made: nn.Module = VocabularyHead(hidden, width, vocabulary, described, backbone.config)
        else:
            made = HeadLayer(head.kind, head.size, hidden, drop=drop, causal=causal, noise=backbone.noise)
    spread = float(getattr(backbone.config, "initializer_range", 0.02) or 0.02)
    words = np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence([seed, 0x4EAD, crc32(name.encode())])))
    for name, weight in made.named_parameters():
        if name == "norm.weight":
            weight.data.fill_(1.0)
        elif name.endswith("bias"):
            weight.data.zero_()
        else:
            weight.data.copy_(torch.from_numpy(words.standard_normal(weight.shape, np.float32) * spread))
    return made
