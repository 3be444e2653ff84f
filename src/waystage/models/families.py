"""What differs between families of models, as a table. A new family is a new row.

`packed`: its attention goes through transformers' attention interface, so that sequences need no padding. The others
are fed padded groups of similar length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from waystage.errors import UnknownName

_BERT_DROPOUT = ("hidden_dropout_prob", "attention_probs_dropout_prob")

# where a checkpoint keeps the parts of its masked-language head: our name -> its name
_XLMR_HEAD = {
    "dense.weight": "lm_head.dense.weight",
    "dense.bias": "lm_head.dense.bias",
    "norm.weight": "lm_head.layer_norm.weight",
    "norm.bias": "lm_head.layer_norm.bias",
    "bias": "lm_head.bias",
}
_BERT_HEAD = {
    "dense.weight": "cls.predictions.transform.dense.weight",
    "dense.bias": "cls.predictions.transform.dense.bias",
    "norm.weight": "cls.predictions.transform.LayerNorm.weight",
    "norm.bias": "cls.predictions.transform.LayerNorm.bias",
    "bias": "cls.predictions.bias",
}


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """Where `models.last` takes hold of the last layer; names of modules inside it."""

    layers: str  # the list of layers, inside the model
    whole: str  # first of what keys and values are made by
    query: str = ""  # the projection to queries; none where one matrix makes keys and values too
    out: str  # the projection behind attention


_BERT_LAST = LastLayer(
    layers="encoder.layer", whole="attention.self", query="attention.self.query", out="attention.output.dense"
)
_XL_LAST = LastLayer(
    layers="encoder.layer", whole="attention.self_attn_layer_norm", query="attention.self.query",
    out="attention.output.dense",
)  # fmt: skip
_MODERN_LAST = LastLayer(layers="layers", whole="attn_norm", out="attn.Wo")
_LLAMA_LAST = LastLayer(layers="layers", whole="input_layernorm", query="self_attn.q_proj", out="self_attn.o_proj")


@dataclass(frozen=True, kw_only=True)
class Family:
    packed: bool = True
    causal: bool = False  # a sequence is then read at its last token, not at its first
    after_padding: bool = False  # positions start behind the padding index, as in RoBERTa
    types: bool = False  # the second text of a pair has its own token type
    pooler: bool = False  # the class takes add_pooling_layer=False: our heads bring their own
    dropouts: tuple[str, ...] = _BERT_DROPOUT
    vocabulary: dict[str, str] = field(default_factory=dict)
    prefix: str = ""  # of the encoder's weights in a checkpoint with a language-model head
    last: LastLayer | None = None  # where the last layer can be left out at tokens that nobody reads


FAMILIES: dict[str, Family] = {
    "xlm-roberta": Family(after_padding=True, pooler=True, vocabulary=_XLMR_HEAD, prefix="roberta.", last=_BERT_LAST),
    "roberta": Family(after_padding=True, pooler=True, vocabulary=_XLMR_HEAD, prefix="roberta.", last=_BERT_LAST),
    "xlm-roberta-xl": Family(after_padding=True, pooler=True, vocabulary=_XLMR_HEAD, prefix="roberta.", last=_XL_LAST),
    "bert": Family(types=True, pooler=True, vocabulary=_BERT_HEAD, prefix="bert.", last=_BERT_LAST),
    "rembert": Family(packed=False, types=True, prefix="rembert."),
    "deberta-v2": Family(packed=False, prefix="deberta."),
    "modernbert": Family(
        dropouts=("embedding_dropout", "mlp_dropout", "attention_dropout"), prefix="model.", last=_MODERN_LAST
    ),
    "eurobert": Family(dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "llama": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "mistral": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "qwen2": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "qwen3": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "gemma": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "gemma2": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
    "gemma3_text": Family(causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST),
}


def family(config: Any) -> Family:
    """Of a transformers config."""
    try:
        return FAMILIES[config.model_type]
    except KeyError:
        raise UnknownName("model family", config.model_type, FAMILIES, f"Known: {', '.join(FAMILIES)}.") from None


def head_dropout(config: Any) -> float:
    """What the heads drop: as much as the hidden layers of an encoder, nothing where the model drops nothing."""
    for name in ("hidden_dropout_prob", "classifier_dropout", "mlp_dropout", "attention_dropout"):
        value = getattr(config, name, None)
        if value is not None:
            return float(value)
    return 0.0
