"""Predicted against measured peak memory of training stages on the CPU: python benchmarks/memory.py [--json]

Each configuration is a real `train` stage in a process of its own, on random weights and random tokens; its peak is the
largest resident memory of that process, which holds python, torch and transformers too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from waystage.models.memory import Layout, Work, memory
from waystage.models.shapes import shape_of

LENGTH, UNITS, USED, VOCABULARY = 128, 16, 20_000, 60_000
WIDE = {"hidden_size": 512, "num_hidden_layers": 8, "num_attention_heads": 8, "intermediate_size": 2048}
ENCODER = {"model_type": "xlm-roberta", "type_vocab_size": 1, **WIDE}
DECODER = {"model_type": "llama", "num_key_value_heads": 2, "tie_word_embeddings": True, **WIDE}
NARROW = ENCODER | {"hidden_size": 256, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 1024}
BROAD = DECODER | {"hidden_size": 768, "num_hidden_layers": 5, "num_attention_heads": 12, "intermediate_size": 2304}
BERT = ENCODER | {"model_type": "bert", "hidden_size": 640, "num_attention_heads": 10, "intermediate_size": 2560}
QWEN = DECODER | {"model_type": "qwen2", "num_hidden_layers": 6, "num_attention_heads": 16, "hidden_size": 1024}
LORA = {"kind": "lora", "rank": 16, "alpha": 32.0, "targets": "all-linear", "dropout": 0.0}

# model, adapter, precision, dropout, form, tokens at once, activations computed again
CONFIGURATIONS: dict[str, tuple[dict[str, Any], bool, str, float, str, int, bool]] = {
    "encoder, full, fp32": (ENCODER, False, "fp32", 0.0, "pairs", 1024, False),
    "encoder, full, fp32, dropout": (ENCODER, False, "fp32", 0.1, "pairs", 1024, False),
    "encoder, full, bf16, dropout": (ENCODER, False, "bf16", 0.1, "pairs", 1024, False),
    "encoder, full, fp32, computed again": (ENCODER, False, "fp32", 0.0, "pairs", 2048, True),
    "encoder, LoRA, fp32": (ENCODER, True, "fp32", 0.0, "pairs", 1024, False),
    "encoder, MLM, fp32": (ENCODER, False, "fp32", 0.0, "masked", 1024, False),
    "decoder, full, fp32": (DECODER, False, "fp32", 0.0, "pairs", 1024, False),
    "decoder, LoRA, fp32": (DECODER, True, "fp32", 0.0, "pairs", 1024, False),
    "decoder, LoRA, bf16": (DECODER, True, "bf16", 0.0, "pairs", 1024, False),
    "encoder, LoRA, fp32, one pass": (ENCODER, True, "fp32", 0.0, "pairs", 2048, False),
    "narrow encoder, LoRA, fp32, dropout": (NARROW, True, "fp32", 0.1, "pairs", 2048, False),
    "wide decoder, LoRA, fp32": (BROAD, True, "fp32", 0.0, "pairs", 512, False),
    "wide decoder, full, fp32": (BROAD, False, "fp32", 0.0, "pairs", 2048, False),
    "Qwen, LoRA, bf16": (QWEN, True, "bf16", 0.0, "pairs", 2048, False),
    # nothing in the formulas was fitted to these
    "BERT, LoRA, fp32, dropout": (BERT, True, "fp32", 0.1, "pairs", 512, False),
    "BERT, full, fp32": (BERT, False, "fp32", 0.0, "pairs", 512, False),
    "encoder, upper two layers, fp32": (ENCODER, False, "fp32", 0.0, "pairs", 1024, False),
    "decoder, upper two layers, bf16": (DECODER, False, "bf16", 0.0, "pairs", 2048, False),
    "encoder, LoRA with dropout, fp32, dropout": (ENCODER, True, "fp32", 0.1, "pairs", 1024, False),
    "encoder, LoRA of attention, fp32": (ENCODER, True, "fp32", 0.0, "pairs", 2048, False),
    "encoder, two readings, fp32, dropout": (ENCODER, False, "fp32", 0.1, "pairs", 8192, False),
}
# what a recipe says besides
BESIDE: dict[str, dict[str, Any]] = {
    "encoder, upper two layers, fp32": {"freeze": 6},
    "decoder, upper two layers, bf16": {"freeze": 6},
    "encoder, LoRA with dropout, fp32, dropout": {"adapter": LORA | {"dropout": 0.1}},
    "encoder, LoRA of attention, fp32": {"adapter": LORA | {"targets": "attention"}},
    "encoder, two readings, fp32, dropout": {"consistency": 1.0, "smoothing": 0.1},
}


def predicted(name: str) -> int:
    model, adapted, precision, dropout, form, micro, again = CONFIGURATIONS[name]
    shape = shape_of({**model, "vocab_size": VOCABULARY, "max_position_embeddings": 514})
    beside = BESIDE.get(name, {})
    adapter = beside.get("adapter", LORA)
    work = Work(
        tuning="lora" if adapted else "full", precision=precision, batch=UNITS, length=LENGTH,
        unit=LENGTH * (2 if "consistency" in beside else 1), head="vocabulary" if form == "masked" else "sequence",
        outputs=2, rows=USED, dropout=dropout > 0, freeze=beside.get("freeze", 0), rank=16, targets=adapter["targets"],
        adapter_dropout=adapter["dropout"] > 0,
    )  # fmt: skip
    return memory(shape, work, Layout(device="cpu", micro_tokens=micro, checkpointing=again)).total


def prepare(folder: Path, model: dict[str, Any]) -> None:
    """A checkpoint with random weights, and tokens."""
    import numpy as np
    from tokenizers import Tokenizer, models
    from transformers import AutoConfig, AutoModel

    from waystage.forms.encoded import Encoded

    said = {k: v for k, v in model.items() if k != "model_type"}
    config = AutoConfig.for_model(
        model["model_type"], **said, vocab_size=VOCABULARY, max_position_embeddings=514, pad_token_id=1,
        bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(folder)
    words = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4} | {f"w{i}": i for i in range(5, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(0)
    count = 10 * UNITS  # every row of the table that is said to be used
    ids = rng.permutation(np.resize(np.arange(5, USED), count * LENGTH)).astype(np.uint32)
    offsets, units = np.arange(count + 1) * LENGTH, np.arange(count + 1)
    labels = rng.integers(0, 2, count).astype(np.int32)
    Encoded(ids, offsets, units, np.arange(count), labels).save(folder / "pairs" / "en")
    starts = {"word_start": np.ones(len(ids), bool)}
    Encoded(ids, offsets, units, np.arange(count), extra=starts).save(folder / "masked" / "en")


def run(name: str, folder: Path) -> None:
    """In a process of its own: the stage, then its peak on the last line."""
    from waystage.engines.memory import peak
    from waystage.stages import Context
    from waystage.stages import run as stage

    _, adapted, precision, dropout, form, micro, again = CONFIGURATIONS[name]
    member = {"task": "t", "form": form, "labels": ["a", "b"] if form == "pairs" else [], "head": "h"}
    recipe: dict[str, Any] = {"steps": 1, "batch": UNITS, "learning_rate": 1e-4, "dropout": dropout}
    config = {
        "model": {"name": "local", "revision": "-"}, "members": [member], "seed": 1, "threads": 1,
        "precision": precision, "recipe": recipe | ({"adapter": LORA} if adapted else {}) | BESIDE.get(name, {}),
    }  # fmt: skip
    context = Context(
        scratch=folder / "scratch", places={"model": str(folder)}, micro_tokens=micro, checkpointing=again
    )
    with tempfile.TemporaryDirectory() as out:
        stage("train", config, {"tokens": [folder / form]}, Path(out), context)
    print(peak())


def measured(name: str, folder: Path) -> int:
    code = [sys.executable, __file__, "--run", name, str(folder)]
    said = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    return int(said.strip().splitlines()[-1])


def main() -> None:
    if "--run" in sys.argv:
        run(sys.argv[2], Path(sys.argv[3]))
        return
    rows = []
    with tempfile.TemporaryDirectory() as root:
        for name, (model, *_) in CONFIGURATIONS.items():
            folder = Path(root) / f"{model['model_type']}-{model['hidden_size']}"
            if not folder.exists():
                prepare(folder, model)
            rows.append({"configuration": name, "predicted": predicted(name), "measured": measured(name, folder)})
            if "--json" not in sys.argv:
                error = rows[-1]["predicted"] / rows[-1]["measured"] - 1
                print(f"{name:38} predicted {rows[-1]['predicted'] / 1e9:.2f} GB, measured "
                      f"{rows[-1]['measured'] / 1e9:.2f} GB, {error:+.1%}", flush=True)  # fmt: skip
    if "--json" in sys.argv:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
