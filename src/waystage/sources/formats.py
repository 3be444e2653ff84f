"""From a file to records, one function per format. A record is a dictionary, or the fault of a row that is damaged.

A function takes the paths that belong together and the names of the columns, and yields (line, record).
"""

from __future__ import annotations

import csv as csv_module
import json
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from waystage.errors import DataError
from waystage.sources.notes import RowFault
from waystage.sources.text import MAX_LINE, lines, parse, read_json

Record = dict[str, Any]
Records = Iterator[tuple[int, Record | RowFault]]


def _named(path: Path, rows: Iterator[tuple[int, list[str]]], header: Sequence[str]) -> Records:
    """Rows under the names of a header. The last columns of a file without header may be absent in all rows."""
    names = list(header)
    width = 0
    for line, fields in rows:
        if not names:
            names, width = fields, len(fields)
            if len(set(names)) < len(names):
                raise DataError(f"the header names a column twice: {', '.join(names)}", path, line)
            continue
        if not width:
            width = len(fields)
            if own := _own_header(fields, names):
                names = own
                continue
            if width > len(names):
                raise DataError(f"{width} fields where {len(names)} are expected ({', '.join(names)})", path, line)
            names = names[:width]
            if fields == names:
                continue
        if len(fields) != width:
            yield line, RowFault("wrong number of fields", f"{len(fields)} fields where the others have {width}")
        else:
            yield line, dict(zip(names, fields, strict=True))


def _own_header(fields: list[str], names: Sequence[str]) -> list[str]:
    """The first row where it names all columns after all: perhaps in another order, with capitals, among others."""
    known = {name.casefold(): name for name in names}
    said = [known.get(field.strip().casefold(), field) for field in fields]
    return said if set(names) <= set(said) and len(set(said)) == len(said) else []


