"""What happens in the world: draws clauses that make sense, frequent things more often than rare ones."""

from __future__ import annotations

from functools import cache

from waystage.world.clauses import FUTURE, MANY, PAST, PRESENT, SOME, Clause, Name, Phrase, named
from waystage.world.concepts import Frame, Ontology, Step, ontology
from waystage.world.language import is_mass
from waystage.world.names import Pool
from waystage.world.stream import Stream, mix, zipf_table

PERSONS = {"person", "medic", "official", "patient"}
TENSES = (PAST, PAST, PAST, PAST, PAST, PRESENT, PRESENT, FUTURE)
DOMAINS = ("general", "medicine", "commerce")


class Facts:
    """Drawing tables over the ontology; the same for every language and seed."""

    def __init__(self, it: Ontology):
        self.ontology = it
        self.is_person = [c.type in PERSONS and c.kind == "noun" for c in it.concepts]
        self.is_mass = [is_mass(c.id) for c in it.concepts]
        frames = sorted(it.frames.values(), key=lambda f: mix("rank", f.verb))
        self.verbs = {d: zipf_table([f for f in frames if f.domain == d], offset=5) for d in DOMAINS}
        self.subjects = {f.verb: self._preferred(f.verb, "subject", f.subjects) for f in frames}
        self.objects = {f.verb: self._preferred(f.verb, "object", f.objects) for f in frames if f.objects}
        self.object_sets = {f.verb: frozenset(f.objects) for f in frames}
        self.transitive = {d: zipf_table([f for f in frames if f.domain == d and f.objects], offset=5) for d in DOMAINS}
        to_persons = {f.verb for f in frames if any(self.is_person[o] for o in f.objects)}
        general = [f for f in self.transitive["general"] if f.verb in to_persons]
        self.between_persons = {d: [f for f in self.transitive[d] if f.verb in to_persons] or general for d in DOMAINS}
        self.one_sided = {d: [f for f in table if not f.symmetric] for d, table in self.between_persons.items()}
        giving = {f.verb for f in frames if any(self.is_person[o] for o in (*f.goals, *f.sources))}
        self.giving = [f for f in self.transitive["general"] if f.verb in giving]
        name = it.by_name
        self.when = tuple(name[w] for w in ("yesterday", "always", "often"))
        self.weekdays, self.months, self.seasons = it.kind("weekday"), it.kind("month"), it.kind("season")
        self.manners = it.kind("manner")
        self.he, self.they, self.somebody = name["he"], name["they"], name["somebody"]
        self.person_nouns = zipf_table(it.types["person"], offset=3)
        rank = {noun: (place, at) for at, t in enumerate(it.types) for place, noun in enumerate(it.types[t])}
        by_rank = sorted(rank, key=lambda noun: rank[noun])
        self.things = zipf_table(by_rank, offset=12)
        self.things_with_properties = zipf_table([n for n in by_rank if n in it.fitting], offset=12)
        self.kinds = zipf_table([t for t in it.types if len(it.types[t]) > 2], offset=6)
        self.cities = (*it.types["outdoors"][:2], name["island"])
        houses = [c.id for c in it.concepts if c.kind == "noun" and c.type in ("building", "clinic")]
        self.apart = tuple(noun for noun in houses if noun not in it.nested)  # who is in one is in no other
        self.companies = (name["company"], name["bank"], name["club"], name["factory"], name["museum"])

    def _preferred(self, verb: int, role: str, nouns: tuple[int, ...]) -> list[int]:
        """Frequent things first, but every verb has favourites of its own, so that its company tells what it means."""
        rank = {noun: place for nouns_of in self.ontology.types.values() for place, noun in enumerate(nouns_of)}
        order = sorted(nouns, key=lambda n: (rank.get(n, 0) * 4 + mix("prefers", verb, role, n) % 16, n))
        return zipf_table(order, offset=2)

    def phrase(self, draw: Stream, noun: int, *, rich: int = 30) -> Phrase:
        """A noun as it may come in a text: number, article, and a property in `rich` percent of cases."""
        bits = draw.bits() >> 4
        plural, count = False, 0
        if not self.is_mass[noun]:
            choice = bits & 15
            if choice < 4:
                plural = True
                if choice == 0:
                    count = 2 + (bits >> 5) % 9
                elif choice == 1:
                    count = (MANY, SOME)[(bits >> 5) % 2]
        adjective = -1
        if draw.below(100) < rich:
            fitting = self.ontology.fitting.get(noun)
            if fitting:
                skew = (bits >> 9) & 255
                adjective = fitting[(skew * skew * skew * len(fitting)) >> 24]
        return Phrase(noun, plural, count, adjective, bool(bits & 0x1000))

    def time(self, draw: Stream, tense: int) -> tuple[str, int]:
        """When something was, is or will be: yesterday and the years that are told of are past."""
        kind = draw.below(8) if tense == PAST else draw.below(6)
        if tense != PAST and kind == 5:
            return ("month", draw.pick(self.months))
        if kind < 3:
            return ("weekday", draw.pick(self.weekdays))
        if kind < 5:
            return ("season", draw.pick(self.seasons))
        if kind < 7:
            return ("year", 1960 + draw.below(60)) if draw.below(4) else ("month", draw.pick(self.months))
        return ("when", self.when[0])

    def event(
        self,
        draw: Stream,
        pool: Pool,
        *,
        frame: Frame | None = None,
        domain: str = "general",
        cast: tuple[Name, ...] = (),
        places: tuple[Name, ...] = (),
        favourites: tuple[int, ...] = (),
        names: int = 45,
        transitive: bool = False,
    ) -> Clause:
        """Something that someone did. Persons come from `cast` when there is one, otherwise from the pool."""
        if frame is None:
            table = self.transitive if transitive else self.verbs
            frame = draw.pick(table[domain if domain == "general" or draw.below(10) < 6 else "general"])
        verb = frame.verb
        subject = self._who(draw, pool, draw.pick(self.subjects[verb]), cast, names)
        thing: Phrase | None = None
        if frame.objects:
            noun = -1
            for favourite in favourites:
                if favourite in self.object_sets[verb] and draw.below(2):
                    noun = favourite
                    break
            if noun < 0:
                noun = draw.pick(self.objects[verb])
            if self.is_person[noun] and draw.below(100) < names:
                name = draw.pick(cast) if cast else pool.person(draw)
                thing = named(name) if name != subject.name else self.phrase(draw, noun)
            else:
                thing = self.phrase(draw, noun)
        others: list[tuple[str, Phrase]] = []
        if frame.goals and draw.below(10) < 7:
            others.append(("to", self._where_to(draw, pool, draw.pick(frame.goals), cast, places, names, subject)))
        elif frame.sources and draw.below(10) < 6:
            others.append(("from", self._where_to(draw, pool, draw.pick(frame.sources), cast, places, names, subject)))
        if frame.tools and draw.below(10) < 4:
            others.append(("with", Phrase(draw.pick(frame.tools))))
        if frame.places and not others and draw.below(10) < 5:
            if draw.below(4):
                others.append(("in", Phrase(draw.pick(frame.places))))
            else:
                others.append(("in", named(draw.pick(places) if places else pool.place(draw))))
        tense = TENSES[draw.below(8)]
        time = self.time(draw, tense) if draw.below(10) < 3 else None
        manner = draw.pick(self.manners) if not draw.below(10) else -1
        return Clause(subject, verb, thing, -1, tuple(others), time, manner, tense, not draw.below(12))

    def _who(self, draw: Stream, pool: Pool, noun: int, cast: tuple[Name, ...], names: int) -> Phrase:
        if self.is_person[noun] and draw.below(100) < names:
            return named(draw.pick(cast) if cast else pool.person(draw))
        if self.ontology.concepts[noun].type == "group" and draw.below(100) < names:
            return named(pool.group(draw))
        return self.phrase(draw, noun, rich=20)

    def _where_to(
        self,
        draw: Stream,
        pool: Pool,
        noun: int,
        cast: tuple[Name, ...],
        places: tuple[Name, ...],
        names: int,
        subject: Phrase,
    ) -> Phrase:
        kind = self.ontology.concepts[noun].type
        if self.is_person[noun] and draw.below(100) < names:
            name = draw.pick(cast) if cast else pool.person(draw)
            return named(name) if name != subject.name else Phrase(noun)
        if kind == "group" and draw.below(100) < names:
            return named(pool.group(draw))
        if kind == "outdoors" and draw.below(100) < 40:
            return named(draw.pick(places) if places else pool.place(draw))
        return Phrase(noun)

    def state(self, draw: Stream, subject: Phrase | None = None) -> Clause:
        """Something is some way."""
        if subject is not None and subject.name is not None:
            noun = draw.pick(self.person_nouns)
        else:
            noun = draw.pick(self.things_with_properties)
        fitting = self.ontology.fitting[noun]
        adjective = fitting[min(draw.below(len(fitting)), draw.below(len(fitting)))]
        who = subject if subject is not None else Phrase(noun, not self.is_mass[noun] and not draw.below(4))
        return Clause(who, -1, None, adjective, (), None, -1, draw.below(2), not draw.below(8))

    def bound(self, step: Step, variables: dict[str, Phrase], draw: Stream, tense: int = 0) -> Clause:
        """A step of a rule or script with its variables filled; new variables are drawn and remembered."""
        subject = self._variable(step.subject, variables, draw)
        if step.predicate not in self.ontology.frames:
            return Clause(subject, -1, None, step.predicate, (), None, -1, tense)
        thing = None
        others: tuple[tuple[str, Phrase], ...] = ()
        frame = self.ontology.frames[step.predicate]
        if step.object:
            filler = self._variable(step.object, variables, draw)
            if frame.objects:
                thing = filler
            else:
                others = (("to", filler),)
        if step.place >= 0:
            others = (("in", Phrase(step.place)),)
        return Clause(subject, step.predicate, thing, -1, others, None, -1, tense)

    def _variable(self, name: str, variables: dict[str, Phrase], draw: Stream) -> Phrase:
        if name not in variables:
            kind = name.lower()
            if name.isupper() and kind in self.ontology.types:
                variables[name] = Phrase(draw.pick(self.ontology.types[kind]))
            else:
                variables[name] = Phrase(self.ontology.by_name[name])
        return variables[name]

    def opposed(self, said: Clause) -> Clause | None:
        """The same with the opposite word, and without what goes with the first word only: lend to, borrow from."""
        opposite = self.ontology.opposites.get(said.verb if said.verb >= 0 else said.predicate, -1)
        if opposite < 0:
            return None
        if said.verb < 0:
            return said._replace(predicate=opposite)
        frame = self.ontology.frames[opposite]
        goes = {"to": frame.goals, "from": frame.sources, "with": frame.tools}
        return said._replace(verb=opposite, others=tuple(o for o in said.others if goes.get(o[0], True)))


@cache
def facts() -> Facts:
    return Facts(ontology())
