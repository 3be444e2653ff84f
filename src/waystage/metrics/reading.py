"""Reads the official files as the official evaluator does, and says what is wrong where that one dies.

Two things differ on purpose: files are always UTF-8 (officially: whatever the locale says), and NaN or Infinity,
which are not JSON, are refused.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import DataError

if TYPE_CHECKING:
    from waystage.metrics.spans import TagCodes, TagStream

Json = Any  # what a file holds is only known after looking
_CHUNK = 1 << 22  # bytes of tags that are cut into lines at a time


def read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise DataError("this is a folder, not a file", path)
        if not path.exists():
            raise DataError("no such file", path)
        if not path.is_file():
            raise DataError("not a regular file", path)
        return path.read_bytes()
    except (OSError, ValueError) as problem:  # ValueError: a path with NUL
        raise DataError(f"cannot be read: {problem}", _printable(path)) from problem


def _printable(path: Path) -> str:
    return str(path).replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def universal_newlines(raw: bytes) -> bytes:
    """As text mode does; on bytes, where it is safe because no UTF-8 character holds these bytes."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in raw else raw


def read_text(path: Path) -> str:
    return _decoded(path, universal_newlines(read_bytes(path)))


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise DataError(f"not UTF-8: byte 0x{raw[problem.start]:02x}; save the file as UTF-8", path, line) from problem


def read_lines(path: Path) -> list[str]:
    """One stripped item per line; the last line may end in a newline or not. Only newlines end a line."""
    return [line.strip() for line in raw_lines(read_text(path))]


def raw_lines(text: str) -> list[str]:
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def read_tags(path: Path, codes: TagCodes) -> TagStream:
    """One tag per line; every blank line closes a sentence, even an empty one; the end closes what is open."""
    import numpy as np

    from waystage.metrics.spans import BREAK, TagStream

    raw = universal_newlines(read_bytes(path))
    size = len(raw) - raw.endswith(b"\n")
    parts = []
    start = 0 if raw else 1
    while start <= size:
        end = raw.find(b"\n", start + _CHUNK, size)
        end = size if end < 0 else end
        lines = raw[start:end].split(b"\n")
        try:
            parts.append(np.fromiter(map(codes.__getitem__, lines), dtype=np.int32, count=len(lines)))
        except UnicodeDecodeError:
            _decoded(path, raw)
            raise
        start = end + 1
    if parts and parts[-1][-1] != BREAK:
        parts.append(np.array([BREAK], dtype=np.int32))
    return TagStream(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32), codes)


def parse_json(
    text: str,
    path: Path,
    line: int | None = None,
    *,
    pairs_hook: Callable[[Sequence[tuple[str, Json]]], Json] | None = None,
) -> Json:
    try:
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=pairs_hook)
    except json.JSONDecodeError as problem:
        if text.startswith("\ufeff"):
            raise DataError("starts with a byte order mark; save the file as UTF-8 without one", path, 1) from problem
        where = line or problem.lineno
        raise DataError(f"not JSON: {problem.msg} at column {problem.colno}", path, where) from problem
    except RecursionError as problem:
        raise DataError("nested too deeply to be read", path, line) from problem
    except ValueError as problem:  # NaN, or a number with thousands of digits
        raise DataError(f"not JSON: {problem}", path, line) from problem


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON value")


@contextmanager
def no_collection() -> Iterator[None]:
    """Millions of fresh objects, none of them garbage: collecting while they are made costs as much as making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def read_json(path: Path) -> Json:
    """A JSON document; if it is an object with the key `data`, what stands under that key."""
    return _data(parse_json(read_text(path), path))


def _data(value: Json) -> Json:
    return value["data"] if isinstance(value, dict) and "data" in value else value


def read_object(path: Path, what: str) -> dict[str, Json]:
    value = read_json(path)
    if not isinstance(value, dict):
        raise DataError(f"must be a JSON object of {what}; this is {kind_of(value)}", path)
    return value


def read_questions(path: Path) -> tuple[list[str], list[list[str]]]:
    """Ids and gold answers of a file in SQuAD's format, in file order."""
    text = read_text(path)
    try:
        ids, golds = _questions(_articles(text), path)
    except (_Irregular, ValueError, RecursionError):
        value = _data(parse_json(text, path))
        if isinstance(value, dict) and value and all(isinstance(answer, str) for answer in value.values()):
            why = "an object from question ids to answers, as predictions are, where gold in SQuAD's format is expected"
            raise DataError(f"{why}: are the two files swapped?", path) from None
        ids, golds = _questions(value, path)
    for values, what in ((ids, "the id of a question"), (chain.from_iterable(golds), "an answer")):
        strange = [value for value in values if type(value) is not str]
        if strange:
            raise DataError(f"{what} must be text; one is {kind_of(strange[0])}", path)
    return ids, golds


def _questions(articles: Iterable[Json], path: Path) -> tuple[list[str], list[list[str]]]:
    ids: list[str] = []
    golds: list[list[str]] = []
    try:
        for article in articles:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    ids.append(question["id"])
                    golds.append([answer["text"] for answer in question["answers"]])
    except KeyError as problem:
        raise DataError(f"not SQuAD's format: no {problem} {_after(ids)}", path) from problem
    except TypeError as problem:
        shape = "articles with paragraphs with questions with answers are expected"
        raise DataError(f"not SQuAD's format: {shape}; something else stands {_after(ids)}", path) from problem
    return ids, golds


class _Irregular(Exception):
    """Not laid out as expected, though perhaps valid: to be read the slow way."""


def _articles(text: str) -> Iterator[Json]:
    """The articles of `[...]`, `{"data": [...], ...}` or `{"version": ..., "data": [...], ...}`, one at a time.

    Each is dropped before the next is made: a million questions then take half the time and a quarter of the memory.
    """
    start = _SQUAD_START.match(text)
    if not start:
        raise _Irregular
    decode = json.JSONDecoder(parse_constant=_refuse).raw_decode
    at = start.end()
    more = not text.startswith("]", at)
    while more:
        article, at = decode(text, at)
        yield article
        comma = _COMMA.match(text, at)
        assert comma  # it matches the empty string
        at, more = comma.end(), bool(comma[1])
    rest = _SQUAD_END.fullmatch(text, at)
    if not rest or bool(rest["end"]) != bool(start["object"]):
        raise _Irregular


_W = r"[ \t\n\r]*"
_COMMA = re.compile(rf"{_W}(,?){_W}")
_VERSION = rf'"version"{_W}:{_W}"[^"\\\x00-\x1f]*"'
_SQUAD_START = re.compile(rf'{_W}(?P<object>\{{{_W}(?:{_VERSION}{_W},{_W})?"data"{_W}:{_W})?\[{_W}')
_SQUAD_END = re.compile(rf"\]{_W}(?P<end>(?:,{_W}{_VERSION}{_W})?\}}{_W})?")


def _after(ids: list[Json]) -> str:
    return f"(after question {ids[-1]!r:.80})" if ids else "(in the first article)"


def kind_of(value: Json) -> str:
    names = {dict: "an object", list: "a list", str: "text", type(None): "null", bool: "true or false"}
    return names.get(type(value), "a number")


def read_xcopa(path: Path) -> list[Json]:
    """The value of `label` of every line."""
    labels = []
    for number, line in enumerate(raw_lines(read_text(path)), 1):
        row = parse_json(line, path, number)
        if not isinstance(row, dict) or "label" not in row:
            raise DataError('must be a JSON object with a "label", for example {"label": 0}', path, number)
        labels.append(row["label"])
    return labels
