"""From records to examples: one reader per form, and a few for data sets that say the same thing in another way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystage.errors import DataError
from waystage.forms.examples import Choice, Example, Pair, Similar, Span, Tags, Text
from waystage.sources import fields
from waystage.sources.formats import Record, Records
from waystage.sources.notes import Notes, RowFault
from waystage.tasks.task import LEAVE_OUT, Layout, Task


@dataclass(frozen=True)
class Reading:
    """One split of one task in one language, out of one copy of the data."""

    task: Task
    layout: Layout
    split: str
    language: str
    languages: tuple[str, ...]  # of the whole request: a pool of candidates may span them
    path: Path  # the first file, for messages
    notes: Notes
    records: Records
    open: Callable[[str], Records]  # the same split in another language
    offset: int = 0  # rows of earlier files of the same split

    @property
    def lg(self) -> str:
        """The language under its name in this copy."""
        return self.layout.names.get(self.language, self.language)

    @property
    def hidden(self) -> bool:
        return self.split in self.layout.hidden


Make = Callable[[Reading, int, Record], Example | None]


def _each(reading: Reading, make: Make) -> Iterator[Example]:
    """Records become examples; ids are made unique; faults are counted or raised."""
    belongs = fields.keeps(reading.layout, reading.lg)
    notes, seen, index = reading.notes, set[str](), reading.offset
    has_ids = "id" in reading.layout.columns
    for line, record in reading.records:
        try:
            if isinstance(record, RowFault):
                raise record
            if not belongs(record):
                continue
            example = make(reading, index, record)
        except RowFault as fault:
            notes.rows += 1
            notes.fault(fault, reading.path, line)
            index += 1
            continue
        except DataError as error:
            raise DataError(str(error), reading.path, line) if error.path is None else error from None
        notes.rows += 1
        index += 1
        if example is None:
            notes.exclude("no agreed label", f"{reading.path.name}:{line}")
            continue
        if has_ids:
            example = _unique(example, seen, notes)
        yield example


def _unique(example: Example, seen: set[str], notes: Notes) -> Example:
    name, again = example.id, 1
    while name in seen:
        again += 1
        name = f"{example.id}~{again}"
    seen.add(name)
    if again == 1:
        return example
    notes.remark("repeated id", example.id)
    return dataclasses.replace(example, id=name)


def _about(reading: Reading, index: int, record: Record) -> dict[str, Any]:
    """id, item and cluster of an example."""
    layout = reading.layout

    def said(name: str) -> str:
        column = layout.columns.get(name, ())
        parts = (column,) if isinstance(column, str) else column
        for part in parts if name in layout.needed else ():
            if not fields.has(record, part):
                raise fields.missing_column(part, record)
        return "/".join(fields.raw(fields.dig(record, part)) for part in parts if fields.has(record, part))

    block = layout.blocks.get(reading.split)
    cluster = str(index // block) if block else said("group")
    return {"id": said("id") or str(index), "item": said("item"), "cluster": cluster}


def _label_must_be_there(reading: Reading, record: Record, name: str) -> None:
    """Only a test set may hide its labels; a missing column elsewhere is a file of another shape."""
    column = reading.layout.columns[name]
    if reading.split != "test" and not fields.present(record, reading.layout, name):
        raise fields.missing_column(str(column), record)


def _pair(reading: Reading, index: int, record: Record) -> Example | None:
    _label_must_be_there(reading, record, "label")
    label = None if reading.hidden else fields.label(record, reading.layout, reading.task)
    if label == LEAVE_OUT or (label is None and reading.notes.may_exclude):
        return None
    first = fields.text(record, reading.layout, "first")
    second = fields.text(record, reading.layout, "second", needed="second" in reading.layout.columns)
    about = _about(reading, index, record)
    for name, value in (("first", first), ("second", second)):
        if name in reading.layout.columns and not value.strip():
            reading.notes.remark(f"empty {name} text", about["id"])
    return Pair(**about, first=first, second=second, label=label)


def _choice(reading: Reading, index: int, record: Record) -> Example | None:
    options = fields.texts(record, reading.layout, "options")
    if len(options) < 2:
        raise RowFault("too few options", f"{len(options)} options where at least 2 are needed")
    _label_must_be_there(reading, record, "label")
    label = None if reading.hidden else fields.option_label(record, reading.layout, len(options))
    if label is None and reading.notes.may_exclude:
        return None
    about = _about(reading, index, record)
    if not all(option.strip() for option in options):
        reading.notes.remark("empty option", about["id"])
    context = fields.text(record, reading.layout, "context")
    question = fields.text(record, reading.layout, "question", needed=False)
    return Choice(**about, context=context, question=question, options=options, label=label)


def _right_first(reading: Reading, index: int, record: Record) -> Example | None:
    """The right answer has a column of its own. Its place among the options is drawn from the row's number."""
    options = fields.texts(record, reading.layout, "options")
    place = (index * 2654435761 >> 7) % len(options)
    shuffled = (*options[1 : place + 1], options[0], *options[place + 1 :])
    context = fields.text(record, reading.layout, "context", needed=False)
    question = fields.text(record, reading.layout, "question")
    return Choice(**_about(reading, index, record), context=context, question=question, options=shuffled, label=place)


