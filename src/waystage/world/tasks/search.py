"""Search: translations among sentences, sentences that answer questions, entities that are mentioned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from waystage.forms.examples import Passage
from waystage.world.clauses import Clause, Name, Phrase, content, named, speaks_of
from waystage.world.facts import Facts, facts
from waystage.world.language import language
from waystage.world.names import Pool, pool
from waystage.world.stream import Stream
from waystage.world.tasks.questions import QUESTIONS, Asked, ask, passage_of
from waystage.world.tasks.setting import Setting, Voice

TRIES = 200  # of passages that share no answer with the ones before
Key = tuple[object, ...]
POOL = "candidates"  # the "language" of candidates that belong to no single language


def _in(setting: Setting, code: str) -> Setting:
    return replace(setting, language=code, tongue=language(setting.seed, code))


def bitext(setting: Setting, n: int) -> Iterator[Passage]:
    """Each English sentence asks for its translation among the others. The same sentences in every language."""
    english = _in(setting, "en")
    here = replace(setting, parallel=True)
    said: dict[Key, list[Clause]] = defaultdict(list)
    for number in range(n):
        clause = _sentence(here.plan(number), setting.facts, setting.names, said)
        name = f"{setting.language}-{number}"
        yield Passage(id=name, item=str(number), text=here.voice(number).say(clause), query=False)
        text = english.voice(number).say(clause)
        yield Passage(id=f"en-{number}", item=str(number), text=text, query=True, gold=(name,))


def _sentence(draw: Stream, facts: Facts, names: Pool, said: dict[Key, list[Clause]]) -> Clause:
    """A sentence that says something that none before it has said."""
    while True:
        clause = facts.event(draw, names, names=40)
        if clause.object is None and not clause.others:
            clause = clause._replace(time=facts.time(draw, clause.tense))
        thing = clause.object and (clause.object.name or clause.object.head)
        alike = said[clause.verb, clause.tense, clause.time, clause.subject.name or clause.subject.head, thing]
        if not alike or content(clause) not in [content(other) for other in alike]:
            alike.append(clause)
            return clause


def mining(setting: Setting, n: int, *, share: int = 40) -> Iterator[Passage]:
    """Two collections of `n` sentences each, of which `share` percent have a translation on the other side."""
    english = _in(setting, "en")
    alone = 1_000_000
    pairs = max(n * share // 100, min(n, 1))  # something is to be found also among very few
    said: dict[Key, list[Clause]] = defaultdict(list)
    clauses = []
    for number in range(n):
        where = number if number < pairs else number + alone
        clause = _sentence(english.plan(where), setting.facts, setting.names, said)
        clauses.append(clause)
        yield Passage(id=f"en-{number:09d}", text=english.voice(number).say(clause), query=False)
    order = Stream("order", setting.seed, setting.task, setting.split, setting.language).shuffled(range(n))
    for place, number in enumerate(order):
        if number < pairs:
            clause = clauses[number]
        else:
            clause = _sentence(setting.plan(number + 2 * alone), setting.facts, setting.names, said)
        gold = (f"en-{number:09d}",) if number < pairs else ()
        text = setting.voice(number).say(clause)
        yield Passage(id=f"{setting.language}-{place:09d}", text=text, query=True, gold=gold)


def answers(setting: Setting, n: int, *, languages: Sequence[str]) -> Iterator[Passage]:
    """As in LAReQA: a question asks for the sentence that answers it, in every language of the pool."""
    world = setting.facts
    shared = replace(setting, parallel=True)
    clauses: dict[Key, list[Clause]] = defaultdict(list)
    questions: dict[Key, list[Asked]] = defaultdict(list)
    for passage in range((n + QUESTIONS - 1) // QUESTIONS):
        plan, voice = shared.plan(passage), setting.voice(passage)
        for _ in range(TRIES):  # no sentence answers a question about another passage
            told = passage_of(plan, world, setting.names, setting.domain, 4)
            asking = [ask(plan, world, setting.names, told, 0, False) for _ in range(QUESTIONS)]
            if not any(
                vague(one) or any(answers_it(world, one, said) for said in clauses[key_of(one)]) for one in asking
            ) and not any(
                answers_it(world, one, way)
                for said in told
                for way in ways(world, said)
                for key in _keys(world, way)
                for one in questions[key]
            ):
                break
        for one in (way for said in told for way in ways(world, said)):
            for key in _keys(world, one):
                clauses[key].append(one)
        for question in asking:
            questions[key_of(question)].append(question)
        said = [voice.say(clause) for clause in told]
        context = voice.tongue.join(said)
        for i, sentence in enumerate(said):
            text = voice.tongue.join([sentence, context])
            yield Passage(id=f"{setting.language}_{passage}_{i}", cluster=str(passage), text=text, query=False)
        for turn in range(min(QUESTIONS, n - passage * QUESTIONS)):
            asked = asking[turn]
            name = f"q{passage * QUESTIONS + turn}"
            yield Passage(
                id=f"{name}_{setting.language}",
                item=name,
                cluster=str(passage),
                text=voice.ask(asked.question, asked.role),
                query=True,
                gold=tuple(f"{code}_{passage}_{asked.clause}" for code in languages),
            )


def ways(facts: Facts, said: Clause) -> list[Clause]:
    """A statement, and the same event from the other side: who met whom, who lent to him who borrowed."""
    frames = facts.ontology.frames
    frame = frames[said.verb]
    if frame.symmetric and said.object is not None:
        return [said, said._replace(subject=said.object, object=said.subject)]
    if frame.opposite >= 0 and (frame.sources or frames[frame.opposite].sources):
        back = {"to": "from", "from": "to"}
        turned = [(phrase, back[role]) for role, phrase in said.others if role in back]
        return [said, *(said._replace(verb=frame.opposite, subject=p, others=((r, said.subject),)) for p, r in turned)]
    return [said]


def vague(asked: Asked) -> bool:
    """Whether a question says nothing but a verb."""
    shown = asked.question
    return asked.role == "who" and shown.object is None and not shown.others and shown.time is None


def key_of(asked: Asked) -> Key:
    """What a statement must have in common with a question to be looked at at all."""
    shown = asked.question
    if asked.role != "who":
        return shown.verb, "subject", shown.subject.name or shown.subject.head
    if shown.object is not None:
        return shown.verb, "object", shown.object.name or shown.object.head
    return (shown.verb,)


def _keys(facts: Facts, said: Clause) -> list[Key]:
    """The keys of all questions that a statement may answer."""
    out: list[Key] = [(said.verb,)]
    it = facts.ontology
    for part, phrase in (("subject", said.subject), ("object", said.object)):
        if phrase is not None and phrase.name is not None:
            out.append((said.verb, part, phrase.name))
        elif phrase is not None:
            kind = it.type_word.get(it.concepts[phrase.head].type, phrase.head)
            out += [(said.verb, part, noun) for noun in {phrase.head: 0, kind: 0}]
    return out


def answers_it(facts: Facts, asked: Asked, said: Clause) -> bool:
    """Whether a statement answers a question: it has what is asked for, and denies nothing that the question says."""
    shown, role = asked.question, asked.role
    if shown.verb != said.verb or not _has(said, role):
        return False
    if role != "who" and not _may_be(facts, shown.subject, said.subject):
        return False
    done_to = None if role in ("whom", "what") else shown.object
    if done_to is not None and (said.object is None or not _may_be(facts, done_to, said.object)):
        return False
    if role != "when" and shown.time is not None and shown.time != said.time:
        return False
    told = dict(said.others)
    return all(
        relation in told and _may_be(facts, phrase, told[relation])
        for relation, phrase in shown.others
        if role != "where" or relation not in ("in", "to")
    )


def _has(said: Clause, role: str) -> bool:
    if role == "when":
        return said.time is not None
    if role == "where":
        return any(relation in ("in", "to") for relation, _ in said.others)
    return role == "who" or (said.object is not None and (role != "how-many" or said.object.quantity > 0))


def _may_be(facts: Facts, asked: Phrase, said: Phrase) -> bool:
    if asked.name is not None or said.name is not None:
        return asked.name == said.name
    it = facts.ontology
    return asked.head in (said.head, it.type_word.get(it.concepts[said.head].type))


def entities(setting: Setting, n: int, *, languages: Sequence[str]) -> Iterator[Passage]:
    """As in Mewsli-X: a mention in its sentence asks for the entity, described in some language of the pool.

    Candidates stand under the language `candidates`; training pairs bring theirs along. A mention and a description
    of one entity share its name, as each language writes it, and one thing that is known of it.
    """
    entities_in_pool = 300
    world, names = setting.facts, setting.names
    known = _all_known(setting.seed, setting.role, setting.split, entities_in_pool)
    if setting.language == POOL or setting.split == "train":
        for i, (name, facts_of) in enumerate(known):
            code = "en" if setting.split == "train" else languages[i % len(languages)]
            voice = _in(setting, code).voice(10_000 + i)
            said = voice.tongue.join([voice.say(clause) for clause in facts_of])
            title = " ".join(voice.tongue.forms.name(name, 0))
            yield Passage(id=f"Q{i}", text=f"{title}: {said}", query=False)
    if setting.language == POOL:
        return
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        at = plan.below(entities_in_pool)
        name, facts_of = known[at]
        yield Passage(
            id=f"{setting.language}-{number}",
            text=_mention(plan, voice, name, facts_of, world, names),
            query=True,
            gold=(f"Q{at}",),
        )


@cache
def _all_known(seed: int, role: str, split: str, n: int) -> list[tuple[Name, list[Clause]]]:
    """Entities of which no two have a name and something that is known in common."""
    names = pool(seed, f"{role}/{split}")
    taken: set[object] = set()
    out = []
    for i in range(n):
        draw = Stream("entity", seed, role, split, i)
        while True:
            name, known = _known(draw, facts(), names)
            keys = {(name, content(known[0])), (name, content(known[1]))}
            if not keys & taken:
                break
        taken |= keys
        out.append((name, known))
    return out


def _known(draw: Stream, facts: Facts, names: Pool) -> tuple[Name, list[Clause]]:
    """An entity and three clauses about it."""
    kind = draw.below(3)
    name = (names.person(draw), names.place(draw), names.group(draw))[kind]
    it = facts.ontology
    head = draw.pick((facts.person_nouns, facts.cities, facts.companies)[kind])
    fitting = it.fitting.get(head, (-1,))
    is_a = Clause(named(name), -1, Phrase(head, adjective=draw.pick(fitting), definite=False), tense=1)
    if kind == 1:
        visitor = Clause(
            Phrase(draw.pick(facts.person_nouns)), it.by_name["live"], None, -1, (("in", named(name)),), tense=1
        )
        return name, [is_a, visitor]
    event = facts.event(draw, names, transitive=True)
    while speaks_of(event, name):
        event = facts.event(draw, names, transitive=True)
    event = event._replace(subject=named(name), negative=False)
    return name, [is_a, event]


def _mention(draw: Stream, voice: Voice, name: Name, known: list[Clause], facts: Facts, names: Pool) -> str:
    """A sentence with the name in braces, after one that says what is known of the entity."""
    tongue = voice.tongue
    clause = draw.pick(known[1:])
    marks: dict[str, tuple[int, int]] = {}
    tokens = [*tongue.clause(clause, voice.wording.bits(), marks), tongue.stop]
    first, last = marks["subject" if clause.subject.name == name else "in"]
    words = [i for i in range(first, last) if tokens[i][1] == "PROPN"]
    first, last = words[0], words[-1] + 1
    opened, closed = ("{", "PUNCT", "O"), ("}", "PUNCT", "O")
    marked = tongue.text([*tokens[:first], opened, *tokens[first:last], closed, *tokens[last:]])
    return tongue.join([marked, voice.say(known[0]._replace(subject=Phrase(facts.he)))])
