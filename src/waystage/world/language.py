"""From clauses to sentences of one language.

Everything that a sentence is made of is kept ready as tokens in dictionaries, keyed by numbers, so that making one is
little more than joining lists. `style` is an integer whose bits choose among ways of saying the same thing.
"""

from __future__ import annotations

from functools import cache

from waystage.languages import get
from waystage.world.clauses import HOW_MANY, QUANTIFIERS, Clause, Name, Phrase
from waystage.world.concepts import ontology
from waystage.world.forms import EnglishForms, Forms, Part, Token, WorldForms
from waystage.world.morphology import (
    ABLATIVE,
    ACCUSATIVE,
    DATIVE,
    GENITIVE,
    INSTRUMENTAL,
    LOCATIVE,
    NOMINATIVE,
)
from waystage.world.scripts import no_spaces, punctuation

_CASE_OF = {"in": LOCATIVE, "to": DATIVE, "from": ABLATIVE, "with": INSTRUMENTAL, "by": INSTRUMENTAL}
Marks = dict[str, tuple[int, int]]  # role -> first token and the one after the last


class Language:
    """Makes sentences. `gloss=True` makes the same sentences in plain English."""

    def __init__(self, seed: int, code: str, *, gloss: bool = False):
        self.code, self.gloss = code, gloss
        self.forms: Forms = EnglishForms() if gloss else WorldForms(seed, code)
        self.grammar = self.forms.grammar
        script = "Latn" if gloss else get(code).script
        self.spaced = not no_spaces(script)
        stop, ask, comma = punctuation(script)
        self.stop: Token = (stop, "PUNCT", "O")
        self.ask: Token = (ask, "PUNCT", "O")
        self.comma: Token = (comma, "PUNCT", "O")
        self.by_name = ontology().by_name
        self._nouns: dict[int, Token] = {}
        self._adjectives: dict[int, Token] = {}
        self._verbs: dict[int, list[Token]] = {}
        self._copulas: dict[int, list[Token]] = {}
        self._names: dict[Name | tuple[Name, int], list[Token]] = {}
        self._words: dict[tuple[str, str], Token] = {}
        self._times: dict[tuple[str, int], list[Token]] = {}
        self._the = self._article(gloss)
        self._marks_case = self.grammar.cases == 7

    # -- words -----------------------------------------------------------------------------------------------------

    def _article(self, gloss: bool) -> Token | None:
        if self.grammar.article in ("before", "after"):
            return (self.forms.word(self.by_name["the"]), "DET", "O")
        return None

    def word(self, name: str, tag: str) -> Token:
        key = (name, tag)
        token = self._words.get(key)
        if token is None:
            token = self._words[key] = (self.forms.word(self.by_name[name]), tag, "O")
        return token

    def _noun(self, concept: int, second: int, plural: bool, case: int, definite: bool) -> Token:
        key = (((concept * 2 + second) * 2 + plural) * 8 + case) * 2 + definite
        token = self._nouns.get(key)
        if token is None:
            it = ontology().concepts[concept]
            if it.kind == "function":
                token = (self._pronoun(concept, case), "PRON", "O")
            else:
                text = self.forms.noun(concept, bool(second), plural, case)
                if definite and self.grammar.article == "affix":
                    text = self._definite(text)
                token = (text, "NOUN", "O")
            self._nouns[key] = token
        return token

    def _definite(self, text: str) -> str:
        forms = self.forms
        assert isinstance(forms, WorldForms)
        affix = forms.lexicon.spell(forms.morphology.ending("-def"))
        return affix + text if self.grammar.order[0] == "V" or self.code == "he" else text + affix

    def _pronoun(self, concept: int, case: int) -> str:
        text = self.forms.word(concept)
        if self._marks_case and case and isinstance(self.forms, WorldForms):
            text += self.forms.lexicon.spell(self.forms.morphology.ending(f"-c{case}"))
        return text

    def _adjective(self, concept: int, second: int, plural: bool, case: int, noun: int) -> Token:
        key = ((((concept * 2 + second) * 2 + plural) * 8 + case) << 12) + noun + 1
        token = self._adjectives.get(key)
        if token is None:
            text = self.forms.adjective(concept, bool(second), plural, case, noun)
            token = self._adjectives[key] = (text, "ADJ", "O")
        return token

    def _verb(self, clause: Clause, plural: bool, second: int, passive: bool) -> list[Token]:
        flags = ((second * 2 + plural) * 2 + clause.negative) * 2 + passive
        key = (clause.verb * 4 + clause.tense) * 16 + flags
        group = self._verbs.get(key)
        if group is None:
            parts = self.forms.verb(clause.verb, bool(second), clause.tense, plural, clause.negative, passive)
            group = self._verbs[key] = _group(parts)
        return group

    def _copula(self, tense: int, plural: bool, negative: bool) -> list[Token]:
        key = (tense * 2 + plural) * 2 + negative
        group = self._copulas.get(key)
        if group is None:
            parts = self.forms.copula(tense, plural, negative)
            group = self._copulas[key] = _group(parts)
        return group

    def _name(self, name: Name, case: int) -> list[Token]:
        key = (name, case) if self._marks_case else name
        tokens = self._names.get(key)
        if tokens is None:
            words = self.forms.name(name, case)
            kind = name.kind
            tokens = [(w, "PROPN", f"{'I' if i else 'B'}-{kind}") for i, w in enumerate(words)]
            if len(self._names) < 100_000:
                self._names[key] = tokens
        return tokens

    def time(self, time: tuple[str, int]) -> list[Token]:
        tokens = self._times.get(time)
        if tokens is None:
            kind, value = time
            if kind == "year":
                inner = [(str(value), "NUM", "O")]
            elif kind == "when":
                return [(self.forms.word(value), "ADV", "O")]
            else:
                text = self.forms.noun(value, False, False, LOCATIVE) if self._marks_case else self.forms.word(value)
                inner = [(text, "NOUN", "O")]
            if self.gloss:
                inner = [("on" if kind == "weekday" else "in", "ADP", "O"), *inner]
            elif not self._marks_case or kind == "year":
                inner = self._attach("at", inner)
            tokens = self._times[time] = inner
        return tokens

    def _attach(self, relation: str, tokens: list[Token]) -> list[Token]:
        adposition = self.word(relation, "ADP")
        return [adposition, *tokens] if self.grammar.prepositions else [*tokens, adposition]

    # -- phrases ---------------------------------------------------------------------------------------------------

    def phrase(self, it: Phrase, case: int = NOMINATIVE, style: int = 0) -> list[Token]:
        if it.name is not None:
            return self._name(it.name, case)
        grammar = self.grammar
        plural = it.plural
        count = it.quantity
        shown = plural and not (count and grammar.verb_final)  # many verb-final languages count in the singular
        noun = self._noun(it.head, (style & 7) == 7, shown, case, it.definite)
        if it.adjective >= 0:
            adjective = self._adjective(it.adjective, (style & 24) == 24, shown, case, it.head)
            out = [adjective, noun] if grammar.adjective_first else [noun, adjective]
        else:
            out = [noun]
        if count:
            number = self._count(count, style)
            out = [number, *out] if grammar.numeral_first else [*out, number]
        elif not it.definite and self.gloss and noun[1] == "NOUN":
            if not plural and not is_mass(it.head):
                out = [("an" if out[0][0][0] in "aeiou" else "a", "DET", "O"), *out]
        elif it.definite and self._the is not None and it.owner is None and noun[1] == "NOUN":
            out = [self._the, *out] if grammar.article == "before" else [*out, self._the]
        if it.owner is not None:
            owner = self._name(it.owner, GENITIVE)
            if not self._marks_case:
                link = self.word("of", "ADP")
                owner = [link, *owner] if grammar.prepositions else [*owner, link]
            out = owner + out if grammar.owner_first else out + owner
        return out

    def _count(self, count: int, style: int) -> Token:
        if count < 0:
            if count == HOW_MANY:
                return self.word("how-many", "DET")
            return self.word(QUANTIFIERS[count], "DET")
        if 2 <= count <= 10 and style & 2:
            word = ontology().kind("number")[count - 2]
            return (self.forms.word(word), "NUM", "O")
        return (str(count), "NUM", "O")

    def relation(self, relation: str, it: Phrase, style: int = 0) -> list[Token]:
        if self._marks_case:
            return self.phrase(it, _CASE_OF[relation], style)
        return self._attach(relation, self.phrase(it, DATIVE if self.grammar.cases else NOMINATIVE, style))

    # -- clauses ---------------------------------------------------------------------------------------------------

    def clause(self, it: Clause, style: int = 0, marks: Marks | None = None, ask: str = "") -> list[Token]:
        """The words of a clause, without the stop.

        Bits of `style`: two for the passive, one for time in front, two for the verb, then five for each phrase.
        `marks` receives where each role stands. `ask` is the role that is asked for: who, whom, what, where, when,
        how-many or yes-no.
        """
        grammar = self.grammar
        subject, object_ = it.subject, it.object
        verb_style = (style >> 3) & 3
        passive = is_passive(it, style)
        agent: list[Token] | None = None
        if it.verb < 0:
            subject_words = self.phrase(subject, NOMINATIVE, style >> 5)
            plural = subject.plural or subject.head == self.by_name["they"]
            if it.predicate >= 0:
                object_words = [self._adjective(it.predicate, verb_style == 3, plural, NOMINATIVE, subject.head)]
            else:
                object_words = self.phrase(object_, NOMINATIVE, style >> 10) if object_ else []
            verb_words = self._copula(it.tense, plural, it.negative)
        elif passive:
            assert object_ is not None
            subject_words = self.phrase(object_, NOMINATIVE, style >> 10)
            verb_words = self._verb(it, object_.plural, verb_style == 3, True)
            object_words = []
            agent = self.relation("by", subject, style >> 5)
        else:
            subject_words = self.phrase(subject, NOMINATIVE, style >> 5)
            if grammar.drops_pronouns and subject_words[0][1] == "PRON" and not ask and marks is None and style & 4:
                subject_words = []
            object_words = self.phrase(object_, ACCUSATIVE, style >> 10) if object_ is not None else []
            verb_words = self._verb(it, subject.plural, verb_style == 3, False)
        parts: list[tuple[str, list[Token]]] = []
        object_role, subject_role = "object", "subject"
        others = [
            (relation, self.relation(relation, phrase, style >> (15 + 5 * i)))
            for i, (relation, phrase) in enumerate(it.others)
        ]
        if agent is not None:
            others.insert(0, ("subject", agent))
            object_role, subject_role = "", "object"
        if it.manner >= 0:
            others.append(("manner", [(self.forms.word(it.manner), "ADV", "O")]))
        time = self.time(it.time) if it.time is not None and ask != "when" else None
        if ask:
            others = [(role, self._asked(ask, role, words, it)) for role, words in others]
            if ask == "when":
                time = [self.word("when", "ADV")]
        early = bool(style & 4) or grammar.verb_final
        if early and time is not None:
            parts.append(("time", time))
        for slot in grammar.order:
            if slot == "S":
                parts.append((subject_role, subject_words))
                if grammar.verb_final and grammar.order == "SOV":
                    parts += others
            elif slot == "V":
                parts.append(("verb", verb_words))
            else:
                parts.append((object_role, object_words))
        if not (grammar.verb_final and grammar.order == "SOV"):
            parts += others
        if time is not None and not early:
            parts.append(("time", time))
        if ask:
            parts = self._arranged(ask, parts)
            if self.gloss:
                parts = self._inverted(parts, it, verb_style)
        out: list[Token] = []
        if marks is None:
            for _, words in parts:
                out += words
        else:
            for role, words in parts:
                marks[role] = (len(out), len(out) + len(words))
                out += words
        return out

    def _asked(self, ask: str, role: str, words: list[Token], it: Clause) -> list[Token]:
        """A place that is asked for loses its adposition: `where`, not `in where`."""
        if ask == "where" and role in ("in", "to"):
            return [self.word("where", "ADV")]
        return words

    def _arranged(self, ask: str, parts: list[tuple[str, list[Token]]]) -> list[tuple[str, list[Token]]]:
        """Question words in front and question particles in place, where the language has them so."""
        if ask == "yes-no":
            if self.grammar.question:
                particle = ("ask", [self.word("ASK", "PART")])
                return [particle, *parts] if self.grammar.question == "initial" else [*parts, particle]
            return parts
        if not self.grammar.asks_first:
            return parts
        texts = {self.forms.word(self.by_name[w]) for w in ("who", "what", "where", "when", "how-many")}
        for i, (_, words) in enumerate(parts):
            if any(token[0] in texts and token[1] in ("PRON", "ADV", "DET") for token in words):
                return [parts[i], *parts[:i], *parts[i + 1 :]]
        return parts

    def _inverted(self, parts: list[tuple[str, list[Token]]], it: Clause, style: int) -> list[tuple[str, list[Token]]]:
        """As English asks: `where did she work?`, unless the subject is what is asked for."""
        at = next(i for i, (role, _) in enumerate(parts) if role == "subject")
        if at == 0:
            return parts
        verb = next(words for role, words in parts if role == "verb")
        if verb[0][1] == "AUX":
            first, rest = verb[:1], verb[1:]
        else:
            did = self.forms.verb(it.verb, style == 3, it.tense, it.subject.plural, True, False)
            first, rest = _group(did[:1]), _group(did[2:])
        others = [(role, rest if role == "verb" else words) for role, words in parts[at:]]
        return [*parts[:at], ("helper", first), *others]

    def sentence(self, it: Clause, style: int = 0) -> list[Token]:
        return [*self.clause(it, style), self.stop]

    def question(self, it: Clause, ask: str, style: int = 0) -> list[Token]:
        return [*self.clause(it, style & ~5, ask=ask), self.ask]

    def joined(self, first: list[Token], link: str, second: list[Token]) -> list[Token]:
        """Two clauses as one sentence: `first LINK second`. Subordinators may follow their clause instead."""
        if link in ("and", "or", "but", "so"):
            return [*first, self.word(link, "CCONJ"), *second, self.stop]
        word = self.word(link, "SCONJ")
        if self.grammar.final_linker:
            return [*second, word, self.comma, *first, self.stop]
        return [*first, word, *second, self.stop]

    # -- text ------------------------------------------------------------------------------------------------------

    def text(self, tokens: list[Token]) -> str:
        if self.spaced:
            text = " ".join([token[0] for token in tokens])
            text = text.replace(" " + self.comma[0], self.comma[0])
            if tokens and tokens[-1][1] == "PUNCT":
                cut = len(tokens[-1][0])
                if text[-cut - 1] == " ":
                    text = text[: -cut - 1] + text[-cut:]
            return text.replace(" " + self.stop[0] + " ", self.stop[0] + " ").replace(
                " " + self.ask[0] + " ", self.ask[0] + " "
            )
        out = ""
        for token in tokens:
            word = token[0]
            if out and out[-1].isascii() and word[0].isascii() and out[-1].isalnum() and word[0].isalnum():
                out += " "
            out += word
        return out

    def join(self, sentences: list[str]) -> str:
        return (" " if self.spaced else "").join(sentences)


def is_passive(it: Clause, style: int) -> bool:
    return style & 3 == 3 and it.verb >= 0 and it.object is not None and it.object.head != it.subject.head


def _group(parts: list[Part]) -> list[Token]:
    tags = {"V": "VERB", "AUX": "AUX", "NOT": "PART", "PART": "PART"}
    return [(text, tags[what], "O") for text, what in parts]


@cache
def is_mass(noun: int) -> bool:
    return noun in ontology().mass


@cache
def language(seed: int, code: str) -> Language:
    return Language(seed, code)


@cache
def english() -> Language:
    return Language(0, "en", gloss=True)
