"""What one example of each form is. Sources make these, stages store them as Parquet, forms turn them into tokens.

Every example has an `id` (unique within its task, language and split), an `item` (the same in all languages when the
benchmark is parallel; statistics cross items with languages) and a `cluster` (items that are not independent of each
other, such as the questions of one passage). Labels are None where a benchmark hides them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    id: str
    item: str = ""  # empty: the id itself
    cluster: str = ""  # empty: the item itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair(Example):
    """One or two texts and a label: NLI, paraphrase, topic."""

    first: str
    second: str = ""
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Example):
    """A context, perhaps a question, and any number of options, of which one is right."""

    context: str
    question: str = ""
    options: tuple[str, ...]
    label: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span(Example):
    """Extractive question answering. `starts` are character offsets; no answers at all means unanswerable or hidden."""

    context: str
    question: str
    answers: tuple[str, ...] = ()
    starts: tuple[int, ...] = ()
    answerable: bool | None = True  # None: hidden


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags(Example):
    """One tag per word."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar(Example):
    """Two texts and how alike they are."""

    first: str
    second: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage(Example):
    """One text of a search: a query with the ids of the candidates that answer it, or a candidate."""

    text: str
    query: bool
    gold: tuple[str, ...] | None = ()  # ids of candidates; () for candidates and for queries that nothing answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Example):
    """Running text, for masked language modelling."""

    text: str


EXAMPLES: dict[str, type[Example]] = {
    "pairs": Pair,
    "choice": Choice,
    "spans": Span,
    "tags": Tags,
    "similarity": Similar,
    "retrieval": Passage,
    "masked": Text,
}
