"""Rows of one language put into another: texts by a translator, labels copied, answers and phrases projected.

config: task, form, split, languages (the one that comes out), from, into, translator; labels (of tags); examples
(translate only so many, the same that a later stage with this limit takes). The translator is {"kind": "world", ...} or
{"kind": "seq2seq", "model": ..., "beams", "max_length", and where needed "source", "target" (its names for the
languages), "prefix"}.

Examples keep their ids, so an item is the same item in every language. `audit.json` says what was kept and what was
dropped, why, and shows twenty of each.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from waystage.errors import InputError
from waystage.forms import projection, table
from waystage.forms.examples import Choice, Example, Pair, Passage, Similar, Span, Tags
from waystage.forms.projection import BRACKETS, Dropped
from waystage.stages import Context, Inputs
from waystage.stages.tokens import chosen_rows

SHOWN = 20
CHUNK = 2048  # texts that are translated between two notes of how far it is
Translate = Callable[[Sequence[str]], list[str]]
TEXTS: dict[type[Example], tuple[str, ...]] = {
    Pair: ("first", "second"), Choice: ("context", "question", "options"), Similar: ("first", "second"),
    Passage: ("text",),
}  # fmt: skip


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    rows = inputs["rows"]
    assert isinstance(rows, Path)
    path = rows / f"{config['from']}.parquet"
    examples = table.read(path, config["form"])
    chosen = chosen_rows(path, config.get("examples"))
    if chosen is not None:
        examples = [examples[i] for i in chosen]
    labels = _labels(config, examples)
    work = _Work(config, labels, _translator(config, context), context)
    done = list(work.of(examples))
    kept = [example for example in done if not isinstance(example, Dropped)]
    table.write(out / f"{config['into']}.parquet", kept, form=config["form"])
    audit = {**_audit(examples, done), "sentences cut": work.cut}
    _json(out / "audit.json", audit)
    facts = {"languages": {config["into"]: {"examples": len(kept), "dropped": audit["dropped"]}}, "examples": len(kept)}
    _json(out / "facts.json", facts)
    context.log(f"{config['task']} {config['from']} -> {config['into']}: kept {len(kept)} of {len(examples)}")
    for why, count in audit["dropped"].items():
        context.log(f"dropped {count}: {why}")
    if work.cut:
        context.log(f"{work.cut} sentences were cut at max_length; translate with a larger one to keep their ends")
    return {"examples": len(kept), "dropped": len(examples) - len(kept)}


class _Work:
    """What is asked of the translator and what becomes of its answers, form by form."""

    def __init__(self, config: dict[str, Any], labels: list[str], translate: Translate, context: Context):
        self.source, self.into = config["from"], config["into"]
        self.labels, self.kinds = labels, projection.kinds(labels)
        self.translator = translate
        self.translate = _kept(translate, context)

    @property
    def cut(self) -> int:
        """How many sentences were too long for the translator."""
        return int(getattr(self.translator, "cut", 0))

    def of(self, examples: list[Any]) -> Iterator[Example | Dropped]:
        if not examples:
            return iter(())
        if isinstance(examples[0], Span):
            return self.spans(examples)
        if isinstance(examples[0], Tags):
            return self.tags(examples)
        return self.texts(examples, TEXTS[type(examples[0])])

    def texts(self, examples: list[Any], names: tuple[str, ...]) -> Iterator[Example]:
        asked = {text: None for example in examples for name in names for text in _list(getattr(example, name)) if text}
        said = self.translate(list(asked))
        for example in examples:
            change: dict[str, Any] = {}
            for name in names:
                value = getattr(example, name)
                put = tuple(said.get(text, text) for text in _list(value))
                change[name] = put[0] if isinstance(value, str) else put
            yield replace(example, **change)

    def spans(self, examples: list[Span]) -> Iterator[Example | Dropped]:
        marked = [projection.marked_span(example) for example in examples]
        asked: dict[str, None] = {}
        for example, mark in zip(examples, marked, strict=True):
            asked |= {example.question: None, (mark[0] if mark else example.context): None}
            asked |= dict.fromkeys(example.answers[:1])
        said = self.translate(list(asked))
        for example, mark in zip(examples, marked, strict=True):
            question = said[example.question]
            if mark:
                yield projection.span(
                    example, context=said[mark[0]], pair=mark[1], answer=said[example.answers[0]], question=question
                )
            elif example.answers:
                yield Dropped("the text has brackets of every sort")
            else:
                yield replace(example, context=said[example.context], question=question)

    def tags(self, examples: list[Tags]) -> Iterator[Example | Dropped]:
        if not self.kinds or len(self.kinds) > len(BRACKETS):
            raise InputError(
                f"tags with {len(self.kinds)} kinds of phrases cannot be carried over to a translation: there are "
                f"marks for 1 to {len(BRACKETS)} kinds"
            )
        rest = "O" if "O" in self.labels else next(label for label in self.labels if label[:2] not in ("B-", "I-"))
        marked = [projection.marked_tags(example, self.source, self.kinds) for example in examples]
        alone = [
            [projection.text_of(example.words[a:b], self.source) for a, b, _ in projection.phrases(example)]
            for example in examples
        ]
        asked = {text: None for text in marked if text is not None} | {t: None for texts in alone for t in texts}
        said = self.translate(list(asked))
        for example, sentence, parts in zip(examples, marked, alone, strict=True):
            if sentence is None:
                yield Dropped("the text has brackets of its own")
            else:
                yield projection.tags(
                    example, sentence=said[sentence], alone=[said[part] for part in parts], language=self.into,
                    of_kind=self.kinds, rest=rest,
                )  # fmt: skip


def _kept(translate: Translate, context: Context) -> Callable[[list[str]], dict[str, str]]:
    """Translates chunk by chunk; what a killed run had already translated is read again instead."""

    def all_of(texts: list[str]) -> dict[str, str]:
        said: dict[str, str] = {}
        context.scratch.mkdir(parents=True, exist_ok=True)
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            file = context.scratch / f"translated-{start:09d}.json"
            if file.exists():
                answers = json.loads(file.read_text(encoding="utf-8"))
            else:
                answers = translate(chunk)
                work = file.with_suffix(".writing")
                work.write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8")
                work.rename(file)
            said |= dict(zip(chunk, answers, strict=True))
            context.progress({"step": min(start + CHUNK, len(texts)), "of": len(texts)})
        return said

    return all_of


def _translator(config: dict[str, Any], context: Context) -> Translate:
    said = config["translator"]
    if said["kind"] == "world":
        from waystage import sources
        from waystage.world.translate import Translator

        task = sources.task_of(config["task"], said, {})
        return Translator(
            task, config["split"], origin=said["origin"], source=config["from"], into=config["into"], n=said["limit"],
            error=said["error"], seed=said["seed"],
        )  # fmt: skip
    from waystage.models.seq2seq import Seq2Seq

    return Seq2Seq(said, context.places, source=config["from"], into=config["into"], device=context.device)


def _labels(config: dict[str, Any], examples: list[Any]) -> list[str]:
    if config["form"] != "tags":
        return []
    return config["labels"] or sorted({tag for example in examples for tag in example.tags or ()})


def _audit(examples: list[Any], done: list[Example | Dropped]) -> dict[str, Any]:
    """Counts, and twenty examples of what was kept and of what was dropped: by a hash, so not the first ones."""
    pairs = sorted(zip(examples, done, strict=True), key=lambda pair: hashlib.blake2b(pair[0].id.encode()).digest())
    kept = [(before, after) for before, after in pairs if not isinstance(after, Dropped)]
    dropped = [(before, after) for before, after in pairs if isinstance(after, Dropped)]
    return {
        "kept": len(kept),
        "dropped": dict(sorted(Counter(after.why for _, after in dropped).items())),
        "share kept": round(len(kept) / len(pairs), 4) if pairs else None,
        "examples": [{"source": _shown(before), "translation": _shown(after)} for before, after in kept[:SHOWN]],
        "dropped examples": [{"source": _shown(before), "why": after.why} for before, after in dropped[:SHOWN]],
    }


def _shown(example: Any) -> dict[str, Any]:
    said = asdict(example)
    return {f.name: said[f.name] for f in fields(example) if said[f.name] not in ("", (), None)}


def _list(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1), encoding="utf-8")
