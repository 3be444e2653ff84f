"""What several forms do in the same way: labels to numbers, which examples an encoding holds, scores by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from waystage.errors import DataError
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Example

E = TypeVar("E", bound=Example)
Columns = dict[str, Any]
HIDDEN = -100


def numbered(
    values: Iterable[str | None], labels: Sequence[str], ids: Iterable[str], *, rare: bool = False
) -> np.ndarray | None:
    """Class indices (-100 where hidden), or None when all are hidden. `rare`: so is what is not among the labels."""
    of = {label: i for i, label in enumerate(labels)}
    if rare:
        found = np.fromiter((HIDDEN if v is None else of.get(v, HIDDEN) for v in values), np.int32)
    else:
        found = np.fromiter((_number(v, of, i) for v, i in zip(values, ids, strict=True)), np.int32)
    return found if (found != HIDDEN).any() else None


def _number(value: str | None, of: Mapping[str, int], example: str) -> int:
    if value is None:
        return HIDDEN
    if value not in of:
        raise DataError(
            f"example {example!r} has the label {value!r}, which the task does not declare "
            f"(it declares {', '.join(map(repr, of))}). Mend the labels of the task or the data."
        )
    return of[value]


def present(encoded: Encoded, examples: Sequence[E]) -> tuple[np.ndarray, list[E]]:
    """Which examples the encoding holds, as row numbers and as examples, in order."""
    rows = np.unique(encoded.example)
    return rows, [examples[row] for row in rows]


def matched(examples: Iterable[E], predictions: Columns) -> list[E]:
    """The example of each row of the predictions."""
    by_id = {example.id: example for example in examples}
    missing = [i for i in predictions["id"] if i not in by_id]
    if missing:
        raise DataError(f"{len(missing)} predictions have an id that no example has, the first is {missing[0]!r}")
    return [by_id[i] for i in predictions["id"]]


def scored(
    examples: Iterable[E],
    predictions: Columns,
    gold: Callable[[E], Any],
    metric: Callable[[list[Any], list[Any]], dict[str, float]],
) -> dict[str, float]:
    """A metric of gold and prediction over the rows whose gold is known; nothing where all of it is hidden."""
    rows = zip(map(gold, matched(examples, predictions)), predictions["prediction"], strict=True)
    known = [row for row in rows if row[0] is not None]
    return metric([g for g, _ in known], [p for _, p in known]) if known else {}
