"""Inflected forms: which endings a stem takes in which language."""

from __future__ import annotations

from functools import cache

from waystage.world.grammar import Grammar
from waystage.world.lexicon import Lexicon, Stem, ends_in_vowel
from waystage.world.scripts import VOWELS
from waystage.world.stream import mix

NOMINATIVE, ACCUSATIVE, GENITIVE, DATIVE, LOCATIVE, ABLATIVE, INSTRUMENTAL = range(7)
_SEPARATE = ("Hang", "Kore", "Hani", "Hans", "Hant", "Jpan")  # scripts in which a stem keeps its shape
_FRONT = {"a": "e", "o": "e", "u": "y"}


def _join(stem: str, ending: str) -> str:
    if ends_in_vowel(stem) and ending[0] in VOWELS:
        return stem[:-1] + ending if len(stem) > 2 else stem + "n" + ending
    return stem + ending


class Morphology:
    def __init__(self, lexicon: Lexicon, grammar: Grammar):
        self.lexicon, self.grammar = lexicon, grammar
        self.ending = cache(lexicon.ending)

    def gender(self, concept: str) -> int:
        """Genders are the same within a family."""
        count = self.grammar.genders
        return mix("gender", self.lexicon.seed, self.lexicon.family, concept) % count if count else 0

    def noun(self, stem: Stem, *, plural: bool, case: int, gender: int) -> str:
        grammar = self.grammar
        if grammar.style == "isolating":
            return self._write(stem, ())
        if grammar.style == "fusional":
            case = min(case, DATIVE) if grammar.cases else NOMINATIVE
            return self._write(stem, (f"-v{gender}{int(plural)}{case}",) if plural or case else ())
        if grammar.plural_prefix and plural:
            return self._write(Stem(self.ending("-pl") + stem.sounds), ())
        number = ("-pl",) if plural else ()
        return self._write(stem, number + ((f"-c{case}",) if grammar.cases and case else ()))

    def adjective(self, stem: Stem, *, plural: bool, case: int, gender: int) -> str:
        if self.grammar.style != "fusional" or not self.grammar.genders:
            return self._write(stem, ())
        case = min(case, DATIVE) if self.grammar.cases else 0
        return self._write(stem, (f"-va{gender}{int(plural)}{int(case > 0)}",))

    def verb(self, stem: Stem, *, tense: int, plural: bool, negative: bool = False, passive: bool = False) -> str:
        style = self.grammar.style
        if style == "isolating":
            return self._write(stem, ())
        if style == "fusional":
            return self._write(stem, ("-vpart",) if passive else (f"-vt{tense}{int(plural and tense == 1)}",))
        marks = (
            (("-pass",) if passive else ()) + (("-neg",) if negative else ()) + ((f"-t{tense}",) if tense != 1 else ())
        )
        return self._write(stem, marks + (("-they",) if plural and tense == 1 else ()))

    def infinitive(self, stem: Stem) -> str:
        return self._write(stem, ("-vinf",) if self.grammar.style == "fusional" else ())

    def affix(self, stem: Stem, *endings: str) -> str:
        return self._write(stem, endings)

    def _write(self, stem: Stem, endings: tuple[str, ...]) -> str:
        shape, written = stem.sounds, stem.written
        tail = ""
        for key in endings:
            ending = self.ending(key)
            if self.grammar.harmony and _last_vowel(shape) in "eiy":
                ending = "".join(_FRONT.get(c, c) for c in ending)
            if written or self.lexicon.script in _SEPARATE:
                tail += ending
            else:
                shape = _join(shape, ending)
        base = written or self.lexicon.spell(shape)
        return base + (self.lexicon.spell(tail) if tail else "")


def _last_vowel(sounds: str) -> str:
    return next((c for c in reversed(sounds) if c in VOWELS), "a")
