"""A user's own data set: a table in the study file, no Python.

    [task.mytask]
    form = "pairs"
    files = { en = "data/en.jsonl", sw = "data/sw.tsv" }     # or files.train.en = ..., files.test.sw = ...
    columns = { first = "premise", second = "hypothesis", label = "gold" }
    labels = ["yes", "no"]

Files without splits are divided by row number, eight tenths for training and one each for dev and test, so that row
17 is in the same split in every language.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from waystage import languages as language_table
from waystage.errors import DataError, InputError, did_you_mean
from waystage.forms.examples import Example
from waystage.graph.files import at_home
from waystage.sources import folder, hashes
from waystage.sources.notes import Notes
from waystage.tasks.task import Files, Task

COLUMNS: dict[str, dict[str, str | tuple[str, ...]]] = {
    "pairs": {"first": "first", "second": "second", "label": "label"},
    "choice": {"context": "context", "question": "question", "options": "options", "label": "label"},
    "similarity": {"first": "first", "second": "second", "score": "score"},
    "tags": {"words": "tokens", "tags": "tags"},
    "masked": {"text": "text"},
    "spans": {
        "id": "id", "group": "title", "context": "context", "question": "question",
        "answers": "answers.text", "starts": "answers.answer_start",
    },
    "retrieval": {"text": "text", "english": "english"},
}  # fmt: skip
FORMATS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".tsv": "tsv", ".csv": "csv", ".json": "squad", ".conllu": "conllu",
    ".iob2": "iob2", ".conll": "columns", ".txt": "text_lines", ".parquet": "parquet",
}  # fmt: skip
PARTS = ("train", "dev", "test")
ABOUT = ("id", "item", "group")  # what may be known of a row of any form
SINGLE = ("label", "score", "tags", "answers", "starts")  # fields that no two columns can be joined to
OPTIONS: dict[str, set[str]] = {
    "pairs": {"logits"}, "choice": {"logits"}, "similarity": {"bi", "scale"}, "masked": set(),
    "tags": {"label_piece", "logits"},
    "spans": {"stride", "longest", "unanswerable", "threshold", "scorer"}, "retrieval": {"mode", "k"},
}  # fmt: skip
WHOLE, POSITIVE, NUMBER, YES = "a whole number above 0", "a number above 0", "a number", "true or false"
VALUES: dict[str, str | tuple[str, ...]] = {
    "stride": WHOLE, "longest": WHOLE, "k": WHOLE, "scale": POSITIVE, "threshold": NUMBER,
    "logits": YES, "bi": YES, "unanswerable": YES, "scorer": ("squad", "mlqa"), "label_piece": ("first", "last"),
}  # fmt: skip
SCORES = {
    "similarity": ("spearman", "pearson"), "tags": ("f1", "f1_seqeval_1.2.2", "token_accuracy", "precision", "recall"),
    "spans": ("f1", "exact_match"),
}  # fmt: skip


def task(name: str, said: Mapping[str, Any]) -> Task:
    """`said` is the table of the study file."""
    form = said["form"]
    if form not in COLUMNS:
        raise InputError(f"task {name!r}: form must be one of {', '.join(COLUMNS)}, not {form!r}")
    files = _by_split(name, said["files"])
    columns = {**COLUMNS[form], **{k: _column(v) for k, v in said.get("columns", {}).items()}}
    unknown = set(columns) - {*COLUMNS[form], *ABOUT}
    if unknown:
        raise InputError(f"task {name!r}: {sorted(unknown)[0]!r} is no field of the form {form!r}, which has "
                         f"{', '.join(dict.fromkeys((*COLUMNS[form], *ABOUT)))}")  # fmt: skip
    for field, column in columns.items():
        if not column:
            raise InputError(f"task {name!r}: columns.{field} names no column")
        if field in SINGLE and not isinstance(column, str):
            raise InputError(f"task {name!r}: columns.{field} must be one column, not {', '.join(column)}")
    named = said.get("columns", {})
    if form == "pairs" and "first" in named and "second" not in named:
        del columns["second"]  # one text
    _check(name, form, said, {language for by_language in files.values() for language in by_language})
    # parallel text needs no header, unless its columns are called otherwise
    header = ("text", "english") if form == "retrieval" and columns == COLUMNS[form] else ()
    layouts = tuple(
        Files(
            path=str(at_home(path).absolute()),
            format=_format(name, form, path), columns=columns, languages=(language,),
            splits={part: part for part in (PARTS if split == "" else (split,))},
            header=header,
            needed=tuple(name for name in ABOUT if name in columns and columns[name] != COLUMNS[form].get(name)),
            reader={"spans": "squad_rows", "retrieval": "bitext"}.get(form, "rows"),
        )
        for split, by_language in files.items()
        for language, path in by_language.items()
    )  # fmt: skip
    training = tuple(files.get("train", files.get("", {}))) if form != "retrieval" else ()
    # dev data of other languages than those that are trained in choose nothing
    chooses = "" in files or ("dev" in files and (not training or bool(set(training) & set(files["dev"]))))
    return Task(
        name=name,
        title=name,
        form=form,
        metric=said.get("metric") or _scores(form, said)[0],
        labels=tuple(said.get("labels", ())),
        languages=tuple(dict.fromkeys(lg for by_language in files.values() for lg in by_language)),
        train_languages=training,
        train_on=tuple(said.get("train_on", ())),
        splits=PARTS if "" in files else tuple(files),
        train_split="train" if chooses else "fit",
        select_on="dev" if chooses else "held",
        licence="the user's own",
        options=dict(said.get("options", {})),
        derived_from=tuple(said.get("derived_from", ())),
        files=layouts,
    )


def _check(name: str, form: str, said: Mapping[str, Any], spoken: set[str]) -> None:
    labels = list(said.get("labels", ()))
    if not labels and form in ("pairs", "tags"):
        raise InputError(
            f'task {name!r}: say the labels in their order, such as labels = ["no", "yes"] or ["O", "B-PER", "I-PER"]'
        )
    if len(set(labels)) < len(labels):
        raise InputError(f"task {name!r}: a label stands twice in {labels}")
    for language in spoken:
        if (code := language_table.resolve(language)) != language:
            raise InputError(f"task {name!r}: write {code!r} for the language {language!r}: that is its code here")
    options = said.get("options", {})
    mode = options.get("mode", "bitext")
    _one_of(name, "option", options, OPTIONS[form])
    _values(name, options)
    _one_of(name, "mode of a search in two parallel texts", [mode], ("bitext", "margin"))
    _one_of(name, "metric", [said.get("metric") or _scores(form, said)[0]], _scores(form, said))


def _values(name: str, options: Mapping[str, Any]) -> None:
    for option, value in options.items():
        wanted = VALUES.get(option, ())
        if isinstance(wanted, tuple):
            if wanted:
                _one_of(name, option, [value], wanted)
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = isinstance(value, bool) if wanted == YES else number and math.isfinite(value)
        if wanted in (WHOLE, POSITIVE):
            fits = fits and value > 0 and (wanted == POSITIVE or isinstance(value, int))
        if not fits:
            raise InputError(f"task {name!r}: option {option} must be {wanted}, not {value!r}")


def _one_of(name: str, what: str, said: Iterable[str], known: Collection[str]) -> None:
    for one in said:
        if one not in known:
            there = ", ".join(sorted(known)) or "none"
            raise InputError(f"task {name!r}: {one!r} is no {what}{did_you_mean(one, known)}; there are: {there}")


def _scores(form: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    """What may stand for the task, the usual one first."""
    mined = said.get("options", {}).get("mode") == "margin"
    return ("f1", "precision", "recall") if mined else SCORES.get(form, ("accuracy",))


def _by_split(name: str, files: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """{split: {language: path}}; the split of a file that serves all is ""."""
    if not files:
        raise InputError(f"task {name!r}: `files` names no file")
    nested = {key: dict(value) for key, value in files.items() if isinstance(value, Mapping)}
    flat = {key: value for key, value in files.items() if not isinstance(value, Mapping)}
    if nested and flat:
        raise InputError(f"task {name!r}: either every file has a split (files.train.en = ...) or none has")
    wrong = set(nested) - set(PARTS)
    if wrong:
        raise InputError(f"task {name!r}: {sorted(wrong)[0]!r} is no split; splits are train, dev and test")
    for path in (flat or {p: p for by in nested.values() for p in by.values()}).values():
        if ".." in Path(path).parts:
            raise InputError(f"task {name!r}: {path!r} leaves its folder with '..': write the whole path instead")
    return nested or {"": flat}


def _column(said: str | tuple[str, ...] | list[str]) -> str | tuple[str, ...]:
    """ "choice1, choice2" gathers two columns."""
    if isinstance(said, str):
        parts = tuple(part.strip() for part in said.split(","))
        return parts if len(parts) > 1 else said
    return tuple(said)


def _format(name: str, form: str, path: str) -> str:
    suffix = Path(path.removesuffix(".gz")).suffix.lower()
    if form == "tags" and suffix in {".tsv", ".txt"}:
        return "words"
    if suffix == ".json" and form != "spans":
        return "json_rows"
    if suffix not in FORMATS or (suffix == ".txt" and form != "masked"):
        raise InputError(f"task {name!r}: the kind of {path!r} is not known by its ending; "
                         f"known are {', '.join(FORMATS)}, each also with .gz")  # fmt: skip
    return FORMATS[suffix]


def declared(said: Task) -> dict[str, Any]:
    """What of the declaration decides the rows: everything but the places of the files."""
    layout = said.files[0]
    together = said.form == "retrieval" and len(layout.splits) == len(PARTS)
    return {
        "form": said.form,
        "labels": list(said.labels),
        "columns": {k: v if isinstance(v, str) else list(v) for k, v in layout.columns.items()},
        "options": dict(said.options),
        "formats": sorted({f"{','.join(f.splits)}/{f.languages[0]}: {f.format}" for f in said.files}),
        **({"divided": "by row"} if together else {}),  # once by passage, which parted a sentence from its translation
    }


def places(said: Task) -> dict[str, str]:
    """ "train/en" -> file, or "/en" for a file that serves all splits."""
    found = {}
    for layout in said.files:
        split = "" if len(layout.splits) == len(PARTS) else next(iter(layout.splits))
        found[f"{split}/{layout.languages[0]}"] = str(Path(str(layout.path)).resolve())
    return found


def identify(said: Task, split: str, languages: tuple[str, ...]) -> dict[str, Any]:
    content = {}
    for language in languages:
        path = _path(said, split, language)
        if not path.is_file():
            raise DataError(f"there is no such file (task {said.name}, {split}, {language})", path)
        content[language] = hashes.sha256(path)
    return {"kind": "files", "declared": declared(said), "sha256": content}


def check_unchanged(said: Task, split: str, language: str, identity: Mapping[str, Any]) -> None:
    """The file must still be the one that the study was planned with: what is kept would bear the name of the other."""
    now, planned = identify(said, split, (language,))["sha256"][language], identity["sha256"][language]
    if now != planned:
        raise folder.changed(_path(said, split, language), now, planned)


def _path(said: Task, split: str, language: str) -> Path:
    for layout in said.files:
        if split in layout.splits and language in layout.languages:
            return Path(str(layout.path))
    raise DataError(f"task {said.name} names no file for {split} in {language}")


def for_the_world(said: Task) -> dict[str, Any]:
    """What the built-in world needs to make examples of a user's task."""
    mode = {"mode": "bitext"} if said.form == "retrieval" else {}  # it is not asked of mentions, as Mewsli-X is
    return {
        "form": said.form, "metric": said.metric, "labels": list(said.labels), "languages": list(said.languages),
        "options": {**mode, **said.options},
    }  # fmt: skip


