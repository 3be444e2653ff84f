"""Tags for words: parts of speech, names, categories of a categorial grammar, relations of a dependency tree."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.forms.examples import Tags
from waystage.world import syntax
from waystage.world.clauses import Clause, Name, Phrase, named
from waystage.world.documents import askable, question_of
from waystage.world.forms import Token
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.setting import Setting, slips

NAMED = 50  # percent of persons and places that have a name
LINKS = ("and", "but", "because", "so", "while", "before", "after")
PARTS = (
    "NOUN", "VERB", "PROPN", "ADJ", "ADP", "DET", "PRON", "ADV", "AUX", "NUM", "PUNCT", "CCONJ", "SCONJ", "PART",
)  # fmt: skip
Plan = tuple[Clause, str, Clause | None]  # a clause, what links it to the next or is asked of it, the next


def examples(setting: Setting, n: int, *, kind: str) -> Iterator[Tags]:
    """`kind`: pos, names."""
    column = {"pos": 1, "names": 2}[kind]
    known = frozenset(setting.labels)
    rest = _rest(setting.labels)
    others = _renamed(kind, setting.labels, rest)
    for number in range(n):
        tokens = tagged_sentence(setting, number, names=90 if kind == "names" else NAMED)
        if kind == "names" and "B-DATE" in known:
            tags = ["B-DATE" if token[1] == "NUM" and len(token[0]) == 4 else token[2] for token in tokens]
        else:
            tags = [token[column] for token in tokens]
        if others:
            tags = [others.get(tag, tag) for tag in tags]
        yield Tags(
            id=setting.name(number),
            words=tuple(token[0] for token in tokens),
            tags=tuple(tag if tag in known else rest for tag in tags),
        )


def analysed(setting: Setting, n: int, *, kind: str) -> Iterator[Tags]:
    """`kind`: categories, relations. What a task has no label for is read as its label for the rest."""
    known, rest = frozenset(setting.labels), _rest(setting.labels)
    for number in range(n):
        wording = setting.voice(number).wording
        tree = analysed_sentence(setting, number, wording)
        tokens = slips(list(tree.tokens), wording, setting.error) if setting.error else tree.tokens
        tags = tree.categories if kind == "categories" else tree.supertags()
        yield Tags(
            id=setting.name(number),
            words=tuple(token[0] for token in tokens),
            tags=tuple(tag if tag in known else rest for tag in tags),
        )


def tagged_sentence(setting: Setting, number: int, *, names: int) -> list[Token]:
    voice, tongue = setting.voice(number), setting.tongue
    first, link, second = _plan(setting, setting.plan(number), names)
    if second is not None:
        one = tongue.clause(first, voice.wording.bits())
        tokens = tongue.joined(one, link, tongue.clause(second, voice.wording.bits()))
    elif link:
        tokens = tongue.question(question_of(first, link), link, voice.wording.bits())
    else:
        tokens = tongue.sentence(first, voice.wording.bits())
    return slips(tokens, voice.wording, setting.error) if setting.error else tokens


def analysed_sentence(setting: Setting, number: int, wording: Stream) -> syntax.Tree:
    tongue = setting.tongue
    first, link, second = _plan(setting, setting.plan(number), NAMED)
    if second is not None:
        one = syntax.clause(tongue, first, wording.bits())
        return syntax.joined(tongue, one, link, syntax.clause(tongue, second, wording.bits()))
    if link:
        return syntax.question(tongue, question_of(first, link), link, wording.bits())
    return syntax.sentence(tongue, first, wording.bits())


def _plan(setting: Setting, plan: Stream, names: int) -> Plan:
    facts = setting.facts

    def clause() -> Clause:
        if plan.below(6) == 0:
            return facts.state(plan, named(setting.names.person(plan)) if plan.below(2) else None)
        said = facts.event(plan, setting.names, domain=setting.domain, names=names)
        return _with_names(plan, setting.names, said) if names > NAMED else said

    kind = plan.below(10)
    first = clause()
    if kind < 3:
        return first, plan.pick(LINKS), clause()
    if kind == 3 and askable(first):
        return first, plan.pick(askable(first)), None
    return first, "", None


def _with_names(plan: Stream, names: Pool, said: Clause) -> Clause:
    """As in text that is annotated for names: firms act as persons do, and one is named after another."""
    if said.subject.name is not None and plan.below(3) == 0:
        said = said._replace(subject=named(names.group(plan)))
    where, phrase = said.others[0] if said.others else ("in", Phrase())
    if phrase.name is None and where in ("in", "to", "from") and plan.below(2):
        other = names.group(plan) if where == "from" else names.place(plan)
        said = said._replace(others=((where, named(other)), *said.others[1:]))
    parts = [said.subject, *(phrase for _, phrase in said.others)]
    first, *others = (p._replace(name=_named_after(plan, names, p.name)) if p.name else p for p in parts)
    return said._replace(
        subject=first, others=tuple((role, p) for (role, _), p in zip(said.others, others, strict=True))
    )


def _named_after(plan: Stream, names: Pool, name: Name) -> Name:
    """A firm or a place called after a person, a person after a place: only the whole and its company tell which."""
    if plan.below(3):
        return name
    other = names.place(plan) if name.kind == "PER" else names.person(plan)
    pair = (name.words[0], other.words[0]) if name.kind == "PER" else (other.words[0], name.words[0])
    return Name(name.kind, pair)


def _renamed(kind: str, labels: tuple[str, ...], rest: str) -> dict[str, str]:
    """Tags of a user's own, none of which is ours, in place of ours: else every word would be of the rest."""
    if kind == "names":
        own = [label[2:] for label in labels if label.startswith("B-")]
        if not own or {"PER", "LOC", "ORG", "DATE"} & set(own):
            return {}
        new = {name: own[place % len(own)] for place, name in enumerate(("PER", "LOC", "ORG"))}
        return {f"{mark}-{name}": f"{mark}-{one}" for name, one in new.items() for mark in "BI"}
    own = [label for label in labels if label != rest]
    if not own or set(PARTS) & set(labels):
        return {}
    return {part: own[place % len(own)] for place, part in enumerate(PARTS)}


def _rest(labels: tuple[str, ...]) -> str:
    return next(label for label in ("other", "O", "X", "dep<", labels[-1]) if label in labels)
