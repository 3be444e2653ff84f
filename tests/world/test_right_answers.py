"""Exactly one answer is right: judged from the facts, and from what the clauses say, not by how they were made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import permutations, product

import pytest

from waystage.world import World
from waystage.world.clauses import FUTURE, PAST, Clause, Phrase
from waystage.world.concepts import Step, ontology
from waystage.world.documents import document
from waystage.world.facts import facts
from waystage.world.language import Language, english, language
from waystage.world.names import pool
from waystage.world.stream import Stream
from waystage.world.tasks import choices, nli, paraphrase, questions, search, similar
from waystage.world.tasks.setting import Voice

IT = ontology()
NAMES = pool(0, "target/test")
WORD = [concept.name for concept in IT.concepts]
DOMAINS = ("general", "medicine", "commerce")
# what is what, as everybody knows it: each kind with the kinds that it belongs to
IS = {
    "medic": {"person"}, "official": {"person"}, "patient": {"person"}, "person": {"animal", "organism"},
    "animal": {"organism"}, "plant": {"organism"}, "building": {"outdoors"}, "clinic": {"building", "outdoors"},
    "court": {"group", "building"}, "deed": {"writing"}, "writing": {"deed"}, "crime": {"event"}, "device": {"tool"},
}  # fmt: skip
SAME_SIDE = ({"send", "receive"}, {"lend", "borrow"})  # what one does to the other, the other does from the one


def kinds_of(noun: int) -> set[str]:
    kind = IT.concepts[noun].type
    found = {kind, "idea"}  # everything is a thing
    for one in (kind, *IS.get(kind, ())):
        found |= IS.get(one, set())
    return found


# -- what everybody knows ----------------------------------------------------------------------------------------------


def done(verb: int, role: str) -> set[int]:
    """Who does it, to what, where: by the verb's frame and by every rule and script that tells of it."""
    frame = IT.frames[verb]
    found = set({"who": frame.subjects, "what": frame.objects, "where": frame.places, "with": frame.tools}[role])
    for step in (step for steps in (*IT.causes, *IT.scripts) for step in steps):
        if step.predicate == verb:
            if role == "where":
                found |= {step.place} - {-1}
            elif role in ("who", "what"):
                found |= set(may_be(step.subject if role == "who" else step.object))
    if any(IT.concepts[noun].type == "person" for noun in found):
        found |= {noun for kind in ("person", "medic", "official", "patient") for noun in IT.types[kind]}
    return found


def may_be(name: str) -> tuple[int, ...]:
    if name in ("X", "Y"):
        return IT.types["person"]
    if name.lower() in IT.types and name.isupper():
        return IT.types[name.lower()]
    return (IT.by_name[name],) if name else ()


@pytest.mark.parametrize("domain", DOMAINS)
def test_one_answer_to_a_question_of_knowledge_is_true(domain: str) -> None:
    makers = {
        choices._done_where: "where", choices._done_with: "with", choices._done_to: "what", choices._done_by: "who",
    }  # fmt: skip
    for number, (make, role) in product(range(250), makers.items()):
        question, _, right, wrong = make(Stream("know", number), facts(), 5, domain)
        assert len({right, *wrong}) == 5
        true = done(question.verb, role)
        assert [noun for noun in (right, *wrong) if noun in true] == [right], (WORD[question.verb], role)


def test_one_kind_is_what_something_is() -> None:
    for number in range(600):
        question, _, right, wrong = choices._kind_of(Stream("kind", number), facts(), 5, "general")
        true = {IT.type_word[kind] for kind in kinds_of(question.subject.head)}
        assert right in true and not true & set(wrong), (WORD[question.subject.head], [WORD[n] for n in wrong])


# -- cause and effect --------------------------------------------------------------------------------------------------


Atom = tuple[object, int, object]  # who, does or is what, to what


