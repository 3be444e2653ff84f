"""`waystage pretrain`: a small language model of the user's own shape, from the built-in world or from own text."""

from __future__ import annotations

import shutil
from pathlib import Path

from waystage import languages as language_table
from waystage.commands.output import say
from waystage.commands.studies import open_store
from waystage.engines import inline
from waystage.engines.progress import show
from waystage.engines.run import execute
from waystage.errors import InputError, StageError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.study.pretraining import Phase, own_text, pretrained, rate, shape

FILES = ("config.json", "model.safetensors", "tokenizer.json", "curve.parquet")


def pretrain(
    out: Path, *, said_shape: str, family: str, languages: str | None, text: list[str], documents: int | None,
    first: int, steps: int, length: int, learning_rate: float | None, batch: int, tokenizer: str, start: str | None,
    seed: int, threads: int, precision: str, store: Path | None, quiet: bool,
) -> None:  # fmt: skip
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise InputError(f"{out} is there already and not empty: name another folder, or remove it first")
    from waystage.world.sampling import PRETRAINED

    body, own = shape(said_shape, family), own_text(text)
    chosen = _languages(languages, tuple(own) or PRETRAINED)
    learn = learning_rate or rate(int(body["layers"]))
    phases = [Phase(languages=chosen, steps=steps, length=length, learning_rate=learn)]
    if first:
        phases.insert(0, Phase(languages=chosen[:1] if own else ("en",), steps=first, length=min(32, length),
                               learning_rate=learn, warmup=0.1))  # fmt: skip
    stage = pretrained(
        body, phases, text=own, documents=documents, tokens_of=tokenizer, start=start, batch=batch, seed=seed,
        threads=threads, precision=precision,
    )  # fmt: skip
    facts = make(stage, open_store(store), out, quiet=quiet)
    named = out if out.is_absolute() else f"./{out}"
    say(f"{out}: loss {facts['loss']:.2f} at the end, {facts['tokens_per_second']:,.0f} tokens a second")
    say(f'in a study: models = ["{named}"]')


def make(stage: Stage, store: Store, out: Path, *, quiet: bool) -> dict[str, float]:
    """Run what is missing, and copy the checkpoint out of the store."""
    outcome = execute(Plan((stage,)), store, inline.start(), events=show(quiet=quiet))
    if not store.has(stage.fingerprint):
        raise StageError(f"pretraining did not end\n{outcome.text()}")
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(store.path(stage.fingerprint) / name, out / name)
    facts: dict[str, float] = store.manifest(stage.fingerprint)["facts"]
    return facts


def _languages(said: str | None, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    if said is None:
        return otherwise
    chosen = language_table.select(said if "," not in said else [code.strip() for code in said.split(",")])
    missing = [code for code in chosen if code not in otherwise]
    if missing:
        raise InputError(f"--languages: there is no text in {missing[0]!r}; there is in {', '.join(otherwise)}")
    return tuple(chosen)
