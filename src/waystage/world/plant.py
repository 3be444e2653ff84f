"""Planted effects: intermediate tasks of which it is known whether they help, to check statistics from end to end.

`helps`    its training examples come in every language, so that what is learned holds in every language
`near`     they come in the languages of the source language's genus only: these gain, strangers do not
`nothing`  each example carries the label of another one: there is nothing to be learned
`hurts`    labels are turned round and the words of each text are thrown about: what is learned is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from itertools import islice
from typing import Any

from waystage.errors import UnknownName
from waystage.forms.examples import Example, Span
from waystage.languages import get
from waystage.tasks.task import Task
from waystage.world.sampling import PRETRAINED
from waystage.world.stream import Stream, mix

EFFECTS = ("helps", "near", "nothing", "hurts")
Make = Callable[[str, int], Iterator[Example]]  # (language, how many) -> examples
_TEXTS = ("first", "second", "context", "question", "text")


def planted(effect: str, task: Task, language: str, n: int, make: Make) -> Iterator[Example]:
    if effect not in EFFECTS:
        raise UnknownName("planted effect", effect, EFFECTS)
    if effect == "nothing":
        return _strangers_labels(list(make(language, n)))
    if effect == "hurts":
        return (_wrong(example, task) for example in make(language, n))
    home = get(language)
    codes = [code for code in PRETRAINED if effect == "helps" or get(code).genus == home.genus]
    share = -(-n // len(codes))
    return islice((one for code in codes for one in make(code, share)), n)


def _strangers_labels(examples: list[Example]) -> Iterator[Example]:
    """Labels move by a third of the list; tags are dealt anew within their sentence, since lengths differ."""
    count = len(examples)
    for i, example in enumerate(examples):
        other = examples[(i + count // 3 + 1) % count]
        change: dict[str, Any] = {}
        for field in fields(example):
            value = getattr(example, field.name)
            if field.name == "tags" and value is not None:
                change["tags"] = tuple(Stream("deal", example.id).shuffled(value))
            elif field.name in ("label", "score", "gold"):
                change[field.name] = getattr(other, field.name)
        if isinstance(example, Span) and example.answers:
            words = example.context.split(" ")
            word = words[mix("word", example.id) % len(words)]
            change |= {"answers": (word,), "starts": (example.context.index(word),)}
        yield replace(example, **change)


def _wrong(example: Example, task: Task) -> Example:
    change: dict[str, Any] = {}
    for field in fields(example):
        value = getattr(example, field.name)
        if field.name in _TEXTS and isinstance(value, str) and not isinstance(example, Span):
            change[field.name] = " ".join(Stream("throw", example.id, field.name).shuffled(value.split(" ")))
        elif field.name == "label" and isinstance(value, str):
            change["label"] = task.labels[(task.labels.index(value) + 1) % len(task.labels)]
        elif field.name == "label" and isinstance(value, int):
            change["label"] = (value + 1) % len(getattr(example, "options", (0, 0)))
        elif field.name == "tags" and value is not None:
            change["tags"] = tuple(reversed(value))
        elif field.name == "score" and value is not None:
            change["score"] = 5.0 - value
    if isinstance(example, Span) and example.answers:
        words = example.context.split(" ")
        change |= {"answers": (words[0],), "starts": (0,)}
    return replace(example, **change)
