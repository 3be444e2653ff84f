from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.graph import canonical

floats = st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: str(x) != "-0.0")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_text_is_json_that_reads_back_to_the_same_value_and_text(value: Any) -> None:
    text = canonical.text(value)
    assert canonical.text(json.loads(text)) == text
    assert json.loads(text) == value


@given(st.dictionaries(st.text(), values, min_size=2))
def test_order_of_keys_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical.text(dict(reversed(value.items()))) == canonical.text(value)


@given(values, values)
def test_equal_texts_only_for_equal_values(one: Any, other: Any) -> None:
    if canonical.text(one) == canonical.text(other):
        assert one == other


def test_the_form_itself() -> None:
    value = {"b": (1, 1.0, True, None), "a": {"ü": 1e-05, "x": 2**70}}
    assert canonical.text(value) == '{"a":{"x":1180591620717411303424,"\\u00fc":1e-05},"b":[1,1.0,true,null]}'


def test_numbers_that_python_calls_equal_are_told_apart() -> None:
    assert len({canonical.text(value) for value in (1, 1.0, True, "1")}) == 4


def test_any_mapping_and_tuples_are_as_good_as_dicts_and_lists() -> None:
    plain = {"a": [1, 2], "b": {"c": 3}}
    assert canonical.text(OrderedDict(b=MappingProxyType({"c": 3}), a=(1, 2))) == canonical.text(plain)


class Word(StrEnum):
    A = "a"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"recipe": {"rates": [0.1, float("nan")]}}, r"config\.recipe\.rates\[1\] is nan"),
        ({"x": float("inf")}, r"config\.x is inf"),
        ({"x": -0.0}, r"config\.x is -0\.0"),
        ({"x": {1, 2}}, r"config\.x is \{1, 2\} \(builtins\.set\)"),
        ({"x": {1: 2}}, r"config\.x has the key 1 \(int\)"),
        ({"x": np.float64(1.0)}, r"config\.x is .*numpy\.float64"),
        ({"x": Word.A}, r"config\.x is .*Word"),
        ({"x": [print]}, r"config\.x\[0\] is <built-in function print>"),
        ({"x": b"bytes"}, r"bytes"),
        ({"x": object()}, r"builtins\.object"),
    ],
)
def test_refuses_what_has_no_stable_form_and_names_the_place(value: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        canonical.text(value)


@dataclass(frozen=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True)
class Old:
    name: str
    rate: float = 1.0
    inner: Inner = Inner()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class New(Old):
    clip: float = 0.0  # added later, with a default that means "as before"
    more: dict[str, int] = field(default_factory=dict)
    workers: int = field(default=2, metadata={"identity": False})


def test_identity_keeps_what_differs_from_the_default() -> None:
    assert canonical.identity(Old("a")) == {"name": "a"}
    assert canonical.identity(Old("a", 2.0, Inner(3), ("x",))) == {
        "name": "a",
        "rate": 2.0,
        "inner": {"depth": 3},
        "names": ["x"],
    }


def test_a_new_field_at_its_default_keeps_the_identity() -> None:
    assert canonical.identity(New("a", 2.0)) == canonical.identity(Old("a", 2.0))
    assert canonical.identity(New("a", workers=8)) == canonical.identity(Old("a"))
    assert canonical.identity(New("a", clip=1.0)) == {"name": "a", "clip": 1.0}


def test_a_value_of_another_type_is_not_the_default() -> None:
    assert canonical.identity(Old("a", rate=1)) == {"name": "a", "rate": 1}
    assert canonical.identity(Old("a", inner=Inner(True))) == {"name": "a", "inner": {"depth": True}}
    assert canonical.identity(New("a", more={"x": 1})) == {"name": "a", "more": {"x": 1}}
