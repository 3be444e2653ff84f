"""Shapes of known models, so that a plan can say memory and time without torch and without a network.

Figures are those of the published `config.json` of each model. `data` names the pretraining corpus, which decides what
"unseen" means for a model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from waystage.errors import DataError, UnknownName
from waystage.models.families import FAMILIES


@dataclass(frozen=True, kw_only=True)
class Linear:
    """One weight matrix of a layer, under the end of its name in transformers."""

    name: str
    wide: int  # inputs
    high: int  # outputs
    attention: bool = False


@dataclass(frozen=True, kw_only=True)
class Shape:
    family: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    kv_heads: int = 0  # 0: as many as heads
    head_size: int = 0  # 0: hidden / heads
    gated: bool = False  # three matrices in the feed-forward part instead of two
    biases: tuple[bool, bool] = (False, False)  # of the matrices of attention, of the others; where a config says so
    tied: bool = True
    positions: int = 512
    types: int = 0  # rows of the table of token types
    embedding: int = 0  # width of the input embedding where it differs (RemBERT)
    decoder: bool = False
    languages: str = ""  # whose pretraining text decides what is unseen: "xlm-r", "mbert"

    @property
    def queries(self) -> int:
        """Width of all heads together."""
        return self.heads * (self.head_size or self.hidden // self.heads)

    @property
    def keys(self) -> int:
        return (self.kv_heads or self.heads) * (self.head_size or self.hidden // self.heads)

    @property
    def width(self) -> int:
        """Of the embedding table."""
        return self.embedding or self.hidden

    @property
    def longest(self) -> int | None:
        """How many tokens a sequence may have, where positions are a table; some begin it behind the padding, 1."""
        if self.family in ("xlm-r", "roberta", "xlm-roberta-xl"):
            return self.positions - 2
        return self.positions if self.family in ("bert", "rembert") else None

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The weight matrices of one layer."""
        d, q, k, i = self.hidden, self.queries, self.keys, self.intermediate
        if self.family == "modernbert":
            named = [("attn.Wqkv", d, 3 * d), ("attn.Wo", d, d), ("mlp.Wi", d, 2 * i), ("mlp.Wo", i, d)]
        elif self.decoder or self.family == "eurobert":
            named = [(f"self_attn.{n}_proj", d, q if n == "q" else k) for n in "qkv"]
            named += [("self_attn.o_proj", q, d), ("mlp.gate_proj", d, i), ("mlp.up_proj", d, i)]
            named += [("mlp.down_proj", i, d)]
        else:
            names = ("query_proj", "key_proj", "value_proj") if self.family == "deberta" else ("query", "key", "value")
            named = [(f"attention.self.{n}", d, d) for n in names]
            named += [("attention.output.dense", d, d), ("intermediate.dense", d, i), ("output.dense", i, d)]
        return tuple(Linear(name=n, wide=a, high=b, attention="att" in n) for n, a, b in named)

    def lacks(self, target: str) -> bool:
        """Whether no matrix that can have an adapter has a name that ends so, in any layer or in one alone."""
        inside = "layers" if self.decoder or self.family in ("eurobert", "modernbert") else "encoder.layer"
        names = {m.name for m in self.linears} | set(MORE.get(self.family, ()))
        whole = (f".{inside}.{layer}.{name}" for layer in range(self.layers) for name in names)
        return not any(name.endswith(f".{target}") for name in (*whole, *OUTSIDE.get(self.family, ())))

    @property
    def layer_parameters(self) -> int:
        matrices = sum(m.wide * m.high + m.high * self.biases[not m.attention] for m in self.linears)
        if self.family == "modernbert":
            return matrices + 2 * self.hidden
        if not self.decoder and self.family != "eurobert":  # every matrix has a bias, both norms a weight and a bias
            return matrices + sum(m.high for m in self.linears) + 4 * self.hidden
        small = (4 if self.family in ("gemma2", "gemma3_text") else 2) * self.hidden
        if self.family == "qwen2":
            small += self.queries + 2 * self.keys
        if self.family in ("qwen3", "gemma3_text"):
            small += 2 * (self.head_size or self.hidden // self.heads)
        return matrices + small

    @property
    def encoder_parameters(self) -> int:
        """Without the embedding table: what a token costs."""
        return self.layers * self.layer_parameters

    @property
    def table(self) -> int:
        """Weights of the embedding of tokens."""
        return self.vocab * self.width

    @property
    def backbone_parameters(self) -> int:
        """What transformers loads without a head."""
        total = self.encoder_parameters + self.table
        if self.decoder or self.family == "eurobert":
            return total + self.hidden  # the last norm
        if self.family == "modernbert":
            return total + self.hidden  # norms of the embedding and at the end; the first layer lacks one
        if self.family == "deberta":
            return total + 512 * self.hidden + 4 * self.hidden  # relative positions, two norms
        total += (self.positions + self.types + 2) * self.width
        if self.embedding:  # RemBERT: a matrix from the embedding on, and a pooler that transformers always builds
            total += (self.width + self.hidden + 2) * self.hidden
        return total

    @property
    def parameters(self) -> int:
        """As published: with the output table, where it is not the embedding."""
        return self.backbone_parameters + (0 if self.tied else self.table)


# Matrices that few checkpoints of a family have, and those that are in no layer.
MORE = {"deberta": ("attention.self.pos_key_proj", "attention.self.pos_query_proj")}
OUTSIDE = {"rembert": (".encoder.embedding_hidden_mapping_in",)}


def _xlmr(layers: int, hidden: int, heads: int, intermediate: int, vocab: int = 250002) -> Shape:
    return Shape(family="xlm-r", layers=layers, hidden=hidden, heads=heads, intermediate=intermediate, vocab=vocab,
                 positions=514, types=1, languages="xlm-r")  # fmt: skip


def _decoder(family: str, layers: int, hidden: int, heads: int, kv_heads: int, intermediate: int, vocab: int, *,
             tied: bool, positions: int = 131072, head_size: int = 0) -> Shape:  # fmt: skip
    return Shape(family=family, layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads, vocab=vocab, tied=tied,
                 intermediate=intermediate, gated=True, decoder=True, positions=positions,
                 head_size=head_size)  # fmt: skip


SHAPES: dict[str, Shape] = {
    "xlm-roberta-base": _xlmr(12, 768, 12, 3072),
    "xlm-roberta-large": _xlmr(24, 1024, 16, 4096),
    "FacebookAI/xlm-roberta-base": _xlmr(12, 768, 12, 3072),
    "FacebookAI/xlm-roberta-large": _xlmr(24, 1024, 16, 4096),
    "facebook/xlm-roberta-xl": _xlmr(36, 2560, 32, 10240, 250880),
    "facebook/xlm-roberta-xxl": _xlmr(48, 4096, 32, 16384, 250880),
    "cis-lmu/glot500-base": _xlmr(12, 768, 12, 3072, 401145),
    "bert-base-multilingual-cased": Shape(family="bert", layers=12, hidden=768, heads=12, intermediate=3072,
                                          vocab=119547, types=2, languages="mbert"),
    "google-bert/bert-base-multilingual-cased": Shape(family="bert", layers=12, hidden=768, heads=12,
                                                      intermediate=3072, vocab=119547, types=2, languages="mbert"),
    "google/rembert": Shape(family="rembert", layers=32, hidden=1152, heads=18, intermediate=4608, vocab=250300,
                            embedding=256, types=2, tied=False),
    "microsoft/mdeberta-v3-base": Shape(family="deberta", layers=12, hidden=768, heads=12, intermediate=3072,
                                        vocab=251000, languages="xlm-r"),
    "jhu-clsp/mmBERT-base": Shape(family="modernbert", layers=22, hidden=768, heads=12, intermediate=1152,
                                  vocab=256000, gated=True, positions=8192),
    "jhu-clsp/mmBERT-small": Shape(family="modernbert", layers=22, hidden=384, heads=6, intermediate=1152,
                                   vocab=256000, gated=True, positions=8192),
    "meta-llama/Llama-2-7b-hf": _decoder("llama", 32, 4096, 32, 32, 11008, 32000, tied=False, positions=4096),
    "meta-llama/Llama-2-13b-hf": _decoder("llama", 40, 5120, 40, 40, 13824, 32000, tied=False, positions=4096),
    "codellama/CodeLlama-34b-hf": _decoder("llama", 48, 8192, 64, 8, 22016, 32000, tied=False, positions=16384),
    "meta-llama/Llama-2-70b-hf": _decoder("llama", 80, 8192, 64, 8, 28672, 32000, tied=False, positions=4096),
    "meta-llama/Meta-Llama-3-8B": _decoder("llama", 32, 4096, 32, 8, 14336, 128256, tied=False, positions=8192),
    "meta-llama/Meta-Llama-3-70B": _decoder("llama", 80, 8192, 64, 8, 28672, 128256, tied=False, positions=8192),
    "meta-llama/Llama-3.2-1B": _decoder("llama", 16, 2048, 32, 8, 8192, 128256, tied=True),
    "meta-llama/Llama-3.2-3B": _decoder("llama", 28, 3072, 24, 8, 8192, 128256, tied=True),
    "meta-llama/Llama-3.1-8B": _decoder("llama", 32, 4096, 32, 8, 14336, 128256, tied=False),
    "meta-llama/Llama-3.1-70B": _decoder("llama", 80, 8192, 64, 8, 28672, 128256, tied=False),
    "Qwen/Qwen2.5-0.5B": _decoder("qwen2", 24, 896, 14, 2, 4864, 151936, tied=True, positions=32768),
    "Qwen/Qwen2.5-1.5B": _decoder("qwen2", 28, 1536, 12, 2, 8960, 151936, tied=True),
    "Qwen/Qwen2.5-3B": _decoder("qwen2", 36, 2048, 16, 2, 11008, 151936, tied=True, positions=32768),
    "Qwen/Qwen2.5-7B": _decoder("qwen2", 28, 3584, 28, 4, 18944, 152064, tied=False),
    "Qwen/Qwen2.5-14B": _decoder("qwen2", 48, 5120, 40, 8, 13824, 152064, tied=False),
    "Qwen/Qwen2.5-32B": _decoder("qwen2", 64, 5120, 40, 8, 27648, 152064, tied=False),
    "Qwen/Qwen2.5-72B": _decoder("qwen2", 80, 8192, 64, 8, 29568, 152064, tied=False),
    "Qwen/Qwen3-8B-Base": _decoder("qwen3", 36, 4096, 32, 8, 12288, 151936, tied=False, positions=32768,
                                   head_size=128),
    "Qwen/Qwen3-14B-Base": _decoder("qwen3", 40, 5120, 40, 8, 17408, 151936, tied=False, positions=32768,
                                    head_size=128),
    "mistralai/Mistral-7B-v0.1": _decoder("mistral", 32, 4096, 32, 8, 14336, 32000, tied=False, positions=32768),
    "mistralai/Mistral-7B-v0.3": _decoder("mistral", 32, 4096, 32, 8, 14336, 32768, tied=False, positions=32768),
    "google/gemma-2-2b": _decoder("gemma2", 26, 2304, 8, 4, 9216, 256000, tied=True, positions=8192, head_size=256),
    "google/gemma-2-9b": _decoder("gemma2", 42, 3584, 16, 8, 14336, 256000, tied=True, positions=8192, head_size=256),
    "google/gemma-2-27b": _decoder("gemma2", 46, 4608, 32, 16, 36864, 256000, tied=True, positions=8192,
                                   head_size=128),
}  # fmt: skip

STANDINS = Path(__file__).parent.parent / "world" / "models"


@cache
def known() -> dict[str, Shape]:
    """All models that can be named without an organisation: the table above and the stand-ins that are shipped."""
    shipped = sorted(folder for folder in STANDINS.glob("standin-*") if (folder / "config.json").exists())
    return SHAPES | {folder.name: _read(folder / "config.json") for folder in shipped}


def shape(name: str) -> Shape | None:
    """None where only the hub knows it. A folder is written as `identity.local_folder` has it."""
    if name in known():
        return known()[name]
    if not name.startswith((".", "/", "~")):
        return None
    config = Path(name).expanduser() / "config.json"
    return _read(config) if config.exists() else None


def is_standin(name: str) -> bool:
    return name.startswith("standin-")


def _read(path: Path) -> Shape:
    """Of a folder. A family that cannot be run is refused before anybody plans with a shape that it does not have."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        kind = str(raw.get("model_type"))
    except (ValueError, AttributeError):
        raise DataError("is not the config.json of a transformers checkpoint", path) from None
    if kind not in FAMILIES:
        raise UnknownName("model family", kind, FAMILIES, f"({path}). Known: {', '.join(FAMILIES)}")
    try:
        return shape_of(raw)
    except KeyError as error:
        raise DataError(f"does not say {error.args[0]}", path) from None


def shape_of(raw: Mapping[str, Any]) -> Shape:
    """The shape that a transformers config.json describes."""
    kind = raw.get("model_type", "unknown")
    return Shape(
        family={"xlm-roberta": "xlm-r", "deberta-v2": "deberta"}.get(kind, kind),
        layers=raw["num_hidden_layers"],
        hidden=raw["hidden_size"],
        heads=raw["num_attention_heads"],
        kv_heads=raw.get("num_key_value_heads") or 0,
        head_size=raw.get("head_dim") or 0,
        types=raw.get("type_vocab_size") or 0,
        intermediate=raw["intermediate_size"],
        vocab=raw["vocab_size"],
        gated=kind in GATED,
        biases=(
            kind in {*BIASED, "qwen3", "gemma", "gemma2", "gemma3_text"} and bool(raw.get("attention_bias")),
            kind in BIASED and bool(raw.get("mlp_bias")),
        ),
        tied=raw.get("tie_word_embeddings", kind not in DECODERS or kind.startswith("gemma")),  # transformers' defaults
        positions=raw.get("max_position_embeddings", 512),
        embedding=raw.get("input_embedding_size") or 0,
        decoder=kind in DECODERS,
    )


DECODERS = {"llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text"}
BIASED = {"llama", "eurobert", "modernbert"}  # families whose config may ask for biases everywhere
GATED = DECODERS | {"modernbert", "eurobert"}