def atom(clause: Clause) -> Atom:
    def of(phrase: Phrase | None) -> object:
        return phrase and (phrase.name or phrase.head)

    thing = clause.object or next((phrase for role, phrase in clause.others if role == "to"), None)
    return of(clause.subject), clause.verb if clause.verb >= 0 else clause.predicate, of(thing)


def fits(step: Step, said: Atom, bound: dict[str, object]) -> dict[str, object] | None:
    """What the variables of a step stand for if it is what was said."""
    if step.predicate != said[1]:
        return None
    bound = dict(bound)
    for name, value in ((step.subject, said[0]), (step.object, said[2])):
        if not name:
            if value is not None:
                return None
        elif name in ("X", "Y"):
            if bound.setdefault(name, value) != value:
                return None
        elif value not in may_be(name) or bound.setdefault(name, value) != value:
            return None
    return bound


def people(*clauses: Clause) -> tuple[object, ...]:
    named = {p.name: None for c in clauses for p in (c.subject, c.object) if p is not None and p.name is not None}
    return (*named, "someone", "someone else")


def follow(said: Atom, persons: tuple[object, ...]) -> set[Atom]:
    """All that follows from something, and from that."""
    known, todo = {said}, [said]
    while todo:
        now = todo.pop()
        for cause, effect in IT.causes:
            bound = fits(cause, now, {})
            if bound is None:
                continue
            free = [n for n in (effect.subject, effect.object) if n in ("X", "Y") and n not in bound]
            for who in product(persons, repeat=len(free)):
                given = {**bound, **dict(zip(free, who, strict=True))}
                for values in product(*(values_of(n, given) for n in (effect.subject, effect.object))):
                    one = (values[0], effect.predicate, values[1])
                    if one not in known:
                        known.add(one)
                        todo.append(one)
    return known - {said}


def values_of(name: str, given: dict[str, object]) -> tuple[object, ...]:
    return (given[name],) if name in given else may_be(name) or (None,)


def test_one_option_is_cause_or_effect() -> None:
    for number in range(400):
        told, right, wrong, backward = choices._linked(Stream("why", number), facts(), NAMES, 4)
        who = people(told, right)
        if backward:
            found = [one for one in (right, *wrong) if atom(told) in follow(atom(one), who)]
        else:
            found = [one for one in (right, *wrong) if atom(one) in follow(atom(told), who)]
        assert found == [right], (told, right, wrong)


def test_what_stands_before_leads_to_no_option() -> None:
    with recorded() as said:
        for one in World(0).examples("cosmosqa", "en", "train", 100):
            context, options = [said[t] for t in one.context.split()], [said[t] for t in one.options]
            *before, _ = context
            for clause, option in product(before, options):
                assert atom(option)[1] not in {p for _, p, _ in follow(atom(clause), ("a", "b"))} | {clause.verb}


def test_one_ending_goes_on() -> None:
    for number in range(400):
        told, right, wrong = choices.ending(Stream("end", number), facts(), NAMES, 4)
        who = people(*told, right)
        by_rule = {one for said in told for one in follow(atom(said), who)}
        nexts = set()
        for script in IT.scripts:
            bound: dict[str, object] | None = {}
            for step, said in zip(script, told, strict=False):
                bound = None if bound is None else fits(step, atom(said), bound)
            if bound is not None and len(script) > len(told):
                step = script[len(told)]
                free = [n for n in (step.subject, step.object) if n in ("X", "Y") and n not in bound]
                for given in permutations(who, len(free)):
                    known = {**bound, **dict(zip(free, given, strict=True))}
                    nexts |= {(a, step.predicate, b) for a in values_of(step.subject, known)
                              for b in values_of(step.object, known)}  # fmt: skip
        assert atom(right) in nexts
        for one in wrong:
            assert atom(one) not in nexts and (one in told or atom(one) not in by_rule), (told, one)
        assert len({atom(one) for one in (right, *wrong)}) == 4


