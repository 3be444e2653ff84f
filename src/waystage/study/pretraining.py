"""Pretraining as stages like all others: text -> tokens -> a small model; text of the built-in world, or one's own.

All languages at once stay at the frequencies of single words for very long, so a first phase in one language can come
before them; each phase goes on from the weights of the one before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystage import sources
from waystage import tasks as task_table
from waystage.errors import InputError
from waystage.graph.stage import Stage
from waystage.models.identity import identity, local_folder, tokenizer
from waystage.sources import hashes
from waystage.tasks.task import Task

FAMILIES = ("xlm-r", "llama")
HEAD = 32  # width of an attention head
DOCUMENTS = 40_000  # of English: the world has no end of them
RATES = {2: 2e-3, 4: 1.5e-3, 8: 1e-3}  # by layers; what was found to work for the stand-ins


@dataclass(frozen=True, kw_only=True)
class Phase:
    languages: tuple[str, ...]
    steps: int
    length: int = 128  # tokens per sequence, at most
    learning_rate: float = 1.5e-3
    warmup: float = 0.03


def shape(said: str, family: str = "xlm-r") -> dict[str, Any]:
    """ "4x128" is four layers of width 128; the rest follows from the usual proportions of the family."""
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", said)
    if not found or int(found[2]) % HEAD:
        raise InputError(f"shape {said!r}: write LAYERSxWIDTH, the width a multiple of {HEAD}, such as 4x128")
    if family not in FAMILIES:
        raise InputError(f"family {family!r}: stand-ins are made of the families {' and '.join(FAMILIES)}")
    layers, width = int(found[1]), int(found[2])
    inner = 4 * width if family == "xlm-r" else -(-8 * width // 3 // HEAD) * HEAD
    return {"family": family, "layers": layers, "hidden": width, "heads": width // HEAD, "intermediate": inner}


def rate(layers: int) -> float:
    """The learning rate of the nearest number of layers that was tried."""
    return RATES[min(RATES, key=lambda known: (abs(known - layers), known))]


def pretrained(
    shape: Mapping[str, Any], phases: Sequence[Phase], *, text: Mapping[str, str] | None = None,
    documents: int | None = None, tokens_of: str = "standin-m", start: str | None = None, batch: int = 64,
    exponent: float = 0.7, seed: int = 0, threads: int = 1, precision: str = "fp32", store: str = "bf16",
) -> Stage:  # fmt: skip
    """The stage of the last phase. `text`: language -> file, in place of the world; `start`: a model to go on from.

    `documents`: of English in the world, others by their share; of own text so many of each language, or all.
    """
    if not any(phase.steps for phase in phases):
        raise InputError("pretraining of no steps: say how many")
    task, source = _text(text)
    limit = documents or (DOCUMENTS if source == "world" else None)
    reads, places = _tokenizer(tokens_of)
    made: Stage | None = None
    last = [phase for phase in phases if phase.steps][-1]
    for phase in (phase for phase in phases if phase.steps):
        few = ",".join(phase.languages) if len(phase.languages) < 5 else f"{len(phase.languages)} languages"
        rows = Stage(
            kind="rows", name=f"rows {task.name} train {few}", places=sources.places(task, source),
            config={
                "task": task.name, "form": task.form, "split": "train", "languages": list(phase.languages),
                "source": sources.identify(task, source, "train", phase.languages),
                **({"limit": limit} if limit else {}),
            },
        )  # fmt: skip
        tokens = Stage(
            kind="tokens", name=f"tokens {task.name} {few}, {phase.length}", inputs={"rows": rows}, places=places,
            config={
                "task": task.name, "form": task.form, "labels": [], "tokenizer": reads, "max_length": phase.length,
            },
        )  # fmt: skip
        config: dict[str, Any] = {
            "shape": dict(shape), "tokenizer": reads, "seed": seed, "threads": threads, "precision": precision,
            "exponent": exponent, "store": store if phase is last else "fp32",
            # dropout keeps so small a body at the frequencies of single words, and there is nothing to overfit
            "recipe": {"batch": batch, "dropout": 0.0, "learning_rate": phase.learning_rate, "warmup": phase.warmup,
                       "steps": phase.steps},
        }  # fmt: skip
        inputs: dict[str, Stage] = {"tokens": tokens}
        where = dict(places)
        if made is not None:
            inputs["start"] = made
        elif start is not None:
            config["start"] = identity(start)
            begin = local_folder(start)
            where |= {"start": str(begin.resolve())} if begin else {}
        name = f"pretrain {shape['layers']}x{shape['hidden']} {shape['family']} on {few}"
        made = Stage(kind="pretrain", name=name, config=config, inputs=inputs, places=where)
    assert made is not None
    return made


def _tokenizer(said: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of a model, or of a folder that holds no more than a tokenizer.json."""
    if not said.startswith((".", "/", "~")):
        return tokenizer(said), {}
    file = Path(said).expanduser().resolve() / "tokenizer.json"
    if not file.is_file():
        raise InputError(f"tokenizer {said!r}: there is no {file}")
    return {"name": "local", "revision": hashes.sha256(file)[:16]}, {"model": str(file.parent)}


def _text(text: Mapping[str, str] | None) -> tuple[Task, str]:
    if not text:
        return task_table.get("mlm"), "world"
    return sources.own_task("text", {"form": "masked", "files": {"train": dict(text)}}), "files"


def own_text(said: Sequence[str]) -> dict[str, str]:
    """ "sw=news.txt": the text of a language, a document per line; a folder holds one file LANGUAGE.txt for each."""
    found: dict[str, str] = {}
    for one in said:
        code, is_file, path = one.partition("=")
        if is_file:
            found[code] = path
        elif Path(one).is_dir():
            found |= {file.name.split(".")[0]: str(file) for file in sorted(Path(one).glob("*.txt*"))}
        else:
            raise InputError(f"text {one!r}: write LANGUAGE=FILE such as sw=news.txt, or a folder of LANGUAGE.txt")
    if said and not found:
        raise InputError(f"text {said[0]!r}: there is no file LANGUAGE.txt in this folder")
    return found
