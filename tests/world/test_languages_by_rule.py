"""Languages follow their row of the language table."""

import unicodedata

import pytest

from waystage.languages import all_languages, get
from waystage.world.clauses import Clause, Name, Phrase, named
from waystage.world.concepts import ontology
from waystage.world.language import language
from waystage.world.lexicon import lexicon
from waystage.world.names import POOLS, pool
from waystage.world.sampling import PRETRAINED
from waystage.world.scripts import CONSONANTS, VOWELS, speller

ANNA, BORIS = Name("PER", ("tana",)), Name("PER", ("bori",))


def clause() -> Clause:
    return Clause(named(ANNA), ontology().by_name["see"], named(BORIS))


def order_of(code: str) -> str:
    tongue = language(0, code)
    tokens = tongue.sentence(clause())
    names = ["".join(w) for w in (tongue.forms.name(ANNA, 0), tongue.forms.name(BORIS, 0))]
    out = ""
    for token in tokens:
        if token[0].startswith(names[0]):
            out += "S"
        elif token[0].startswith(names[1]):
            out += "O"
        elif token[1] == "VERB":
            out += "V"
    return out


@pytest.mark.parametrize("code", [c for c in PRETRAINED if get(c).word_order != "none"])
def test_words_come_in_the_order_of_the_table(code: str) -> None:
    assert order_of(code) == get(code).word_order


@pytest.mark.parametrize("code", ["en", "de", "es", "fr", "hi", "tr", "ar", "ja", "zh"])
def test_adjectives_and_adpositions_follow_the_table(code: str) -> None:
    tongue, it = language(0, code), ontology().by_name
    tags = [t[1] for t in tongue.phrase(Phrase(it["dog"], adjective=it["big"], definite=False))]
    assert tags == (["ADJ", "NOUN"] if get(code).adjective_order == "AN" else ["NOUN", "ADJ"])
    placed = [t[1] for t in tongue.relation("in", Phrase(it["city"], definite=False))]
    if "ADP" in placed:
        assert (placed[0] == "ADP") == (get(code).adposition != "post")


def shared(a: str, b: str) -> float:
    one, two = lexicon(0, a).stems, lexicon(0, b).stems
    return sum(one[key].sounds == two[key].sounds for key in one) / len(one)


def test_kin_share_words_and_strangers_hardly_any() -> None:
    for near, far in (("de", "fr"), ("nl", "ru"), ("af", "tr")):
        assert shared("en", near) > shared("en", far)
    assert shared("es", "pt") > 0.3 and shared("en", "ka") < 0.15 and shared("uk", "ru") > shared("uk", "hi")


def test_borrowed_words_cross_families() -> None:
    assert shared("ja", "zh") > 0.25 > shared("ja", "en") and shared("ur", "hi") > 0.4


@pytest.mark.parametrize("code", [one.code for one in all_languages()])
def test_every_language_of_the_table_has_distinct_words_of_assigned_letters(code: str) -> None:
    words = lexicon(0, code)
    written = [words.written(stem) for stem in words.stems.values()]
    assert len(set(written)) > 0.97 * len(written)
    assert all(unicodedata.category(letter) not in ("Cn", "Co") for word in written for letter in word)


@pytest.mark.parametrize("script", sorted({one.script for one in all_languages()}))
def test_spelling_knows_every_sound(script: str) -> None:
    spell = speller(script, "")
    for consonant in CONSONANTS:
        for vowel in VOWELS:
            assert spell(consonant + vowel + consonant) and spell(vowel + consonant)


def test_no_name_is_in_two_pools() -> None:
    seen: dict[tuple[str, str], str] = {}
    for role in POOLS:
        names = pool(0, role)
        words = [("PER", w) for w in (*names.first, *names.last)]
        words += [(n.kind, n.words[0]) for n in (*names.places, *names.groups)]
        for word in set(words):
            assert word not in seen, (word, role, seen.get(word))
            seen[word] = role


def test_cases_and_articles_are_marked_where_the_language_has_them() -> None:
    it = ontology().by_name
    turkish, german, russian = language(0, "tr"), language(0, "de"), language(0, "ru")
    dog = Phrase(it["dog"])
    assert turkish.phrase(dog, 1)[-1][0] != turkish.phrase(dog, 0)[-1][0]
    assert [t[1] for t in german.phrase(dog)] == ["DET", "NOUN"] and [t[1] for t in russian.phrase(dog)] == ["NOUN"]


def test_another_seed_is_another_world() -> None:
    one, two = lexicon(0, "en").stems, lexicon(1, "en").stems
    assert sum(one[k].sounds == two[k].sounds for k in one) < 0.05 * len(one)