# -- questions about what was told -------------------------------------------------------------------------------------


def part(clause: Clause, role: str) -> object:
    """What answers a question about a clause; nothing where it has no such part."""
    if role == "when":
        return clause.time
    if role == "where":
        return next((p.name or p.head for relation, p in clause.others if relation in ("in", "to")), None)
    phrase = clause.subject if role == "who" else clause.object
    if phrase is None:
        return None
    return (phrase.quantity or None) if role == "how-many" else phrase.name or phrase.head


def ways_to_say(clause: Clause) -> Iterator[Clause]:
    """The clause, and what else is the same event: `met` from the other side, `borrowed from` for `lent to`."""
    yield clause
    if IT.frames[clause.verb].symmetric and clause.object is not None:
        yield clause._replace(subject=clause.object, object=clause.subject)
    for pair in SAME_SIDE:
        if WORD[clause.verb] in pair:
            (other,) = pair - {WORD[clause.verb]}
            for relation, phrase in clause.others:
                if relation in ("to", "from"):
                    back = {"to": "from", "from": "to"}[relation]
                    yield clause._replace(
                        verb=IT.by_name[other], subject=phrase, others=((back, clause.subject),)
                    )  # fmt: skip


def answers(asked: Clause, role: str, told: list[Clause]) -> list[object]:
    found = []
    for clause in told:
        for said in ways_to_say(clause):
            same = said.verb == asked.verb and part(said, role) is not None
            for other in ("who", "what", "where", "when"):
                alike = {"whom": "what", "how-many": "what"}.get(role, role)
                if other != alike and part(asked, other) not in (None, part(said, other)):
                    same = False
            for relation, phrase in asked.others:
                if role != "where" or relation not in ("in", "to"):
                    same = same and (relation, phrase) in said.others
            if same:
                found.append(part(said, role))
    return found


@pytest.mark.parametrize("blind", [False, True])
def test_a_passage_answers_what_it_is_asked_once_or_not_at_all(blind: bool) -> None:
    lost = 0
    for number in range(500):
        draw = Stream("asked", number, str(blind))
        told = questions.passage_of(draw, facts(), NAMES, DOMAINS[number % 3], 4)
        asked = questions.ask(draw, facts(), NAMES, told, 40, blind)
        found = answers(asked.question, asked.role, told)
        lost += asked.clause < 0
        assert found == ([] if asked.clause < 0 else [part(told[asked.clause], asked.role)]), (asked, told)
    assert 130 < lost < 270


@pytest.mark.parametrize("code", ["en", "tr", "zh"])
def test_no_other_option_names_whom_the_answer_names(code: str) -> None:
    with recorded() as said:
        made = list(World(0).examples("belebele", code, "test", 60))
    asked = {text: clause for text, clause in said.items() if isinstance(clause, tuple)}
    assert made and asked
    tongue = language(0, code)
    for one in made:
        assert len(set(one.options)) == 4
    words = IT.type_word.values()
    for number in range(150):
        draw = Stream("reading", number)
        told = questions.passage_of(draw, facts(), NAMES, "general", 5)
        _, spans = questions.tell(Voice(tongue, Stream("voice", number)), told)
        means: dict[str, set[object]] = defaultdict(set)
        for i, clause in enumerate(told):
            for role in choices._roles(clause):
                means[spans(i, role)[1]].add(part(clause, role))
        at = draw.below(5)
        role = draw.pick(choices._roles(told[at]))
        right = spans(at, role)[1]
        every = {text: choices.filler(told[i], r) for i in range(5) for r in choices._roles(told[i])
                 for text in [spans(i, r)[1]]}  # fmt: skip
        wrong = choices._other_answers(
            draw, facts(), Voice(tongue, Stream("w", number)), every, right, role, told[at], 4
        )
        assert len({right, *wrong}) == 4
        for text in wrong:
            assert part(told[at], role) not in means[text] and not means[text] & set(words)


