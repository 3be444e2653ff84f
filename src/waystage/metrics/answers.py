"""Exact match and F1 of short answers: what SQuAD and MLQA have in common.

They differ only in which characters and words do not count, which is what `Rules` says. Texts are normalised in bulk:
joined by NUL into one long string, cleaned by a handful of calls that run in C, and cut again. NUL works because it
is no word character (`\\b` sees a border, as at the end of a text) and because lower-casing never looks across it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, groupby

from waystage.errors import InputError
from waystage.metrics.totals import add_up

_SEPARATOR = "\0"
_BATCH = 8192  # questions whose texts are joined: large enough to amortise the calls, small enough to stay in memory
_IDEOGRAPH = re.compile("([\u4e00-\u9fa5])")


@dataclass(frozen=True)
class Rules:
    """How an answer is normalised: lower-case, delete punctuation, blank out articles, single spaces."""

    punctuation: str
    articles: tuple[str, ...] = ()
    inside_words: bool = False  # articles also go where they are part of a word (Arabic)
    ideographs: bool = False  # every Chinese character is a token of its own

    @cached_property
    def _ascii(self) -> bytes:
        return "".join(c for c in self.punctuation if c.isascii()).encode()

    @cached_property
    def _other(self) -> frozenset[str]:
        return frozenset(c for c in self.punctuation if not c.isascii())

    @cached_property
    def _article(self) -> re.Pattern[str] | None:
        return _article_pattern(self.articles, self.inside_words) if self.articles else None

    def normalize(self, texts: Sequence[str]) -> list[str]:
        joined = _SEPARATOR.join(texts)
        if joined.count(_SEPARATOR) >= max(len(texts), 1):  # a text holds the separator itself
            return [" ".join(self._clean(text).split()) for text in texts]
        # Separators become tokens, so that one split and one join give single spaces everywhere and one more around.
        tokens = self._clean(joined).replace(_SEPARATOR, f" {_SEPARATOR} ").split()
        return [text[1:-1] for text in f" {' '.join(tokens)} ".split(_SEPARATOR)] if texts else []

    def _clean(self, text: str) -> str:
        # Bytes: `bytes.translate` deletes ASCII far faster than `str.translate`. JSON may hold lone surrogates.
        raw = text.lower().encode("utf-8", "surrogatepass")
        text = raw.translate(None, self._ascii).decode("utf-8", "surrogatepass")
        if not text.isascii():
            for mark in self._other.intersection(text):  # few of them occur; a pattern of 800 characters is slow
                text = text.replace(mark, "")
        if self._article:
            text = self._article.sub(" ", text)
        return _IDEOGRAPH.sub(r" \1 ", text) if self.ideographs else text


def _article_pattern(articles: tuple[str, ...], inside_words: bool) -> re.Pattern[str]:
    r"""Means `\b(a|an|the)\b`, but starts with a letter: the search then skips text without testing word borders."""
    if inside_words:
        return re.compile("|".join(map(re.escape, articles)))
    branches = []
    for initial, words in groupby(sorted(articles), key=lambda word: word[0]):
        rest = "|".join(re.escape(word[1:]) for word in words)
        branches.append(rf"{initial}(?<!\w.)(?:{rest})\b")
    return re.compile("|".join(branches))


def token_f1(prediction: str, gold: str) -> float:
    """F1 of the tokens (as a multiset) of two normalised answers."""
    p, g = prediction.split(), gold.split()
    left = dict.fromkeys(g, 0)
    for token in g:
        left[token] += 1
    same = 0
    for token in p:
        if left.get(token):
            left[token] -= 1
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(p), same / len(g)
    return (2 * precision * recall) / (precision + recall)


def answer_scores(
    golds: Sequence[Sequence[str]], predictions: Sequence[str | None], rules: Rules
) -> tuple[list[bool], list[float]]:
    """Exact match and F1 of every question, each the best over its gold answers. None: not answered, scores nothing."""
    if len(golds) != len(predictions):
        raise InputError(f"{len(predictions)} predictions for {len(golds)} questions: the numbers must be equal")
    exact: list[bool] = []
    f1: list[float] = []
    for start in range(0, len(golds), _BATCH):
        some, answers = predictions[start : start + _BATCH], golds[start : start + _BATCH]
        texts = dict.fromkeys(chain(chain.from_iterable(answers), (text for text in some if text is not None)))
        clean = dict(zip(texts, rules.normalize(list(texts)), strict=True))
        for number, (text, right) in enumerate(zip(some, answers, strict=True), start + 1):
            if text is None:
                exact.append(False)
                f1.append(0.0)
                continue
            if not right:
                raise InputError(f"question number {number} has an empty list of gold answers")
            prediction, same, best = clean[text], False, 0.0
            for gold in map(clean.__getitem__, right):
                if prediction == gold:
                    same = True
                    value = 1.0 if gold else 0.0  # two empty answers share no token: F1 is 0 although EM is 1
                elif " " in prediction or " " in gold:
                    value = token_f1(prediction, gold)
                else:
                    value = 0.0  # two different single tokens
                if value > best:
                    best = value
            exact.append(same)
            f1.append(best)
    return exact, f1


def score_answers(golds: Sequence[Sequence[str]], predictions: Sequence[str | None], rules: Rules) -> dict[str, float]:
    exact, f1 = answer_scores(golds, predictions, rules)
    if not exact:
        raise InputError("no question to score")
    return {"exact_match": 100.0 * sum(exact) / len(exact), "f1": 100.0 * add_up(f1) / len(f1)}
