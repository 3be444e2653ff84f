"""Word forms of a language, made when first needed and kept: sentences are then put together from ready tokens.

A token is (text, universal part of speech, entity tag).
"""

from __future__ import annotations

from typing import Protocol

from waystage.world.clauses import Name
from waystage.world.concepts import Concept, ontology
from waystage.world.grammar import Grammar, grammar
from waystage.world.lexicon import Stem, lexicon
from waystage.world.morphology import Morphology
from waystage.world.scripts import CASED, speller
from waystage.world.stream import mix

Token = tuple[str, str, str]
Part = tuple[str, str]  # a piece of a verb group: text, and what it is (V, AUX, NOT, PART)
WRITTEN_IN_LATIN = {"PER": 10, "LOC": 10, "ORG": 40}  # percent of names, in languages of other scripts


class Forms(Protocol):
    """What sentence making needs to know about words. `second` asks for the synonym where there is one."""

    @property
    def grammar(self) -> Grammar: ...

    def noun(self, concept: int, second: bool, plural: bool, case: int) -> str: ...
    def adjective(self, concept: int, second: bool, plural: bool, case: int, noun: int) -> str: ...
    def verb(
        self, concept: int, second: bool, tense: int, plural: bool, negative: bool, passive: bool
    ) -> list[Part]: ...
    def copula(self, tense: int, plural: bool, negative: bool) -> list[Part]: ...
    def word(self, concept: int, second: bool = False) -> str: ...
    def name(self, name: Name, case: int) -> list[str]: ...


def latin_name(name: Name) -> list[str]:
    spell = speller("Latn", "")
    return [spell(word).capitalize() for word in name.words]


class WorldForms:
    """The forms of an artificial language. Verb groups are lists of (text, what): V, AUX, NOT, PART."""

    def __init__(self, seed: int, code: str):
        self.code = code
        self.grammar = grammar(code)
        self.lexicon = lexicon(seed, code)
        self.morphology = Morphology(self.lexicon, self.grammar)
        self.cased = self.lexicon.script in CASED
        self.latin = self.lexicon.script == "Latn"

    def stem(self, concept: int, second: bool) -> tuple[Concept, Stem]:
        it = ontology().concepts[concept]
        key = f"{it.name}.{it.kind}"
        return it, self.lexicon.stems[f"{key}=" if second and it.synonym else key]

    def noun(self, concept: int, second: bool, plural: bool, case: int) -> str:
        it, stem = self.stem(concept, second)
        return self.morphology.noun(stem, plural=plural, case=case, gender=self.morphology.gender(it.name))

    def adjective(self, concept: int, second: bool, plural: bool, case: int, noun: int) -> str:
        _, stem = self.stem(concept, second)
        gender = self.morphology.gender(ontology().concepts[noun].name) if noun >= 0 else 0
        return self.morphology.adjective(stem, plural=plural, case=case, gender=gender)

    def word(self, concept: int, second: bool = False) -> str:
        return self.lexicon.written(self.stem(concept, second)[1])

    def _function(self, name: str) -> str:
        return self.word(ontology().by_name[name])

    def verb(self, concept: int, second: bool, tense: int, plural: bool, negative: bool, passive: bool) -> list[Part]:
        _, stem = self.stem(concept, second)
        grammar, forms = self.grammar, self.morphology
        particle = [(self._function("not"), "NOT")] if negative and grammar.negation != "suffix" else []
        suffixed = negative and grammar.negation == "suffix"
        if grammar.style == "isolating":
            marks = [(self._function("PAST"), "PART")] if tense == 0 else []
            marks = [(self._function("will"), "AUX")] if tense == 2 else marks
            voice = [(self._function("PASSIVE"), "AUX")] if passive else []
            main = [(forms.verb(stem, tense=tense, plural=plural), "V")]
            return particle + marks + voice + main if tense == 2 else particle + voice + main + marks
        if grammar.style == "fusional":
            if tense == 2:
                helper = [(self._function("will"), "AUX")]
                main = [
                    (forms.verb(stem, tense=1, plural=plural, passive=True) if passive else forms.infinitive(stem), "V")
                ]
            elif passive:
                helper = [(self._be(tense, plural, False), "AUX")]
                main = [(forms.verb(stem, tense=tense, plural=plural, passive=True), "V")]
            else:
                main = [(forms.verb(stem, tense=tense, plural=plural), "V")]
                return main + particle if grammar.negation == "after" else particle + main
            group = helper + particle + main if grammar.negation == "after" else particle + helper + main
            return [*particle, *main, *helper] if grammar.verb_final else group
        main = [(forms.verb(stem, tense=tense, plural=plural, negative=suffixed, passive=passive), "V")]
        return main + particle if grammar.negation == "after" else particle + main

    def _be(self, tense: int, plural: bool, negative: bool) -> str:
        stem = self.stem(ontology().by_name["be"], False)[1]
        return self.morphology.verb(stem, tense=tense, plural=plural, negative=negative)

    def copula(self, tense: int, plural: bool, negative: bool) -> list[Part]:
        grammar = self.grammar
        particle = [(self._function("not"), "NOT")] if negative and grammar.negation != "suffix" else []
        suffixed = negative and grammar.negation == "suffix"
        if grammar.zero_copula and tense == 1 and not suffixed:
            return particle
        be = [(self._be(tense, plural, suffixed), "AUX")]
        if grammar.style == "isolating" and tense != 1:
            be = [(self._function("PAST" if tense == 0 else "will"), "AUX"), *be]
        return be + particle if grammar.negation == "after" else particle + be

    def name(self, name: Name, case: int) -> list[str]:
        if self.latin or mix("latin", self.lexicon.seed, *name.words) % 100 < WRITTEN_IN_LATIN[name.kind]:
            words = latin_name(name)
        else:
            words = [self.lexicon.spell(word) for word in name.words]
            words = [word.capitalize() for word in words] if self.cased else words
        if self.grammar.cases == 7 and case:
            words[-1] += self.lexicon.spell(self.morphology.ending(f"-c{case}"))
        return words


