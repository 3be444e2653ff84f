"""Tags for words: parts of speech, names, categories of a small categorial grammar."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.forms.examples import Tags
from waystage.world.clauses import Clause, named
from waystage.world.documents import askable, question_of
from waystage.world.forms import Token
from waystage.world.tasks.setting import Setting, slips

LINKS = ("and", "but", "because", "so", "while", "before", "after")


def examples(setting: Setting, n: int, *, kind: str) -> Iterator[Tags]:
    """`kind`: pos, names, categories."""
    column = {"pos": 1, "categories": 2, "names": 3}[kind]
    known = frozenset(setting.labels)
    rest = next(label for label in ("other", "O", "X", setting.labels[-1]) if label in known)
    for number in range(n):
        tokens = tagged_sentence(setting, number, names=90 if kind == "names" else 50)
        if kind == "categories":
            tags = [_official(token, known) for token in tokens]
        elif kind == "names" and "B-DATE" in known:
            tags = ["B-DATE" if token[1] == "NUM" and len(token[0]) == 4 else token[3] for token in tokens]
        else:
            tags = [token[column] for token in tokens]
        yield Tags(
            id=setting.name(number),
            words=tuple(token[0] for token in tokens),
            tags=tuple(tag if tag in known else rest for tag in tags),
        )


def tagged_sentence(setting: Setting, number: int, *, names: int) -> list[Token]:
    plan, voice = setting.plan(number), setting.voice(number)
    tongue, facts = setting.tongue, setting.facts

    def clause() -> Clause:
        if plan.below(6) == 0:
            return facts.state(plan, named(setting.names.person(plan)) if plan.below(2) else None)
        return facts.event(plan, setting.names, domain=setting.domain, names=names)

    kind = plan.below(10)
    first = clause()
    if kind < 3:
        link = LINKS[plan.below(len(LINKS))]
        one = tongue.clause(first, voice.wording.bits())
        tokens = tongue.joined(one, link, tongue.clause(clause(), voice.wording.bits()))
    elif kind == 3 and askable(first):
        role = plan.pick(askable(first))
        tokens = tongue.question(question_of(first, role), role, voice.wording.bits())
    else:
        tokens = tongue.sentence(first, voice.wording.bits())
    return slips(tokens, voice.wording, setting.error) if setting.error else tokens


def _official(token: Token, known: frozenset[str]) -> str:
    """Our category in the spelling of CCGbank, whose features say more."""
    category = token[2]
    if category in known and category not in ("NP", "NP/N"):
        return category
    for ours, theirs in (("NP/N", "NP[nb]/N"), ("NP", "N"), ("S\\NP", "S[dcl]\\NP"), ("(S\\NP)/NP", "(S[dcl]\\NP)/NP")):
        if category == ours and theirs in known:
            return theirs
    featured = category.replace("(S\\NP)/", "(S[dcl]\\NP)/")
    return featured if featured in known else category
