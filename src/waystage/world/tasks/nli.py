"""Natural language inference: what follows from a statement, what contradicts it, what is left open.

A hypothesis speaks of the same event as its premise. It follows when it says less; it contradicts when one thing is
said to be otherwise; it is open when it says more, or something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from waystage.forms.examples import Pair
from waystage.world.clauses import PRESENT, SOME, Clause, Phrase, named, speaks_of
from waystage.world.facts import Facts
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.setting import Setting

ENTAILED, OPEN, CONTRADICTED = 0, 1, 2
Inference = tuple[tuple[Clause, ...], Clause, int]  # premises, hypothesis, what it is


def examples(setting: Setting, n: int, *, kind: str = "plain") -> Iterator[Pair]:
    labels = _labels(setting.labels)
    make = {"plain": plain, "adversarial": adversarial, "scene": scene}[kind]
    facts, names, join, domain = setting.facts, setting.names, setting.tongue.join, setting.domain
    for number in range(n):
        plan = setting.plan(number)
        wanted = labels[plan.below(len(labels))]
        premises, hypothesis, _ = make(plan, facts, names, wanted[0], domain)
        voice = setting.voice(number)
        first = voice.say(premises[0]) if len(premises) == 1 else join([voice.say(p) for p in premises])
        yield Pair(id=setting.name(number), first=first, second=voice.say(hypothesis), label=wanted[1])


def _labels(labels: tuple[str, ...]) -> list[tuple[int, str]]:
    """Which of our three classes each label of the task means: by its name, otherwise by its place."""
    known = {"entail": ENTAILED, "neutral": OPEN, "contra": CONTRADICTED, "yes": ENTAILED, "maybe": OPEN}
    known["no"] = CONTRADICTED
    means: list[int | None] = []
    for label in labels:
        said = next((m for start, m in known.items() if label.lower().startswith(start)), None)
        means.append(None if said in means else said)
    for place, said in enumerate(means):
        if said is None:  # two labels never mean the same: there would be nothing to learn
            free = [m for m in (ENTAILED, OPEN, CONTRADICTED) if m not in means]
            means[place] = place if place in free or not free else free[0]
    return [
        (place if said is None else said, label) for place, (said, label) in enumerate(zip(means, labels, strict=True))
    ]


def premise(draw: Stream, facts: Facts, names: Pool, domain: str, *, share: int = 75) -> Clause:
    """A statement with enough in it to say less, or otherwise. Who acts is named in `share` percent of cases."""
    clause = facts.event(draw, names, domain=domain, names=share, transitive=draw.below(4) > 0)
    time = clause.time if clause.time is not None or draw.below(3) else facts.time(draw, clause.tense)
    return clause._replace(time=time, negative=not draw.below(8))


def plain(draw: Stream, facts: Facts, names: Pool, wanted: int, domain: str) -> Inference:
    """As in MNLI: one statement, one to two changes."""
    if draw.below(8) == 0:
        return _about_state(draw, facts, names, wanted)
    said = premise(draw, facts, names, domain)
    if wanted == ENTAILED:
        return (said,), weaker(draw, facts, said), ENTAILED
    if wanted == CONTRADICTED:
        return (said,), against(draw, facts, said), CONTRADICTED
    return (said,), beyond(draw, facts, names, said, domain), OPEN


def scene(draw: Stream, facts: Facts, names: Pool, wanted: int, domain: str) -> Inference:
    """As in SNLI: what is to be seen in a picture, nobody with a name."""
    said = premise(draw, facts, names, domain, share=0)._replace(tense=PRESENT, time=None, negative=False)
    if wanted == ENTAILED:
        return (said,), weaker(draw, facts, said), ENTAILED
    if wanted == CONTRADICTED:
        return (said,), against(draw, facts, said), CONTRADICTED
    return (said,), beyond(draw, facts, names, said, domain)._replace(tense=PRESENT), OPEN


def adversarial(draw: Stream, facts: Facts, names: Pool, wanted: int, domain: str) -> Inference:
    """As in ANLI: two statements, and hypotheses whose words are all there though what they say may not be."""
    one, two = named(names.person(draw)), named(names.person(draw))
    while two == one:
        two = named(names.person(draw))
    a = premise(draw, facts, names, domain)._replace(subject=one)
    while speaks_of(a, one.name) or speaks_of(a, two.name):  # nobody does it to himself, nor the other to the one
        a = premise(draw, facts, names, domain)._replace(subject=one)
    b = premise(draw, facts, names, domain)._replace(subject=two)
    while (
        b.verb == a.verb
        or facts.ontology.opposites.get(a.verb) == b.verb
        or speaks_of(b, one.name)
        or speaks_of(b, two.name)
    ):
        b = premise(draw, facts, names, domain)._replace(subject=two)
    told = (a, b)
    said, other = (a, b) if draw.below(2) else (b, a)
    if wanted == ENTAILED:
        return told, weaker(draw, facts, said), ENTAILED
    if wanted == CONTRADICTED:
        return told, against(draw, facts, said), CONTRADICTED
    if draw.below(3):
        return told, weaker(draw, facts, said)._replace(subject=other.subject), OPEN
    return told, beyond(draw, facts, names, said, domain), OPEN


def _about_state(draw: Stream, facts: Facts, names: Pool, wanted: int) -> Inference:
    """Someone is some way; the opposite word, denied or not."""
    said = facts.state(draw, named(names.person(draw)) if draw.below(2) else None)
    while said.predicate not in facts.ontology.opposites:
        said = facts.state(draw, said.subject if said.subject.name else None)
    opposite = facts.ontology.opposites[said.predicate]
    turned = bool(draw.below(2))
    if wanted == ENTAILED:
        if said.negative or not turned:
            return (said,), said, ENTAILED
        return (said,), said._replace(predicate=opposite, negative=True), ENTAILED
    if wanted == CONTRADICTED:
        if said.negative or not turned:
            return (said,), said._replace(negative=not said.negative), CONTRADICTED
        return (said,), said._replace(predicate=opposite), CONTRADICTED
    fitting = facts.ontology.fitting.get(said.subject.head) or facts.ontology.fitting[facts.person_nouns[0]]
    others = [a for a in fitting if a not in (said.predicate, opposite)]
    if not others:
        other = named(names.person(draw))
        while other == said.subject:
            other = named(names.person(draw))
        return (said,), said._replace(subject=other), OPEN
    return (said,), said._replace(predicate=draw.pick(others), negative=not draw.below(3)), OPEN


def weaker(draw: Stream, facts: Facts, said: Clause) -> Clause:
    """A clause that follows: the same, or less. What is denied may only be said more closely."""
    if said.negative:
        return closer(draw, facts, said) if draw.below(2) else said
    out = said
    for _ in range(1 + draw.below(2)):
        change = draw.below(6)
        if change == 0 and out.others:
            out = out._replace(others=())
        elif change == 1 and (out.time is not None or out.manner >= 0):
            out = out._replace(time=None, manner=-1)
        elif change == 2 and out.object is not None:
            out = out._replace(object=wider(draw, facts, out.object))
        elif change == 3 and out.subject.name is None:
            out = out._replace(subject=wider(draw, facts, out.subject))
        elif change == 4:
            opposed = facts.opposed(out)
            if opposed is not None:
                return opposed._replace(negative=True, manner=-1)
    return out


def wider(draw: Stream, facts: Facts, phrase: Phrase) -> Phrase:
    """A phrase that covers this one: without its property, with the word for its kind, or some for a number."""
    if phrase.name is not None:
        return Phrase(facts.somebody) if phrase.name.kind == "PER" and not draw.below(2) else phrase
    kind = facts.ontology.type_word.get(facts.ontology.concepts[phrase.head].type, phrase.head)
    if phrase.quantity > 0 and draw.below(2):
        return phrase._replace(quantity=SOME)
    if draw.below(2) and kind != phrase.head:
        if facts.is_mass[kind]:  # three apples are food, as bread is
            return Phrase(kind, definite=False)
        if not facts.is_mass[phrase.head]:
            return phrase._replace(head=kind, adjective=-1, definite=False)
    return phrase._replace(adjective=-1)


def against(draw: Stream, facts: Facts, said: Clause) -> Clause:
    """A clause that cannot be true of the same event."""
    if said.negative:
        return said._replace(negative=False)
    for _ in range(4):
        change = draw.below(6)
        if change == 0:
            return _shorter(draw, said)._replace(negative=True)
        if change == 1:
            opposed = facts.opposed(_shorter(draw, said))
            if opposed is not None:
                return opposed
        elif change == 2 and said.object is not None and said.object.adjective in facts.ontology.opposites:
            turned = facts.ontology.opposites[said.object.adjective]
            return said._replace(object=said.object._replace(adjective=turned))
        elif change == 3 and said.object is not None and said.object.quantity > 0:
            number = 2 + draw.below(9)
            if number != said.object.quantity:
                return said._replace(object=said.object._replace(quantity=number))
        elif change == 4 and said.others and said.others[0][0] == "in" and said.others[0][1].head in facts.apart:
            place = draw.pick(facts.apart)
            if place != said.others[0][1].head:
                return said._replace(others=(("in", said.others[0][1]._replace(head=place)),))
        elif change == 5 and said.time is not None and said.time[0] != "when":
            time = facts.time(draw, said.tense)
            if time[0] == said.time[0] and time != said.time:
                return said._replace(time=time)
    return said._replace(negative=True)


def _shorter(draw: Stream, said: Clause) -> Clause:
    return said._replace(others=(), time=None) if draw.below(2) else said


def closer(draw: Stream, facts: Facts, said: Clause) -> Clause:
    """The same with something added that was not there."""
    frame = facts.ontology.frames[said.verb]
    choices = []
    if said.object is not None and said.object.name is None and said.object.adjective < 0:
        fitting = facts.ontology.fitting.get(said.object.head)
        if fitting:
            choices.append(said._replace(object=said.object._replace(adjective=draw.pick(fitting))))
    if not said.others and frame.places:
        choices.append(said._replace(others=(("in", Phrase(draw.pick(frame.places))),)))
    if said.time is None:
        choices.append(said._replace(time=facts.time(draw, said.tense)))
    if said.manner < 0:
        choices.append(said._replace(manner=draw.pick(facts.manners)))
    return draw.pick(choices) if choices else said


def beyond(draw: Stream, facts: Facts, names: Pool, said: Clause, domain: str) -> Clause:
    """A clause that is left open: it says more than was said, or something else about the same people."""
    if not said.negative and draw.below(5) < 3:
        added = closer(draw, facts, said)
        if added != said:
            return added
    if said.negative and (said.others or said.time) and draw.below(2):
        return said._replace(others=(), time=None)
    other = facts.event(draw, names, domain=domain, names=75, transitive=said.object is not None)
    while (
        other.verb == said.verb
        or facts.ontology.opposites.get(said.verb) == other.verb
        or speaks_of(other, said.subject.name)
    ):
        other = facts.event(draw, names, domain=domain, names=75, transitive=said.object is not None)
    return other._replace(subject=said.subject, tense=said.tense, time=said.time)
