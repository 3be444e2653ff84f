"""What a sentence says, free of any language: phrases and clauses. Languages turn these into words."""

from __future__ import annotations

from typing import NamedTuple


class Name(NamedTuple):
    """Someone or something with a name of its own. The words are sounds, which each language writes in its script."""

    kind: str  # PER, LOC, ORG
    words: tuple[str, ...]


class Phrase(NamedTuple):
    """A noun phrase. `quantity` above zero is a number, below zero a quantifier (see QUANTIFIERS)."""

    head: int = -1  # a concept; -1 with a name
    plural: bool = False
    quantity: int = 0
    adjective: int = -1
    definite: bool = True
    name: Name | None = None
    owner: Name | None = None


class Clause(NamedTuple):
    """Someone does something, or is something (`predicate`: an adjective, or a noun phrase in `object`)."""

    subject: Phrase
    verb: int = -1  # -1: a copula
    object: Phrase | None = None
    predicate: int = -1
    others: tuple[tuple[str, Phrase], ...] = ()  # (relation, phrase): in, to, from, with
    time: tuple[str, int] | None = None  # (when | weekday | month | season, concept) or ("year", number)
    manner: int = -1
    tense: int = 0  # past, present, future
    negative: bool = False


SOME, EVERY, NO, MANY, FEW, HOW_MANY = -1, -2, -3, -4, -5, -6
QUANTIFIERS = {SOME: "some", EVERY: "every", NO: "no", MANY: "many", FEW: "few", HOW_MANY: "how-many"}
RELATIONS = ("in", "to", "from", "with", "by")
PAST, PRESENT, FUTURE = 0, 1, 2


def content(it: Clause) -> tuple[object, ...]:
    """What a clause says in every language: some have neither articles nor number, so these are left away."""
    others = [(role, _content(phrase)) for role, phrase in it.others]
    done_to = it.object and _content(it.object)
    said = (it.verb, it.predicate, it.time, it.manner, it.tense, it.negative)
    return (_content(it.subject), done_to, *said, *others)


def _content(it: Phrase) -> object:
    head, _, quantity, adjective, _, name, owner = it
    return (name or head, owner) if quantity == 0 and adjective < 0 else (head, quantity, adjective, owner)


def speaks_of(it: Clause, name: Name | None) -> bool:
    """Whether somebody is named in a clause beside its subject."""
    return name is not None and (
        (it.object is not None and it.object.name == name) or any(phrase.name == name for _, phrase in it.others)
    )


def named(name: Name) -> Phrase:
    return Phrase(name=name)
