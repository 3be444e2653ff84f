"""The few forms that a task can take. One module per form; a new form is one file and its example in `examples.py`."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from waystage.errors import UnknownName
from waystage.forms.examples import EXAMPLES


def names() -> tuple[str, ...]:
    """Every form: a module of this package that has a kind of example."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name in EXAMPLES))


def get(name: str) -> ModuleType:
    if name not in names():
        raise UnknownName("form", name, names())
    return importlib.import_module(f"{__name__}.{name}")
