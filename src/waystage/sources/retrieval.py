"""Passages of search tasks: queries, candidates, and which answers which."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from waystage.errors import DataError
from waystage.forms.examples import Example, Passage, Span
from waystage.sources import fields
from waystage.sources.formats import Record
from waystage.sources.notes import RowFault
from waystage.sources.readers import Reading

POOL = "candidates"  # the "language" of candidates that belong to no single language


def _whole(reading: Reading) -> Iterator[tuple[int, Record]]:
    """A search without one of its passages is another search, so no row is left out."""
    for line, record in reading.records:
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, line)
        yield line, record


def _text(reading: Reading, line: int, record: Record, name: str) -> str:
    try:
        return fields.text(record, reading.layout, name).strip()
    except RowFault as fault:
        raise DataError(fault.message, reading.path, line) from None
    except DataError as error:
        raise DataError(str(error), reading.path, line) from None


def bitext(reading: Reading) -> Iterator[Example]:
    """Parallel lines: each English line asks for its translation. The gold of a sorted English side is hidden."""
    for index, (line, record) in enumerate(_whole(reading)):
        reading.notes.rows += 1
        text, english = (_text(reading, line, record, name) for name in ("text", "english"))
        if not text or not english:
            reading.notes.remark("empty sentence", str(index))
        name = f"{reading.language}-{index}"
        gold = None if reading.hidden else (name,)
        yield Passage(id=name, item=str(index), text=text, query=False)
        yield Passage(id=f"en-{index}", item=str(index), text=english, query=True, gold=gold)


def bucc(reading: Reading) -> Iterator[Example]:
    """Sentences with ids; the gold file, where there is one, pairs some of them. Queries are the foreign side."""
    gold: dict[str, list[str]] | None = None
    sides: dict[str, set[str]] = {"foreign": set(), "english": set()}
    waiting: list[tuple[int, str, str]] = []
    for line, record in _whole(reading):
        side, name, text = record["side"], record["id"], record["text"]
        if side == "gold":
            gold = defaultdict(list) if gold is None else gold
            for known, one in ((sides["foreign"], name), (sides["english"], text)):
                if one not in known:
                    raise DataError(f"the gold file names {one!r}, which is in neither text", reading.path, line)
            gold[name].append(text)
            continue
        reading.notes.rows += 1
        if name in sides[side]:
            raise DataError(f"the id {name!r} is there twice", reading.path, line)
        sides[side].add(name)
        if side == "english":
            yield Passage(id=name, text=text, query=False)
        else:
            waiting.append((line, name, text))
    for _, name, text in waiting:
        yield Passage(id=name, text=text, query=True, gold=None if gold is None else tuple(gold.get(name, ())))


def bucc_rows(reading: Reading) -> Iterator[Example]:
    """A copy that holds everything in one row of lists, with gold pairs that count from 1."""
    for line, record in _whole(reading):
        try:
            foreign, english = (fields.texts(record, reading.layout, name) for name in ("text", "english"))
        except RowFault as fault:
            raise DataError(fault.message, reading.path, line) from None
        pairs = fields.dig(record, str(reading.layout.columns["gold"]))
        gold: dict[int, list[int]] = defaultdict(list)
        for pair in pairs if isinstance(pairs, list) else ():
            i, j = (int(number) for number in pair)
            if not (0 < i <= len(foreign) and 0 < j <= len(english)):
                raise DataError(f"the gold pair {i}, {j} is outside the two texts", reading.path, line)
            gold[i].append(j)
        if len(gold) >= min(len(foreign), len(english)):
            raise DataError("every sentence has a translation: this copy of BUCC lacks its distractors", reading.path)
        reading.notes.rows += len(foreign) + len(english)
        for j, text in enumerate(english, start=1):
            yield Passage(id=f"en-{j:09d}", text=text.strip(), query=False)
        for i, text in enumerate(foreign, start=1):
            answers = tuple(f"en-{j:09d}" for j in gold.get(i, ()))
            yield Passage(id=f"{reading.language}-{i:09d}", text=text.strip(), query=True, gold=answers)


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of XQuAD-R, checked."""

    number: int
    context: str
    sentences: tuple[tuple[int, int], ...]
    questions: tuple[tuple[str, str, int], ...]  # id, question, where the answer begins

    def answering(self, start: int) -> list[int]:
        """The sentence that holds the answer, and its copies in the paragraph."""
        texts = [self.context[a:b] for a, b in self.sentences if a <= start < b]
        return [s for s, (a, b) in enumerate(self.sentences) if texts and self.context[a:b] == texts[0]]


def lareqa(reading: Reading) -> Iterator[Example]:
    """Questions ask for the sentence with the answer, in any language of the pool."""
    answers: dict[str, list[str]] = defaultdict(list)
    for language in reading.languages:
        for paragraph in _paragraphs(reading, language):
            for name, _, start in paragraph.questions:
                answers[name] += [f"{language}_{paragraph.number}_{s}" for s in paragraph.answering(start)]
    for paragraph in _paragraphs(reading, reading.language):
        number, context = str(paragraph.number), _flat(paragraph.context)
        for s, (a, b) in enumerate(paragraph.sentences):
            text = _flat(paragraph.context[a:b]) + context
            yield Passage(id=f"{reading.language}_{number}_{s}", cluster=number, text=text, query=False)
        for name, question, _ in paragraph.questions:
            reading.notes.rows += 1
            if answers[name]:
                gold = tuple(answers[name])
                about = {"id": f"{name}_{reading.language}", "item": name, "cluster": number}
                yield Passage(**about, text=question, query=True, gold=gold)
            else:
                reading.notes.exclude("no sentence holds the answer", name)


