"""A task is a declaration: where a data set is and which of the few forms it has. No control flow, no code per task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Task:
    name: str
    title: str
    form: str  # a module of waystage.forms
    metric: str  # the headline score, a key of what the form's `score` returns
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)  # scored languages
    train_languages: tuple[str, ...] = ("en",)  # languages with training data; () for retrieval targets
    train_on: tuple[str, ...] = ()  # other tasks whose training data this target is trained on, in order
    splits: tuple[str, ...] = ("train", "dev", "test")
    select_on: str = "dev"  # the split that may choose a checkpoint
    parallel: bool = False  # the same items in every language
    domain: str = "general"
    licence: str = "unknown"
    non_commercial: bool = False
    derived_from: tuple[str, ...] = ()  # "squad:dev", "xnli:test": data that this data contains or translates
    options: Mapping[str, Any] = field(default_factory=dict)  # for the form: {"unanswerable": True}
    hub: Mapping[str, Any] = field(default_factory=dict)
    folder: Mapping[str, Any] = field(default_factory=dict)
    max_length: int = 256
    epochs: float = 2
    batch: int = 32
