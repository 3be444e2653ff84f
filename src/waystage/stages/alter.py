"""Rows made from rows: labels dealt anew, or texts replaced by their translations.

config: task, form, split, languages; change "shuffled-labels" with deal (see `shuffled`), "as-search" (reading
comprehension: the question finds its passage), or "code-switched" with rate and `with` (languages).
inputs: rows; others (for code-switched), the same items in other languages, found again by their ids.

Everything is drawn from the id of an example, so that the same item gets the same label in every language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from waystage.errors import InputError
from waystage.forms import table
from waystage.forms.examples import Choice, Example, Pair, Passage, Similar, Span, Tags
from waystage.forms.projection import unspaced
from waystage.sources import retrieval
from waystage.stages import Context, Inputs


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    rows, others = inputs["rows"], inputs.get("others", [])
    assert isinstance(rows, Path) and isinstance(others, list)
    form = config["form"]
    facts: dict[str, Any] = {"languages": {}}
    for path in sorted(rows.glob("*.parquet")):
        examples = table.read(path, "spans" if config["change"] == "as-search" else form)
        if config["change"] == "as-search":
            changed: list[Any] = list(retrieval.from_spans(iter(examples)))
            number = len(examples)
        elif config["change"] == "shuffled-labels":
            deal = {one for one in config.get("deal", ()) if one != "characters" or unspaced(path.stem)}
            changed, number = shuffled(examples, deal)
        else:
            names = [next(iter(sorted(folder.glob("*.parquet")))) for folder in others]
            changed, number = switched(examples, [table.read(name, form) for name in names], config["rate"])
        table.write(out / path.name, changed, form=form)
        facts["languages"][path.stem] = {"examples": len(changed), "changed": number}
        context.log(f"{config['task']} {path.stem}: {number} of {len(changed)} examples changed ({config['change']})")
    facts["examples"] = sum(found["examples"] for found in facts["languages"].values())
    (out / "facts.json").write_text(json.dumps(facts, sort_keys=True, indent=1), encoding="utf-8")
    return {"examples": facts["examples"]}


# -- labels of strangers -----------------------------------------------------------------------------------------------


def shuffled(examples: list[Any], deal: Collection[str] = ()) -> tuple[list[Any], int]:
    """Each example with the label of another one: the labels are those of the data, and say nothing.

    Spans get another place of the same context, tags are dealt anew within their sentence, options another number: what
    a label may be depends there on the text itself. `deal`: "queries" of a search among themselves, since candidates
    have no label; "answerable", that a question has no answer is a label too; "characters", no spaces part words.
    """
    dealt = [i for i, example in enumerate(examples) if "queries" not in deal or example.query]
    order = sorted(dealt, key=lambda i: _draw(examples[i].id, "order"))
    strangers = {order[i]: examples[order[i - 1]] for i in range(len(order))}
    changed = [_with_label_of(example, strangers.get(i, example), deal) for i, example in enumerate(examples)]
    return changed, sum(before != after for before, after in zip(examples, changed, strict=True))


def _with_label_of(example: Example, other: Any, deal: Collection[str]) -> Example:
    if isinstance(example, Pair):
        return replace(example, label=other.label)
    if isinstance(example, Similar):
        return replace(example, score=other.score)
    if isinstance(example, Choice):
        return replace(example, label=None if example.label is None else _draw(example.id) % len(example.options))
    if isinstance(example, Tags) and example.tags is not None:
        ranked = sorted(range(len(example.tags)), key=lambda i: _draw(example.id, str(i)))
        return replace(example, tags=tuple(example.tags[i] for i in ranked))
    if isinstance(example, Span) and "answerable" in deal and not other.answers:
        return replace(example, answers=(), starts=(), answerable=other.answerable)
    if isinstance(example, Span) and (example.answers or ("answerable" in deal and example.answerable is False)):
        return _elsewhere(example, example if example.answers else other, "" if "characters" in deal else " ")
    if isinstance(example, Passage) and example.query:
        return replace(example, gold=other.gold) if other.query else example
    return example


def _elsewhere(example: Span, like: Span, space: str) -> Span:
    """As many words (or characters, where no space parts words) as an answer has, anywhere in the context."""
    words, answer = (text.split(space) if space else list(text) for text in (example.context, like.answers[0]))
    size = min(len(answer), len(words))
    first = _draw(example.id) % (len(words) - size + 1)
    start = sum(len(word) + len(space) for word in words[:first])
    return replace(example, answers=(space.join(words[first : first + size]),), starts=(start,), answerable=True)


# -- texts in other languages ------------------------------------------------------------------------------------------

_TEXTS = ("first", "second", "question", "options")  # each switched by itself; labels do not depend on them alone
_TOGETHER = {Span: ("context", "answers", "starts"), Choice: ("context",), Tags: ("words", "tags"), Passage: ("text",)}


def switched(examples: list[Any], others: list[list[Any]], rate: float) -> tuple[list[Any], int]:
    """Texts replaced by their translations at a rate, each in a language of its own."""
    found = [{example.id: example for example in translation} for translation in others]
    if not found:
        raise InputError("code switching needs translations of the rows to draw from, and there are none")
    changed = []
    for example in examples:
        change: dict[str, Any] = {}
        for fields in _groups(example):
            draw = _draw(example.id, fields[0])
            other = found[draw // 1_000_003 % len(found)].get(example.id)
            if other is not None and draw % 1_000_003 < rate * 1_000_003:
                change |= {name: getattr(other, name) for name in fields}
        changed.append(replace(example, **change) if change else example)
    return changed, sum(before != after for before, after in zip(examples, changed, strict=True))


def _groups(example: Example) -> Iterable[tuple[str, ...]]:
    yield from ((name,) for name in _TEXTS if getattr(example, name, ""))
    if type(example) in _TOGETHER:
        yield _TOGETHER[type(example)]


def _draw(*words: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest(), "big")
