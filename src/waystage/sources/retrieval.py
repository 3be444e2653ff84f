"""Passages of search tasks: queries, candidates, and which answers which."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from waystage.errors import DataError
from waystage.forms.examples import Example, Passage, Span
from waystage.sources import fields
from waystage.sources.formats import Record
from waystage.sources.notes import RowFault
from waystage.sources.readers import Reading

POOL = "candidates"  # the "language" of candidates that belong to no single language


def bitext(reading: Reading) -> Iterator[Example]:
    """Parallel lines: each English line asks for its translation. The gold of a sorted English side is hidden."""
    for index, (_, record) in enumerate(reading.records):
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, index + 1)
        reading.notes.rows += 1
        text = fields.text(record, reading.layout, "text").strip()
        english = fields.text(record, reading.layout, "english").strip()
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
    for line, record in reading.records:
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, line)
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
    for line, record in reading.records:
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, line)
        foreign, english = (fields.texts(record, reading.layout, name) for name in ("text", "english"))
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


def lareqa(reading: Reading) -> Iterator[Example]:
    """Questions ask for the sentence with the answer, in any language of the pool."""
    answers: dict[str, list[str]] = defaultdict(list)
    for language in reading.languages:
        for paragraph in _paragraphs(reading, language):
            for question, sentences in _answer_sentences(paragraph).items():
                answers[question] += [f"{language}_{paragraph['number']}_{s}" for s in sentences]
    for paragraph in _paragraphs(reading, reading.language):
        number = str(paragraph["number"])
        context = _flat(paragraph["context"])
        for s, (start, end) in enumerate(paragraph["sentence_breaks"]):
            sentence = _flat(paragraph["context"][start:end])
            yield Passage(
                id=f"{reading.language}_{number}_{s}", cluster=number, text=f"{sentence}{context}", query=False
            )
        for question in paragraph["qas"]:
            reading.notes.rows += 1
            name = question["id"]
            if name not in answers:
                reading.notes.exclude("no sentence holds the answer", name)
                continue
            text = fields.check_text(question["question"], "question")
            gold = tuple(answers[name])
            yield Passage(id=f"{name}_{reading.language}", item=name, cluster=number, text=text, query=True, gold=gold)


def _paragraphs(reading: Reading, language: str) -> Iterator[dict[str, Any]]:
    try:
        for line, record in reading.open(language):
            assert not isinstance(record, RowFault)
            context, breaks = record["context"], record["sentence_breaks"]
            for pair in breaks:
                if not 0 <= pair[0] <= pair[1] <= len(context):
                    raise DataError(f"sentence break {pair} is outside its paragraph", reading.path, line)
            yield record
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(f"not in the format of XQuAD-R: {error!r} in {language}", reading.path, 1) from None


def _answer_sentences(paragraph: dict[str, Any]) -> dict[str, list[int]]:
    """For each question the sentences that hold its answer: the one at the offset, and its copies in the paragraph."""
    context, breaks = paragraph["context"], paragraph["sentence_breaks"]
    found: dict[str, list[int]] = {}
    for question in paragraph["qas"]:
        start = question["answers"][0]["answer_start"]
        texts = [context[a:b] for a, b in breaks if a <= start < b]
        if texts:
            found[question["id"]] = [s for s, (a, b) in enumerate(breaks) if context[a:b] == texts[0]]
    return found


def _flat(text: str) -> str:
    return text.replace("\n", "")


def mewslix_mentions(reading: Reading) -> Iterator[Example]:
    """Mentions in the news ask for an entity; its candidates are read under the language `candidates`."""
    if reading.language == POOL:
        for line, record in reading.records:
            reading.notes.rows += 1
            yield _entity(record, reading, line)
        return
    for line, record in reading.records:
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, line)
        try:
            for mention in record["mentions"]:
                reading.notes.rows += 1
                name, entity = mention["example_id"], mention["entity_id"]
                text = _marked(record["context"], mention)
                yield Passage(id=name, text=text, query=True, gold=(entity,) if entity else None)
        except (KeyError, TypeError) as error:
            raise DataError(f"not in the format of Mewsli-X: {error!r}", reading.path, line) from None


def mewslix_pairs(reading: Reading) -> Iterator[Example]:
    """Training pairs from Wikipedia: a mention in its context, and the description of its entity."""
    seen: set[str] = set()
    for line, record in reading.records:
        if isinstance(record, RowFault):
            raise DataError(record.message, reading.path, line)
        try:
            mention, entity = record["contextual_mention"], record["entity"]
            name = entity["entity_id"]
            reading.notes.rows += 1
            if name not in seen:
                seen.add(name)
                yield _entity(entity, reading, line)
            text = _marked(mention["context"], mention["mention"])
            yield Passage(id=str(mention["mention"]["example_id"]), text=text, query=True, gold=(name,))
        except (KeyError, TypeError) as error:
            raise DataError(f"not in the format of Mewsli-X: {error!r}", reading.path, line) from None


def _entity(record: Record | RowFault, reading: Reading, line: int) -> Passage:
    if isinstance(record, RowFault):
        raise DataError(record.message, reading.path, line)
    try:
        text = f"{record['title']}: {record['description']}"
        return Passage(id=record["entity_id"], text=text, query=False)
    except KeyError as error:
        raise DataError(f"an entity without {error}", reading.path, line) from None


def _marked(context: dict[str, Any], mention: dict[str, Any], *, around: int = 300) -> str:
    """The sentence around a mention with the mention in braces, cut to some characters on both sides."""
    text, span = context["text"], mention["mention_span"]
    start, end = span["start"], span["end"]
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
