"""An independent judge of what follows from what, written against the meaning of clauses, not the generator's steps.

It compares a hypothesis with one statement, part by part, and says entailment (0), neutral (1) or contradiction (2).
"""

from __future__ import annotations

from waystage.world.clauses import Clause, Phrase
from waystage.world.concepts import ontology

COVERS, CLASHES, OPEN = "covers", "clashes", "open"


def judge(said: Clause, hypothesis: Clause) -> int:
    if said.verb < 0 or hypothesis.verb < 0:
        return _state(said, hypothesis)
    verb = _verb(said.verb, hypothesis.verb)
    if verb == OPEN:
        return 1
    parts = [_phrase(said.subject, hypothesis.subject), _phrase(said.object, hypothesis.object)]
    parts.append(_others(said, hypothesis))
    parts.append(_modifier(said.time, hypothesis.time, exclusive=True))
    parts.append(_modifier(_manner(said), _manner(hypothesis)))
    if said.negative:
        if verb == CLASHES:
            return 1
        backward = [_phrase(hypothesis.subject, said.subject), _phrase(hypothesis.object, said.object)]
        backward += [_others(hypothesis, said), _modifier(hypothesis.time, said.time)]
        backward.append(_modifier(_manner(hypothesis), _manner(said)))
        if hypothesis.negative:
            return 0 if all(p == COVERS for p in backward) else 1
        return 2 if all(p == COVERS for p in backward) else 1
    if OPEN in parts:
        return 1
    clash = (verb == CLASHES) + sum(p == CLASHES for p in parts)
    if clash == 0:
        return 2 if hypothesis.negative else 0
    if clash == 1:
        return 0 if hypothesis.negative else 2
    return 1


def _manner(clause: Clause) -> int | None:
    return clause.manner if clause.manner >= 0 else None


def _verb(a: int, b: int) -> str:
    if a == b:
        return COVERS
    return CLASHES if ontology().opposites.get(a) == b else OPEN


def _phrase(a: Phrase | None, b: Phrase | None) -> str:
    """Whether the second phrase covers what the first speaks of."""
    it = ontology()
    if a == b or b is None:
        return COVERS
    if a is None:
        return OPEN
    if b.head == it.by_name["somebody"]:
        return COVERS if a.name is not None and a.name.kind == "PER" else OPEN
    if a.name is not None or b.name is not None:
        return OPEN
    if a.head != b.head and it.type_word.get(it.concepts[a.head].type) != b.head:
        return OPEN
    if b.adjective >= 0 and b.adjective != a.adjective:
        return CLASHES if it.opposites.get(a.adjective) == b.adjective and a.head == b.head else OPEN
    if b.quantity > 0 and b.quantity != a.quantity:
        return CLASHES if a.quantity > 0 else OPEN
    return COVERS


def _others(a: Clause, b: Clause) -> str:
    if not b.others or a.others == b.others:
        return COVERS
    if not a.others:
        return OPEN
    (one, x), (two, y) = a.others[0], b.others[0]
    return CLASHES if one == two == "in" and x.name is None and y.name is None and x.head != y.head else OPEN


def _modifier(a: object, b: object, *, exclusive: bool = False) -> str:
    if b is None or a == b:
        return COVERS
    if a is None or not exclusive:
        return OPEN
    return CLASHES if a[0] == b[0] else OPEN  # type: ignore[index]


def _state(said: Clause, hypothesis: Clause) -> int:
    if said.subject != hypothesis.subject or said.verb != hypothesis.verb:
        return 1
    if said.predicate == hypothesis.predicate:
        return 0 if said.negative == hypothesis.negative else 2
    if ontology().opposites.get(said.predicate) != hypothesis.predicate or said.negative:
        return 1
    return 0 if hypothesis.negative else 2
