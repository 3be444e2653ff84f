"""LoRA adapters, through peft: which ones a stage carries, how they come onto the model, how they are kept.

A stage that tunes adapters keeps them and not the model: `adapters/0`, `adapters/1`, ... in peft's own layout, in the
order in which they were trained. How each is used stands in `model.json`:

    live      the one that is trained
    frozen    used as it is, under the ones after it (chain = "stack")
    merged    added to the weights, in fp32 and rounded once, before anything else happens (chain = "merge")
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from waystage.errors import InputError, MissingExtra, UnknownName
from waystage.models import dropout
from waystage.models.backbone import Backbone
from waystage.models.links import FOLDER, Chain, Link, for_training, saved

__all__ = [
    "Chain", "Link", "attach", "chosen", "for_training", "linear_layers", "quantisation", "quantised", "saved", "write"
]  # fmt: skip

ATTENTION = {"attention", "attn", "self_attn"}  # what families call the module around their attention layers
_IN_PEFT = "base_model.model."


def quantised(chain: Chain) -> bool:
    return any(link.kind == "qlora" for link in chain)


def quantisation(chain: Chain, device: str, dtype: torch.dtype) -> dict[str, Any]:
    """What loads the weights in 4 bits, where the chain says so; a refusal where that cannot be."""
    if not quantised(chain):
        return {}
    if not device.startswith("cuda"):
        raise InputError(
            'adapter kind = "qlora" holds the weights in 4 bits, which only CUDA devices compute with, and this stage '
            f'runs on {device!r}. Use kind = "lora" here (another result, so another stage), or a machine with a GPU'
        )
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        raise MissingExtra('adapter kind = "qlora"', "qlora") from None
    from transformers import BitsAndBytesConfig

    four = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    return {"quantization_config": four, "device_map": {"": device}}


def attach(backbone: Backbone, chain: Chain, *, seed: int) -> None:
    """Lay the chain over the model. Only the live link is trained then; where all are merged, the whole model is."""
    from peft import LoraConfig, inject_adapter_in_model

    model = backbone.model
    model.requires_grad_(False)
    for number, link in enumerate(chain):
        weights = _weights(model, link, number, seed)
        config = LoraConfig(
            r=link.rank, lora_alpha=link.alpha, lora_dropout=link.dropout, target_modules=_modules(weights), bias="none"
        )
        with warnings.catch_warnings():  # several adapters are what a chain is
            warnings.filterwarnings("ignore", message="Already found a `peft_config` attribute")
            inject_adapter_in_model(config, model, adapter_name=_name(number))
        for name, layer in _layers(model):
            if _name(number) not in layer.lora_A:
                continue  # a layer of an adapter under it, which had other targets
            for side in "AB":
                held = getattr(layer, f"lora_{side}")[_name(number)].weight
                held.data = weights[f"{name}.lora_{side}.weight"].to(held.device)
        if link.state == "merged":
            _merge(model, number)
    there = [_name(number) for number, link in enumerate(chain) if link.state != "merged"]
    live = [_name(number) for number, link in enumerate(chain) if link.state == "live"]
    if not there:
        model.requires_grad_(True)
    for _, layer in _layers(model):
        layer.set_adapter(there)  # which lets peft train all of them
    for name, parameter in model.named_parameters():
        if ".lora_" not in name:
            continue
        of = name.split(".")[-2]
        parameter.requires_grad_(of in live)
        if of not in live:
            parameter.data = parameter.data.to(model.dtype)
    dropout.replace(model, backbone.noise)


def write(out: Path, chain: Chain, trained: Mapping[str, Tensor], base: Mapping[str, str]) -> None:
    """`trained` are the weights of the live adapter by their names in the model, in fp32; the others are copied."""
    for number, link in enumerate(chain):
        folder = out / FOLDER / str(number)
        if link.state != "live":
            shutil.copytree(link.source, folder)
            continue
        folder.mkdir(parents=True)
        mine = {
            _IN_PEFT + name.replace(f".{_name(number)}.", "."): trained[name].detach().cpu().clone()
            for name in sorted(trained)
            if f".{_name(number)}." in name
        }
        save_file(mine, folder / "adapter_model.safetensors")
        described = {
            "peft_type": "LORA", "base_model_name_or_path": base["name"], "revision": base["revision"],
            "r": link.rank, "lora_alpha": link.alpha, "lora_dropout": link.dropout, "bias": "none",
            "target_modules": _modules(name.removeprefix(_IN_PEFT) for name in mine), "inference_mode": True,
        }  # fmt: skip
        text = json.dumps(described, sort_keys=True, indent=1)
        (folder / "adapter_config.json").write_text(text, encoding="utf-8")


def linear_layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The layers that can have an adapter, under the names that they have without one."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and "lora_" not in name and not name.startswith("pooler."):  # never read
            yield name.removesuffix(".base_layer"), module


def chosen(model: nn.Module, targets: str | Sequence[str]) -> dict[str, nn.Module]:
    every = dict(linear_layers(model))
    if targets == "all-linear":
        return every
    if targets == "attention":
        return {name: layer for name, layer in every.items() if ATTENTION & set(name.split("."))}
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in every):
            last = dict.fromkeys(name.rsplit(".", 1)[-1] for name in every)
            raise UnknownName("linear layer of this model", target, last, f"It has: {', '.join(last)}.")
    return {name: layer for name, layer in every.items() if any(f".{name}".endswith(f".{t}") for t in targets)}


def _weights(model: nn.Module, link: Link, number: int, seed: int) -> dict[str, Tensor]:
    """By `LAYER.lora_A.weight`, in fp32: as they were kept, or new. A new adapter changes nothing: B is zero."""
    if link.source:
        stored = load_file(Path(link.source) / "adapter_model.safetensors")
        return {name.removeprefix(_IN_PEFT): tensor for name, tensor in stored.items()}
    drawn: dict[str, Tensor] = {}
    for name, layer in chosen(model, link.targets).items():
        wide, high = int(layer.in_features), int(layer.out_features)
        words = np.random.SeedSequence([seed, 0x10A, number, crc32(name.encode())])
        random = np.random.Generator(np.random.PCG64DXSM(words)).random((link.rank, wide), np.float32)
        drawn[f"{name}.lora_A.weight"] = torch.from_numpy((2 * random - 1) / np.float32(wide) ** 0.5)
        drawn[f"{name}.lora_B.weight"] = torch.zeros(high, link.rank)
    return drawn


def _layers(model: nn.Module) -> list[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    return [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]


def _merge(model: nn.Module, number: int) -> None:
    for name, layer in _layers(model):
        layer.merge(adapter_names=[_name(number)])
        model.set_submodule(name, layer.get_base_layer())


def _modules(names: Iterable[str]) -> list[str]:
    return sorted({name.rsplit(".lora_", 1)[0] for name in names})


def _name(number: int) -> str:
    return f"link{number}"