# -- paraphrase --------------------------------------------------------------------------------------------------------


def test_questions_that_are_not_the_same_read_differently() -> None:
    def read(tongue: Language, clause: Clause, role: str) -> str:
        return tongue.text(tongue.question(paraphrase.question_of(clause, role), role, 0))

    for number in range(500):
        same = number % 2 == 0
        one, role, two, other = paraphrase.question_pair(Stream("qqp", number), facts(), NAMES, "general", same)
        for tongue in (english(), language(0, "fi")):
            assert (read(tongue, one, role) == read(tongue, two, other)) == same, (one, role, two, other)
        assert part(two, other) is not None


def test_exchanged_persons_are_never_those_of_a_verb_that_goes_both_ways() -> None:
    both = {IT.by_name[word] for word in ("meet", "marry")}
    assert both == {verb for verb, frame in IT.frames.items() if frame.symmetric}
    for number in range(1000):
        one, two = paraphrase.swap_pair(Stream("paws", number), facts(), NAMES, "general", number % 2 == 0)
        assert one.verb not in both
        assert sorted(english().text(english().sentence(one)).strip(".").split()) == sorted(
            english().text(english().sentence(two)).strip(".").split()
        )


# -- search ------------------------------------------------------------------------------------------------------------


class recorded:
    """While it lasts, what is said stands as a number for what is meant; the numbers are looked up in the result."""

    def __enter__(self) -> dict[str, object]:
        self.said: dict[str, object] = {}
        self.kept = Voice.say, Voice.ask

        def say(_: Voice, clause: Clause) -> str:
            return self.number(clause)

        def ask(_: Voice, clause: Clause, role: str) -> str:
            return self.number(("asked", clause, role))

        Voice.say, Voice.ask = say, ask  # type: ignore[method-assign]
        return self.said

    def number(self, what: object) -> str:
        name = f"<{len(self.said)}>"
        self.said[name] = what
        return name

    def __exit__(self, *_: object) -> None:
        Voice.say, Voice.ask = self.kept  # type: ignore[method-assign]


def bare(clause: Clause) -> str:
    """In the poorest of languages: without articles and endings."""

    def plain(phrase: Phrase | None) -> Phrase | None:
        return phrase and phrase._replace(definite=False, plural=False)

    poor = clause._replace(
        subject=plain(clause.subject), object=plain(clause.object),
        others=tuple((role, plain(phrase)) for role, phrase in clause.others),
    )  # fmt: skip
    tongue = language(0, "zh")
    return tongue.text(tongue.sentence(poor))


def test_a_sentence_has_one_translation() -> None:
    with recorded() as said:
        found = list(World(0).examples("tatoeba", "sw", "test", 600))
        mined = list(World(0).examples("bucc", "de", "test", 600))
    text = {one.id: bare(said[one.text]) for one in found}
    for query in (one for one in found if one.query):
        assert [o.id for o in found if not o.query and text[o.id] == text[query.id]] == list(query.gold)
    text = {one.id: bare(said[one.text]) for one in mined}
    for query in (one for one in mined if one.query):
        assert [o.id for o in mined if not o.query and text[o.id] == text[query.id]] == list(query.gold)


def test_a_question_is_answered_by_one_sentence_of_all() -> None:
    with recorded() as said:
        found = list(World(0).examples("lareqa", "en", "test", 300))
    sentences = {one.id: said[one.text.split()[0]] for one in found if not one.query}
    for query in (one for one in found if one.query):
        _, asked, role = said[query.text]
        answering = [name for name, clause in sentences.items() if answers(asked, role, [clause])]
        assert answering == [name for name in query.gold if name.startswith("en_")]


def test_a_mention_is_of_one_entity() -> None:
    for role, split in (("target", "test"), ("target", "train"), ("target", "dev")):
        seen: set[object] = set()
        for name, known in search._all_known(0, role, split, 300):
            for clause in known:
                assert (name, bare(clause)) not in seen
                seen.add((name, bare(clause)))