def tsv(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Fields between tabs; a quote is a letter like any other."""
    rows = ((n, line.split("\t")) for n, line in lines(paths[0]) if line)
    return _named(paths[0], rows, header)


def _quoted(path: Path, delimiter: str, *, one_line: bool) -> Iterator[tuple[int, list[str]]]:
    csv_module.field_size_limit(MAX_LINE)  # its own limit is far below what a field may have here, see `fields`
    reader = csv_module.reader((line + "\n" for _, line in lines(path)), delimiter=delimiter, strict=True)
    before = 0
    try:
        for fields in reader:
            if one_line and reader.line_num != before + 1:
                raise DataError("a quote is opened here and not closed in this line", path, before + 1)
            before = reader.line_num
            if fields:
                yield before, fields
    except csv_module.Error as error:
        raise DataError(f"quotes or fields are damaged: {error}", path, before + 1) from None


def quoted_tsv(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """What Python's csv writer makes with tabs: quotes doubled inside quoted fields. XTREME's XNLI and PAWS-X."""
    return _named(paths[0], _quoted(paths[0], "\t", one_line=True), header)


def csv(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    return _named(paths[0], _quoted(paths[0], ",", one_line=False), header)


def jsonl(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    path = paths[0]
    for number, line in lines(path):
        if not line.strip():
            continue
        try:
            record = parse(line, path, number)
        except DataError as error:
            yield number, RowFault("not JSON", str(error).removeprefix(f"{path}:{number}: "))
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            yield number, RowFault("not a JSON object", f"{type(record).__name__} where an object {{...}} is expected")


def json_rows(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """A list of objects, or one object per line: files that end in .json are either."""
    first = next((line.lstrip() for _, line in lines(paths[0]) if line.strip()), "")
    if not first.startswith("["):
        yield from jsonl(paths)
        return
    rows, _ = read_json(paths[0])
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            yield number, row
        else:
            yield number, RowFault("not a JSON object", f"{type(row).__name__} where an object {{...}} is expected")


def words(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """One word per line, a tab and its tag; an empty line ends a sentence. Without tags: a hidden test set."""
    return _sentences(paths[0], lambda line: line.split("\t"), last=False)


def prefixed_words(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """As PAN-X is published: "en:word", a tab, and the tag. The word itself may hold a colon, such as 12:30."""
    return _sentences(paths[0], lambda line: line.partition(":")[2].split("\t"), last=False)


def columns(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """The CoNLL habit: fields between spaces or tabs, the word first and the tag last. Other blanks are letters."""
    return _sentences(paths[0], lambda line: re.split("[ \t]+", line.strip(" \t")), last=True)


def iob2(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """As Universal NER is published: comments, then number, word, tag, and who said so."""

    def fields(line: str) -> list[str] | None:
        return None if line.startswith("#") else line.split("\t")[1:3]

    return _sentences(paths[0], fields, last=False)


def _sentences(path: Path, fields_of: Any, *, last: bool) -> Records:
    tokens: list[str] = []
    tags: list[str] = []
    start, fault = 1, None

    def sentence() -> Record | RowFault:
        if fault:
            return fault
        if tags and len(tags) != len(tokens):
            return RowFault("words without tags", f"{len(tokens)} words and {len(tags)} tags in one sentence")
        return {"tokens": tokens, "tags": tags} if tags else {"tokens": tokens}

    for number, line in lines(path):
        if not line.strip():
            if tokens or fault:
                yield start, sentence()
            tokens, tags, start, fault = [], [], number + 1, None
            continue
        fields = fields_of(line)
        if fields is None or (last and fields[0] == "-DOCSTART-"):
            continue
        if (last and len(fields) < 2) or (not last and len(fields) > 2) or not any(fields[:1]):
            fault = RowFault("damaged word line", f"line {number} is not a word and its tag: {line[:80]!r}")
            continue
        tokens.append(fields[0])
        if len(fields) > 1:
            tags.append(fields[-1])
    if tokens or fault:
        yield start, sentence()


def parallel_lines(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Files that belong together line by line; the columns are called 1, 2, 3."""
    missing = object()
    together: Any = zip_longest(*(lines(path) for path in paths), fillvalue=missing)
    for number, parts in enumerate(together, start=1):
        if missing in parts:
            short = paths[parts.index(missing)]
            raise DataError(
                f"ends after {number - 1} lines, but {paths[0].name} and its companions go on", short, number
            )
        yield number, {str(i): part[1] for i, part in enumerate(parts, start=1)}


def squad(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """SQuAD's nested JSON as one record per question."""
    for line, article, paragraph, question in _questions(paths[0]):
        if isinstance(question, RowFault):
            yield line, question
            continue
        answers = question.get("answers", [])
        yield (
            line,
            {
                "id": question.get("id"),
                "title": article.get("title", ""),
                "context": paragraph.get("context"),
                "question": question.get("question"),
                "answers": answers,
                "is_impossible": question.get("is_impossible"),
            },
        )


def _questions(path: Path) -> Iterator[tuple[int, Record, Record, Record | RowFault]]:
    value, text = read_json(path)
    line, at = 1, 0
    for a, article in enumerate(_listed(value, "data", "the file", path, 1), start=1):
        for p, paragraph in enumerate(_listed(article, "paragraphs", f"article {a}", path, line), start=1):
            for question in _listed(paragraph, "qas", f"paragraph {p} of article {a}", path, line):
                if not isinstance(question, dict):
                    yield line, article, paragraph, RowFault("not a question", f'{type(question).__name__} in "qas"')
                    continue
                found = text.find(json.dumps(question.get("id"), ensure_ascii=False), at)
                if found > 0:
                    line, at = line + text.count("\n", at, found), found
                yield line, article, paragraph, question


def squad_articles(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """SQuAD's nested JSON as one record per paragraph, with the sentence breaks that LAReQA adds."""
    value, _ = read_json(paths[0])
    number = 0
    for article in _listed(value, "data", "the file", paths[0], 1):
        for paragraph in _listed(article, "paragraphs", f"the article after paragraph {number}", paths[0], 1):
            number += 1
            if not isinstance(paragraph, dict) or "sentence_breaks" not in paragraph:
                raise DataError(f"paragraph {number} has no sentence breaks: this is not XQuAD-R", paths[0], 1)
            yield 1, {**paragraph, "number": number}


def _listed(value: Any, key: str, what: str, path: Path, line: int) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise DataError(f'not in the format of SQuAD: {what} has no list "{key}"', path, line)
    return found


def hellaswag_blocks(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Six lines per item: context, number of the right ending, four endings."""
    block: list[str] = []
    number = 0
    for number, line in lines(paths[0]):
        block.append(line)
        if len(block) == 6:
            yield number - 5, {"ctx": block[0], "label": block[1].strip(), "endings": block[2:]}
            block = []
    if any(block):
        raise DataError(f"ends inside an item: {len(block)} of 6 lines", paths[0], number)


def ccgbank(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Derivations of CCGbank: the leaves of each tree are words with their supertags."""
    leaf = re.compile(r"<L (\S+) \S+ \S+ (\S+) \S+>")
    for number, line in lines(paths[0]):
        if line.startswith("ID=") or not line.strip():
            continue
        found = leaf.findall(line)
        if found:
            yield number, {"tokens": [word for _, word in found], "tags": [tag for tag, _ in found]}
        else:
            yield number, RowFault("no derivation", "a line without any leaf <L ...>")


def bucc(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Two files of ids and sentences, and a file of gold pairs where it is public."""
    for side, path in zip(("foreign", "english", "gold"), paths, strict=False):
        for number, line in lines(path):
            if not line.strip():
                continue
            name, tab, text = line.partition("\t")
            if tab:
                yield number, {"side": side, "id": name.strip(), "text": text.strip()}
            else:
                yield number, RowFault("no tab", f"{path.name}, line {number} is not an id, a tab, and a text")


def mewslix(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Mentions with their gold entities, which XTREME-R keeps in a file of their own."""
    gold, _ = read_json(paths[1]) if len(paths) > 1 else ({}, "")
    if not isinstance(gold, dict):
        raise DataError("an object from example ids to lists of entities is expected", paths[1], 1)
    for number, record in jsonl(paths[:1]):
        mentions = record.get("mentions") if isinstance(record, dict) else None
        if isinstance(mentions, list):
            for mention in mentions:
                answers = gold.get(mention.get("example_id")) if isinstance(mention, dict) else None
                if isinstance(answers, list) and answers:
                    mention["entity_id"] = answers[0]
        yield number, record


def text_lines(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    for number, line in lines(paths[0]):
        yield number, {"text": line}


def parquet(paths: Sequence[Path], header: Sequence[str] = ()) -> Records:
    """Row numbers stand for lines."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(paths[0]) as file:
            number = 0
            for batch in file.iter_batches(batch_size=4096):
                for record in batch.to_pylist():
                    number += 1
                    yield number, record
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # text that is no UTF-8, a date of no year
        raise DataError(f"not a Parquet file that can be read ({str(error)[:200]})", paths[0]) from None
