"""Somebody else's checkpoint as the outcome of an intermediate stage: its encoder, under our names.

config: model (whose place it takes), checkpoint. Both must have the same shape and the same tokenizer: tokens are made
once for the model, and a checkpoint that numbers them otherwise would read noise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from waystage.errors import InputError
from waystage.stages import Context, Inputs

SIZES = ("model_type", "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from transformers import AutoConfig

    from waystage.models import load

    theirs = {"model": context.places["checkpoint"]} if "checkpoint" in context.places else {}
    name = config["checkpoint"]["name"]
    ours = load.tokenizer(config["model"], context.places).get_vocab()
    if load.tokenizer(config["checkpoint"], theirs).get_vocab() != ours:
        raise InputError(
            f"checkpoint {name!r} has another tokenizer than {config['model']['name']!r}: it cannot stand in for it. "
            "Take one that was tuned from this very model, or add it to `models` instead"
        )
    adopted = load.backbone(config["checkpoint"], theirs)
    known = AutoConfig.from_pretrained(load.folder(config["model"], context.places)).to_dict()
    for key in SIZES:
        if getattr(adopted.config, key, None) != known.get(key):
            raise InputError(
                f"checkpoint {name!r} has {key} {getattr(adopted.config, key, None)}, "
                f"{config['model']['name']!r} has {known.get(key)}: it was not tuned from this model"
            )
    write(out, config["model"], adopted.described, adopted.model.state_dict())
    context.log(f"took the encoder of {name}")
    return {"parameters": sum(p.numel() for p in adopted.model.parameters())}


def write(out: Path, model: dict[str, str], described: dict[str, Any], encoder: Any) -> None:
    """A checkpoint without heads, as a `train` stage leaves one."""
    from waystage.training.checkpoint import save_weights

    out.mkdir(parents=True, exist_ok=True)
    save_weights(out / "encoder.safetensors", encoder)
    save_weights(out / "heads.safetensors", {})
    said = {"model": model, "config": described, "heads": {}}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, indent=1)
    (out / "model.json").write_text(text, encoding="utf-8")
