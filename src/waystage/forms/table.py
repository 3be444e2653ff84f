"""Examples of one form as a Parquet file: a column per field, the same bytes for the same examples.

`read` gives all at once; `batches` goes through millions of rows in little memory.
"""

from __future__ import annotations

import itertools
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import DataError
from waystage.forms.examples import EXAMPLES, Example

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 16384  # rows of a group: what a reader holds at a time


def write(path: Path, examples: Iterable[Example], *, form: str | None = None) -> int:
    """Write the examples, all of one form, and say how many. `form` is needed only where there may be none at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = iter(examples)
    first = next(stream, None)
    if form is None:
        assert first is not None, "an empty table needs the name of its form"
        kind: type[Example] = type(first)
    else:
        kind = EXAMPLES[form]
    schema = _schema(kind)
    names = [f.name for f in fields(kind)]
    stream = stream if first is None else itertools.chain([first], stream)
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd", store_schema=False) as writer:
        while rows := list(itertools.islice(stream, ROWS)):
            try:
                columns = [pa.array([getattr(row, n) for row in rows], schema.field(n).type) for n in names]
            except UnicodeEncodeError:
                raise DataError(f"{_unwritable(rows)} has half of a surrogate pair in its text", path) from None
            writer.write_batch(pa.record_batch(columns, schema=schema))
            written += len(rows)
    return written


def read(path: Path, form: str) -> list[Any]:
    return [example for rows in batches(path, form) for example in rows]


def batches(path: Path, form: str, *, rows: int = ROWS) -> Iterator[list[Any]]:
    """The examples, some at a time."""
    kind = EXAMPLES[form]
    names = [f.name for f in fields(kind)]
    many = [types.GenericAlias is type(_bare(hint)) for hint in _hints(kind).values()]
    with _open(path) as file:
        missing = [n for n in names if n not in file.schema_arrow.names]
        if missing:
            raise DataError(f"has no column {missing[0]!r}, so it holds no examples of the form {form!r}", path)
        for batch in file.iter_batches(batch_size=rows, columns=names):
            columns = [batch.column(n).to_pylist() for n in names]
            for i, several in enumerate(many):
                if several:
                    columns[i] = [value if value is None else tuple(value) for value in columns[i]]
            yield [kind(**dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def ids(path: Path) -> list[str]:
    """Only the ids, without reading the texts."""
    with _open(path) as file:
        return [i for batch in file.iter_batches(batch_size=ROWS, columns=["id"]) for i in batch.column(0).to_pylist()]


def count(path: Path) -> int:
    with _open(path) as file:
        return int(file.metadata.num_rows)


def _open(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise DataError("no such file", path) from None
    except pa.ArrowException as error:
        raise DataError(f"is not a Parquet file that can be read ({error})", path) from None


def _schema(kind: type[Example]) -> pa.Schema:
    import pyarrow as pa

    plain = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}

    def column(hint: Any) -> pa.DataType:
        bare = _bare(hint)
        return pa.list_(plain[typing.get_args(bare)[0]]) if typing.get_origin(bare) is tuple else plain[bare]

    return pa.schema([pa.field(name, column(hint)) for name, hint in _hints(kind).items()])


def _hints(kind: type[Example]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in fields(kind)}


def _bare(hint: Any) -> Any:
    """The type without `| None`."""
    options = [t for t in typing.get_args(hint) if t is not type(None)]
    return options[0] if isinstance(hint, types.UnionType) else hint


def _unwritable(rows: list[Example]) -> str:
    for row in rows:
        try:
            repr_of = "".join(str(getattr(row, f.name)) for f in fields(row))
            repr_of.encode()
        except UnicodeEncodeError:
            return f"example {row.id!r}"
    return "an example"