def _paragraphs(reading: Reading, language: str) -> Iterator[Paragraph]:
    seen: set[str] = set()
    for line, record in reading.open(language):
        assert not isinstance(record, RowFault)
        try:
            paragraph = Paragraph(
                record["number"],
                fields.check_text(record["context"], "context"),
                tuple((int(a), int(b)) for a, b in record["sentence_breaks"]),
                tuple(_asked(question) for question in record["qas"]),
            )
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise DataError(f"not in the format of XQuAD-R: {error!r} in {language}", reading.path, line) from None
        except RowFault as fault:
            raise DataError(fault.message, reading.path, line) from None
        for a, b in paragraph.sentences:
            if not 0 <= a <= b <= len(paragraph.context):
                raise DataError(f"sentence break {a}, {b} is outside its paragraph", reading.path, line)
        for name, _, _ in paragraph.questions:
            if name in seen:
                raise DataError(f"the question {name!r} is there twice in {language}", reading.path, line)
            seen.add(name)
        yield paragraph


def _asked(question: dict[str, Any]) -> tuple[str, str, int]:
    name, text = (fields.check_text(question[column], column) for column in ("id", "question"))
    return name, text, int(question["answers"][0]["answer_start"])


def _flat(text: str) -> str:
    return text.replace("\n", "")


def mewslix_mentions(reading: Reading) -> Iterator[Example]:
    """Mentions in the news ask for an entity; its candidates are read under the language `candidates`."""
    if reading.language == POOL:
        for line, record in _whole(reading):
            reading.notes.rows += 1
            yield _entity(record, reading, line)
        return
    for line, record in _whole(reading):
        try:
            for mention in record["mentions"]:
                reading.notes.rows += 1
                name, entity = (fields.check_text(mention[key], key) for key in ("example_id", "entity_id"))
                text = _marked(record["context"], mention)
                yield Passage(id=name, text=text, query=True, gold=(entity,) if entity else None)
        except (KeyError, TypeError, ValueError, RowFault) as error:
            raise DataError(f"not in the format of Mewsli-X: {error!r}", reading.path, line) from None


def mewslix_pairs(reading: Reading) -> Iterator[Example]:
    """Training pairs from Wikipedia: a mention in its context, and the description of its entity."""
    seen: set[str] = set()
    for line, record in _whole(reading):
        try:
            mention, entity = record["contextual_mention"], record["entity"]
            name = entity["entity_id"]
            reading.notes.rows += 1
            if name not in seen:
                seen.add(name)
                yield _entity(entity, reading, line)
            text = _marked(mention["context"], mention["mention"])
            yield Passage(id=str(mention["mention"]["example_id"]), text=text, query=True, gold=(name,))
        except (KeyError, TypeError, ValueError, RowFault) as error:
            raise DataError(f"not in the format of Mewsli-X: {error!r}", reading.path, line) from None


def _entity(record: Record, reading: Reading, line: int) -> Passage:
    try:
        name, title, said = (fields.check_text(record[key], key) for key in ("entity_id", "title", "description"))
    except KeyError as error:
        raise DataError(f"an entity without {error}", reading.path, line) from None
    except RowFault as fault:
        raise DataError(fault.message, reading.path, line) from None
    return Passage(id=name, text=f"{title}: {said}", query=False)


def _marked(context: dict[str, Any], mention: dict[str, Any], *, around: int = 300) -> str:
    """The sentence around a mention with the mention in braces, cut to some characters on both sides."""
    text, span = fields.check_text(context["text"], "text"), mention["mention_span"]
    start, end = int(span["start"]), int(span["end"])
    if text[start:end] != span["text"]:
        raise KeyError(f"mention_span of {mention['example_id']}, which is not at its offset")
    left, right = text[max(0, start - around) : start], text[end : end + around]
    return f"{left}{{ {span['text']} }}{right}"


_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|(?<=[।؟])\s*")


def from_spans(examples: Iterator[Span]) -> Iterator[Passage]:
    """Reading comprehension as search: each question asks for the sentence with its answer."""
    seen: set[str] = set()
    for example in examples:
        start = next(iter(example.starts), -1)
        if start < 0 or not example.context.startswith(example.answers[0], start):
            continue
        a, b = _sentence_at(example.context, start)
        name = f"{example.cluster}_{a}"
        if name not in seen:
            seen.add(name)
            text = _flat(example.context[a:b]) + _flat(example.context)
            yield Passage(id=name, cluster=example.cluster, text=text, query=False)
        yield Passage(id=f"q_{example.id}", cluster=example.cluster, text=example.question, query=True, gold=(name,))


def _sentence_at(context: str, start: int) -> tuple[int, int]:
    ends = [m.end() for m in _SENTENCE_END.finditer(context)]
    begin = max((end for end in ends if end <= start), default=0)
    return begin, min((end for end in ends if end > start), default=len(context))
