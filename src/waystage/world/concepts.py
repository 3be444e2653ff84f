"""What can be spoken of: things, events, properties, and what follows from what. Read from `data/concepts.txt`.

Concepts are numbers (their place in `Ontology.concepts`), so that sentences are put together without looking at text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

SECOND_WORDS = {"noun": 3, "verb": 60, "adj": 40}  # how many of a kind (of each type of noun) may have a synonym


@dataclass(frozen=True, slots=True)
class Concept:
    id: int
    name: str
    kind: str  # noun, verb, adj, manner, when, weekday, month, season, number, function
    type: str = ""  # of nouns
    domain: str = "general"
    forms: tuple[str, ...] = ()  # English: plural of nouns; past and participle of verbs
    synonym: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """How a verb is used: who does it to what, where, with what, to whom, and its opposite."""

    verb: int
    subjects: tuple[int, ...]
    objects: tuple[int, ...]
    places: tuple[int, ...] = ()
    tools: tuple[int, ...] = ()
    goals: tuple[int, ...] = ()  # to whom, to where
    sources: tuple[int, ...] = ()  # from whom
    opposite: int = -1
    symmetric: bool = False  # who does it to another has it done by the other, too
    domain: str = "general"


@dataclass(frozen=True, slots=True)
class Step:
    """One clause of a rule or script: who, does or is what, to what, where. Variables are X, Y or CAPITAL types."""

    subject: str
    predicate: int
    object: str = ""
    place: int = -1


@dataclass(frozen=True)
class Ontology:
    concepts: tuple[Concept, ...]
    by_name: dict[str, int]
    types: dict[str, tuple[int, ...]]  # the members of a type, without the type's own word
    type_word: dict[str, int]
    frames: dict[int, Frame]
    adjectives: dict[int, tuple[int, ...]]  # adjective -> nouns it is said of
    opposites: dict[int, int]  # of verbs and adjectives
    colours: tuple[int, ...]
    fitting: dict[int, tuple[int, ...]] = field(default_factory=dict)  # noun -> adjectives
    causes: tuple[tuple[Step, Step], ...] = ()
    scripts: tuple[tuple[Step, ...], ...] = ()
    mass: frozenset[int] = frozenset()  # nouns that are not counted
    alike: dict[str, frozenset[str]] = field(default_factory=dict)  # type -> types that it may also be, and itself
    nested: frozenset[int] = frozenset()  # places that hold others, or stand in others

    def kind(self, name: str) -> tuple[int, ...]:
        return tuple(c.id for c in self.concepts if c.kind == name)


def _plural(word: str) -> str:
    if word.endswith(("s", "x", "ch", "sh", "z")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ied"
    return word + ("ped" if word in ("drop", "grip") else "ted" if word in ("commit", "acquit", "permit") else "ed")


class _Reader:
    def __init__(self) -> None:
        self.concepts: list[Concept] = []
        self.by_name: dict[str, int] = {}
        self.types: dict[str, list[int]] = defaultdict(list)
        self.type_word: dict[str, int] = {}
        self.count: Counter[str] = Counter()

    def add(self, entry: str, kind: str, **more: str) -> int:
        entry, _, synonym = entry.strip().partition("=")
        name, _, plural = entry.partition("/")
        words = tuple(name.split())
        name = words[0]
        if kind == "noun":
            forms: tuple[str, ...] = (plural or _plural(name),)
        elif kind == "verb":
            forms = words[1:] or (_past(name), _past(name))
        else:
            forms = ()
        key = name if name not in self.by_name else f"{name}.{kind}"
        assert key not in self.by_name, key
        rank = self.count[kind + more.get("type", "")]
        self.count[kind + more.get("type", "")] += 1
        if rank >= SECOND_WORDS.get(kind, 0):
            synonym = ""
        concept = Concept(len(self.concepts), name, kind, forms=forms, synonym=synonym.partition("/")[0], **more)
        self.concepts.append(concept)
        self.by_name[key] = concept.id
        return concept.id

    def nouns(self, text: str) -> tuple[int, ...]:
        """The nouns that a list of types and single nouns stands for, in order."""
        out: list[int] = []
        for word in text.split():
            if word in self.types:
                out += self.types[word]
            elif word != "-":
                out.append(self.by_name[word])
        return tuple(dict.fromkeys(out))

    def step(self, text: str) -> Step:
        words = text.split()
        place = self.by_name[words.pop()[1:]] if words[-1].startswith("@") else -1
        subject, verb, *rest = words
        if verb == "be":
            adjective = f"{rest[0]}.adj" if f"{rest[0]}.adj" in self.by_name else rest[0]
            return Step(subject, self.by_name[adjective])
        verb = f"{verb}.verb" if f"{verb}.verb" in self.by_name else verb
        return Step(subject, self.by_name[verb], rest[0] if rest else "", place)


@cache
def ontology() -> Ontology:
    text = (files("waystage.world") / "data/concepts.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    reader = _Reader()
    for line in lines:
        head, _, body = line.partition(":")
        if head.startswith("noun "):
            _, kind, domain = head.split()
            ids = [reader.add(entry, "noun", type=kind, domain=domain) for entry in body.split(",")]
            reader.type_word[kind] = ids[0]
            reader.types[kind] = ids[1:] or ids
        elif head in ("manner", "when", "weekday", "month", "season", "number", "function"):
            for entry in body.split(","):
                reader.add(entry, head)
    frames, adjectives, opposites, colours = _verbs_and_adjectives(reader, lines)
    fitting: dict[int, list[int]] = defaultdict(list)
    for adjective, nouns in adjectives.items():
        for noun in nouns:
            fitting[noun].append(adjective)
    causes, scripts = [], []
    mass: set[int] = set()
    nested: set[int] = set()
    alike = {kind: {kind} for kind in reader.types}
    for line in lines:
        head, _, body = line.partition(":")
        if head == "cause":
            cause, effect = (reader.step(part) for part in body.split(">"))
            causes.append((cause, effect))
        elif head == "script":
            scripts.append(tuple(reader.step(part) for part in body.split(";")))
        elif head == "mass":
            mass.update(reader.by_name[word] for word in body.split())
        elif head == "nested":
            nested.update(reader.by_name[word] for word in body.split())
        elif head == "alike":
            for kind in body.split():
                alike[kind].update(body.split())
    return Ontology(
        concepts=tuple(reader.concepts),
        by_name=reader.by_name,
        types={k: tuple(v) for k, v in reader.types.items()},
        type_word=reader.type_word,
        frames=frames,
        adjectives=adjectives,
        opposites=opposites,
        colours=tuple(colours),
        fitting={k: tuple(v) for k, v in fitting.items()},
        causes=tuple(causes),
        scripts=tuple(scripts),
        mass=frozenset(mass),
        alike={kind: frozenset(kinds) for kind, kinds in alike.items()},
        nested=frozenset(nested),
    )


def _verbs_and_adjectives(
    reader: _Reader, lines: list[str]
) -> tuple[dict[int, Frame], dict[int, tuple[int, ...]], dict[int, int], list[int]]:
    adjectives: dict[int, tuple[int, ...]] = {}
    opposites: dict[int, int] = {}
    colours: list[int] = []
    verbs: list[tuple[int, list[str]]] = []
    for line in lines:
        head, _, body = line.partition(":")
        if head == "adj":
            words, _, types = body.partition(";")
            ids = [reader.add(entry, "adj") for entry in words.split("|")]
            nouns = reader.nouns(types)
            adjectives.update(dict.fromkeys(ids, nouns))
            if len(ids) == 2:
                opposites[ids[0]], opposites[ids[1]] = ids[1], ids[0]
            else:
                colours.append(ids[0])
        elif head == "verb":
            columns = [column.strip() for column in body.split(";")]
            forms, _, synonym = columns[0].partition(" =")
            verbs.append((reader.add(f"{forms}={synonym}", "verb"), columns))
    names = {reader.concepts[verb].name: verb for verb, _ in verbs}
    frames = {}
    for verb, columns in verbs:
        extras: dict[str, str] = {}
        for column in columns[4:]:
            key, _, value = column.partition("=")
            extras[key] = value
        opposite = names[extras["ant"]] if "ant" in extras else -1
        if opposite >= 0:
            opposites[verb] = opposite
        subjects = reader.nouns(columns[1])
        special = [reader.concepts[n].domain for n in reader.nouns(columns[2]) or subjects]
        domain = next((d for d in ("medicine", "commerce") if special.count(d) * 2 > len(special)), "general")
        frames[verb] = Frame(
            verb,
            subjects,
            reader.nouns(columns[2]),
            reader.nouns(columns[3]) if len(columns) > 3 else (),
            reader.nouns(extras.get("inst", "")),
            reader.nouns(extras.get("to", "") or extras.get("goal", "")),
            reader.nouns(extras.get("from", "")),
            opposite,
            "symmetric" in extras,
            domain,
        )
    one_way = [reader.concepts[a].name for a, b in opposites.items() if opposites.get(b) != a]
    assert not one_way, f"an opposite has this one as its own: {', '.join(one_way)}"
    return frames, adjectives, opposites, colours