def _similar(reading: Reading, index: int, record: Record) -> Example | None:
    _label_must_be_there(reading, record, "score")
    scale = float(reading.task.options.get("scale", 5.0))
    score = None if reading.hidden else fields.number(record, reading.layout, "score", low=0.0, high=scale)
    if score is None and reading.notes.may_exclude:
        return None
    first, second = (fields.text(record, reading.layout, name) for name in ("first", "second"))
    return Similar(**_about(reading, index, record), first=first, second=second, score=score)


def _tags(reading: Reading, index: int, record: Record) -> Example | None:
    words = fields.texts(record, reading.layout, "words")
    if not words:
        return None
    about = _about(reading, index, record)
    _label_must_be_there(reading, record, "tags")
    if reading.hidden or not fields.present(record, reading.layout, "tags"):
        return Tags(**about, words=words, tags=None)
    column = str(reading.layout.columns["tags"])
    said = fields.dig(record, column)
    if not isinstance(said, list | tuple) or len(said) != len(words):
        count = len(said) if isinstance(said, list | tuple) else "no list of"
        raise RowFault("words without tags", f"{len(words)} words and {count} tags")
    known = reading.layout.values.get("tags", {})
    allowed = reading.task.labels
    tags = tuple(known.get(tag, tag) for tag in map(fields.raw, said))
    if allowed and not set(tags) <= set(allowed):
        if "*" in known:
            for _ in (tag for tag in tags if tag not in allowed):
                reading.notes.remark(f"words with a rarer tag, read as {known['*']!r}", about["id"])
            tags = tuple(tag if tag in allowed else known["*"] for tag in tags)
        for tag in tags:
            if tag not in allowed:
                raise RowFault("unknown label", f"tag {tag!r} is none of {', '.join(allowed)}")
    return Tags(**about, words=words, tags=tags)


def _text(reading: Reading, index: int, record: Record) -> Example | None:
    text = fields.text(record, reading.layout, "text")
    return Text(**_about(reading, index, record), text=text) if text.strip() else None


_MAKE: dict[str, Make] = {
    "pairs": _pair, "choice": _choice, "similarity": _similar, "tags": _tags, "masked": _text,
}  # fmt: skip


def rows(reading: Reading) -> Iterator[Example]:
    return _each(reading, _MAKE[reading.task.form])


def right_first(reading: Reading) -> Iterator[Example]:
    return _each(reading, _right_first)


def squad_rows(reading: Reading) -> Iterator[Example]:
    """Answers with character offsets."""
    return _spans(reading, lambda context, start: start)


def byte_spans(reading: Reading) -> Iterator[Example]:
    """Answers with offsets into the UTF-8 bytes of the passage. One inside a character is wrong, not fatal."""

    def character(context: str, start: int) -> int:
        try:
            return len(context.encode()[:start].decode()) if start >= 0 else -1
        except UnicodeDecodeError:
            return -1

    return _spans(reading, character)


def _spans(reading: Reading, offset: Callable[[str, int], int]) -> Iterator[Example]:
    contexts: dict[int, int] = {}

    def make(reading: Reading, index: int, record: Record) -> Example | None:
        context = fields.text(record, reading.layout, "context")
        question = fields.text(record, reading.layout, "question")
        about = _about(reading, index, record)
        passage = contexts.setdefault(hash(context), len(contexts))
        about["cluster"] = f"{about['cluster']}/{passage}" if about["cluster"] else str(passage)
        for name, value in (("context", context), ("question", question)):
            if not value.strip():
                reading.notes.remark(f"empty {name}", about["id"])
        answers, starts = _answers(record, reading)
        if reading.hidden or answers == ("",):  # a blanked answer, as XTREME leaves them
            return Span(**about, context=context, question=question, answerable=None)
        if not answers:
            gone = bool(record.get("is_impossible")) or bool(reading.task.options.get("unanswerable"))
            if not gone and reading.split != "test":
                raise RowFault("no answer", f"question {about['id']!r} has no answer")
            return Span(**about, context=context, question=question, answerable=False if gone else None)
        starts = tuple(offset(context, start) for start in starts)
        wrong = [i for i, s in enumerate(starts) if s < 0 or not context.startswith(answers[i], s)]
        if wrong:
            reading.notes.remark("answer is not at its offset", about["id"])
        return Span(**about, context=context, question=question, answers=answers, starts=starts)

    return _each(reading, make)


def _answers(record: Record, reading: Reading) -> tuple[tuple[str, ...], tuple[int, ...]]:
    found = fields.dig(record, str(reading.layout.columns["answers"]))
    places = fields.dig(record, str(reading.layout.columns["starts"]))
    if not isinstance(found, list | tuple) or not isinstance(places, list | tuple) or len(found) != len(places):
        raise RowFault("damaged answers", 'answers must be a list of {"text": ..., "answer_start": ...}')
    if not all(isinstance(place, int) and not isinstance(place, bool) for place in places):
        raise RowFault("damaged answers", f"answer offsets must be whole numbers, not {list(places)[:3]}")
    return tuple(fields.check_text(answer, "answers") for answer in found), tuple(places)


def reader(name: str) -> Callable[[Reading], Iterator[Example]]:
    from waystage.sources import retrieval

    own: dict[str, Any] = {"rows": rows, "right_first": right_first, "squad_rows": squad_rows, "byte_spans": byte_spans}
    return own.get(name) or getattr(retrieval, name)  # type: ignore[no-any-return]
