"""The world's own translator: poor, and known to be so. It puts the texts of a task's examples into another language.

It is asked like any other translator, text by text, and nothing but the text goes in: a sentence of which a part is
marked with brackets comes back with the translation of that part marked. `error` percent of the words are wrong, of the
marks lost, and of the marks put around the wrong words. What it should have said is known (`examples`), so what is
projected through it can be judged.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from waystage import tasks as task_table
from waystage.errors import InputError
from waystage.forms.examples import Choice, Example, Pair, Passage, Similar, Span, Tags
from waystage.forms.projection import BRACKETS, kinds, text_of, unspaced
from waystage.tasks.task import Task
from waystage.world.stream import Stream
from waystage.world.tasks.table import generator
from waystage.world.world import World, shares

_MARK = re.compile(f"[{re.escape(''.join(BRACKETS))}]")
Ranges = list[tuple[int, int, str]]  # first character, the one after the last, the brackets


class Translator:
    def __init__(
        self, task: Task, split: str, *, origin: str, source: str, into: str, n: int, error: int, seed: int = 0
    ):
        """`origin` is the language in which the data were written; `source` may itself be a translation of it."""
        self.error = error
        self.kinds = kinds(task.labels)
        self.texts: dict[str, str] = {}
        self.phrases: dict[str, Counter[str]] = defaultdict(Counter)  # of parts of texts
        self.places: dict[tuple[str, tuple[int, int]], tuple[int, int]] = {}  # of answers: text, place -> place
        self.entities: dict[str, Ranges] = {}
        for before, after in zip(
            examples(task, split, source, origin, n, error, seed),
            examples(task, split, into, origin, n, error, seed, translated=True),
            strict=True,
        ):
            self._learn(before, after, source, into)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> str:
        plain = _MARK.sub("", text)
        if plain not in self.texts:
            if text in self.phrases:
                return self._slipped(self.phrases[text].most_common(1)[0][0])
            if text == plain and len(text.split()) < 4:
                return text  # a name or a number that it has never met
            raise InputError(f"the world's translator was asked for a text that is not of this task: {text[:60]!r}")
        out = self.texts[plain]
        ranges = self.entities[out] if plain != text and out in self.entities else self._answers(text, plain)
        return _marked(out, [moved for one in ranges if (moved := self._moved(out, one, text))])

    def _answers(self, text: str, plain: str) -> Ranges:
        if text == plain:
            return []
        at = [found.start() for found in _MARK.finditer(text)]
        start, end = at[0], at[1] - 1
        place = self.places.get((plain, (start, end)))
        return [(*place, text[at[0]] + text[at[1]])] if place else []

    def _moved(self, out: str, one: tuple[int, int, str], text: str) -> tuple[int, int, str] | None:
        """A mark as this translator puts it: mostly in its place, sometimes elsewhere, sometimes not at all."""
        draw = Stream("mark", text, out, one[0])
        if draw.below(100) < self.error:
            return None
        if draw.below(100) < self.error:
            start = draw.below(max(1, len(out) - (one[1] - one[0])))
            return start, start + one[1] - one[0], one[2]
        return one

    def _slipped(self, phrase: str) -> str:
        draw = Stream("phrase", phrase)
        words = phrase.split(" ")
        others = list(self.phrases)
        for i in range(len(words)):
            if draw.below(100) < self.error:
                words[i] = draw.pick(others)
        return " ".join(words)

    def _learn(self, before: Any, after: Any, source: str, into: str) -> None:
        if isinstance(before, Tags):
            self._learn_tags(before, after, source, into)
            return
        for name in _fields(before):
            one, other = getattr(before, name), getattr(after, name)
            for a, b in zip(_list(one), _list(other), strict=True):
                self.texts.setdefault(a, b)
        if isinstance(before, Span) and before.answers and after.answers:
            span = (before.starts[0], before.starts[0] + len(before.answers[0]))
            self.places[before.context, span] = (after.starts[0], after.starts[0] + len(after.answers[0]))
            self.phrases[before.answers[0]][after.answers[0]] += 1

    def _learn_tags(self, before: Tags, after: Tags, source: str, into: str) -> None:
        one, other = text_of(before.words, source), text_of(after.words, into)
        self.texts.setdefault(one, other)
        there = phrases(after, into)
        self.entities.setdefault(other, [(a, b, BRACKETS[self.kinds.index(kind)]) for a, b, kind in there])
        for kind in self.kinds:
            mine = [one[a:b] for a, b, label in phrases(before, source) if label == kind]
            theirs = [other[a:b] for a, b, label in there if label == kind]
            weight = 10 if len(mine) == len(theirs) == 1 else 1  # of two names the order may differ
            for a, b in zip(mine, theirs, strict=False):
                self.phrases[a][b] += weight


def examples(
    task: Task, split: str, language: str, origin: str, n: int, error: int, seed: int = 0, *, translated: bool = False
) -> Iterator[Example]:
    """The examples of a language, or what the translator should make of those of `origin`: none is lost here."""
    if task.members:
        for name, share in shares(task, n):
            yield from examples(
                task_table.get(name), split, language, origin, share, error, seed, translated=translated
            )
        return
    other = origin if translated or language != origin else ""
    setting = World(seed).setting(task, language, split, translated_from=other, error=error if other else 0)
    yield from generator(task)(replace(setting, keeps=True), n)


def phrases(example: Tags, language: str) -> Ranges:
    """Where the phrases of a sentence stand in it, with their labels."""
    gap = 0 if unspaced(language) else 1
    found: Ranges = []
    at = 0
    for word, tag in zip(example.words, example.tags or (), strict=True):
        if tag.startswith("B-"):
            found.append((at, at + len(word), tag[2:]))
        elif tag.startswith("I-") and found:
            found[-1] = (found[-1][0], at + len(word), found[-1][2])
        at += len(word) + gap
    return found


def _fields(example: Example) -> tuple[str, ...]:
    names: dict[type[Example], tuple[str, ...]] = {
        Pair: ("first", "second"), Similar: ("first", "second"), Passage: ("text",),
        Choice: ("context", "question", "options"), Span: ("context", "question"),
    }  # fmt: skip
    return names[type(example)]


def _list(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _marked(text: str, ranges: Ranges) -> str:
    for start, end, marks in sorted(ranges, reverse=True):
        text = text[:start] + marks[0] + text[start:end] + marks[1] + text[end:]
    return text
