"""Shapes of known models, so that a plan can say memory and time without torch and without a network.

Figures are those of the published `config.json` of each model. `data` names the pretraining corpus, which decides what
"unseen" means for a model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Shape:
    family: str
    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocab: int
    kv_heads: int = 0  # 0: as many as heads
    gated: bool = False  # three matrices in the feed-forward part instead of two
    tied: bool = True
    positions: int = 512
    embedding: int = 0  # width of the input embedding where it differs (RemBERT)
    decoder: bool = False
    languages: str = ""  # whose pretraining text decides what is unseen: "xlm-r", "mbert"

    @property
    def encoder_parameters(self) -> int:
        """Without the embedding table: what a token costs."""
        head_size = self.hidden // self.heads
        kv = (self.kv_heads or self.heads) * head_size
        attention = 2 * self.hidden * self.hidden + 2 * self.hidden * kv
        feed_forward = (3 if self.gated else 2) * self.hidden * self.intermediate
        small = (4 if self.decoder else 13) * self.hidden  # norms and biases: a rounding error, counted roughly
        return self.layers * (attention + feed_forward + small)

    @property
    def parameters(self) -> int:
        width = self.embedding or self.hidden
        tables = self.vocab * width * (1 if self.tied else 2) + (0 if self.decoder else self.positions * width)
        return self.encoder_parameters + tables


def _xlmr(layers: int, hidden: int, heads: int, intermediate: int, vocab: int = 250002, **more: int) -> Shape:
    return Shape(family="xlm-r", layers=layers, hidden=hidden, heads=heads, intermediate=intermediate, vocab=vocab,
                 positions=514, languages="xlm-r", **more)  # fmt: skip


def _decoder(family: str, layers: int, hidden: int, heads: int, kv_heads: int, intermediate: int, vocab: int, *,
             tied: bool, positions: int = 131072) -> Shape:  # fmt: skip
    return Shape(family=family, layers=layers, hidden=hidden, heads=heads, kv_heads=kv_heads, vocab=vocab, tied=tied,
                 intermediate=intermediate, gated=True, decoder=True, positions=positions)  # fmt: skip


SHAPES: dict[str, Shape] = {
    "xlm-roberta-base": _xlmr(12, 768, 12, 3072),
    "xlm-roberta-large": _xlmr(24, 1024, 16, 4096),
    "FacebookAI/xlm-roberta-base": _xlmr(12, 768, 12, 3072),
    "FacebookAI/xlm-roberta-large": _xlmr(24, 1024, 16, 4096),
    "facebook/xlm-roberta-xl": _xlmr(36, 2560, 32, 10240, 250880),
    "facebook/xlm-roberta-xxl": _xlmr(48, 4096, 32, 16384, 250880),
    "cis-lmu/glot500-base": _xlmr(12, 768, 12, 3072, 401145),
    "bert-base-multilingual-cased": Shape(family="bert", layers=12, hidden=768, heads=12, intermediate=3072,
                                          vocab=119547, languages="mbert"),
    "google-bert/bert-base-multilingual-cased": Shape(family="bert", layers=12, hidden=768, heads=12,
                                                      intermediate=3072, vocab=119547, languages="mbert"),
    "google/rembert": Shape(family="rembert", layers=32, hidden=1152, heads=18, intermediate=4608, vocab=250300,
                            embedding=256, tied=False),
    "microsoft/mdeberta-v3-base": Shape(family="deberta", layers=12, hidden=768, heads=12, intermediate=3072,
                                        vocab=251000, languages="xlm-r"),
    "jhu-clsp/mmBERT-base": Shape(family="modernbert", layers=22, hidden=768, heads=12, intermediate=1152,
                                  vocab=256000, gated=True, positions=8192),
    "jhu-clsp/mmBERT-small": Shape(family="modernbert", layers=22, hidden=384, heads=6, intermediate=1152,
                                   vocab=256000, gated=True, positions=8192),
    "meta-llama/Llama-3.2-1B": _decoder("llama", 16, 2048, 32, 8, 8192, 128256, tied=True),
    "meta-llama/Llama-3.2-3B": _decoder("llama", 28, 3072, 24, 8, 8192, 128256, tied=True),
    "meta-llama/Llama-3.1-8B": _decoder("llama", 32, 4096, 32, 8, 14336, 128256, tied=False),
    "meta-llama/Llama-3.1-70B": _decoder("llama", 80, 8192, 64, 8, 28672, 128256, tied=False),
    "Qwen/Qwen2.5-7B": _decoder("qwen2", 28, 3584, 28, 4, 18944, 152064, tied=False),
    "Qwen/Qwen2.5-14B": _decoder("qwen2", 48, 5120, 40, 8, 13824, 152064, tied=False),
    "Qwen/Qwen2.5-32B": _decoder("qwen2", 64, 5120, 40, 8, 27648, 152064, tied=False),
    "Qwen/Qwen2.5-72B": _decoder("qwen2", 80, 8192, 64, 8, 29568, 152064, tied=False),
    "mistralai/Mistral-7B-v0.3": _decoder("mistral", 32, 4096, 32, 8, 14336, 32768, tied=False, positions=32768),
}  # fmt: skip

STANDINS = Path(__file__).parent.parent / "world" / "models"


@cache
def known() -> dict[str, Shape]:
    """All models that can be named without an organisation: the table above and the stand-ins that are shipped."""
    shipped = sorted(folder for folder in STANDINS.glob("standin-*") if (folder / "config.json").exists())
    return SHAPES | {folder.name: _read(folder / "config.json") for folder in shipped}


def shape(name: str) -> Shape | None:
    """None where only the hub knows it."""
    if name in known():
        return known()[name]
    config = Path(name) / "config.json"
    return _read(config) if config.exists() else None


def is_standin(name: str) -> bool:
    return name.startswith("standin-")


def _read(path: Path) -> Shape:
    """The shape that a transformers config.json describes."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    kind = raw.get("model_type", "unknown")
    return Shape(
        family={"xlm-roberta": "xlm-r", "deberta-v2": "deberta"}.get(kind, kind),
        layers=raw["num_hidden_layers"],
        hidden=raw["hidden_size"],
        heads=raw["num_attention_heads"],
        kv_heads=raw.get("num_key_value_heads") or 0,
        intermediate=raw["intermediate_size"],
        vocab=raw["vocab_size"],
        gated=kind in GATED,
        tied=raw.get("tie_word_embeddings", kind not in DECODERS),
        positions=raw.get("max_position_embeddings", 512),
        embedding=raw.get("input_embedding_size") or 0,
        decoder=kind in DECODERS,
    )


DECODERS = {"llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text"}
GATED = DECODERS | {"modernbert", "eurobert"}
