"""What depends on what in a sentence of the world, and the categories of a categorial grammar that follow from it.

Both are read off the plan of a clause and off where its parts stand, so they are the same grammar in every language:
a verb asks for the arguments that it has on the side on which they stand, the nearest first; what is no argument
modifies the clause, or the clause without its subject where the subject stands to the left of it. A sentence follows
from its categories by application and composition, with bare nouns as noun phrases (tests/world/test_syntax.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from waystage.world.clauses import Clause
from waystage.world.forms import Token
from waystage.world.language import Language, Marks, is_passive

_INSIDE = {"DET": "det", "NUM": "nummod", "ADJ": "amod", "ADP": "case", "PROPN": "flat"}
_HEADS = ("NOUN", "PRON", "PROPN", "NUM", "ADV", "ADJ")  # the first that is there is the head of a phrase
_COMPLEMENTS = ("to", "from")
_WITH_SUBJECT = ("and", "or", "but", "so")


@dataclass(frozen=True)
class Tree:
    """A sentence: for each token its head (itself for the root), its relation to it, and its category."""

    tokens: tuple[Token, ...]
    heads: tuple[int, ...]
    relations: tuple[str, ...]
    categories: tuple[str, ...]
    root: int
    phrase: str = "S"  # what an adverb at the end of it modifies

    def supertags(self) -> list[str]:
        """As in `sources.conllu`: the relation, and on which side the head stands."""
        return [
            relation if head == at else f"{relation}{'<' if head < at else '>'}"
            for at, (head, relation) in enumerate(zip(self.heads, self.relations, strict=True))
        ]


def sentence(tongue: Language, said: Clause, style: int) -> Tree:
    return _ended(clause(tongue, said, style), tongue.stop)


def question(tongue: Language, said: Clause, role: str, style: int) -> Tree:
    return _ended(clause(tongue, said, style & ~5, ask=role), tongue.ask)


def joined(tongue: Language, first: Tree, link: str, second: Tree) -> Tree:
    """As `Language.joined` puts them: the second clause depends on the first, the link on the second."""
    side = link in _WITH_SUBJECT
    word = tongue.word(link, "CCONJ" if side else "SCONJ")
    relation, mark = ("conj", "cc") if side else ("advcl", "mark")
    if not side and tongue.grammar.final_linker:
        # second LINK , first: of the same clauses, only that the main one comes last
        main = len(second.tokens) + 2
        whole = _side_by_side(second, [(word, mark, r"(S/S)\S[dcl]"), (tongue.comma, "punct", ",")], first)
        heads = [main + first.root if at == second.root else head for at, head in enumerate(whole.heads)]
        heads[main - 2], heads[main - 1] = second.root, second.root
        relations = [relation if at == second.root else said for at, said in enumerate(whole.relations)]
        return _ended(
            replace(whole, heads=tuple(heads), relations=tuple(relations), root=main + first.root), tongue.stop
        )
    category = "conj" if side else f"{_slash(_slash(first.phrase, BACK, first.phrase), FORTH, 'S[dcl]')}"
    whole = _side_by_side(first, [(word, mark, category)], second)
    other = len(first.tokens) + 1 + second.root
    heads, relations = list(whole.heads), list(whole.relations)
    heads[len(first.tokens)], heads[other], relations[other] = other, first.root, relation
    return _ended(replace(whole, heads=tuple(heads), relations=tuple(relations)), tongue.stop)


def clause(tongue: Language, said: Clause, style: int, ask: str = "") -> Tree:
    marks: Marks = {}
    tokens = tongue.clause(said, style, marks, ask)
    passive = is_passive(said, style)
    spans = {role: range(*span) for role, span in marks.items() if span[0] < span[1]}
    group = spans.get("verb", range(0))
    predicate = spans.get("object", range(0)) if said.verb < 0 else range(0)
    verbs = [at for at in group if tokens[at][1] == "VERB"] or [at for at in group if tokens[at][1] == "AUX"][-1:]
    centre = verbs[0] if verbs else _head(tokens, predicate)
    root = _head(tokens, predicate) if predicate else centre
    heads, relations = [root] * len(tokens), ["punct"] * len(tokens)
    categories = ["N"] * len(tokens)

    arguments: list[tuple[range, str]] = []
    adjuncts: list[range] = []
    subject: range | None = None
    for role, span in spans.items():
        if role == "verb" or (span == predicate and not verbs):
            continue
        role = {"subject": "object", "object": "subject"}.get(role, role) if passive else role
        if span == predicate:
            arguments.append((span, r"S[adj]\NP" if tokens[root][1] == "ADJ" else "NP"))
        elif role == "subject":
            subject = span
            arguments.append((span, "NP"))
        elif role == "object" and not passive:
            arguments.append((span, "NP"))
        elif role in _COMPLEMENTS and tokens[_head(tokens, span)][1] != "ADV":
            arguments.append((span, "PP"))
        else:
            adjuncts.append(span)
        _inside(tokens, span, root, _relation(role, tokens, span, passive, span == predicate), heads, relations)
    if predicate and not verbs:
        _inside(tokens, predicate, root, "root", heads, relations)
    relations[root] = "root"

    # the verb asks for the farthest argument on its left last of all
    left = sorted((a for a in arguments if a[0].start < centre), key=lambda a: a[0].start)
    right = sorted((a for a in arguments if a[0].start > centre), key=lambda a: -a[0].start)
    to_left = bool(left) and left[0][0] == subject
    phrase = _slash("S", BACK, "NP") if to_left else "S"
    full = "{S}"
    for _, wanted in left:
        full = _slash(full, BACK, wanted)
    for _, wanted in right:
        full = _slash(full, FORTH, wanted)
    modifier = {False: _slash("S", FORTH, "S"), True: _slash(phrase, FORTH, phrase)}
    after = _slash(phrase, BACK, phrase)
    for span in adjuncts:
        inner = to_left and subject is not None and span.start > subject.start
        category = modifier[inner] if span.start < centre else after
        _phrase(tongue, tokens, span, category, categories)
    for span, wanted in arguments:
        _phrase(tongue, tokens, span, wanted, categories)
    _group(tongue, tokens, group, centre, full, to_left, passive, bool(predicate), categories, heads, relations)
    if predicate and not verbs:
        categories[root] = full.replace("{S}", "S")
    return Tree(tuple(tokens), tuple(heads), tuple(relations), tuple(categories), root, phrase)


FORTH, BACK = "/", "\\"


def _slash(result: str, slash: str, argument: str) -> str:
    """`result` once `argument` has been found on that side, with parentheses as in CCGbank."""
    return f"{_closed(result)}{slash}{_closed(argument)}"


def _closed(category: str) -> str:
    return f"({category})" if FORTH in category or BACK in category else category


def _head(tokens: Sequence[Token], span: range) -> int:
    rank = {tag: i for i, tag in enumerate(_HEADS)}
    return min(span, key=lambda at: rank.get(tokens[at][1], len(rank)))


def _relation(role: str, tokens: Sequence[Token], span: range, passive: bool, predicate: bool) -> str:
    if predicate:
        return "root"
    if role == "subject":
        return "nsubj"
    if role == "object" and not passive:
        return "obj"
    if role == "ask":
        return "discourse"
    return "advmod" if tokens[_head(tokens, span)][1] == "ADV" else "obl"


def _inside(
    tokens: Sequence[Token], span: range, root: int, relation: str, heads: list[int], relations: list[str]
) -> None:
    head = _head(tokens, span)
    for at in span:
        heads[at] = head if at != head else root
        relations[at] = relation if at == head else _INSIDE.get(tokens[at][1], "dep")


def _phrase(tongue: Language, tokens: Sequence[Token], span: range, whole: str, categories: list[str]) -> None:
    """Categories within a phrase that is `whole`: NP, PP, a predicate, or a modifier of the clause."""
    head = _head(tokens, span)
    for at in span:
        tag = tokens[at][1]
        slash = FORTH if at < head else BACK
        if tag == "ADP":
            categories[at] = _slash(whole, FORTH if at < head else BACK, "NP")
        elif tag == "DET":
            categories[at] = _slash("NP[nb]", slash, "N")
        elif at == head:
            categories[at] = whole if tag in ("ADV", "ADJ", "PART") else "NP" if tag == "PRON" else "N"
        elif tag == "PROPN":
            continue
        else:
            categories[at] = _slash("N", slash, "N")
    names = [at for at in span if tokens[at][1] == "PROPN"]
    for at in names[:-1]:
        categories[at] = _slash("N", FORTH, "N")


def _group(
    tongue: Language, tokens: Sequence[Token], group: range, centre: int, full: str, to_left: bool, passive: bool,
    copula: bool, categories: list[str], heads: list[int], relations: list[str],
) -> None:  # fmt: skip
    """The verb, what helps it and what denies it. Helpers say which form of the verb they ask for."""
    no = tongue.word("not", "PART")[0]
    helpers = [at for at in group if tokens[at][1] == "AUX" and at != centre]
    form = "dcl" if not helpers else "pss" if passive else "b"
    if centre in group:
        categories[centre] = full.replace("{S}", f"S[{form}]")
        if copula:
            relations[centre] = "cop"
    for number, at in enumerate(sorted(helpers, key=lambda at: abs(at - centre))):
        outer = "dcl" if number == len(helpers) - 1 else "b"
        result, wanted = (f"S[{f}]" for f in (outer, form))
        if to_left:
            result, wanted = _slash(result, BACK, "NP"), _slash(wanted, BACK, "NP")
        categories[at] = _slash(result, FORTH if at < centre else BACK, wanted)
        relations[at] = "aux"
        form = outer
    phrase = _slash("S", BACK, "NP") if to_left else "S"
    for at in group:
        if tokens[at][1] == "PART":
            categories[at] = _slash(phrase, FORTH if at < centre else BACK, phrase)
            relations[at] = "advmod" if tokens[at][0] == no else "aux"


def _side_by_side(first: Tree, between: list[tuple[Token, str, str]], second: Tree) -> Tree:
    shift = len(first.tokens) + len(between)
    return Tree(
        (*first.tokens, *(token for token, _, _ in between), *second.tokens),
        (*first.heads, *[0] * len(between), *(head + shift for head in second.heads)),
        (*first.relations, *(relation for _, relation, _ in between), *second.relations),
        (*first.categories, *(category for _, _, category in between), *second.categories),
        first.root,
        first.phrase,
    )


def _ended(tree: Tree, stop: Token) -> Tree:
    return replace(
        tree,
        tokens=(*tree.tokens, stop),
        heads=(*tree.heads, tree.root),
        relations=(*tree.relations, "punct"),
        categories=(*tree.categories, "."),
    )
