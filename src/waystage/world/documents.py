"""Running text for pretraining: short documents about people, things and places, in one language each."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.world.clauses import HOW_MANY, Clause, Phrase, named
from waystage.world.facts import DOMAINS, facts
from waystage.world.language import Language, language
from waystage.world.names import Pool, pool
from waystage.world.stream import Stream, begun


class Teller:
    """Puts a plan of a document into words. The plan never depends on the language, only its wording does."""

    def __init__(self, tongue: Language, wording: Stream):
        self.tongue = tongue
        self.wording = wording

    def say(self, clause: Clause) -> str:
        return self.tongue.text(self.tongue.sentence(clause, self.wording.bits()))

    def ask(self, clause: Clause, role: str) -> str:
        return self.tongue.text(self.tongue.question(clause, role, self.wording.bits()))

    def link(self, first: Clause, word: str, second: Clause) -> str:
        tongue, wording = self.tongue, self.wording
        return tongue.text(
            tongue.joined(tongue.clause(first, wording.bits()), word, tongue.clause(second, wording.bits()))
        )


def document(seed: int, code: str, number: int, *, role: str = "pretrain", tongue: Language | None = None) -> str:
    """Document `number` of a language. Numbers of different languages are different documents: nothing is parallel."""
    plan = Stream(number, after=begun("document", seed, code, role))
    tongue = tongue or language(seed, code)
    teller = Teller(tongue, plan)
    names = pool(seed, role)
    kind = plan.below(20)
    if kind < 9:
        sentences = _story(plan, teller, names)
    elif kind < 12:
        sentences = _consequences(plan, teller, names)
    elif kind < 14:
        sentences = _course(plan, teller, names)
    elif kind < 17:
        sentences = _lore(plan, teller)
    else:
        sentences = _portrait(plan, teller, names)
    return tongue.join(sentences)


def _story(plan: Stream, teller: Teller, names: Pool) -> list[str]:
    """Events around two persons, a place and a few things that come up again; now and then said twice, or asked."""
    world = facts()
    cast = (names.person(plan), names.person(plan))
    places = (names.place(plan),)
    domain = DOMAINS[max(0, plan.below(6) - 3)]
    favourites = tuple(plan.pick(world.things) for _ in range(4))
    out: list[str] = []
    last: Clause | None = None
    for _ in range(3 + plan.below(4)):
        if plan.below(5) == 0:
            clause = world.state(plan, named(plan.pick(cast)) if plan.below(2) else None)
        else:
            clause = world.event(plan, names, domain=domain, cast=cast, places=places, favourites=favourites, names=75)
        if last is not None and clause.subject.name and clause.subject == last.subject and plan.below(3):
            clause = clause._replace(subject=Phrase(world.he))
        roll = plan.below(20)
        if roll == 0:
            out.append(
                teller.link(clause, ("and", "but", "while", "before", "after")[plan.below(5)], world.state(plan))
            )
        else:
            out.append(teller.say(clause))
        if roll in (1, 2, 3, 4):
            out.append(teller.say(clause))  # said again: other words for the same
        elif roll in (5, 6, 7, 8) and clause.subject.head != world.he:
            out += _asked(plan, teller, clause)
        elif roll in (9, 10):
            out += _opposed(teller, clause)
        last = clause if clause.subject.name else last
    return out


def askable(clause: Clause) -> list[str]:
    """The roles of a clause that a question can be about."""
    roles = ["who"] if clause.subject.name and clause.subject.name.kind == "PER" else []
    if clause.verb >= 0 and clause.object is not None:
        roles.append("whom" if clause.object.name is not None else "what")
        if clause.object.quantity > 0:
            roles.append("how-many")
    if any(relation in ("in", "to") for relation, _ in clause.others):
        roles.append("where")
    if clause.time is not None and clause.time[0] != "when":
        roles.append("when")
    return roles


def question_of(clause: Clause, role: str) -> Clause:
    """The clause with the role that is asked for replaced by its question word."""
    name = facts().ontology.by_name
    if role == "who":
        return clause._replace(subject=Phrase(name["who"]))
    if role == "whom":
        return clause._replace(object=Phrase(name["who"]))
    if role == "what":
        return clause._replace(object=Phrase(name["what"]))
    if role == "how-many":
        assert clause.object is not None
        return clause._replace(object=clause.object._replace(quantity=HOW_MANY))
    return clause


def _asked(plan: Stream, teller: Teller, clause: Clause) -> list[str]:
    roles = askable(clause)
    if not roles:
        return []
    role = plan.pick(roles)
    return [teller.ask(question_of(clause, role), role), teller.say(clause)]


def _opposed(teller: Teller, clause: Clause) -> list[str]:
    """The same with the opposite word, denied."""
    opposed = facts().opposed(clause)
    return [teller.say(opposed._replace(negative=not clause.negative))] if opposed else []


def _two_persons(plan: Stream, names: Pool) -> dict[str, Phrase]:
    one, two = names.person(plan), names.person(plan)
    while two == one:
        two = names.person(plan)
    return {"X": named(one), "Y": named(two)}


def _consequences(plan: Stream, teller: Teller, names: Pool) -> list[str]:
    """Rules of cause and effect, with `so` or `because`."""
    world = facts()
    out = []
    for _ in range(2 + plan.below(3)):
        rule = plan.pick(world.ontology.causes)
        variables = _two_persons(plan, names)
        if plan.below(4) == 0:
            variables["X"] = Phrase(plan.pick(world.person_nouns))
        cause, effect = (world.bound(step, variables, plan) for step in rule)
        if effect.subject == cause.subject and plan.below(2):
            effect = effect._replace(subject=Phrase(world.he))
        form = plan.below(3)
        if form == 0:
            out.append(teller.link(cause, "so", effect))
        elif form == 1 and effect.subject.head != world.he:
            out.append(teller.link(effect, "because", cause))
        else:
            out += [teller.say(cause), teller.say(effect)]
    return out


def _course(plan: Stream, teller: Teller, names: Pool) -> list[str]:
    """A script from beginning to end."""
    world = facts()
    script = plan.pick(world.ontology.scripts)
    variables = _two_persons(plan, names)
    out = []
    for i, step in enumerate(script):
        clause = world.bound(step, variables, plan)
        if i and clause.subject == variables["X"] and plan.below(3):
            clause = clause._replace(subject=Phrase(world.he))
        out.append(teller.say(clause))
    return out


def _lore(plan: Stream, teller: Teller) -> list[str]:
    """What everybody knows: kinds of things, what is used for what, what things are like, opposites."""
    world = facts()
    it = world.ontology
    out: list[str] = []
    kind = plan.pick(world.kinds)
    members = it.types[kind]
    for noun in plan.sample(members[:3] if plan.below(4) else members, min(len(members), 2 + plan.below(2))):
        plural = not world.is_mass[noun]
        out.append(teller.say(_is_a(noun, it.type_word[kind], plural)))
        if noun in it.fitting and plan.below(2):
            clause = Clause(Phrase(noun, plural, 0, -1, False), -1, None, plan.pick(it.fitting[noun]), tense=1)
            out.append(teller.say(clause))
            out += _opposed(teller, clause) if plan.below(2) else []
    for _ in range(1 + plan.below(3)):
        out.append(teller.say(general_truth(plan)))
    return out


def _is_a(noun: int, kind: int, plural: bool) -> Clause:
    return Clause(
        Phrase(noun, plural, 0, -1, False),
        -1,
        Phrase(kind, plural and not facts().is_mass[kind], 0, -1, False),
        tense=1,
    )


def general_truth(plan: Stream) -> Clause:
    """What is generally done with what, by whom, where: no particular persons or times."""
    world = facts()
    frame = plan.pick(world.verbs[DOMAINS[max(0, plan.below(6) - 3)]])
    subject = plan.pick(world.subjects[frame.verb])
    thing = plan.pick(world.objects[frame.verb]) if frame.objects else -1
    others: tuple[tuple[str, Phrase], ...] = ()
    if frame.tools and plan.below(2):
        others = (("with", Phrase(plan.pick(frame.tools), definite=False)),)
    elif frame.places:
        others = (("in", Phrase(plan.pick(frame.places))),)
    return Clause(
        Phrase(subject, not world.is_mass[subject], 0, -1, False),
        frame.verb,
        Phrase(thing, not world.is_mass[thing], 0, -1, False) if thing >= 0 else None,
        -1,
        others,
        tense=1,
    )


def _portrait(plan: Stream, teller: Teller, names: Pool) -> list[str]:
    """A place, an organisation or a person, introduced."""
    world = facts()
    it = world.ontology
    place = names.place(plan)
    kind = plan.below(3)
    if kind == 0:
        other = names.place(plan)
        head = plan.pick(world.cities)
        out = [
            teller.say(
                Clause(named(place), -1, Phrase(head, adjective=plan.pick(it.fitting[head]), definite=False), tense=1)
            ),
            teller.say(world.event(plan, names, frame=it.frames[it.by_name["visit"]])._replace(object=named(place))),
            teller.say(
                Clause(named(names.person(plan)), it.by_name["live"], None, -1, (("in", named(place)),), tense=1)
            ),
            teller.say(
                Clause(
                    named(names.person(plan)),
                    it.by_name["go"],
                    None,
                    -1,
                    (("from", named(other)), ("to", named(place))),
                )
            ),
        ]
    elif kind == 1:
        group, boss = names.group(plan), names.person(plan)
        head = plan.pick(world.companies)
        adjective = plan.pick(it.fitting.get(head, (-1,)))
        year = ("year", 1960 + plan.below(60))
        out = [
            teller.say(Clause(named(group), -1, Phrase(head, adjective=adjective, definite=False), tense=1)),
            teller.say(Clause(named(boss), it.by_name["lead"], named(group), -1, (("in", named(place)),), tense=1)),
            teller.say(Clause(named(names.person(plan)), it.by_name["join"], named(group), -1, (), year)),
            teller.say(
                Clause(
                    named(group), it.by_name["make"], Phrase(plan.pick(it.types["device"]), True, 0, -1, False), tense=1
                )
            ),
        ]
    else:
        person = names.person(plan)
        job = plan.pick(world.person_nouns)
        year = ("year", 1960 + plan.below(60))
        out = [
            teller.say(
                Clause(named(person), -1, Phrase(job, adjective=plan.pick(it.fitting[job]), definite=False), tense=1)
            ),
            teller.say(Clause(named(person), it.by_name["live"], None, -1, (("in", named(place)),), year)),
            teller.say(
                Clause(Phrase(world.he), it.by_name["work"], None, -1, (("in", named(names.group(plan))),), tense=1)
            ),
            teller.say(world.event(plan, names, cast=(person,), names=100)),
        ]
    return out


def documents(seed: int, code: str, *, start: int = 0, role: str = "pretrain") -> Iterator[str]:
    number = start
    while True:
        yield document(seed, code, number, role=role)
        number += 1
