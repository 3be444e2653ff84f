"""Sets of languages written as text: `xtreme-r & low-resource - script:Latn`.

    expression := term (("|" | "," | "+" | " - ") term)*     from left to right
    term       := factor ("&" factor)*
    factor     := "(" expression ")" | atom

A minus stands alone between blanks, so that `zh-CN`, `low-resource` and `resource:0-2` are one atom each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from waystage.errors import InputError, UnknownName, did_you_mean
from waystage.languages import groups
from waystage.languages.table import all_languages, by_alias, slug

TOKEN = re.compile(r"[|,+&()]|[^\s|,+&()]+")
UNIONS = ("|", ",", "+")


def select(
    expression: str | Iterable[str], universe: str | Iterable[str] | None = None, *, low_resource: str | None = None
) -> tuple[str, ...]:
    """The codes that an expression names, in the order of the table; several expressions are united.

    `universe` (an expression or codes) limits the answer. `low_resource` is an expression that replaces the default
    rule behind `low-resource` and `high-resource`.
    """
    low = groups.having("resource", groups.LOW_RESOURCE)
    if low_resource is not None:
        low = _union(low_resource, low)
    chosen = _union(expression, low)
    if universe is not None:
        chosen &= _union(universe, low)
    return tuple(one.code for one in all_languages() if one.code in chosen)


def low_resource_rule(low_resource: str | None = None) -> str:
    """What `low-resource` means, in words for a report."""
    if low_resource is None:
        return f"class {groups.LOW_RESOURCE} of Joshi et al. (2020); a language that they do not list counts as class 0"
    return f"the languages chosen by `{low_resource}`"


def _union(said: str | Iterable[str], low: frozenset[str]) -> frozenset[str]:
    texts = [said] if isinstance(said, str) else said
    return frozenset(code for text in texts for code in _Reader(text, low).whole())


class _Reader:
    def __init__(self, text: str, low: frozenset[str]):
        self.text, self.low = text, low
        self.tokens = [(match.group(), match.start() + 1) for match in TOKEN.finditer(text)]
        self.next = 0

    def whole(self) -> frozenset[str]:
        found = self.expression()
        if self.next < len(self.tokens):
            word = self.tokens[self.next][0]
            if word.startswith("-") or word.endswith("-"):
                raise self.error("a minus needs a blank on both sides, as in `all - en`")
            raise self.error("expected one of | , + & or ` - ` before this" if word != ")" else "this ) was not opened")
        return found

    def expression(self) -> frozenset[str]:
        found = self.term()
        while (operator := self.peek()) in (*UNIONS, "-"):
            self.next += 1
            found = found - self.term() if operator == "-" else found | self.term()
        return found

    def term(self) -> frozenset[str]:
        found = self.factor()
        while self.peek() == "&":
            self.next += 1
            found &= self.factor()
        return found

    def factor(self) -> frozenset[str]:
        word = self.peek()
        if word is None or word in (*UNIONS, "-", "&", ")"):
            raise self.error("expected a language or a group")
        if word == "(":
            opened = self.next
            self.next += 1
            found = self.expression()
            if self.peek() != ")":
                self.next = opened
                raise self.error("this ( is never closed")
        else:
            found = self.atom(word)
        self.next += 1
        return found

    def atom(self, word: str) -> frozenset[str]:
        where = self.where()
        prefix, colon, value = word.partition(":")
        if colon:
            if prefix.lower() not in groups.PREFIXES:
                close = did_you_mean(prefix, groups.PREFIXES)
                raise self.error(f"nothing is asked by {prefix!r}{close}; known are {', '.join(groups.PREFIXES)}")
            return groups.having(prefix.lower(), value, where)
        named = self.named(slug(word))
        if named is not None:
            return named
        known = [*groups.NAMED, *groups.families(), *(s for one in all_languages() for s in (*one.aliases, one.name))]
        raise UnknownName("language or group", word, known, hint=where)

    def named(self, key: str) -> frozenset[str] | None:
        if key in ("low-resource", "high-resource"):
            return self.low if key == "low-resource" else frozenset(one.code for one in all_languages()) - self.low
        if key == "all":
            return frozenset(one.code for one in all_languages())
        if key in ("xtreme", "xtreme-r"):
            return groups.XTREME if key == "xtreme" else groups.XTREME_R
        if key in by_alias():
            return frozenset({by_alias()[key].code})
        return groups.having("family", key) if key in groups.families() else None

    def peek(self) -> str | None:
        return self.tokens[self.next][0] if self.next < len(self.tokens) else None

    def where(self) -> str:
        position = self.tokens[self.next][1] if self.next < len(self.tokens) else len(self.text) + 1
        return f"(position {position} of {self.text!r})"

    def error(self, message: str) -> InputError:
        return InputError(f"{message} {self.where()}")
