"""Multiple choice: how something goes on, why something happened, what everybody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from waystage.forms.examples import Choice
from waystage.world.clauses import PRESENT, Clause, Name, Phrase, named
from waystage.world.concepts import Frame
from waystage.world.consequences import apart_from, kin_of, not_next, told_of
from waystage.world.documents import askable
from waystage.world.facts import Facts
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.questions import QUESTIONS, ask, passage_of, tell
from waystage.world.tasks.setting import Setting, Voice

Cast = dict[str, Phrase]
Riddle = tuple[Clause, str, int, list[int]]  # the question, what it asks for, the right noun, wrong ones


def _cast(draw: Stream, names: Pool) -> Cast:
    one, two = names.person(draw), names.person(draw)
    while one == two:
        two = names.person(draw)
    return {"X": named(one), "Y": named(two)}


def _placed(draw: Stream, right: Clause, wrong: list[Clause]) -> tuple[list[Clause], int]:
    at = draw.below(len(wrong) + 1)
    return [*wrong[:at], right, *wrong[at:]], at


def endings(setting: Setting, n: int, *, options: int = 4) -> Iterator[Choice]:
    """The first steps of a script; which step comes next? Wrong ones are of other scripts, or were there before."""
    facts = setting.facts
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        told, right, wrong = ending(plan, facts, setting.names, options)
        offered, at = _placed(plan, right, wrong)
        yield Choice(
            id=setting.name(number),
            context=voice.tongue.join([voice.say(step) for step in told]),
            options=tuple(voice.say(step) for step in offered),
            label=at,
        )


def ending(draw: Stream, facts: Facts, names: Pool, options: int) -> tuple[list[Clause], Clause, list[Clause]]:
    scripts = facts.ontology.scripts
    script = draw.pick(scripts)
    cast = _cast(draw, names)
    steps = [facts.bound(step, cast, draw) for step in script]
    known = 2 + draw.below(len(steps) - 2)
    wrong: list[Clause] = [steps[draw.below(known - 1)]] if draw.below(2) else []
    others = not_next(scripts.index(script), known)
    while len(wrong) < options - 1:
        step = facts.bound(draw.pick(others), dict(cast), draw)
        if step not in steps and step not in wrong and step.object != step.subject:
            wrong.append(step)
    return steps[:known], steps[known], wrong


def _linked(draw: Stream, facts: Facts, names: Pool, options: int) -> tuple[Clause, Clause, list[Clause], bool]:
    """A cause with its effect, which of them is asked for, and clauses that do not belong to the one that is told."""
    causes = facts.ontology.causes
    number = draw.below(len(causes))
    rule = causes[number]
    cast = _cast(draw, names)
    cause, effect = (facts.bound(step, cast, draw) for step in rule)
    backward = bool(draw.below(2))
    told, right = (effect, cause) if backward else (cause, effect)
    others = apart_from(number, backward)
    wrong: list[Clause] = []
    while len(wrong) < options - 1:
        clause = facts.bound(draw.pick(others), dict(cast), draw)._replace(subject=right.subject)
        if clause not in (told, right) and clause not in wrong and clause.object != clause.subject:
            wrong.append(clause)
    return told, right, wrong, backward


def reasons(setting: Setting, n: int, *, options: int = 2, around: int = 0) -> Iterator[Choice]:
    """As in COPA: what was the cause, or the effect? `around` more sentences of the same people stand before."""
    facts = setting.facts
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        told, right, wrong, backward = _linked(plan, facts, setting.names, options)
        offered, at = _placed(plan, right, wrong)
        cast = (told.subject.name,) if told.subject.name else ()
        before = [_beside(plan, setting, cast, offered) for _ in range(around)]
        yield Choice(
            id=setting.name(number),
            context=voice.tongue.join([voice.say(clause) for clause in (*before, told)]),
            question=_why(voice, backward),
            options=tuple(voice.say(clause) for clause in offered),
            label=at,
        )


def _beside(draw: Stream, setting: Setting, cast: tuple[Name, ...], offered: list[Clause]) -> Clause:
    """Something that has nothing to do with what is offered."""
    spoken = {kin for clause in offered for kin in kin_of(clause.verb if clause.verb >= 0 else clause.predicate)}
    while True:
        clause = setting.facts.event(draw, setting.names, cast=cast, names=90)
        if clause.verb not in spoken:
            return clause


def _why(voice: Voice, backward: bool) -> str:
    """`Why?`, or `And what next?`"""
    tongue = voice.tongue
    words = (
        [tongue.word("why", "ADV")]
        if backward
        else [tongue.word("so", "CCONJ"), tongue.word("what", "PRON"), tongue.word("next", "ADV")]
    )
    return tongue.text([*words, tongue.ask])


def knowledge(setting: Setting, n: int, *, options: int = 5) -> Iterator[Choice]:
    """As in CommonsenseQA: with what, where, on what is something done; what kind of thing is it, what is it like?"""
    facts = setting.facts
    makers: tuple[Callable[[Stream, Facts, int, str], Riddle], ...] = (
        _kind_of,
        _done_where,
        _done_with,
        _done_to,
        _done_by,
    )
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        clause, role, right, wrong = plan.pick(makers)(plan, facts, options, setting.domain)
        at = plan.below(options)
        nouns = [*wrong[:at], right, *wrong[at:]]
        yield Choice(
            id=setting.name(number),
            context="",
            question=voice.ask(clause, role),
            options=tuple(voice.text(voice.tongue.phrase(Phrase(noun, definite=False))) for noun in nouns),
            label=at,
        )


def _wrong(draw: Stream, facts: Facts, good: tuple[int, ...], options: int) -> list[int]:
    """Nouns of kinds that are unlike those of the good ones."""
    return draw.sample(_others(facts, good), options - 1)


@cache
def _others(facts: Facts, good: tuple[int, ...]) -> tuple[int, ...]:
    kinds = _alike(facts, good)
    return tuple(noun for kind, nouns in facts.ontology.types.items() if kind not in kinds for noun in nouns[:12])


def _alike(facts: Facts, nouns: tuple[int, ...]) -> set[str]:
    it = facts.ontology
    return {kind for noun in nouns for kind in it.alike[it.concepts[noun].type]}


@cache
def _frames(facts: Facts, domain: str, what: str) -> list[Frame]:
    mine = [f for f in facts.verbs[domain] if getattr(f, what)]
    return mine or [f for f in facts.verbs["general"] if getattr(f, what)]


def _many(facts: Facts, noun: int) -> Phrase:
    return Phrase(noun, not facts.is_mass[noun], 0, -1, False)


def _kind_of(draw: Stream, facts: Facts, options: int, domain: str) -> Riddle:
    types = facts.ontology.types
    kind = draw.pick([t for t in sorted(types) if len(types[t]) > 2])
    noun = draw.pick(types[kind])
    right = facts.ontology.type_word[kind]
    like = facts.ontology.alike[kind] | {"idea"}  # everything is a thing
    pool = [w for t, w in facts.ontology.type_word.items() if t not in like]
    question = Clause(_many(facts, noun), -1, Phrase(facts.ontology.by_name["what"]), tense=PRESENT)
    return question, "what", right, draw.sample(pool, options - 1)


def _question(facts: Facts, draw: Stream, frame: Frame, asked: str) -> Clause:
    name = facts.ontology.by_name
    subject = Phrase(name["who"]) if asked == "who" else _many(facts, facts.subjects[frame.verb][0])
    thing = None
    if frame.objects:
        noun = draw.pick(facts.objects[frame.verb])
        thing = Phrase(name["what"]) if asked == "what" else _many(facts, noun)
    others: tuple[tuple[str, Phrase], ...] = ()
    if asked == "where":
        others = (("in", Phrase(name["what"])),)
    elif asked == "with":
        others = (("with", Phrase(name["what"])),)
    return Clause(subject, frame.verb, thing, -1, others, tense=PRESENT)


def _done_where(draw: Stream, facts: Facts, options: int, domain: str) -> Riddle:
    frame = draw.pick(_frames(facts, domain, "places"))
    question = _question(facts, draw, frame, "where")
    good = (*frame.places, *told_of(frame.verb, "place"))
    return question, "where", draw.pick(frame.places), _wrong(draw, facts, good, options)


def _done_with(draw: Stream, facts: Facts, options: int, domain: str) -> Riddle:
    frame = draw.pick(_frames(facts, domain, "tools"))
    return (
        _question(facts, draw, frame, "with"),
        "what",
        draw.pick(frame.tools),
        _wrong(draw, facts, frame.tools, options),
    )


def _done_to(draw: Stream, facts: Facts, options: int, domain: str) -> Riddle:
    frame = draw.pick(_frames(facts, domain, "objects"))
    right = draw.pick(facts.objects[frame.verb])
    good = (*frame.objects, *told_of(frame.verb, "object"))
    return _question(facts, draw, frame, "what"), "what", right, _wrong(draw, facts, good, options)


def _done_by(draw: Stream, facts: Facts, options: int, domain: str) -> Riddle:
    frame = draw.pick(_frames(facts, domain, "subjects"))
    right = draw.pick(facts.subjects[frame.verb])
    good = (*frame.subjects, *told_of(frame.verb, "subject"))
    return _question(facts, draw, frame, "who"), "who", right, _wrong(draw, facts, good, options)


def reading(setting: Setting, n: int, *, options: int = 4) -> Iterator[Choice]:
    """As in Belebele: a passage, a question, and answers of which only one answers this question."""
    for passage in range((n + QUESTIONS - 1) // QUESTIONS):
        plan, voice = setting.plan(passage), setting.voice(passage)
        told = passage_of(plan, setting.facts, setting.names, setting.domain, 5)
        context, spans = tell(voice, told)
        every = {spans(i, role)[1]: filler(clause, role) for i, clause in enumerate(told) for role in _roles(clause)}
        for turn in range(min(QUESTIONS, n - passage * QUESTIONS)):
            asked = ask(plan, setting.facts, setting.names, told, 0, False)
            right = spans(asked.clause, asked.role)[1]
            wrong = _other_answers(plan, setting.facts, voice, every, right, asked.role, told[asked.clause], options)
            at = plan.below(options)
            yield Choice(
                id=setting.name(passage * QUESTIONS + turn),
                cluster=setting.name(passage),
                context=context,
                question=voice.ask(asked.question, asked.role),
                options=(*wrong[:at], right, *wrong[at:]),
                label=at,
            )


def filler(clause: Clause, role: str) -> object:
    """Who or what answers a question about a clause, whatever its form."""
    if role == "when":
        return clause.time
    if role == "how-many":
        return clause.object and clause.object.quantity
    if role == "where":
        phrase = next(phrase for relation, phrase in clause.others if relation in ("in", "to"))
    else:
        phrase = clause.subject if role == "who" else clause.object or clause.subject
    return phrase.name or phrase.head


def _other_answers(
    draw: Stream, facts: Facts, voice: Voice, every: dict[str, object], right: str, role: str, clause: Clause,
    options: int,
) -> list[str]:  # fmt: skip
    """Answers to other questions, each of other persons or things; where they are few, things of which nobody spoke."""
    answer = filler(clause, role)
    words = frozenset(facts.ontology.type_word.values())
    others: dict[object, str] = {}
    for text in sorted(every):
        if text != right and every[text] != answer and every[text] not in words:
            others.setdefault(every[text], text)
    used = {right, *others.values()}
    heads = {*others, answer}
    while len(others) < options - 1:
        noun = draw.pick(facts.things)
        text = voice.text(voice.tongue.phrase(Phrase(noun)))
        if noun not in heads and noun not in words and text not in used:
            others[noun] = text
            heads.add(noun)
            used.add(text)
    return draw.sample(list(others.values()), options - 1)


def _roles(clause: Clause) -> list[str]:
    return [role for role in askable(clause) if role != "how-many"]
