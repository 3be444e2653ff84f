"""A subword tokenizer for the world's languages, of XLM-R's kind: Unigram, byte fallback, <s> A </s></s> B </s>."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from waystage.world.documents import documents
from waystage.world.sampling import PRETRAINED, shares

SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def sample_text(seed: int, codes: Sequence[str], total: int, *, exponent: float = 0.5) -> Iterator[str]:
    """About `total` documents of all languages, drawn by their shares."""
    for code, share in shares(codes, exponent).items():
        yield from islice(documents(seed, code, start=10_000_000), round(total * share))


def train_tokenizer(
    path: str | Path, *, seed: int = 0, codes: Sequence[str] = PRETRAINED, size: int = 10_000, total: int = 40_000
) -> None:
    """Write `tokenizer.json` and its configuration, from text of the world alone.

    The pieces are the same each time, their scores up to the third digit (the library sums in an order of its own), so
    the tokenizer is shipped as a file and not made again.
    """
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=[*SPECIALS, *BYTES], unk_token="<unk>", max_piece_length=12, show_progress=False
    )
    tokenizer.train_from_iterator(sample_text(seed, codes, total), trainer)
    state = json.loads(tokenizer.to_str())
    state["model"]["byte_fallback"] = True
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIALS]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
        "model_max_length": 512,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
