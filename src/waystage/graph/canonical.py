"""One text per value: what a fingerprint is computed from.

The encoder refuses what has no stable form. Hashing a memory address, a NaN or the order of a set would not fail; it
would give a cache that is never hit, or one that is hit wrongly.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from waystage.errors import InputError

# Exact types, no subclasses: numpy.float64 is a float and a StrEnum is a str, but neither promises to stay so.
SCALARS = frozenset({str, int, bool, type(None)})


def plain(value: Any, path: str = "config") -> Any:
    """`value` as dicts, lists, strings, numbers, booleans and None, or an InputError that names the place."""
    kind = type(value)
    if kind in SCALARS:
        return value
    if kind is float:
        if math.isfinite(value) and (value != 0.0 or math.copysign(1.0, value) > 0):
            return value
        raise InputError(f"{path} is {value!r}: it has no stable form. Write a finite number (0.0 instead of -0.0)")
    if kind is list or kind is tuple:
        return [item if type(item) in SCALARS else plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        out = {}
        for key, item in value.items():
            if type(key) is not str:
                raise InputError(f"{path} has the key {key!r} ({type(key).__name__}): write keys as strings")
            out[key] = item if type(item) in SCALARS else plain(item, f"{path}.{key}")
        return out
    raise InputError(
        f"{path} is {_short(value)} ({kind.__module__}.{kind.__qualname__}): a config holds only strings, ints, "
        "floats, booleans, None, lists and mappings. Convert it, for example with str(), int(), float() or list()"
    )


def text(value: Any, path: str = "config") -> str:
    """Canonical JSON: sorted keys, no spaces, ASCII; 1 and 1.0 differ, a tuple is a list."""
    return json.dumps(plain(value, path), sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any, path: str = "config") -> str:
    return hashlib.sha256(text(value, path).encode("ascii")).hexdigest()


def identity(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass that say something, as a dict: those equal to their default are left out.

    So a field that is added later, with a default that means "as before", keeps old fingerprints. Whoever changes the
    default of an existing field changes what old fingerprints mean: raise the version of the kind then. A field with
    `metadata={"identity": False}` is left out always.
    """
    out = {}
    for item in fields(instance):
        value = getattr(instance, item.name)
        if item.metadata.get("identity", True) and not _same(value, _default(item)):
            out[item.name] = _deep(value)
    return out


def _deep(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return identity(value)
    if isinstance(value, list | tuple):
        return [_deep(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _deep(item) for key, item in value.items()}
    return value


def _default(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def _same(value: Any, default: Any) -> bool:
    """Equal with equal types: 1, 1.0 and True are equal to Python but are three texts here."""
    if default is MISSING or type(value) is not type(default):
        return False
    if isinstance(value, list | tuple):
        return len(value) == len(default) and all(map(_same, value, default))
    if isinstance(value, Mapping):
        return value.keys() == default.keys() and all(_same(value[key], default[key]) for key in value)
    if is_dataclass(value):
        return all(_same(getattr(value, item.name), getattr(default, item.name)) for item in fields(value))
    return bool(value == default)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
