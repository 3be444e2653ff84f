"""Predict all languages of a target with one loaded model, per example, and score what has labels.

config: model, task, form, labels, options, head, languages, precision, threads; for retrieval layer, pooling and sweep
(the scores of every layer, as a file beside; with sweep_threshold = "dev" by a threshold from dev, as the score); only
(some of the languages: the others are candidates of a search, or nothing); selection (which weights of the checkpoint,
where it holds several).
Without a `checkpoint` the model is taken as published, which only retrieval can use.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import InputError
from waystage.forms import retrieval
from waystage.stages import Context, Inputs
from waystage.stages.members import Said, encoded, examples, fitting, said

if TYPE_CHECKING:
    import numpy as np

    from waystage.forms.encoded import Encoded
    from waystage.training.network import Network
    from waystage.training.ranks import Ranks

VERSION = 2


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from waystage.training import setup
    from waystage.training.ranks import together

    setup.threads(config["threads"])
    with together(context.seat, context.device) as ranks:
        return _run(config, inputs, out, context, ranks)


def _run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context, ranks: Ranks) -> dict[str, Any]:
    tokens = _folder(inputs, "tokens")
    checkpoint = inputs.get("checkpoint")
    assert not isinstance(checkpoint, list)
    if checkpoint and config.get("selection"):
        checkpoint = checkpoint / config["selection"]
    task = said(config, tokens)
    network, task = _network(config, task, checkpoint, context, ranks)
    (out / "predictions").mkdir(parents=True, exist_ok=True)  # of the other processes' own, which stays empty
    scores: list[dict[str, Any]] = []
    begun, languages, tokens_read = time.monotonic(), encoded(tokens), 0
    fitting(network.backbone, task.task, languages)
    work = _searches if task.head.kind == "embed" and task.form is retrieval else _answers
    for done, (language, arrays, gold, answers) in enumerate(work(network, task, config, inputs, languages, context)):
        context.progress({"step": done + 1, "of": len(languages)})
        write(out / "predictions" / f"{language}.parquet", answers)
        found = task.score(gold, answers, language)
        number = len(set(answers["id"]))
        scores += [{"language": language, "metric": m, "value": v, "n": number} for m, v in sorted(found.items())]
        tokens_read += len(arrays.ids)
        context.log(f"{task.task} {language}: " + ", ".join(f"{m} {v:.2f}" for m, v in sorted(found.items())))
    swept = _sweep(network, task, config, inputs, languages, context) if config.get("sweep") else None
    if ranks.first:
        _json(out / "scores.json", scores)
        if swept is not None:
            _json(out / "sweep.json", swept)
    seconds = time.monotonic() - begun
    return {
        "seconds": round(seconds, 3), "tokens": tokens_read,
        "tokens_per_second": round(tokens_read / max(seconds, 1e-9), 1),
    }  # fmt: skip


Answered = Iterator[tuple[str, "Encoded", list[Any], dict[str, Any]]]
Languages = list[tuple[str, "Encoded"]]
Side = tuple["np.ndarray", list[Any]]  # vectors, and the passage of each


def _answers(
    network: Network, task: Said, config: dict[str, Any], inputs: Inputs, languages: Languages, context: Context
) -> Answered:
    from waystage.training.predict import outputs

    for language, arrays in _asked(config, languages):
        gold = examples(_folder(inputs, "rows"), language, task.form.NAME)
        raw = outputs(network, task.head_name, arrays)
        if not network.ranks.first:
            continue  # the first process has what all of them computed, and goes on alone
        yield language, arrays, gold, task.form.predict(raw, arrays, gold, labels=task.labels, **task.options)


def _asked(config: dict[str, Any], languages: Languages) -> Languages:
    return [(code, arrays) for code, arrays in languages if code in config.get("only", (code,))]


def _searches(
    network: Network, task: Said, config: dict[str, Any], inputs: Inputs, languages: Languages, context: Context
) -> Answered:
    """Where candidates are pooled, every query looks among those of all languages; else one language at a time."""
    layer, most = config.get("layer"), int(network.backbone.config.num_hidden_layers)
    if layer is not None and not 0 <= int(layer) <= most:
        raise InputError(f"layer is {layer}, but the model has layers 0 (the embedding) to {most}")
    vectors = _vectors(network, config, () if layer is None else (int(layer),))
    dev_tokens = dict(encoded(_folder(inputs, "dev_tokens"))) if "dev_tokens" in inputs else {}
    for some in _searched_together(task, config, languages):
        rows = examples_of(_folder(inputs, "rows"), some)
        found = {code: vectors(arrays)[0] for code, arrays in some}
        dev: dict[str, Side] = {}
        for code, arrays in [(code, dev_tokens[code]) for code, _ in some if code in dev_tokens]:
            passages = examples(_folder(inputs, "dev_rows"), code, "retrieval")
            dev[code] = (vectors(arrays)[0], _shown(arrays, passages))
        for language, arrays in _asked(config, some) if network.ranks.first else ():
            yield language, arrays, rows[language], _search(task, config, language, some, rows, found, dev, context)


def _vectors(network: Network, config: dict[str, Any], layers: Sequence[int]) -> Callable[..., list[np.ndarray]]:
    """How texts become vectors here, of each of the layers."""
    from waystage.models.heads import POOLING
    from waystage.training.predict import embeddings

    pooling = str(config.get("pooling", "mean"))
    if pooling not in POOLING:
        raise InputError(f"pooling is {pooling!r}, but a text becomes a vector by {', '.join(POOLING)}")
    return partial(embeddings, network, layers=layers, pooling=pooling)


def _searched_together(task: Said, config: dict[str, Any], languages: Languages) -> list[Languages]:
    """Mining goes through hundreds of thousands of sentences: the vectors of one language at a time are enough."""
    if task.options.get("mode") == "pool":
        return [languages]
    return [[one] for one in _asked(config, languages)]


def _search(
    task: Said, config: dict[str, Any], language: str, languages: Languages, rows: dict[str, list[Any]],
    vectors: dict[str, np.ndarray], dev: dict[str, Side], context: Context,
) -> dict[str, Any]:  # fmt: skip
    more: dict[str, Any] = {"dev": dev.get(language), "precision": config["precision"], "device": context.device}
    if task.options.get("mode") == "pool":
        others = [(code, arrays) for code, arrays in languages if code != language]
        more["others"] = {code: (vectors[code], _shown(arrays, rows[code])) for code, arrays in others}
    arrays = dict(languages)[language]
    answers: dict[str, Any] = task.form.predict(vectors[language], arrays, rows[language], **task.options, **more)
    return answers


def _sweep(
    network: Network, task: Said, config: dict[str, Any], inputs: Inputs, languages: Languages, context: Context
) -> list[dict[str, Any]]:
    """The scores of every layer from one pass: a report, never a choice. Layer 0 is the embedding.

    The vectors of all layers are files in the scratch folder, of which one layer at a time is read.
    """
    layers = range(int(network.backbone.config.num_hidden_layers) + 1)
    vectors_of = _vectors(network, config, layers)
    held = context.scratch / "sweep"
    by_dev = config.get("sweep_threshold") == "dev"
    dev_tokens = dict(encoded(_folder(inputs, "dev_tokens"))) if by_dev else {}
    scores = []
    for some in _searched_together(task, config, languages):
        rows = examples_of(_folder(inputs, "rows"), some)
        every = {code: vectors_of(arrays, into=held / code) for code, arrays in some}
        dev_some = [(code, dev_tokens[code]) for code, _ in some if code in dev_tokens]
        every_dev = {code: vectors_of(arrays, into=held / f"{code} dev") for code, arrays in dev_some}
        shown = {
            code: _shown(arrays, examples(_folder(inputs, "dev_rows"), code, "retrieval")) for code, arrays in dev_some
        }
        for layer in layers if network.ranks.first else ():
            vectors = {code: found[layer] for code, found in every.items()}
            dev = {code: (found[layer], shown[code]) for code, found in every_dev.items()}
            for code, _ in _asked(config, some):
                answers = _search(task, config, code, some, rows, vectors, dev, context)
                found = task.score(rows[code], answers, code)
                scores += [
                    {"language": code, "layer": layer, "metric": m, "value": v} for m, v in sorted(found.items())
                ]
        del every, every_dev
        if network.ranks.first:
            shutil.rmtree(held, ignore_errors=True)
    return sorted(scores, key=lambda row: row["layer"])


def examples_of(rows: Path, languages: Languages) -> dict[str, list[Any]]:
    return {code: examples(rows, code, "retrieval") for code, _ in languages}


def _shown(arrays: Encoded, passages: list[Any]) -> list[Any]:
    """The passage of each vector."""
    return [passages[row] for row in arrays.example]


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")


def _folder(inputs: Inputs, name: str) -> Path:
    folder = inputs[name]
    assert isinstance(folder, Path)
    return folder


def _network(
    config: dict[str, Any], task: Said, checkpoint: Path | None, context: Context, ranks: Ranks
) -> tuple[Network, Said]:  # fmt: skip
    """The trained network, and the task with the labels that its head was trained on."""
    from dataclasses import replace

    from safetensors.torch import load_file

    from waystage.forms.encoded import Head
    from waystage.models import load
    from waystage.models.heads import make
    from waystage.training import setup
    from waystage.training.network import Network, key

    backbone = load.backbone(
        config["model"], context.places, start=checkpoint, precision=config["precision"], device=context.device
    )
    head = task.head
    if head.kind != "embed":
        if checkpoint is None:
            raise InputError(
                f"task {task.task!r} needs a trained head, but no stage before this evaluation trains one. "
                "Only retrieval can use a model as published: give the target a training stage."
            )
        heads = json.loads((checkpoint / "model.json").read_text(encoding="utf-8"))["heads"]
        if task.head_name not in heads:
            raise InputError(
                f"the checkpoint has no head {task.head_name!r}, it has {', '.join(heads) or 'none'}. "
                "Set `head` of the evaluation to one of them."
            )
        stored = heads[task.head_name]
        head = Head(stored["kind"], stored["size"])
        if stored["labels"]:
            task = replace(task, labels=tuple(stored["labels"]))
    made = make(head, backbone, drop=0.0, seed=0)
    if head.kind != "embed":
        assert checkpoint is not None
        mine = f"{key(task.head_name)}."
        weights = load_file(checkpoint / "heads.safetensors")
        made.load_state_dict({k.removeprefix(mine): v for k, v in weights.items() if k.startswith(mine)})
    network = Network(backbone, {task.head_name: made})
    network.requires_grad_(False)
    setup.compute(network, config["precision"])
    setup.place(network, context.device, ranks)
    return network, task


def write(path: Path, columns: dict[str, Any]) -> None:
    """One row per example. The same columns give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(dict(columns)), path, compression="zstd", store_schema=False)
