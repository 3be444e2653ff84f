"""Paraphrases: two questions that ask the same or not (as in QQP), two statements of the same words (as in PAWS)."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.forms.examples import Pair
from waystage.world.clauses import Clause, named
from waystage.world.documents import askable, question_of
from waystage.world.facts import Facts
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.nli import against, premise
from waystage.world.tasks.setting import Setting


def questions(setting: Setting, n: int) -> Iterator[Pair]:
    """Duplicate questions differ in wording only; the others in one thing, or in what is asked."""
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        same = plan.below(2)
        first, role, second, other = question_pair(plan, setting.facts, setting.names, setting.domain, bool(same))
        yield Pair(
            id=setting.name(number),
            first=voice.ask(question_of(first, role), role),
            second=voice.ask(question_of(second, other), other),
            label=setting.labels[same],
        )


def question_pair(draw: Stream, facts: Facts, names: Pool, domain: str, same: bool) -> tuple[Clause, str, Clause, str]:
    """Two clauses with the roles that are asked for. Different ones differ in something that the question shows."""
    while True:
        clause = premise(draw, facts, names, domain)._replace(negative=False)
        roles = askable(clause)
        if roles:
            break
    role = draw.pick(roles)
    if same:
        return clause, role, clause, role
    change = draw.below(3)
    if change == 0 and len(roles) > 1:
        return clause, role, clause, draw.pick([r for r in roles if r != role])
    shown = _shown(clause, role)
    for _ in range(6):
        other = against(draw, facts, clause)
        if role in askable(other) and _shown(other, role) != shown:
            return clause, role, other, role
    return clause, role, clause._replace(negative=True), role


def _shown(clause: Clause, role: str) -> Clause:
    """What a question shows: not the time or the place that it asks for."""
    if role == "when":
        clause = clause._replace(time=None)
    if role == "where":
        clause = clause._replace(others=tuple(o for o in clause.others if o[0] not in ("in", "to")))
    return question_of(clause, role)


def swapped(setting: Setting, n: int) -> Iterator[Pair]:
    """Statements with the same words. Those that do not mean the same have two of them exchanged."""
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        same = plan.below(2)
        first, second = swap_pair(plan, setting.facts, setting.names, setting.domain, bool(same))
        yield Pair(
            id=setting.name(number), first=voice.say(first), second=voice.say(second), label=setting.labels[same]
        )


def swap_pair(draw: Stream, facts: Facts, names: Pool, domain: str, same: bool) -> tuple[Clause, Clause]:
    """A statement about two persons or places, and either itself or itself with the two exchanged."""
    while True:
        one, two = names.person(draw), names.person(draw)
        if one != two:
            break
    if draw.below(2):
        clause = facts.event(draw, names, frame=draw.pick(facts.one_sided[domain]))
        clause = clause._replace(subject=named(one), object=named(two))
        other = clause._replace(subject=named(two), object=named(one))
    else:
        frame = draw.pick(facts.giving)
        relation = "to" if frame.goals else "from"
        clause = facts.event(draw, names, frame=frame)
        clause = clause._replace(subject=named(one), others=((relation, named(two)),))
        other = clause._replace(subject=named(two), others=((relation, named(one)),))
    return clause, clause if same else other
