"""The world's grammar, judged by a parser that knows nothing of how it was made.

Every sentence must follow from its categories by application and composition, with bare nouns as noun phrases and
case-marked noun phrases as complements or adverbs. Features are left away: they say which form, not which shape.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from waystage import tasks
from waystage.world import World
from waystage.world.sampling import PRETRAINED
from waystage.world.syntax import Tree
from waystage.world.tasks.tagging import analysed_sentence

Category = str | tuple  # an atom, or (result, slash, argument)
ADVERBS = (r"S/S", r"S\S", r"(S\NP)/(S\NP)", r"(S\NP)\(S\NP)")


def read(text: str) -> Category:
    text = re.sub(r"\[\w+\]", "", text)
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0 and text[at] in "/\\":
            return read(text[:at]), text[at], read(text[at + 1 :])
    return read(text[1:-1]) if text.startswith("(") else text


@cache
def combined(left: Category, right: Category) -> frozenset[Category]:
    """Application, and composition through up to three arguments, crossed or not."""
    out = set()
    for functor, argument, slash in ((left, right, "/"), (right, left, "\\")):
        if isinstance(functor, tuple) and functor[1] == slash:
            if functor[2] == argument:
                out.add(functor[0])
            inner, taken = argument, []
            while isinstance(inner, tuple) and len(taken) < 3:
                taken.append(inner[1:])
                inner = inner[0]
                if inner == functor[2]:
                    result = functor[0]
                    for more in reversed(taken):
                        result = (result, *more)
                    out.add(result)
    if left == "conj":
        out.add(("conj", right))
    if isinstance(right, tuple) and right[0] == "conj" and right[1] == left:
        out.add(left)
    if right == ",":
        out.add(left)
    return frozenset(out)


@cache
def raised(category: Category, cased: bool) -> frozenset[Category]:
    """A bare noun is a noun phrase; with a case of its own it can also be a complement or an adverb."""
    out = {category}
    if category in ("N", "NP"):
        out.add("NP")
        if cased:
            out |= {"PP", *map(read, ADVERBS)}
    return frozenset(out)


def follows(tree: Tree, cased: bool) -> bool:
    words = [read(category) for category in tree.categories[:-1]]
    n = len(words)
    chart: dict[tuple[int, int], set[Category]] = {(i, i + 1): set(raised(word, cased)) for i, word in enumerate(words)}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            found: set[Category] = set()
            for k in range(i + 1, i + length):
                for a in chart[i, k]:
                    for b in chart[k, i + length]:
                        for one in combined(a, b):
                            found |= raised(one, cased)
            chart[i, i + length] = found
    return "S" in chart[0, n]


def trees(language: str, n: int) -> list[Tree]:
    setting = World(0).setting(tasks.get("supertags"), language, "train", "", 0)
    return [analysed_sentence(setting, number, setting.voice(number).wording) for number in range(n)]


@pytest.mark.parametrize("language", PRETRAINED)
def test_every_sentence_follows_from_its_categories(language: str) -> None:
    setting = World(0).setting(tasks.get("supertags"), language, "train", "", 0)
    for tree in trees(language, 5):
        assert follows(tree, setting.tongue.grammar.cases == 7), (tree.tokens, tree.categories)


@pytest.mark.parametrize("language", PRETRAINED)
def test_every_tree_is_one(language: str) -> None:
    for tree in trees(language, 20):
        assert tree.heads[tree.root] == tree.root and tree.relations.count("root") == 1
        for at in range(len(tree.tokens)):
            seen = set()
            while tree.heads[at] != at:
                assert at not in seen
                seen.add(at)
                at = tree.heads[at]
            assert at == tree.root


def test_english_verbs_ask_for_what_they_have() -> None:
    seen = Counter(c for tree in trees("en", 400) for c in tree.categories)
    for category in (
        r"S[dcl]\NP", r"(S[dcl]\NP)/NP", r"(S[dcl]\NP)/PP", r"((S[dcl]\NP)/PP)/NP", r"(S[dcl]\NP)/(S[adj]\NP)",
        r"(S[dcl]\NP)/(S[pss]\NP)", r"S[pss]\NP", r"(S[dcl]\NP)/(S[b]\NP)", "PP/NP", r"((S\NP)\(S\NP))/NP",
        r"((S\NP)\(S\NP))/S[dcl]", "NP[nb]/N", "N/N",
    ):  # fmt: skip
        assert seen[category], category


def test_a_verb_stands_between_its_arguments_as_the_language_has_it() -> None:
    for language, category in (("en", r"(S[dcl]\NP)/NP"), ("tr", r"(S[dcl]\NP)\NP"), ("ar", "(S[dcl]/NP)/NP")):
        seen = Counter(c for tree in trees(language, 200) for c in tree.categories)
        assert seen[category] > 10


def test_both_tasks_have_many_tags() -> None:
    for task, language, least in (("ccg", "en", 20), ("supertags", "en", 20), ("supertags", "tr", 16)):
        seen = Counter(tag for one in World(0).examples(task, language, "train", 400) for tag in one.tags)
        assert len([tag for tag, count in seen.items() if count >= 4]) >= least
        assert max(seen.values()) < 0.35 * sum(seen.values())
        assert seen["other"] + seen["dep<"] < 0.05 * sum(seen.values())
