"""Shipped models are small, are ordinary checkpoints, and read the world's tokenizer."""

import json
from pathlib import Path

import pytest

MODELS = Path(__file__).parents[2] / "src/waystage/world/models"
SHIPPED = sorted(folder for folder in MODELS.glob("standin-*") if (folder / "model.safetensors").exists())


def test_all_together_they_are_small() -> None:
    assert SHIPPED and sum(file.stat().st_size for file in MODELS.rglob("*") if file.is_file()) < 40 * 2**20


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_vocabulary_and_tokenizer_belong_together(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["vocab_size"] == len(tokenizer["model"]["vocab"])
    assert tokenizer == json.loads((MODELS / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_they_predict_words_far_better_than_frequency_does(folder: Path) -> None:
    import math
    from collections import Counter

    import torch
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    from waystage.world import World

    tokenizer = AutoTokenizer.from_pretrained(folder)
    kind = AutoModelForCausalLM if "decoder" in folder.name else AutoModelForMaskedLM
    model = kind.from_pretrained(folder, dtype=torch.float32).eval()
    counts = Counter(t for d in World(0).text("en", n=1500, start=20_000_000) for t in tokenizer(d).input_ids)
    total = sum(counts.values())
    mine = theirs = 0.0
    for document in World(0).text("en", n=100, start=10_000_000):
        ids = torch.tensor(tokenizer(document).input_ids[:60])
        asked = ids.clone()
        if kind is AutoModelForMaskedLM:
            hidden = torch.arange(2, len(ids) - 1, 7)
            asked[hidden] = tokenizer.mask_token_id
            read = hidden
        else:
            hidden = torch.arange(2, len(ids) - 1)
            read = hidden - 1
        with torch.no_grad():
            scores = model(asked[None]).logits[0, read].log_softmax(-1)
        mine -= scores.gather(1, ids[hidden][:, None]).sum().item()
        theirs -= sum(math.log((counts[t] + 0.5) / (total + 0.5 * len(counts))) for t in ids[hidden].tolist())
    assert mine < 0.75 * theirs