# -- similarity --------------------------------------------------------------------------------------------------------


def test_more_in_common_is_more_similar() -> None:
    for number in range(300):
        draw = Stream("order", number)
        one, other = (nli.premise(draw, facts(), NAMES, "general") for _ in range(2))
        last, one_less = similar.similarity(one, one), one
        for name in draw.shuffled(["verb", "subject", "object", "others", "time"]):
            one_less = one_less._replace(**{name: getattr(other, name)})
            score = similar.similarity(one, one_less)
            assert score <= last
            last = score


def test_scores_rise_with_the_words_that_two_sentences_share() -> None:
    shared = defaultdict(list)
    for number in range(800):
        one, two = similar.pair(Stream("words", number), facts(), NAMES, "general")
        a, b = (set(english().text(english().sentence(c)).strip(".").split()) - {"the", "a", "an"} for c in (one, two))
        score = similar.similarity(one, two)
        shared[round(score)].append(len(a & b) / len(a | b))
        assert (score == 5) == (one == two)
    means = [sum(shared[score]) / len(shared[score]) for score in sorted(shared)]
    assert len(means) == 6 and means == sorted(means)


# -- what is said at all -----------------------------------------------------------------------------------------------


def test_times_go_with_tenses_mass_is_not_counted_and_nobody_does_it_to_himself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mass = {IT.by_name[w] for w in "bread soup rice water milk tea wine butter gold sand money music weather".split()}
    seen: list[Clause] = []
    spoken = Language.clause

    def clause(self: Language, it: Clause, *rest: object, **more: object) -> object:
        seen.append(it)
        return spoken(self, it, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Language, "clause", clause)
    for number in range(400):
        document(0, "en", number)
    for task in ("mnli", "snli", "anli_r1", "qqp", "squad2", "stsb", "hellaswag", "siqa", "cosmosqa", "belebele"):
        split = "test" if task == "belebele" else "train"
        list(World(0).examples(task, "en", split, 150))
    assert len(seen) > 5000
    past = {IT.by_name["yesterday"]}
    for it in seen:
        if it.time is not None and (it.time[0] == "year" or it.time[1] in past):
            assert it.tense == PAST, it
        if it.time is not None and it.time[0] == "when" and it.time[1] == IT.by_name["tomorrow"]:
            assert it.tense == FUTURE
        for phrase in (it.subject, it.object, *(p for _, p in it.others)):
            if phrase is not None and phrase.head in mass:
                assert not phrase.plural and not phrase.quantity, it
        name = it.subject.name
        assert name is None or all(p is None or p.name != name for p in (it.object, *(p for _, p in it.others))), it


def test_opposites_are_each_others() -> None:
    assert all(IT.opposites[other] == one for one, other in IT.opposites.items())
    work, rest = IT.by_name["work"], IT.by_name["rest"]
    assert IT.opposites[work] == rest
    for number in range(3000):
        (said,), hypothesis, label = nli.plain(Stream("rest", number), facts(), NAMES, number % 3, "general")
        if said.verb == work and hypothesis.verb == rest:
            assert label != nli.OPEN or said.negative


def test_a_union_is_sampled_as_it_is_trained() -> None:
    found = list(World(0).examples("anli", "en", "train", 23))
    assert len(found) == 23
    heads = [one.id.split("/")[0] for one in found]
    assert heads == ["snli"] * 5 + ["mnli"] * 5 + ["anli_r1"] * 5 + ["anli_r2"] * 4 + ["anli_r3"] * 4
    assert [one for one, _ in World(0).glossed("anli", "en", "train", 23)] == found
    adversarial = list(World(0).examples("anli_r1", "en", "train", 5))
    assert [one.first for one in found[10:15]] == [one.first for one in adversarial]
