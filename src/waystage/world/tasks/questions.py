"""Span questions: a short passage of events, and questions whose answers stand in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from waystage.forms.examples import Span
from waystage.world.clauses import Clause, named, speaks_of
from waystage.world.documents import askable, question_of
from waystage.world.facts import Facts
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.setting import Setting, Voice, slips

QUESTIONS = 2  # per passage
_MARK = {"who": "subject", "whom": "object", "what": "object", "how-many": "object", "when": "time"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about a passage: which clause, which role, and what the question says."""

    clause: int  # -1: nothing in the passage answers it
    role: str
    question: Clause


def examples(
    setting: Setting, n: int, *, unanswerable: int = 0, sentences: int = 3, blind: bool = False
) -> Iterator[Span]:
    """`unanswerable` percent of the questions have no answer; `blind` ones show less of the sentence they are about."""
    for passage in range((n + QUESTIONS - 1) // QUESTIONS):
        plan, voice = setting.plan(passage), setting.voice(passage)
        told = passage_of(plan, setting.facts, setting.names, setting.domain, sentences)
        context, spans = tell(voice, told)
        for turn in range(min(QUESTIONS, n - passage * QUESTIONS)):
            asked = ask(plan, setting.facts, setting.names, told, unanswerable, blind)
            text = voice.ask(asked.question, asked.role)
            number = passage * QUESTIONS + turn
            lost = bool(voice.error) and voice.wording.below(100) < voice.error
            if lost and not setting.keeps:
                continue  # the answer could not be found again in the translation
            found = None if asked.clause < 0 else spans(asked.clause, asked.role)
            yield Span(
                id=setting.name(number),
                cluster=setting.name(passage),
                context=context,
                question=text,
                answers=() if found is None else (found[1],),
                starts=() if found is None else (found[0],),
                answerable=found is not None,
            )


def passage_of(draw: Stream, facts: Facts, names: Pool, domain: str, sentences: int) -> list[Clause]:
    """Events of different verbs, each of which can be asked about, by a few persons."""
    cast = tuple(names.person(draw) for _ in range(3))
    told: list[Clause] = []
    used: set[int] = set()
    while len(told) < sentences:
        clause = facts.event(draw, names, domain=domain, cast=cast, names=90)
        if clause.verb in used or (clause.time is None and draw.below(3)):
            clause = clause._replace(time=facts.time(draw, clause.tense))
        clause = clause._replace(negative=False, manner=-1)
        if clause.verb in used or not askable(clause):
            continue
        used.add(clause.verb)
        told.append(clause)
    return told


def tell(voice: Voice, told: list[Clause]) -> tuple[str, Callable[[int, str], tuple[int, str]]]:
    """The passage as text, and a function from (clause, role) to where its answer stands and what it is."""
    tongue = voice.tongue
    parts, marks, words = [], [], []
    for clause in told:
        found: dict[str, tuple[int, int]] = {}
        tokens = [*tongue.clause(clause, voice.wording.bits(), found), tongue.stop]
        if voice.error:
            spoken = range(*found["verb"])
            tokens = slips(tokens, voice.wording, voice.error, [i for i in range(len(tokens)) if i not in spoken])
        parts.append(tongue.text(tokens))
        marks.append(found)
        words.append(tokens)
    context = tongue.join(parts)
    starts = []
    position = 0
    for part in parts:
        position = context.index(part, position)
        starts.append(position)
        position += len(part)

    def spans(clause: int, role: str) -> tuple[int, str]:
        tokens = words[clause]
        key = _MARK.get(role) or ("in" if "in" in marks[clause] else "to")
        first, last = marks[clause][key]
        if role == "how-many":
            at = next(i for i in range(first, last) if tokens[i][1] == "NUM")
            first, last = at, at + 1
        else:
            while tokens[first][1] == "ADP":
                first += 1
            while tokens[last - 1][1] == "ADP":
                last -= 1
        answer = tongue.text(tokens[first:last])
        before = tongue.text(tokens[:first])
        start = starts[clause] + len(before)
        while context[start] == " ":
            start += 1
        return start, answer

    return context, spans


def ask(draw: Stream, facts: Facts, names: Pool, told: list[Clause], unanswerable: int, blind: bool) -> Asked:
    number = draw.below(len(told))
    clause = told[number]
    role = draw.pick(askable(clause))
    if blind:
        clause = clause._replace(others=clause.others if role == "where" else ())
    if draw.below(100) >= unanswerable:
        return Asked(number, role, question_of(clause, role))
    return Asked(-1, role, question_of(_elsewhere(draw, facts, names, clause, role, told), role))


def _elsewhere(draw: Stream, facts: Facts, names: Pool, clause: Clause, role: str, told: list[Clause]) -> Clause:
    """A question like one about the passage that the passage does not answer: the opposite, or somebody else."""
    verbs = {one.verb for one in told}
    opposed = facts.opposed(clause)
    if opposed is not None and opposed.verb not in verbs and role in askable(opposed) and draw.below(2):
        frames = [facts.ontology.frames[verb] for verb in (clause.verb, opposed.verb)]
        if not any(frame.sources for frame in frames):  # who lent it to somebody tells who borrowed it
            return opposed
    if role != "who" and clause.subject.name is not None:
        other = names.person(draw)
        while any(one.subject.name == other or speaks_of(one, other) for one in told):
            other = names.person(draw)
        return clause._replace(subject=named(other))
    while True:
        fresh = facts.event(draw, names, names=90)
        known = fresh.verb in verbs or facts.ontology.opposites.get(fresh.verb) in verbs
        if not known and role in askable(fresh):
            return fresh._replace(negative=False)
