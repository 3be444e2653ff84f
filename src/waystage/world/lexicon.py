"""The words of a language, inherited down its family tree, changed on the way, replaced here and there, or borrowed.

A word starts at the root of the family. On each branch (family -> genus -> language) it is either replaced by a new one
or kept with that branch's regular sound changes. So two languages of a genus share about two words in three, in
recognisable shape; two genera of a family about one in five; strangers only what both borrowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from waystage.languages import get
from waystage.world.concepts import ontology
from waystage.world.scripts import CONSONANTS, VOWELS, katakana, speller
from waystage.world.stream import Stream, mix

# Who borrowed from whom, in percent of the words. Donors come before borrowers: there are no circles.
DONORS: dict[str, tuple[tuple[str, int], ...]] = {
    "en": (("fr", 22),),
    "fa": (("ar", 22),),
    "ur": (("fa", 25), ("hi", 40)),
    "tr": (("ar", 10), ("fr", 6)),
    "az": (("ar", 8), ("ru", 6)),
    "kk": (("ru", 12), ("ar", 6)),
    "sw": (("ar", 18), ("en", 5)),
    "ms": (("id", 45), ("en", 6)),
    "id": (("ar", 8), ("nl", 5)),
    "jv": (("id", 30),),
    "tl": (("es", 20), ("en", 6)),
    "qu": (("es", 15),),
    "eu": (("es", 22),),
    "ht": (("fr", 75),),
    "wo": (("fr", 12), ("ar", 6)),
    "yo": (("en", 8),),
    "ja": (("zh", 38), ("en", 8)),
    "ko": (("zh", 15), ("en", 8)),
    "vi": (("zh", 20), ("fr", 4)),
    "th": (("hi", 10), ("en", 4)),
    "my": (("hi", 8), ("en", 4)),
    "te": (("hi", 15), ("en", 4)),
    "ta": (("hi", 6), ("en", 5)),
    "ml": (("ta", 20), ("hi", 8)),
    "mr": (("hi", 15),),
    "gu": (("hi", 15),),
    "pa": (("hi", 15),),
    "bn": (("hi", 12),),
    "ro": (("fr", 10),),
    "ka": (("ru", 8),),
    "uk": (("ru", 20),),
    "lt": (("pl", 8),),
    "et": (("de", 10),),
    "fi": (("de", 6),),
    "hu": (("de", 8),),
    "pcm": (("en", 75),),
    "pap": (("es", 60),),
}
_CHANGES: tuple[dict[str, str], ...] = (
    {"p": "f", "b": "p"},
    {"t": "s"},
    {"k": "h"},
    {"d": "t"},
    {"g": "k"},
    {"b": "v"},
    {"d": "z"},
    {"g": "j"},
    {"s": "x"},
    {"k": "c"},
    {"f": "h"},
    {"w": "v"},
    {"r": "l"},
    {"j": "z"},
    {"v": "w"},
    {"q": "k"},
    {"a": "o"},
    {"e": "i"},
    {"o": "u"},
    {"u": "y"},
    {"i": "e"},
    {"a": "e"},
    {"y": "i"},
)
SYLLABIC = {"Sino-Tibetan", "Tai-Kadai", "Austroasiatic"}
OPEN = {"Japonic", "Atlantic-Congo", "Austronesian", "Quechuan"}
INTERNATIONAL_TYPES = {"device", "music", "organism", "remedy", "illness", "medic"}


@dataclass(frozen=True, slots=True)
class Stem:
    sounds: str
    written: str = ""  # a spelling that came with the word, when it was borrowed with it

    def __bool__(self) -> bool:
        return bool(self.sounds)


@dataclass(frozen=True, slots=True)
class Phonotactics:
    onsets: tuple[str, ...]
    vowels: tuple[str, ...]
    codas: tuple[str, ...]
    closed: int  # percent of syllables with a coda
    cluster: int  # percent of onsets with a liquid after the stop
    lengths: tuple[int, ...]  # of content words, in syllables


@cache
def phonotactics(seed: int, family: str) -> Phonotactics:
    draw = Stream("sounds", seed, family)
    onsets = tuple(draw.sample([c for c in CONSONANTS if c not in "mnktsl"], 9)) + tuple("mnktsl")
    vowels = ("a", "i", "u", *draw.sample(("e", "o", "y", "e", "o"), 2 + draw.below(2)))
    codas = tuple(draw.sample("nrlsmkt", 4))
    if family in SYLLABIC:
        return Phonotactics(onsets, tuple(dict.fromkeys(vowels)), codas, 55, 0, (1, 1, 1, 2))
    if family in OPEN:
        return Phonotactics(onsets, tuple(dict.fromkeys(vowels)), ("n",), 8, 0, (2, 2, 2, 3))
    return Phonotactics(onsets, tuple(dict.fromkeys(vowels)), codas, 25 + draw.below(20), draw.below(20), (1, 2, 2, 2))


def _syllable(draw: Stream, rules: Phonotactics) -> str:
    onset = draw.pick(rules.onsets)
    if rules.cluster and draw.chance(rules.cluster) and onset in "ptkbdgf":
        onset += "r" if draw.below(2) else "l"
    return onset + draw.pick(rules.vowels) + (draw.pick(rules.codas) if draw.chance(rules.closed) else "")


def _invent(seed: int, family: str, node: str, key: str, attempt: int, small: bool) -> str:
    draw = Stream("word", seed, node, key, attempt)
    rules = phonotactics(seed, family)
    if key.startswith("-"):
        vowel, closed = draw.pick(rules.vowels), draw.below(2)
        coda = draw.pick(rules.codas) if closed else ""
        return (vowel + coda) if key.startswith("-v") else draw.pick(rules.onsets) + vowel + coda
    length = (1 if attempt < 6 else 2) if small else draw.pick(rules.lengths) + (attempt > 8)
    return "".join(_syllable(draw, rules) for _ in range(length))


@cache
def _changes(seed: int, node: str, count: int) -> dict[int, str]:
    draw = Stream("change", seed, node)
    table: dict[int, str] = {}
    for change in draw.sample(_CHANGES, count):
        for old, new in change.items():
            table.setdefault(ord(old), new)
    return table


class Lexicon:
    """All stems of one language in one world. `stem(key)` takes a concept's name, `name=` a synonym, `-x` an ending."""

    def __init__(self, seed: int, code: str):
        row = get(code)
        self.seed, self.code, self.family = seed, code, row.family
        self.chain = (("genus", f"{row.family}/{row.genus}", 3), ("language", code, 1))
        self.spell = speller(row.script, code)
        self.script = row.script
        self.stems: dict[str, Stem] = {}
        taken: set[str] = set()
        for concept in ontology().concepts:
            key = f"{concept.name}.{concept.kind}"
            small = concept.kind == "function"
            for name in (key, f"{key}=") if concept.synonym else (key,):
                for attempt in range(40):
                    stem = self._trace(name, attempt, small=small, kind=concept.type or concept.kind)
                    written = stem.written or self.spell(stem.sounds)
                    if written not in taken:
                        break
                taken.add(written)
                self.stems[name] = stem

    def ending(self, key: str) -> str:
        """An inflectional ending. `-v...` begins with a vowel."""
        return self._trace(key, 0, small=True, kind="ending").sounds

    def _trace(self, key: str, attempt: int, *, small: bool, kind: str) -> Stem:
        """The word's way from the root of the tree to this language; a second attempt renews its last stage."""
        seed = self.seed
        if kind not in ("ending", "function") and not attempt:
            borrowed = self._borrowed(key, kind)
            if borrowed:
                return borrowed
        loss = (10, 5) if kind == "ending" else (30, 8) if small else (42, 12)
        sounds = _invent(seed, self.family, self.family, key, 0, small)
        for (level, node, changes), percent in zip(self.chain, loss, strict=True):
            if mix("replaced", seed, node, key) % 100 < percent:
                sounds = _invent(seed, self.family, node, key, 0, small)
            else:
                sounds = sounds.translate(_changes(seed, node, changes))
            if attempt and level == "language":
                sounds = _invent(seed, self.family, node, key, attempt, small)
        return Stem(sounds)

    def _borrowed(self, key: str, kind: str) -> Stem | None:
        seed = self.seed
        international = 40 if kind in INTERNATIONAL_TYPES else 7
        if mix("international", seed, key) % 100 < international and mix("taken", seed, self.code, key) % 100 < 85:
            sounds = _invent(seed, "international", "international", key, 0, False)
            return Stem(sounds, katakana(self.spell(sounds)) if self.script == "Jpan" else "")
        roll = mix("borrowed", seed, self.code, key) % 100
        for donor, percent in DONORS.get(self.code, ()):
            if roll < percent:
                stem = lexicon(seed, donor).stems[key]
                if self.script == "Jpan":
                    return Stem(stem.sounds, lexicon(seed, donor).written(stem) if donor == "zh" else "")
                return Stem(stem.sounds)
            roll -= percent
        return None

    def written(self, stem: Stem) -> str:
        return stem.written or self.spell(stem.sounds)


@cache
def lexicon(seed: int, code: str) -> Lexicon:
    return Lexicon(seed, code)


def ends_in_vowel(sounds: str) -> bool:
    return sounds[-1] in VOWELS
