"""Pretrain a small language model from random weights and write it as an ordinary transformers checkpoint.

config: shape {family: "xlm-r" | "llama", layers, hidden, heads, intermediate, positions?, kv_heads?}, tokenizer,
recipe, seed, threads, precision, exponent (languages are sampled by size to this power), store ("fp32" | "bf16").
inputs: tokens, and start, a checkpoint of this shape to go on from; one with fewer layers is stacked until it has them.
A `start` in the config is a model by name and revision instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import InputError
from waystage.forms import masked
from waystage.stages import Context, Inputs
from waystage.stages.members import fitting

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from waystage.models.backbone import Backbone
    from waystage.training.ranks import Ranks

VERSION = 3
HEAD = "language model"
LAYER = re.compile(r"\.(\d+)\.")  # the number of a layer within a weight's name


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from waystage.training import setup
    from waystage.training.ranks import together

    setup.threads(config["threads"])
    with together(context.seat, context.device) as ranks:
        return _run(config, inputs, out, context, ranks)


def _run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context, ranks: Ranks) -> dict[str, Any]:
    from waystage.forms.encoded import Head
    from waystage.models import heads, load
    from waystage.training import setup
    from waystage.training.corpus import Corpus
    from waystage.training.loop import Job, Member, train
    from waystage.training.mixture import Mixture
    from waystage.training.network import Network

    tokenizer = load.tokenizer(config["tokenizer"], context.places)
    recipe = {"batch": 64, "learning_rate": 1e-3, "warmup": 0.05, "select": "last", **config["recipe"]}
    seed, dropout, start = config["seed"], recipe.get("dropout"), inputs.get("start")
    if start is None and config.get("start"):
        start = load.folder(config["start"], {"model": context.places.get("start", "")})
    if start is None:
        backbone = load.fresh(model_config(config["shape"], tokenizer), seed=seed, dropout=dropout)
        head = heads.make(Head("vocabulary", 0), backbone, drop=0.0, seed=seed)
    else:  # phases: a language first, then all; short sequences first, then long ones
        assert isinstance(start, Path)
        backbone = started(start, model_config(config["shape"], tokenizer), seed=seed, dropout=dropout)
        head = load.vocabulary_head(backbone, start, seed=seed, log=context.log)
    network = Network(backbone, {HEAD: head})
    setup.place(network, context.device, ranks, precision=config["precision"])
    if config["precision"] == "bf16":
        setup.half(backbone)

    assert isinstance(inputs["tokens"], Path)
    corpus = Corpus.load(inputs["tokens"], exponent=float(config.get("exponent", 1.0)))
    if not len(corpus):
        raise InputError(f"there is no text to pretrain on in {inputs['tokens']}: every language is empty")
    fitting(backbone, "text", zip(corpus.names, corpus.parts, strict=True), running_text=True)
    vocabulary = masked.vocabulary(tokenizer)
    if backbone.family.causal:
        vocabulary["mask_id"] = None
    elif vocabulary["mask_id"] is None:
        raise InputError("the tokenizer has no mask token (such as <mask>), which an encoder is pretrained with")
    steps = recipe.get("steps") or math.ceil(recipe.get("epochs", 1) * len(corpus) / recipe["batch"])
    job = Job(
        network=network,
        members=(Member("text", HEAD, masked, corpus, vocabulary),),
        mixture=Mixture((len(corpus),), (1.0,), int(recipe["batch"]), config["seed"], int(steps)),
        recipe=recipe,
        seed=config["seed"],
        precision=config["precision"],
        scratch=context.scratch,
        checkpoint_seconds=setup.checkpoint_seconds(),
        progress=context.progress,
        log=context.log,
    )
    done = train(job)
    weights = done.weights.named()
    if ranks.first:
        write(out, network, weights, tokenizer, store=config.get("store", "fp32"))
        setup.curve(out / "curve.parquet", job, done.state)
    last = done.state.losses[-100:]
    return {**done.facts, "loss": sum(last) / len(last), "sequences": len(corpus)}


def started(start: Path, wanted: Any, *, seed: int, dropout: float | None) -> Backbone:
    """The body of a checkpoint. Where more layers are wanted than it has, its own come again on top of each other."""
    from waystage.models import load

    found = load.backbone({"name": "local", "revision": "-"}, {"model": str(start)}, dropout=dropout)
    for name in ("model_type", "hidden_size", "num_attention_heads", "intermediate_size", "vocab_size"):
        has, wants = getattr(found.config, name), getattr(wanted, name)
        if has != wants:
            raise InputError(f"{start}: this checkpoint has {name} {has}, but {wants} is asked for; only layers grow")
    has, wants = found.config.num_hidden_layers, wanted.num_hidden_layers
    if has == wants:
        return found
    if has > wants:
        raise InputError(f"{start}: this checkpoint has {has} layers, more than the {wants} that are asked for")
    grown, theirs = load.fresh(wanted, seed=seed, dropout=dropout), found.model.state_dict()
    grown.model.load_state_dict(
        {name: theirs[LAYER.sub(lambda at: f".{int(at[1]) % has}.", name)] for name in grown.model.state_dict()}
    )
    return grown


def model_config(shape: Mapping[str, Any], tokenizer: Tokenizer) -> Any:
    from transformers import AutoConfig

    special = {name: tokenizer.token_to_id(name) for name in ("<s>", "<pad>", "</s>")}
    missing = [name for name, number in special.items() if number is None]
    if missing:
        raise InputError(f"the tokenizer has no token {missing[0]!r}; pretraining needs <s>, <pad> and </s>")
    common: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": shape["hidden"],
        "num_hidden_layers": shape["layers"],
        "num_attention_heads": shape["heads"],
        "intermediate_size": shape["intermediate"],
        "bos_token_id": special["<s>"],
        "pad_token_id": special["<pad>"],
        "eos_token_id": special["</s>"],
        "tie_word_embeddings": True,
        # The usual 0.02 suits a width of 768. Narrow models start so flat with it that they stay at word frequencies.
        "initializer_range": round(float(shape["hidden"]) ** -0.5, 4),
    }
    positions = int(shape.get("positions", 512))
    behind = int(special["<pad>"] or 0) + 1  # positions start behind the padding index
    if shape["family"] == "llama":
        return AutoConfig.for_model(
            "llama", **common, max_position_embeddings=positions,
            num_key_value_heads=shape.get("kv_heads", shape["heads"]), architectures=["LlamaForCausalLM"],
        )  # fmt: skip
    if shape["family"] == "xlm-r":
        return AutoConfig.for_model(
            "xlm-roberta", **common, max_position_embeddings=positions + behind, type_vocab_size=1,
            layer_norm_eps=1e-5, architectures=["XLMRobertaForMaskedLM"],
        )  # fmt: skip
    raise InputError(f"pretrain: shape.family is {shape['family']!r}, but it can be 'xlm-r' or 'llama'")


def write(out: Path, network: Any, weights: Mapping[str, Any], tokenizer: Tokenizer, *, store: str) -> None:
    """A folder that `AutoModelForMaskedLM` or `AutoModelForCausalLM` reads."""
    from safetensors.torch import save_file

    from waystage.training.network import key

    family = network.backbone.family
    heading = f"heads.{key(HEAD)}."
    tensors = {}
    for name, tensor in sorted(weights.items()):
        if name.startswith("backbone.model."):
            their = family.prefix + name.removeprefix("backbone.model.")
        else:
            ours = name.removeprefix(heading)
            their = family.language.table if ours == "table" else family.language.names[0][ours]
        tensors[their] = (tensor.bfloat16() if store == "bf16" else tensor).detach().clone().contiguous().cpu()
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    described = network.backbone.config
    described.dtype = "bfloat16" if store == "bf16" else "float32"
    described.save_pretrained(out)
    tokenizer.save(str(out / "tokenizer.json"))
