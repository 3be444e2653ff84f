"""A task is a declaration: where a data set is and which of the few forms it has. No control flow, no code per task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Columns = Mapping[str, str | tuple[str, ...]]
SPLITS = {"train": "train", "dev": "validation", "test": "test"}
PARQUET = "refs/convert/parquet"  # the branch on which the hub itself keeps what it could convert
LEAVE_OUT = "(leave out)"  # a label that means: nobody agreed on it, so no score counts this row
SAME = {"train": "train", "dev": "dev", "test": "test"}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the rows of one copy of a data set become examples.

    `columns` says for each field of the form's example which column holds it ("answers.text" looks inside; a tuple
    gathers several columns into one field). `values` translates raw values of a field, written as text, into ours;
    a value that maps to None means that the benchmark hides it; "*" stands for every value that is not a label.
    """

    columns: Columns = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)  # keep rows with this value; {lg}; "x*" is a prefix
    splits: Mapping[str, str] = field(default_factory=lambda: dict(SAME))  # ours -> theirs
    names: Mapping[str, str] = field(default_factory=dict)  # language -> what {lg} becomes here
    languages: tuple[str, ...] = ()  # languages of this copy; () is every language of the task
    hidden: tuple[str, ...] = ()  # splits whose labels are placeholders
    blocks: Mapping[str, int] = field(default_factory=dict)  # split -> so many rows in a row belong together
    rows: Mapping[str, int] = field(default_factory=dict)  # "train" or "train/sw" -> official number of rows
    reader: str = "rows"  # a function of waystage.sources.readers
    needed: tuple[str, ...] = ()  # of id, item and group: what every row must have; else rows may do without


@dataclass(frozen=True, kw_only=True)
class Hub(Layout):
    """A data set on the Hugging Face hub. `revision` is a commit, a branch, or "" for the newest commit."""

    repo: str
    config: str = ""  # {lg} is the language under its name here
    revision: str = ""
    splits: Mapping[str, str] = field(default_factory=lambda: dict(SPLITS))

    @property
    def name(self) -> str:
        return f"{self.repo}@{self.revision or 'main'}"


def or_converted(copy: Hub) -> tuple[Hub, Hub]:
    """A data set whose main branch is (or was, when last seen) a loading script, and the hub's own conversion of it."""
    return copy, replace(copy, revision=PARQUET)


@dataclass(frozen=True, kw_only=True)
class Files(Layout):
    """Files below a data folder, whose path may hold {lg}, {split} and `*`.

    Several paths are read side by side, such as two sides of parallel text; with `*` one after the other.
    """

    path: str | tuple[str, ...]
    format: str = "tsv"  # a function of waystage.sources.formats
    header: tuple[str, ...] = ()  # names of the columns of a file that does not name them itself
    releases: Mapping[str, str] = field(default_factory=dict)  # language -> folder to take of several; "" is the others


@dataclass(frozen=True, kw_only=True)
class Task:
    name: str
    title: str
    form: str  # a module of waystage.forms
    metric: str  # the headline score, a key of what the form's `score` returns
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)  # scored languages
    train_languages: tuple[str, ...] = ("en",)  # languages with training data; () for targets without any
    train_on: tuple[str, ...] = ()  # other tasks whose training data this target is trained on, in order
    splits: tuple[str, ...] = ("train", "dev", "test")
    train_split: str = "train"  # "fit" is train without the held-out tenth
    select_on: str = "dev"  # the split that may choose a checkpoint; "held" is the held-out tenth of train
    parallel: bool = False  # the same items in every language
    domain: str = "general"
    licence: str = "unknown"
    non_commercial: bool = False
    redistributable: bool = True
    derived_from: tuple[str, ...] = ()  # "squad:dev", "xnli:test": data that this data contains or translates
    members: tuple[str, ...] = ()  # a union of other tasks, in this order, under one head
    options: Mapping[str, Any] = field(default_factory=dict)  # for the form: {"unanswerable": True}
    hub: tuple[Hub, ...] = ()  # the first one is tried first
    files: tuple[Files, ...] = ()  # the first one that is present
    max_length: int = 256
    epochs: float = 2
    batch: int = 32
    note: str = ""  # what a reader of a report must know

    @property
    def has_training_data(self) -> bool:
        return bool(self.train_languages)