def stand_in(name: str, said: Mapping[str, Any]) -> Task:
    """The same task without its files, for a rehearsal in another process."""
    return Task(
        name=name, title=name, form=said["form"], metric=said["metric"], labels=tuple(said["labels"]),
        languages=tuple(said["languages"]), train_languages=tuple(said["languages"]), options=dict(said["options"]),
        licence="the user's own",
    )  # fmt: skip


def from_identity(name: str, identity: Mapping[str, Any], places: Mapping[str, str]) -> Task:
    """The same task again, in another process and perhaps with the files elsewhere."""
    files: dict[str, Any] = {}
    for key, path in places.items():
        split, _, language = key.partition("/")
        if split:
            files.setdefault(split, {})[language] = path
        else:
            files[language] = path
    said = identity["declared"]
    return task(name, {**said, "files": files})


def read(said: Task, split: str, language: str, notes: Notes) -> Iterator[Example]:
    whole = any(language in layout.languages and len(layout.splits) == len(PARTS) for layout in said.files)
    before = notes.rows
    for example in folder.read(Path("/"), said, split, language, notes):
        # the number of the row, not of the example: a row of parallel text is two, and one left out is none
        if not whole or part(notes.rows - before - 1) == split:
            yield example


def part(index: int) -> str:
    bucket = hashlib.sha256(str(index).encode()).digest()[0] % 10
    return {0: "test", 1: "dev"}.get(bucket, "train")
