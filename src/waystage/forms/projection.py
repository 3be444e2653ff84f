"""Labels that stand in a text, carried over to its translation with marks: [Berlin] -> [برلين].

A part of the source is put in brackets, the translation is read off the brackets, and then checked: the part is also
translated by itself, and the two have to agree. Where the marks were lost, the part may still be the only one in the
text that reads like its own translation. What neither way finds is dropped, with the reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from waystage.forms.examples import Span, Tags
from waystage.languages import get

AGREE = 0.5  # share of characters that a marked part and its own translation must have in common
BRACKETS = ("[]", "{}", "<>", "«»", "⟦⟧")
UNSPACED = ("Hani", "Hans", "Hant", "Jpan", "Hira", "Kana", "Thai", "Laoo", "Mymr", "Khmr")
_ANY = re.compile(r"[\[\]{}<>«»⟦⟧]")


@dataclass(frozen=True)
class Dropped:
    why: str


def alike(one: str, other: str) -> float:
    a, b = one.casefold().strip(), other.casefold().strip()
    return SequenceMatcher(None, a, b, autojunk=False).ratio() if a and b else 0.0


# -- answers of questions ----------------------------------------------------------------------------------------------


def marked_span(example: Span) -> tuple[str, str] | None:
    """The context with its answer in brackets that the context has none of, and which; None where all occur."""
    pair = next((pair for pair in BRACKETS if not set(pair) & set(example.context)), None)
    if pair is None or not example.answers:
        return None
    start, answer = example.starts[0], example.answers[0]
    end = start + len(answer)
    return example.context[:start] + pair[0] + answer + pair[1] + example.context[end:], pair


def unmarked(text: str, pair: str) -> tuple[str, list[tuple[int, int]]] | None:
    """The text without its marks and where the marked parts stand in it; None where the marks do not pair."""
    text = re.sub(rf"{re.escape(pair[0])} +", pair[0], re.sub(rf" +{re.escape(pair[1])}", pair[1], text))
    out: list[str] = []
    parts: list[tuple[int, int]] = []
    at, begun = 0, -1
    for character in text:
        if character == pair[0] and begun < 0:
            begun = at
        elif character == pair[1] and begun >= 0:
            parts.append((begun, at))
            begun = -1
        elif character in pair:
            return None
        else:
            out.append(character)
            at += 1
    return None if begun >= 0 else ("".join(out), parts)


def span(example: Span, *, context: str, pair: str, answer: str, question: str) -> Span | Dropped:
    """`context` is the translation of the marked context, `answer` that of the answer by itself."""
    found = unmarked(context, pair)
    text, parts = found if found else (_ANY.sub("", context), [])
    if len(parts) == 1:
        start, end = _trimmed(text, *parts[0])
        if start < end and _whole_words(text, start, end, answer) and alike(text[start:end], answer) >= AGREE:
            return _as(example, text, question, start, end)
        return Dropped("what is marked is not the answer")
    start = text.find(answer) if answer.strip() else -1
    if start < 0 or text.find(answer, start + 1) >= 0:
        return Dropped("the marks were lost")
    return _as(example, text, question, start, start + len(answer))


def _as(example: Span, context: str, question: str, start: int, end: int) -> Span:
    return Span(
        id=example.id, item=example.item, cluster=example.cluster, context=context, question=question,
        answers=(context[start:end],), starts=(start,), answerable=example.answerable,
    )  # fmt: skip


def _whole_words(text: str, start: int, end: int, answer: str) -> bool:
    """Marks in the middle of a word have slipped, unless the part is in the text just as it is translated by itself."""
    within = (start > 0 and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum())
    return not within or text[start:end] == answer.strip()


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and (text[start].isspace() or _is_mark(text[start])):
        start += 1
    while start < end and (text[end - 1].isspace() or _is_mark(text[end - 1])):
        end -= 1
    return start, end


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Po", "Ps", "Pe", "Pi", "Pf")


# -- tags of phrases ---------------------------------------------------------------------------------------------------


def kinds(labels: Sequence[str]) -> list[str]:
    """The kinds of phrases that tags stand for, in the order of their brackets."""
    return sorted({label[2:] for label in labels if label.startswith("B-")})


def phrases(example: Tags) -> list[tuple[int, int, str]]:
    """First word, the one after the last, kind."""
    found: list[tuple[int, int, str]] = []
    for i, tag in enumerate(example.tags or ()):
        if tag.startswith("B-"):
            found.append((i, i + 1, tag[2:]))
        elif tag.startswith("I-") and found and found[-1][1] == i and found[-1][2] == tag[2:]:
            found[-1] = (found[-1][0], i + 1, tag[2:])
    return found


def text_of(words: Sequence[str], language: str) -> str:
    return ("" if unspaced(language) else " ").join(words)


def marked_tags(example: Tags, language: str, of_kind: Sequence[str]) -> str | None:
    """The sentence with its phrases in the brackets of their kind; None where it has brackets of its own."""
    words = list(example.words)
    if any(_ANY.search(word) for word in words):
        return None
    for first, end, kind in phrases(example):
        left, right = BRACKETS[of_kind.index(kind)]
        words[first] = left + words[first]
        words[end - 1] += right
    return text_of(words, language)


def tags(
    example: Tags, *, sentence: str, alone: Sequence[str], language: str, of_kind: Sequence[str], rest: str
) -> Tags | Dropped:
    """`sentence` is the translation of the marked one, `alone` are those of the phrases by themselves."""
    wanted = phrases(example)
    lefts, rights = ({pair[side]: kind for pair, kind in zip(BRACKETS, of_kind, strict=False)} for side in (0, 1))
    words: list[str] = []
    found: list[tuple[int, int, str]] = []
    slipped: set[int] = set()  # phrases, by their first word, of which a mark stands within a word
    begun: tuple[int, str] | None = None
    pieces = re.split(r"([\[\]{}<>«»⟦⟧])", sentence)
    for i, piece in enumerate(pieces):
        within = i % 2 == 1 and pieces[i - 1][-1:].isalnum() and pieces[i + 1][:1].isalnum()
        if piece in lefts and begun is None:
            begun = (len(words), lefts[piece])
            slipped |= {begun[0]} if within else set()
        elif begun is not None and rights.get(piece) == begun[1]:
            if len(words) > begun[0]:
                found.append((begun[0], len(words), begun[1]))
                slipped |= {begun[0]} if within else set()
            begun = None
        elif _ANY.fullmatch(piece):
            return Dropped("the marks do not pair")
        else:
            words += split(piece, language)
    if begun or sorted(kind for *_, kind in found) != sorted(kind for *_, kind in wanted):
        return Dropped("a mark was lost")
    if not _all_agree(words, found, wanted, alone, language, slipped):
        return Dropped("what is marked is not the phrase")
    out = [rest] * len(words)
    for first, end, kind in found:
        out[first:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - first - 1)]
    return Tags(id=example.id, item=example.item, cluster=example.cluster, words=tuple(words), tags=tuple(out))


def _all_agree(
    words: list[str], found: list[tuple[int, int, str]], wanted: list[tuple[int, int, str]], alone: Sequence[str],
    language: str, slipped: set[int],
) -> bool:  # fmt: skip
    """Each phrase has a translation of its own to agree with, whatever their order in the sentence. Where a mark
    stands within a word (or a script has no spaces to tell) they must be the same."""
    left = [(kind, text) for (*_, kind), text in zip(wanted, alone, strict=True)]
    for first, end, kind in found:
        phrase = text_of(words[first:end], language)
        best = max((one for one in left if one[0] == kind), key=lambda one: alike(phrase, one[1]), default=None)
        if best is None or alike(phrase, best[1]) < AGREE:
            return False
        if first in slipped and phrase != text_of(split(best[1], language), language):
            return False
        left.remove(best)
    return True


def split(text: str, language: str) -> list[str]:
    """Words, with the punctuation around them as words; characters where a script puts no space between words."""
    if unspaced(language):
        out: list[str] = []
        for character in text:
            if unicodedata.category(character).startswith("M") and out:
                out[-1] += character  # a vowel sign belongs to its letter
            elif not character.isspace():
                out.append(character)
        return out
    return [part for word in text.split() for part in _peeled(word)]


def _peeled(word: str) -> list[str]:
    start, end = 0, len(word)
    while start < end and _is_mark(word[start]):
        start += 1
    while end > start and _is_mark(word[end - 1]):
        end -= 1
    return [*word[:start], *([word[start:end]] if start < end else []), *word[end:]]


def unspaced(language: str) -> bool:
    return get(language).script in UNSPACED