class EnglishForms:
    """Plain English, for glosses."""

    grammar = grammar("en")

    def noun(self, concept: int, second: bool, plural: bool, case: int) -> str:
        it = ontology().concepts[concept]
        if second and it.synonym:
            return it.synonym + ("s" if plural else "")
        return it.forms[0] if plural else it.name

    def adjective(self, concept: int, second: bool, plural: bool, case: int, noun: int) -> str:
        return self.word(concept, second)

    def word(self, concept: int, second: bool = False) -> str:
        it = ontology().concepts[concept]
        return it.synonym if second and it.synonym else it.name.replace("-", " ")

    def verb(self, concept: int, second: bool, tense: int, plural: bool, negative: bool, passive: bool) -> list[Part]:
        it = ontology().concepts[concept]
        base, past, participle = it.name, *it.forms
        if second and it.synonym:
            base = it.synonym
            past = participle = base + ("d" if base.endswith("e") else "ed")
        present = base if plural else base + ("es" if base.endswith(("s", "sh", "ch", "x", "o")) else "s")
        if not plural and base.endswith("y") and base[-2] not in "aeiou":
            present = base[:-1] + "ies"
        no = [("not", "NOT")] if negative else []
        if passive:
            be = ("were" if plural else "was") if tense == 0 else ("are" if plural else "is")
            helper = [("will", "AUX"), *no, ("be", "AUX")] if tense == 2 else [(be, "AUX"), *no]
            return [*helper, (participle, "V")]
        if tense == 2:
            return [("will", "AUX"), *no, (base, "V")]
        if negative:
            return [("did" if tense == 0 else "do" if plural else "does", "AUX"), *no, (base, "V")]
        return [(past if tense == 0 else present, "V")]

    def copula(self, tense: int, plural: bool, negative: bool) -> list[Part]:
        no = [("not", "NOT")] if negative else []
        if tense == 2:
            return [("will", "AUX"), *no, ("be", "AUX")]
        return [(("were" if plural else "was") if tense == 0 else ("are" if plural else "is"), "AUX"), *no]

    def name(self, name: Name, case: int) -> list[str]:
        return latin_name(name)
