"""A small world for engine tests: a tokenizer, a random checkpoint, rows and tokens, as stages leave them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from waystage import forms
from waystage.forms import table
from waystage.forms.examples import Example, Pair, Tags, Text

WORDS = [a + b for a in ("ka", "le", "mi", "no", "su") for b in ("ba", "ce", "di", "fo", "gu", "ra", "te", "zi")]
NOUNS = set(WORDS[::3])
LOCAL = {"name": "local", "revision": "test"}


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.WordLevelTrainer(special_tokens=specials, show_progress=False)
    made.train_from_iterator([" ".join(WORDS)] * 2, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def model(folder: Path, **shape: Any) -> Path:
    """An XLM-R of two layers with random weights, as a transformers checkpoint."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    words = tokenizer()
    config = XLMRobertaConfig(
        vocab_size=words.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, **shape,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        XLMRobertaForMaskedLM(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    return folder


def _sentence(rng: random.Random, most: int) -> list[str]:
    return [rng.choice(WORDS) for _ in range(rng.randint(2, most))]


def pairs(count: int, seed: int) -> list[Example]:
    """Yes if the second text has the first word of the first one."""
    rng = random.Random(seed)
    made: list[Example] = []
    for i in range(count):
        first, second = _sentence(rng, 8), _sentence(rng, 5)
        if rng.random() < 0.5:
            second[0] = first[0]
        label = "yes" if first[0] in second else "no"
        made.append(Pair(id=f"p{i}", first=" ".join(first), second=" ".join(second), label=label))
    return made


def tags(count: int, seed: int) -> list[Example]:
    rng = random.Random(seed)
    sentences = [_sentence(rng, 12) for _ in range(count)]
    return [
        Tags(id=f"t{i}", words=tuple(s), tags=tuple("N" if w in NOUNS else "V" for w in s))
        for i, s in enumerate(sentences)
    ]


def texts(count: int, seed: int) -> list[Example]:
    rng = random.Random(seed)
    return [Text(id=f"x{i}", text=" ".join(_sentence(rng, 20))) for i in range(count)]


def stored(folder: Path, form: str, examples: dict[str, list[Example]], labels: tuple[str, ...] = ()) -> Path:
    """rows/LANG.parquet and tokens/LANG of these examples."""
    (folder / "rows").mkdir(parents=True)
    for language, some in examples.items():
        table.write(folder / "rows" / f"{language}.parquet", some, form=form)
        encoded = forms.get(form).encode(some, tokenizer(), labels=labels, max_length=40)
        encoded.save(folder / "tokens" / language)
    return folder


DECODERS = ("llama", "qwen2", "mistral", "gemma2")


def decoder(folder: Path, family: str) -> Path:
    """A decoder of two layers with random weights, as a transformers checkpoint."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    words = tokenizer()
    shape: dict[str, Any] = {"num_key_value_heads": 1}
    if family in ("mistral", "gemma2"):
        shape |= {"head_dim": 16, "sliding_window": 8}
    config = AutoConfig.for_model(
        family, vocab_size=words.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=66, pad_token_id=1, bos_token_id=0, eos_token_id=2, **shape,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    return folder
