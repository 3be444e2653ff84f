"""Search: translations among sentences, sentences that answer questions, entities that are mentioned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from waystage.forms.examples import Passage
from waystage.world.clauses import Clause, Name, Phrase, named
from waystage.world.facts import Facts
from waystage.world.language import language
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.questions import QUESTIONS, ask, passage_of
from waystage.world.tasks.setting import Setting, Voice

POOL = "candidates"  # the "language" of candidates that belong to no single language


def _in(setting: Setting, code: str) -> Setting:
    return replace(setting, language=code, tongue=language(setting.seed, code))


def bitext(setting: Setting, n: int) -> Iterator[Passage]:
    """Each English sentence asks for its translation among the others. The same sentences in every language."""
    english = _in(setting, "en")
    here = replace(setting, parallel=True)
    for number in range(n):
        clause = _sentence(here.plan(number), setting.facts, setting.names)
        name = f"{setting.language}-{number}"
        yield Passage(id=name, item=str(number), text=here.voice(number).say(clause), query=False)
        text = english.voice(number).say(clause)
        yield Passage(id=f"en-{number}", item=str(number), text=text, query=True, gold=(name,))


def _sentence(draw: Stream, facts: Facts, names: Pool) -> Clause:
    clause = facts.event(draw, names, names=40)
    return clause if clause.object is not None or clause.others else clause._replace(time=facts.time(draw))


def mining(setting: Setting, n: int, *, share: int = 40) -> Iterator[Passage]:
    """Two collections of `n` sentences each, of which `share` percent have a translation on the other side."""
    english = _in(setting, "en")
    alone = 1_000_000
    pairs = max(n * share // 100, min(n, 1))  # something is to be found also among very few
    for number in range(n):
        where = number if number < pairs else number + alone
        clause = _sentence(english.plan(where), setting.facts, setting.names)
        yield Passage(id=f"en-{number:09d}", text=english.voice(number).say(clause), query=False)
    order = Stream("order", setting.seed, setting.task, setting.split, setting.language).shuffled(range(n))
    for place, number in enumerate(order):
        source = english if number < pairs else setting
        where = number if number < pairs else number + 2 * alone
        clause = _sentence(source.plan(where), setting.facts, setting.names)
        gold = (f"en-{number:09d}",) if number < pairs else ()
        text = setting.voice(number).say(clause)
        yield Passage(id=f"{setting.language}-{place:09d}", text=text, query=True, gold=gold)


def answers(setting: Setting, n: int, *, languages: Sequence[str]) -> Iterator[Passage]:
    """As in LAReQA: a question asks for the sentence that answers it, in every language of the pool."""
    facts = setting.facts
    shared = replace(setting, parallel=True)
    for passage in range((n + QUESTIONS - 1) // QUESTIONS):
        plan, voice = shared.plan(passage), setting.voice(passage)
        told = passage_of(plan, facts, setting.names, setting.domain, 4)
        said = [voice.say(clause) for clause in told]
        context = voice.tongue.join(said)
        for i, sentence in enumerate(said):
            text = voice.tongue.join([sentence, context])
            yield Passage(id=f"{setting.language}_{passage}_{i}", cluster=str(passage), text=text, query=False)
        for turn in range(min(QUESTIONS, n - passage * QUESTIONS)):
            asked = ask(plan, facts, setting.names, told, 0, False)
            name = f"q{passage * QUESTIONS + turn}"
            yield Passage(
                id=f"{name}_{setting.language}",
                item=name,
                cluster=str(passage),
                text=voice.ask(asked.question, asked.role),
                query=True,
                gold=tuple(f"{code}_{passage}_{asked.clause}" for code in languages),
            )


def entities(setting: Setting, n: int, *, languages: Sequence[str]) -> Iterator[Passage]:
    """As in Mewsli-X: a mention in its sentence asks for the entity, described in some language of the pool.

    Candidates stand under the language `candidates`; training pairs bring theirs along. A mention and a description
    of one entity share its name, as each language writes it, and one thing that is known of it.
    """
    entities_in_pool = 300
    facts, names = setting.facts, setting.names
    known = [
        _known(Stream("entity", setting.seed, setting.role, setting.split, i), facts, names)
        for i in range(entities_in_pool)
    ]
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
            text=_mention(plan, voice, name, facts_of, facts, names),
            query=True,
            gold=(f"Q{at}",),
        )


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
    event = facts.event(draw, names, transitive=True)._replace(subject=named(name), negative=False)
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
