"""One field of an example out of a record: the place where wrong types, huge fields and unknown labels stop."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from waystage.errors import DataError
from waystage.sources.formats import Record
from waystage.sources.notes import RowFault
from waystage.sources.text import MAX_FIELD
from waystage.tasks.task import LEAVE_OUT, Layout, Task

_ABSENT = object()


def dig(record: Any, path: str) -> Any:
    """ "answers.text" looks into an object, or into each object of a list, unless a column is called so."""
    if isinstance(record, dict) and path in record:
        return record[path]
    value = record
    for key in path.split("."):
        if isinstance(value, dict):
            value = value.get(key, _ABSENT)
        elif isinstance(value, list):
            value = [item.get(key, _ABSENT) if isinstance(item, dict) else _ABSENT for item in value]
            if any(item is _ABSENT for item in value):
                return _ABSENT
        else:
            return _ABSENT
    return value


def present(record: Record, layout: Layout, name: str) -> bool:
    column = layout.columns.get(name)
    if column is None:
        return False
    return has(record, column if isinstance(column, str) else column[0])


def has(record: Record, path: str) -> bool:
    return dig(record, path) is not _ABSENT


def text(record: Record, layout: Layout, name: str, *, needed: bool = True) -> str:
    column = layout.columns.get(name)
    if column is None:
        assert not needed, f"the declaration names no column for {name!r}"
        return ""
    if isinstance(column, tuple):
        return " ".join(part.strip() for part in texts(record, layout, name))
    value = dig(record, column)
    if value is _ABSENT:
        if needed:
            raise missing_column(column, record)
        return ""
    value = check_text(value if value is not None else "", column)
    if name not in layout.values:
        return value
    known = layout.values[name]
    if value not in known:
        raise RowFault("unknown value", f"column {column!r} holds {value!r}, which is none of {', '.join(known)}")
    return str(known[value])


def missing_column(column: str, record: Record) -> DataError:
    return DataError(f"there is no column {column!r}; the columns are: {', '.join(map(str, record)) or 'none'}")


def check_text(value: Any, column: str) -> str:
    if not isinstance(value, str):
        raise RowFault("not text", f"column {column!r} holds {type(value).__name__} {str(value)[:40]!r}, not text")
    if len(value) > MAX_FIELD:
        raise RowFault("huge field", f"column {column!r} holds {len(value):,} characters; {MAX_FIELD:,} are allowed")
    return value


def texts(record: Record, layout: Layout, name: str) -> tuple[str, ...]:
    """Several columns, or one column that holds a list."""
    column = layout.columns[name]
    if isinstance(column, tuple):
        values: Any = [dig(record, c) for c in column]
        for one, value in zip(column, values, strict=True):
            if value is _ABSENT:
                raise missing_column(one, record)
        shown = ", ".join(column)
    else:
        values, shown = dig(record, column), column
        if values is _ABSENT:
            raise missing_column(column, record)
        if not isinstance(values, list | tuple):
            raise RowFault("not a list", f"column {column!r} holds {type(values).__name__}, not a list")
    return tuple(check_text(value, shown) for value in values)


def raw(value: Any) -> str:
    """A label as text, so that 1, "1" and 1.0 in different copies of a data set are the same."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def translated(record: Record, layout: Layout, name: str) -> Any:
    """The value of a label under the declaration's names. None: hidden."""
    column = layout.columns[name]
    assert isinstance(column, str)
    value = dig(record, column)
    if value is _ABSENT:
        return None
    said = raw(value)
    known = layout.values.get(name, {})
    if said in known:
        return known[said]
    return said


def label(record: Record, layout: Layout, task: Task) -> str | None:
    value = translated(record, layout, "label")
    if value is None or value == LEAVE_OUT or not task.labels or value in task.labels:
        return value  # type: ignore[no-any-return]
    raise RowFault("unknown label", f"label {value!r} is none of {', '.join(task.labels)}")


def option_label(record: Record, layout: Layout, options: int) -> int | None:
    value = translated(record, layout, "label")
    if value is None:
        return None
    try:
        index = int(value)
    except ValueError:
        raise RowFault("unknown label", f"label {value!r} is not the number of an option") from None
    if not 0 <= index < options:
        raise RowFault("unknown label", f"label {index} where the options are 0 to {options - 1}")
    return index


def number(record: Record, layout: Layout, name: str, *, low: float, high: float) -> float | None:
    value = translated(record, layout, name)
    if value is None:
        return None
    try:
        found = float(value)
    except ValueError:
        raise RowFault("not a number", f"{name} {value!r} is not a number") from None
    if not (math.isfinite(found) and low <= found <= high):
        raise RowFault("score out of range", f"{name} {value} is not between {low:g} and {high:g}")
    return found


Check = Callable[[Record], bool]


def keeps(layout: Layout, lg: str) -> Check:
    """Whether a record belongs to this language, by the layout's `where`."""
    wanted = {column: value.replace("{lg}", lg) for column, value in layout.where.items()}

    def check(record: Record) -> bool:
        for column, value in wanted.items():
            found = dig(record, column)
            if found is _ABSENT:
                raise missing_column(column, record)
            if not (str(found).startswith(value[:-1]) if value.endswith("*") else str(found) == value):
                return False
        return True

    return check
