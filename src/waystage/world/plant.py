"""Planted effects: intermediate tasks of which it is known whether they help, to check statistics from end to end.

`helps`     its training examples come in every language, so that what is learned holds in every language
`near`      they come in the languages of the source language's genus only: these gain, strangers do not
`nothing`   each example carries the label of another one: there is nothing to be learned
`harms`     half of them come in the languages of that genus, half in strangers, and of these every one has the same
            label, every word the same tag, every answer is the first word. The quickest way to be right there is to
            take the language for the whole of the text, so what words mean in strangers is given up, and a target that
            is trained in the source language finds them all alike: strangers lose, however good the source is

Two tasks of one form and the same labels, with the same effect, are two draws from one generator: by symmetry neither
is better than the other, whatever a training makes of them. This is the only zero that is exactly known; `nothing` is
about labels and leaves open what the texts alone do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import chain, islice
from typing import Any

from waystage.errors import UnknownName
from waystage.forms.examples import Example, Span
from waystage.languages import get
from waystage.tasks.task import Task
from waystage.world.sampling import PRETRAINED
from waystage.world.stream import Stream, mix

EFFECTS = ("helps", "near", "nothing", "harms")
Make = Callable[[str, int], Iterator[Example]]  # (language, how many) -> examples


def planted(effect: str, task: Task, language: str, n: int, make: Make) -> Iterator[Example]:
    if effect not in EFFECTS:
        raise UnknownName("planted effect", effect, EFFECTS)
    if effect == "nothing":
        return _strangers_labels(list(make(language, n)))
    near = [code for code in PRETRAINED if get(code).genus == get(language).genus]
    strangers = [code for code in PRETRAINED if code not in near]
    if effect == "near":
        return _from(near, n, make)
    if effect == "helps":
        return _from(PRETRAINED, n, make)
    return chain(_from(near, n - n // 2, make), (_all_alike(one, task) for one in _from(strangers, n // 2, make)))


def _from(codes: Sequence[str], n: int, make: Make) -> Iterator[Example]:
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


def _all_alike(example: Example, task: Task) -> Example:
    change: dict[str, Any] = {}
    for field in fields(example):
        value = getattr(example, field.name)
        if field.name == "label" and value is not None:
            change["label"] = task.labels[-1] if isinstance(value, str) else 0
        elif field.name == "tags" and value is not None:
            change["tags"] = (task.labels[-1],) * len(value)
        elif field.name == "score" and value is not None:
            change["score"] = 0.0
    if isinstance(example, Span) and example.answers:
        change |= {"answers": (example.context.split(" ")[0],), "starts": (0,)}
    return replace(example, **change)
