"""What can be wrong with one prediction file."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from waystage.errors import DataError, did_you_mean
from waystage.metrics.benchmarks import QA_TASKS, TAG_TASKS
from waystage.metrics.problems import Problem, as_problem
from waystage.metrics.reading import Json, kind_of, parse_json, raw_lines, read_bytes, universal_newlines
from waystage.metrics.reference import Expected

UPOS = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
LABELS: dict[str, tuple[str, ...]] = {
    "xnli": ("entailment", "neutral", "contradiction"),
    "pawsx": ("0", "1"),
    "udpos": UPOS,
    "panx": ("O", *(f"{letter}-{kind}" for kind in ("PER", "ORG", "LOC") for letter in "BI")),
}
MOST_SHOWN = 50  # problems of one kind in one file; the rest is counted
RANKED = 20


class _Found:
    """Collects problems of one file; of those that repeat, the first ones and a count."""

    def __init__(self, path: Path):
        self.path = path
        self.problems: list[Problem] = []
        self.count: Counter[str] = Counter()

    def add(self, message: str, line: int | None = None, kind: str = "") -> None:
        self.count[kind or message] += 1
        if self.count[kind or message] <= MOST_SHOWN:
            self.problems.append(Problem(self.path, line, message))

    def all(self) -> list[Problem]:
        more = [(kind, count - MOST_SHOWN) for kind, count in self.count.items() if count > MOST_SHOWN]
        return self.problems + [Problem(self.path, None, f"{count} more like that: {kind}") for kind, count in more]


def check_file(task: str, path: Path, want: Expected | None = None) -> list[Problem]:
    found = _Found(path)
    try:
        text = _text(path, found)
        if task in TAG_TASKS:
            _check_tags(task, text, want, found)
        elif task in QA_TASKS:
            _check_answers(text, want, found)
        elif task == "mewslix":
            _check_rankings(text, want, found)
        elif task == "xcopa":
            _check_choices(text, want, found)
        elif task == "bucc2018":
            _check_pairs(text, want, found)
        else:
            _check_labels(task, text, want, found)
    except DataError as error:
        return [*found.all(), as_problem(error, path)]
    return found.all()


def _text(path: Path, found: _Found) -> str:
    raw = read_bytes(path)
    if not raw.strip():
        found.add("the file is empty")
    if raw.startswith(b"\xef\xbb\xbf"):
        found.add("starts with a byte order mark, which becomes part of the first item; save without one", 1)
    for mark, name in ((b"\0", "a NUL byte"), (b"\r", "a carriage return; end lines with a newline only")):
        if mark in raw:
            found.add(f"holds {name}", raw.count(b"\n", 0, raw.index(mark)) + 1)
    raw = universal_newlines(raw)
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as problem:
            found.add(f"not UTF-8: byte 0x{line[problem.start]:02x}", number, "not UTF-8")
    return raw.decode("utf-8", "replace").removeprefix("\ufeff")


def _count(have: int, want: int | None, what: str, found: _Found, source: Path | None) -> None:
    if want is not None and have != want:
        found.add(f"{have} {what}, but {source} has {want}")


def _check_labels(task: str, text: str, want: Expected | None, found: _Found) -> None:
    lines = raw_lines(text)
    for number, line in enumerate(lines, 1):
        item = line.strip()
        if not item:
            found.add("blank line: it counts as one more prediction", number)
        elif task == "tatoeba":
            if not re.fullmatch("0|[1-9][0-9]{0,8}", item):
                found.add(f"{item!r:.60} is no line number (0, 1, 2, ...)", number, "no line number")
            elif want and want.choices is not None and int(item) >= want.choices:
                found.add(f"line number {item}, but there are only {want.choices} (0-based)", number, "too large")
        elif item not in LABELS[task]:
            _no_label(task, item, number, found)
    if want:
        _count(len(lines), want.items, "lines", found, want.source)


def _no_label(task: str, item: str, number: int, found: _Found) -> None:
    labels = LABELS[task]
    hint = "" if len(item) > 40 else did_you_mean(item, labels)
    if "\t" in item:
        hint = ": write the label only, no other column"
    kind = f"not one of {task}'s labels {' '.join(labels)}"
    found.add(f"{item!r:.60} is {kind}{hint}", number, kind)


def _check_tags(task: str, text: str, want: Expected | None, found: _Found) -> None:
    starts, lengths, length, start = [], [], 0, 1
    lines = raw_lines(text)
    for number, line in enumerate([*lines, ""], 1):
        item = line.strip()
        if item:
            length += 1
            if item not in LABELS[task]:
                _no_label(task, item, number, found)
            continue
        if number <= len(lines) or length:
            starts.append(start)
            lengths.append(length)
            if not length:
                found.add("blank line that ends no sentence: it counts as an empty sentence", number)
        start, length = number + 1, 0
    if want is None or want.lengths is None:
        return
    _count(len(lengths), len(want.lengths), "sentences", found, want.source)
    for number, (line_number, have, right) in enumerate(zip(starts, lengths, want.lengths, strict=False), 1):
        if have != right:
            message = f"sentence {number} has {have} tags, but {want.source} has {right}"
            found.add(message, line_number, "wrong number of tags")
            if len(lengths) != len(want.lengths):
                break  # from here on sentences are shifted; all that follows would be the same mistake


def _check_pairs(text: str, want: Expected | None, found: _Found) -> None:
    seen: dict[str, int] = {}
    for number, line in enumerate(raw_lines(text), 1):
        item = line.strip()
        columns = item.split("\t")
        if not item:
            found.add("blank line: it counts as a wrong pair", number)
        elif len(columns) != 2:
            found.add(f"{len(columns)} tab-separated columns instead of two ids", number, "not two columns")
        elif item in seen:
            found.add(f"the same pair as in line {seen[item]}", number, "repeated pair")
        elif want and want.pair_ids:
            for name, side in zip(columns, want.pair_ids, strict=True):
                if name not in side:
                    found.add(f"no sentence has the id {name!r:.60}", number, "unknown id")
        seen.setdefault(item, number)


def _check_choices(text: str, want: Expected | None, found: _Found) -> None:
    lines = raw_lines(text)
    for number, line in enumerate(lines, 1):
        try:
            row = parse_json(line, found.path, number)
        except DataError as error:
            found.add(as_problem(error, found.path).message, number, "not JSON")
            continue
        label = row.get("label") if isinstance(row, dict) else None
        if type(label) is not int or label not in (0, 1):
            found.add('needs a label 0 or 1, as in {"label": 0}', number)
    if want:
        _count(len(lines), want.items, "lines", found, want.source)


def _check_answers(text: str, want: Expected | None, found: _Found) -> None:
    for name, answer in _entries(text, want, found).items():
        if not isinstance(answer, str):
            message = f"the answer to {name!r:.60} must be text; this is {kind_of(answer)}"
            found.add(message, _line_of(text, name), "not text")


def _check_rankings(text: str, want: Expected | None, found: _Found) -> None:
    for name, ranking in _entries(text, want, found).items():
        wrong = None
        if not isinstance(ranking, list):
            wrong = f"must be a list of entity ids; this is {kind_of(ranking)}"
        elif strange := [e for e in ranking if not (isinstance(e, str) and re.fullmatch("Q[0-9]+", e))]:
            wrong = f"{strange[0]!r:.40} is no entity id such as Q42"
        elif len(ranking) > RANKED:
            wrong = f"{len(ranking)} entities; only the first {RANKED} count"
        elif len(set(ranking)) < len(ranking):
            wrong = "the same entity twice"
        if wrong:
            found.add(f"{name!r:.60}: {wrong}", _line_of(text, name), "wrong ranking")


def _entries(text: str, want: Expected | None, found: _Found) -> dict[str, Json]:
    """The object that the file holds, after the checks that answers and rankings share."""
    repeated: list[str] = []

    def note(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
        count = Counter(name for name, _ in pairs)
        repeated.extend(name for name, times in count.items() if times > 1)
        return dict(pairs)

    value = parse_json(text, found.path, pairs_hook=note)
    if not isinstance(value, dict):
        found.add(f"must be a JSON object from id to prediction; this is {kind_of(value)}", 1)
        return {}
    for name in repeated:
        found.add(f"the key {name!r:.60} stands there twice; the last one counts", _line_of(text, name), "repeated key")
    if "data" in value:
        found.add('the key "data" hides everything beside it from the evaluator', _line_of(text, "data"))
    if want and want.ids is not None:
        known = set(want.ids)
        for name in dict.fromkeys(want.ids):
            if name not in value:
                found.add(f"no prediction for {name!r:.60}: it counts as wrong", None, "missing prediction")
        _unknown((name for name in value if name not in known), text, found)
    return value


def _unknown(names: Iterable[str], text: str, found: _Found) -> None:
    for name in names:
        found.add(f"{name!r:.60} is not in the reference", _line_of(text, name), "unknown id")


def _line_of(text: str, name: str) -> int | None:
    """Where a key stands; files written on one line give 1. Escapes may hide it, then None."""
    for written in (json.dumps(name), json.dumps(name, ensure_ascii=False)):
        at = text.find(written)
        if at >= 0:
            return text.count("\n", 0, at) + 1
    return None
