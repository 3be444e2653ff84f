"""CoNLL-U as XTREME reads it: what is one word on the surface is one word, with the tag of its head.

"du" (de + le) is one token in the text and two in the tree. XTREME writes the fused form and gives it the tag of the
part that is nearest to the root; among equals a list of tags, which differs for three languages, decides. Empty nodes
go, spaces and U+200C inside words go, and sentences of which nearly every word is "_" (text withheld for copyright) go.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from waystage.sources.formats import Records
from waystage.sources.notes import RowFault
from waystage.sources.text import lines

DEFAULT = tuple("VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT".split())
PRECEDENCE = {
    "es": ("VERB", "AUX", "PRON", "ADP", "DET"),
    "fr": ("VERB", "AUX", "PRON", "NOUN", "ADJ", "ADV", "ADP", "DET", "PART", "SCONJ", "CONJ"),
    "it": ("VERB", "AUX", "ADV", "PRON", "ADP", "DET", "INTJ"),
}
Token = tuple[str, str, int, str]  # form, tag, number of the head, relation to it


def conllu(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    path = paths[0]
    language = path.name.partition("_")[0]
    start, block = 1, list[str]()
    for number, line in lines(path):
        if line.strip():
            if not line.startswith("#"):
                block.append(line)
            continue
        if block:
            yield from _sentence(start, block, language)
        start, block = number + 1, []
    if block:
        yield from _sentence(start, block, language)


def _sentence(start: int, block: list[str], language: str) -> Records:
    tokens: list[Token] = []
    fused: dict[int, tuple[int, str]] = {}  # first word -> last word, form
    for line in block:
        fields = line.split("\t")
        if len(fields) != 10:
            yield start, RowFault("damaged word line", f"{len(fields)} fields where CoNLL-U has 10: {line[:80]!r}")
            return
        number, form, tag, head = fields[0], fields[1], fields[3], fields[6]
        first, dash, last = number.partition("-")
        if dash and first.isdigit() and last.isdigit() and int(last) >= int(first):
            fused[int(first)] = (int(last), form)
        elif number.isdigit() and int(number) == len(tokens) + 1:
            relation = fields[7].partition(":")[0]
            tokens.append((form, tag, int(head) if head.isdigit() else 0, relation))
        elif "." not in number:
            yield start, RowFault("damaged word line", f"word number {number!r} where {len(tokens) + 1} is expected")
            return
    if any(last > len(tokens) for last, _ in fused.values()):
        yield start, RowFault("damaged word line", "a fused word reaches beyond the end of its sentence")
        return
    words, heads = _surface(tokens, fused, PRECEDENCE.get(language, DEFAULT))
    tags = [tokens[number - 1][1] for number in heads]
    withheld = sum(word == "_" for word in words)
    if not withheld or withheld < len(words) - 1:
        syntax = [_supertag(number, *tokens[number - 1][2:]) for number in heads]
        yield start, {"tokens": [_tight(word) for word in words], "tags": tags, "syntax": syntax}


def _supertag(number: int, head: int, relation: str) -> str:
    """The relation of a word to its head, and on which side the head stands."""
    return relation if not head else f"{relation}{'<' if head < number else '>'}"


def _tight(word: str) -> str:
    return word.replace("\u200c", "").replace(" ", "") or word


def _surface(
    tokens: list[Token], fused: dict[int, tuple[int, str]], order: tuple[str, ...]
) -> tuple[list[str], list[int]]:
    """The words of the text, and for each the number of the word of the tree that stands for it."""
    words: list[str] = []
    heads: list[int] = []
    number = 1
    while number <= len(tokens):
        last, form = fused.get(number, (number, tokens[number - 1][0]))
        words.append(form)
        heads.append(_head(tokens, range(number, last + 1), order))
        number = last + 1
    return words, heads


def _head(tokens: list[Token], span: range, order: tuple[str, ...]) -> int:
    if len(span) == 1:
        return span[0]
    depth = {number: _depth(tokens, number) for number in span}
    highest = [number for number in span if depth[number] == min(depth.values())]
    rank = {tag: i for i, tag in enumerate(order)}
    return min(highest, key=lambda number: rank.get(tokens[number - 1][1], len(order)))


def _depth(tokens: list[Token], number: int) -> int:
    seen: set[int] = set()
    while number and number not in seen and number <= len(tokens):
        seen.add(number)
        number = tokens[number - 1][2]
    return len(seen)
