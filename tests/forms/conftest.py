"""Small tokenizers of the kinds that real models have, made on the spot."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

settings.register_profile("no clock", deadline=None)
settings.load_profile("no clock")

TEXT = [
    "The quick brown fox jumps over the lazy dog near the river bank.",
    "Paris is the capital of France, and Berlin is the capital of Germany.",
    "A man inspects the uniform of a figure in some East Asian country.",
    "北京大学是中国的一所大学。他住在东京都。",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ",
    "القاهرة هي عاصمة مصر وأكبر مدنها",
    "Straße, naïve café, 1984 and 3.14!",
    "नमस्ते दुनिया यह एक वाक्य है",
] * 3
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def unigram() -> Tokenizer:
    """Like XLM-R's and like the stand-ins': Unigram, byte fallback, two separators between two texts."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=600, special_tokens=SPECIAL + BYTES, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(TEXT, trainer)
    described = json.loads(made.to_str())
    described["model"]["byte_fallback"] = True
    made = Tokenizer.from_str(json.dumps(described))
    made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def wordpiece() -> Tokenizer:
    """Like mBERT's: token types, one separator, unknown words."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(TEXT, trainers.WordPieceTrainer(vocab_size=400, special_tokens=names, show_progress=False))
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def byte_level() -> Tokenizer:
    """Like Qwen's: byte-level BPE that puts no special tokens around a text."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(TEXT, trainer)
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    return made


def llama() -> Tokenizer:
    """Like LLaMA's: BPE with byte fallback, a beginning and no end."""
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", "<s>", "</s>", *BYTES], show_progress=False, max_token_length=12
    )
    made.train_from_iterator(TEXT, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return made


KINDS = {"unigram": unigram, "wordpiece": wordpiece, "byte_level": byte_level, "llama": llama}


class Kinds(dict[str, Tokenizer]):
    """Hypothesis prints the arguments of a failing test, and a tokenizer prints its whole vocabulary."""

    def __repr__(self) -> str:
        return "tokenizers"


@pytest.fixture(scope="session")
def tokenizers_by_kind() -> Kinds:
    return Kinds({kind: make() for kind, make in KINDS.items()})


@pytest.fixture(scope="session", params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest, tokenizers_by_kind: Kinds) -> Tokenizer:
    return tokenizers_by_kind[request.param]


@pytest.fixture(scope="session")
def xlmr(tokenizers_by_kind: Kinds) -> Tokenizer:
    return tokenizers_by_kind["unigram"]
