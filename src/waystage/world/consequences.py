"""What cannot be a wrong answer: what follows from what by the rules of cause and effect and by the scripts.

Steps are compared without regard to who it is: what follows for somebody else is no safe wrong answer either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from waystage.world.concepts import Step, ontology

PERSONS = frozenset(("X", "Y"))


@cache
def _fillers(name: str) -> frozenset[str | int]:
    """What a variable or noun of a step can stand for."""
    it = ontology()
    if name in PERSONS:
        return PERSONS
    kind = name.lower()
    return frozenset(it.types[kind] if name.isupper() and kind in it.types else (it.by_name[name],))


def near(a: Step, b: Step) -> bool:
    """Whether two steps may say the same of somebody."""
    if a.predicate != b.predicate:
        return False
    return not a.object or not b.object or bool(_fillers(a.object) & _fillers(b.object))


def _reached(start: Iterable[Step], forward: bool) -> list[Step]:
    """Every effect, or cause, of some steps, and theirs."""
    out: list[Step] = []
    todo = list(start)
    while todo:
        step = todo.pop()
        for cause, effect in ontology().causes:
            here, there = (cause, effect) if forward else (effect, cause)
            if near(here, step) and there not in out:
                out.append(there)
                todo.append(there)
    return out


def _in_scripts(told: Step, forward: bool) -> list[Step]:
    """What comes later, or earlier, in scripts that have such a step."""
    out: list[Step] = []
    for script in ontology().scripts:
        for at, step in enumerate(script):
            if near(step, told):
                out += script[at + 1 :] if forward else script[:at]
    return out


@cache
def apart_from(rule: int, backward: bool) -> tuple[Step, ...]:
    """Steps of persons that neither follow from what a rule tells nor lead to it."""
    cause, effect = ontology().causes[rule]
    told, right = (effect, cause) if backward else (cause, effect)
    linked = [*_reached([told], True), *_reached([told], False), *_in_scripts(told, not backward)]
    every = dict.fromkeys(step for pair in ontology().causes for step in pair if step.subject in PERSONS)
    return tuple(
        step
        for step in every
        if step.predicate not in (told.predicate, right.predicate) and not any(near(step, one) for one in linked)
    )


@cache
def not_next(script: int, known: int) -> tuple[Step, ...]:
    """Steps of other scripts that do not come after the first `known` steps of this one, by rule or by script."""
    scripts = ontology().scripts
    steps = scripts[script]
    linked = [*_reached(steps[:known], True), *steps]
    for step in steps[:known]:
        linked += _in_scripts(step, True)
    every = dict.fromkeys(step for at, other in enumerate(scripts) if at != script for step in other)
    return tuple(
        step
        for step in every
        if step.predicate != steps[known].predicate and not any(near(step, one) for one in linked)
    )


@cache
def kin_of(predicate: int) -> frozenset[int]:
    """Itself, its opposite, and what some rule makes its cause or its effect, at whatever distance."""
    links: dict[int, set[int]] = defaultdict(set)
    for cause, effect in ontology().causes:
        links[cause.predicate].add(effect.predicate)
    forward, backward = {predicate}, {predicate}
    for _ in ontology().causes:
        forward |= {b for a in forward for b in links[a]}
        backward |= {a for a, found in links.items() if found & backward}
    found = forward | backward
    return frozenset(found | {ontology().opposites[one] for one in found if one in ontology().opposites})


@cache
def told_of(verb: int, role: str) -> tuple[int, ...]:
    """Nouns that rules and scripts tell of a verb: its subjects, objects or places."""
    it = ontology()
    found: dict[int, None] = {}
    for step in (step for steps in (*it.causes, *it.scripts) for step in steps):
        if step.predicate != verb:
            continue
        if role == "place":
            found.update({step.place: None} if step.place >= 0 else {})
            continue
        name = step.subject if role == "subject" else step.object
        if name in PERSONS:
            found[it.types["person"][0]] = None
        elif name:
            found.update({noun: None for noun in _fillers(name) if isinstance(noun, int)})
    return tuple(sorted(found))
