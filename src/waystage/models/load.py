"""Find a checkpoint by name and revision, and build what stands in it. Only safetensors, never code from the hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from waystage.errors import DataError, InputError
from waystage.forms.encoded import Head
from waystage.models import adapters
from waystage.models.adapters import Chain
from waystage.models.backbone import Backbone
from waystage.models.families import family
from waystage.models.heads import VocabularyHead, make
from waystage.models.shapes import STANDINS, is_standin

Model = Mapping[str, str]  # {"name": ..., "revision": ...}
PARTS = ("config.json", "tokenizer.json", "*.safetensors", "model.safetensors.index.json")


def tokenizer(model: Model, places: Mapping[str, str]) -> Tokenizer:
    path = folder(model, places, ("tokenizer.json",)) / "tokenizer.json"
    if not path.exists():
        raise InputError(
            f"model {model['name']!r} has no tokenizer.json in {path.parent}. "
            "Convert it once: transformers.AutoTokenizer.from_pretrained(NAME).save_pretrained(FOLDER)"
        )
    return Tokenizer.from_file(str(path))


def folder(model: Model, places: Mapping[str, str], parts: Iterable[str] = PARTS) -> Path:
    """Where a model's files are on this machine; fetched from the hub once."""
    name = model["name"]
    if is_standin(name):
        return STANDINS / name
    if name == "local":
        return Path(places["model"]).expanduser()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, revision=model["revision"], allow_patterns=list(parts)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise InputError(
            f"model {name!r} at revision {model['revision']!r} is neither in the local cache nor to be had from the "
            f"hub ({type(error).__name__}). Check the name and the network, or name a folder that holds the checkpoint."
        ) from error


def backbone(
    model: Model,
    places: Mapping[str, str],
    *,
    dropout: float | None = None,
    start: Path | None = None,
    chain: Chain | None = None,
    seed: int = 0,
    precision: str = "fp32",
    device: str = "cpu",
) -> Backbone:
    """`start` is the folder of a `train` stage: its encoder replaces the published one, or its adapters lie over it.

    `chain` are other adapters than those of `start`; `seed` draws the new one. Weights come in fp32, except where
    `precision` is bf16 and they are only the ground under adapters.
    """
    from transformers import AutoConfig, AutoModel

    chain = adapters.saved(start) if chain is None else chain
    path = folder(model, places)
    if start is not None:
        saved = json.loads((start / "model.json").read_text(encoding="utf-8"))["config"]
        config = AutoConfig.for_model(**saved)
    else:
        config = AutoConfig.from_pretrained(path)
    kind = family(config)
    described = config.to_dict()
    tuned = start / "encoder.safetensors" if start is not None else None
    if tuned is not None and not tuned.exists():
        tuned = None
    if tuned is None and not any(path.glob("*.safetensors")):
        raise DataError(
            "there are no weights in safetensors, the only format that is read. Convert them once: "
            "transformers.AutoModel.from_pretrained(NAME).save_pretrained(FOLDER), the tokenizer likewise, and name "
            "the folder",
            path,
        )
    _set_dropout(config, kind.dropouts, dropout)
    ground = any(link.state != "merged" for link in chain)
    dtype = torch.bfloat16 if ground and precision == "bf16" else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": "packed" if kind.packed else "eager"}
    if kind.pooler:
        options["add_pooling_layer"] = False
    four = adapters.quantisation(chain, device, dtype)
    if tuned is not None:
        if four:
            raise InputError(
                'adapter kind = "qlora" holds published weights in 4 bits, but the stage before tuned all of them. '
                'Give that stage the adapter too, or use kind = "lora"'
            )
        built = AutoModel.from_config(config, **options)
        built.load_state_dict(load_file(tuned))
    else:
        built = _published(path, config, {**options, **four})
    _look_both_ways(model, built, causal=kind.causal)
    made = Backbone(built, kind, described)
    if chain:
        adapters.attach(made, chain, seed=seed)
    return made


