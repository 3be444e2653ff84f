"""What differs between families of models, as a table. A new family is a new row.

`packed`: its attention goes through transformers' attention interface, so that sequences need no padding. The others
are fed padded groups of similar length.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from waystage.errors import UnknownName

_BERT_DROPOUT = ("hidden_dropout_prob", "attention_probs_dropout_prob")

# where a checkpoint keeps the parts of its language-model head: our name -> its name
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
_OLD_BERT_HEAD = {  # as converted from TensorFlow: what is published of mBERT
    **_BERT_HEAD,
    "norm.weight": "cls.predictions.transform.LayerNorm.gamma",
    "norm.bias": "cls.predictions.transform.LayerNorm.beta",
}
_REMBERT_HEAD = {
    "dense.weight": "cls.predictions.dense.weight",
    "dense.bias": "cls.predictions.dense.bias",
    "norm.weight": "cls.predictions.LayerNorm.weight",
    "norm.bias": "cls.predictions.LayerNorm.bias",
    "bias": "cls.predictions.decoder.bias",
}
_DEBERTA_HEAD = {  # as published; transformers writes a BERT's
    "dense.weight": "lm_predictions.lm_head.dense.weight",
    "dense.bias": "lm_predictions.lm_head.dense.bias",
    "norm.weight": "lm_predictions.lm_head.LayerNorm.weight",
    "norm.bias": "lm_predictions.lm_head.LayerNorm.bias",
    "bias": "lm_predictions.lm_head.bias",
}
_MODERN_HEAD = {
    "dense.weight": "head.dense.weight",
    "dense.bias": "head.dense.bias",
    "norm.weight": "head.norm.weight",
    "norm.bias": "head.norm.bias",
    "bias": "decoder.bias",
}


@dataclass(frozen=True, kw_only=True)
class LanguageHead:
    """How a family guesses tokens: dense, activation and norm, then a table with a bias.

    `biases` are fields of the config that say whether a part has a bias: our name of it -> field. Elsewhere it has.
    """

    names: tuple[dict[str, str], ...] = ()  # ways to name the parts in a checkpoint; the first is how we write them
    transform: bool = True  # without: the table stands on the vectors themselves
    biases: dict[str, str] = field(default_factory=dict)
    eps: str = "layer_norm_eps"  # field of the config
    act: str = ""  # field of the config; none: gelu
    table: str = ""  # the name of a table of its own, where the config does not tie it to the embedding


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
    language: LanguageHead = LanguageHead(names=(_XLMR_HEAD,))
    prefix: str = ""  # of the encoder's weights in a checkpoint with a language-model head
    last: LastLayer | None = None  # where the last layer can be left out at tokens that nobody reads


_DECODER = Family(
    causal=True, dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST,
    language=LanguageHead(transform=False, table="lm_head.weight"),
)  # fmt: skip
FAMILIES: dict[str, Family] = {
    "xlm-roberta": Family(after_padding=True, pooler=True, prefix="roberta.", last=_BERT_LAST),
    "roberta": Family(after_padding=True, pooler=True, prefix="roberta.", last=_BERT_LAST),
    "xlm-roberta-xl": Family(after_padding=True, pooler=True, prefix="roberta.", last=_XL_LAST),
    "bert": Family(
        types=True, pooler=True, prefix="bert.", last=_BERT_LAST,
        language=LanguageHead(names=(_BERT_HEAD, _OLD_BERT_HEAD), act="hidden_act"),
    ),
    "rembert": Family(
        packed=False, types=True, prefix="rembert.",
        language=LanguageHead(names=(_REMBERT_HEAD,), act="hidden_act", table="cls.predictions.decoder.weight"),
    ),
    "deberta-v2": Family(
        packed=False, prefix="deberta.",
        language=LanguageHead(names=(_BERT_HEAD, _DEBERTA_HEAD), act="hidden_act"),
    ),
    "modernbert": Family(
        dropouts=("embedding_dropout", "mlp_dropout", "attention_dropout"), prefix="model.", last=_MODERN_LAST,
        language=LanguageHead(
            names=(_MODERN_HEAD,), eps="norm_eps", act="classifier_activation", table="decoder.weight",
            biases={"dense.bias": "classifier_bias", "norm.bias": "norm_bias", "bias": "decoder_bias"},
        ),
    ),
    "eurobert": Family(
        dropouts=("attention_dropout",), prefix="model.", last=_LLAMA_LAST,
        language=LanguageHead(
            names=({"bias": "lm_head.bias"},), transform=False, biases={"bias": "mlp_bias"}, table="lm_head.weight"
        ),
    ),
    "llama": _DECODER,
    "mistral": _DECODER,
    "qwen2": _DECODER,
    "qwen3": _DECODER,
    "gemma": _DECODER,
    "gemma2": _DECODER,
    "gemma3_text": _DECODER,
}  # fmt: skip


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
