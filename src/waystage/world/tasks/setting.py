"""What every generator of examples is given: the task, the language, and streams for what is said and how.

What is said (the plan) never depends on the language when a task is parallel, nor when its examples are translations
from another language. How it is said always does.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from waystage.world.clauses import Clause
from waystage.world.facts import Facts, facts
from waystage.world.forms import Token
from waystage.world.language import Language, english
from waystage.world.names import Pool, pool
from waystage.world.stream import Stream, begun


@dataclass(frozen=True, kw_only=True)
class Setting:
    seed: int
    task: str
    language: str
    split: str  # train, dev, test
    role: str  # intermediate, target
    tongue: Language
    parallel: bool = False
    planned_in: str = ""  # the language whose examples these translate
    error: int = 0  # percent of words that a translator gets wrong
    keeps: bool = False  # whether a translator's example stays although its answer was lost
    labels: tuple[str, ...] = ()
    domain: str = "general"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> Pool:
        return pool(self.seed, f"{self.role}/{self.split}")

    @property
    def facts(self) -> Facts:
        return facts()

    def plan(self, number: int, *more: str) -> Stream:
        language = "" if self.parallel else self.planned_in or self.language
        return Stream(number, after=begun("plan", self.seed, self.task, self.split, language, *more))

    def voice(self, number: int) -> Voice:
        wording = Stream(number, after=begun("voice", self.seed, self.task, self.split, self.language))
        return Voice(self.tongue, wording, self.error)

    def name(self, number: int) -> str:
        return f"{self.task}-{self.split}-{number}" if self.parallel else f"{self.language}-{self.split}-{number}"


class Voice:
    """Puts clauses into words, with the slips of a translator where there is one."""

    __slots__ = ("error", "tongue", "wording")

    def __init__(self, tongue: Language, wording: Stream, error: int = 0):
        self.tongue, self.wording, self.error = tongue, wording, error

    def say(self, clause: Clause) -> str:
        return self.text(self.tongue.sentence(clause, self.wording.bits()))

    def ask(self, clause: Clause, role: str) -> str:
        return self.text(self.tongue.question(clause, role, self.wording.bits()))

    def text(self, tokens: list[Token]) -> str:
        return self.tongue.text(slips(tokens, self.wording, self.error) if self.error else tokens)


def slips(tokens: list[Token], draw: Stream, percent: int, keep: Container[int] = ()) -> list[Token]:
    """What a poor translator makes of a sentence: some words are replaced by another of its words. Length stays."""
    out = list(tokens)
    for i, token in enumerate(tokens):
        if token[1] != "PUNCT" and draw.below(100) < percent and i not in keep:
            out[i] = (tokens[draw.below(len(tokens) - 1)][0], *token[1:])
    return out


def glossed(setting: Setting) -> Setting:
    """The same in plain English."""
    return replace(setting, tongue=english(), error=0)