def _published(path: Path, config: Any, options: dict[str, Any]) -> Any:
    """The encoder of a checkpoint. A pooler that it lacks, which nobody reads, is the same in every run."""
    from transformers import AutoModel

    with quietly(), torch.random.fork_rng(devices=[]):  # it would tell of the language-model head that is left out
        torch.manual_seed(0)
        built, found = AutoModel.from_pretrained(
            path, config=config, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **options
        )
    unlike = {name for name, *_ in found["mismatched_keys"]}
    lacking = sorted(name for name in {*found["missing_keys"], *unlike} if not name.startswith("pooler."))
    if lacking:
        raise DataError(
            f"its weights are not those that its config.json describes: {len(lacking)} are missing or of another size, "
            f"the first is {lacking[0]!r}. They would be random: fetch the checkpoint again, or mend config.json",
            path,
        )
    return built


def _look_both_ways(model: Model, built: Any, *, causal: bool) -> None:
    """`attention = "bidirectional"` lets every token of a decoder see those after it too."""
    said = model.get("attention", "causal")
    if said == "causal":
        return
    if said != "bidirectional":
        raise InputError(f"attention is {said!r}, but it can be 'causal' or 'bidirectional'")
    if not causal:
        raise InputError(f"attention = {said!r} is for decoders, but {model['name']!r} is an encoder and always so")
    for module in built.modules():
        if hasattr(module, "is_causal"):
            module.is_causal = False


@contextmanager
def quietly() -> Iterator[None]:
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def fresh(config: Any, *, seed: int, dropout: float | None = None) -> Backbone:
    """A model with random weights, drawn from `seed` alone."""
    from transformers import AutoModel

    kind = family(config)
    described = config.to_dict()
    _set_dropout(config, kind.dropouts, dropout)
    options: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": "packed" if kind.packed else "eager"}
    if kind.pooler:
        options["add_pooling_layer"] = False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Backbone(AutoModel.from_config(config, **options), kind, described)


def vocabulary_head(
    backbone: Backbone, path: Path, *, seed: int, log: Callable[[str], None] = lambda line: None
) -> VocabularyHead:
    """The language-model head of a checkpoint, or a new one over its embedding where the checkpoint has none."""
    said = backbone.family.language
    tied = not said.table or getattr(backbone.config, "tie_word_embeddings", False)
    table = None if tied else tensors(path, [said.table]).get(said.table)
    made = make(Head("vocabulary", 0), backbone, drop=0.0, seed=seed, width=0 if table is None else table.shape[1])
    assert isinstance(made, VocabularyHead)
    parts = set(made.state_dict())
    ways = [{ours: theirs for ours, theirs in names.items() if ours in parts} for names in said.names or ({},)]
    found = tensors(path, (theirs for names in ways for theirs in names.values()))
    whole = next((names for names in ways if names.keys() == parts and found.keys() >= set(names.values())), None)
    if whole is None or not (tied or table is not None):
        log("the checkpoint has no language-model head: a new one is trained, over the embedding")
        return _over_embedding(backbone, seed=seed)
    made.load_state_dict({ours: found[theirs].float() for ours, theirs in whole.items()})
    made.table = None if table is None else torch.nn.Parameter(table.float())
    return made


def _over_embedding(backbone: Backbone, *, seed: int) -> VocabularyHead:
    """A new language-model head over the embedding."""
    made = make(Head("vocabulary", 0), backbone, drop=0.0, seed=seed)
    assert isinstance(made, VocabularyHead)
    return made


def tensors(path: Path, names: Iterable[str]) -> dict[str, Tensor]:
    """Some tensors of a checkpoint that may be in several files; what is not there is left out."""
    wanted = set(names)
    found: dict[str, Tensor] = {}
    for file in sorted(path.glob("*.safetensors")):
        with safe_open(str(file), framework="pt") as opened:
            for name in wanted & set(opened.keys()):
                found[name] = opened.get_tensor(name)
    return found


def _set_dropout(config: Any, names: Iterable[str], value: float | None) -> None:
    if value is not None:
        for name in names:
            setattr(config, name, value)
