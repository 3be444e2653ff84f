"""Rows from the Hugging Face hub: pinned commits, fallbacks, checked files.

`datasets` says which files make a configuration and split; `huggingface_hub` fetches them into the usual cache; they
are read from there, a batch at a time. What was fetched is written down, so that the same files are found without
network, and so that a file which changed under the same commit is noticed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from waystage.errors import DataError
from waystage.forms.examples import Example
from waystage.sources import formats, hashes, readers
from waystage.sources.formats import Record, Records
from waystage.sources.notes import Notes
from waystage.sources.patience import Gone, offline, patiently
from waystage.sources.retrieval import POOL
from waystage.tasks.task import PARQUET, Hub, Task

UNKNOWN = "unknown"  # a commit that nobody has looked up yet


@dataclass(frozen=True)
class Fetched:
    commit: str
    files: tuple[tuple[str, str], ...]  # name on the hub, sha256
    paths: tuple[Path, ...]
    classes: Mapping[str, tuple[str, ...]]  # column -> names of its classes


def identify(task: Task, split: str, languages: Iterable[str], lock: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The copies to try, with commits from the declaration or the lock. Never asks the network."""
    asked = tuple(languages)
    serving = [hub for hub in task.hub if split in hub.splits]
    wanted = {*asked, POOL}  # candidates of no language are a table of their own, where there are any
    copies = [
        {"copy": hub.name, "config": hub.config, "revision": (lock or {}).get(hub.name, hub.revision) or UNKNOWN}
        for hub in serving
        if not hub.languages or wanted & set(hub.languages)
    ]
    lacking = sorted(lg for lg in asked if not any(not hub.languages or lg in hub.languages for hub in serving))
    if lacking:
        where = " or ".join(str(layout.path) for layout in task.files) or "nowhere else"
        what = f"{split!r} of {task.name} in {', '.join(lacking)}"
        raise DataError(f"the hub has no {what} that is known; it can be read from a folder: {where}")
    return {"kind": "hub", "copies": copies}


def resolve(task: Task) -> dict[str, str]:
    """The newest commits of a task's copies, for a lock: {"owner/name@main": commit}."""
    found = {}
    for hub in task.hub:
        try:
            found[hub.name] = _commit(hub.repo, hub.revision)
        except Gone:
            continue
    return found


def read(task: Task, identity: Mapping[str, Any], split: str, language: str, notes: Notes) -> Iterator[Example]:
    refused = []
    for copy in identity["copies"]:
        name = (copy["copy"], copy["config"])
        hub = next(h for h in task.hub if (h.name, h.config) == name and split in h.splits)
        if hub.languages and language not in hub.languages:
            continue
        try:
            fetched = fetch(hub, copy["revision"], split, language)
        except Gone as reason:
            refused.append(f"  - {hub.repo} {hub.config}: {reason}")
            continue
        notes.source = {"repo": hub.repo, "commit": fetched.commit, "files": dict(fetched.files)}
        return _examples(task, hub, fetched, split, language, notes)
    listed = "\n".join(refused)
    raise DataError(f"no copy of {task.name} ({split}, {language}) on the hub can be read:\n{listed}")


def _examples(task: Task, hub: Hub, fetched: Fetched, split: str, language: str, notes: Notes) -> Iterator[Example]:
    reading = readers.Reading(
        task=task,
        layout=hub,
        split=split,
        language=language,
        languages=(language,),
        path=fetched.paths[0],
        notes=notes,
        records=_records(hub, fetched),
        open=lambda other: _records(hub, fetch(hub, fetched.commit, split, other)),
    )
    yield from readers.reader(hub.reader)(reading)
    expected = hub.rows.get(f"{split}/{language}", hub.rows.get(split))
    if expected is not None and notes.rows != expected:
        raise DataError(
            f"{hub.repo} has {notes.rows:,} rows of {split} in {language} at {fetched.commit[:12]}, but {expected:,} "
            "are known: the data set has changed, so compare before you trust it",
            fetched.paths[0],
        )


def _records(hub: Hub, fetched: Fetched) -> Records:
    for (name, _), path in zip(fetched.files, fetched.paths, strict=True):
        for line, record in _format(name)((path,)):
            if isinstance(record, dict) and fetched.classes:
                _name_classes(record, fetched.classes, hub)
            yield line, record


def _format(name: str) -> Callable[..., Records]:
    kinds = {".parquet": formats.parquet, ".jsonl": formats.jsonl, ".json": formats.json_rows, ".csv": formats.csv}
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix not in kinds:
        raise Gone(f"files of the kind {suffix!r} are not read from the hub ({name})")
    return kinds[suffix]


def _name_classes(record: Record, classes: Mapping[str, tuple[str, ...]], hub: Hub) -> None:
    """Numbers become the names that the data set gives them, unless the declaration translates the numbers."""
    declared = {column: hub.values.get(field, {}) for field, column in hub.columns.items() if isinstance(column, str)}
    for column, names in classes.items():
        value, known = record.get(column), declared.get(column, {})
        if isinstance(value, int) and str(value) not in known and 0 <= value < len(names):
            record[column] = names[value]
        elif isinstance(value, int) and 0 <= value < len(names) and names[value] in set(known.values()):
            if known[str(value)] != names[value]:
                raise DataError(
                    f"class {value} of {column!r} in {hub.repo} is called {names[value]!r} there, but "
                    f"{known[str(value)]!r} in Waystage: the order of the classes has changed"
                )
        elif isinstance(value, list) and not known:
            record[column] = [names[v] if isinstance(v, int) and 0 <= v < len(names) else v for v in value]


# -- files ------------------------------------------------------------------------------------------------------------


def fetch(hub: Hub, revision: str, split: str, language: str) -> Fetched:
    """The files of one split, in the cache and checked."""
    config = hub.config.replace("{lg}", hub.names.get(language, language))
    theirs = hub.splits[split]
    book = _book()
    commit = _commit(hub.repo, "" if revision == UNKNOWN else revision)
    key = f"{hub.repo}@{commit}/{config}/{theirs}"
    find = _converted if hub.revision == PARQUET else _look_up
    entry = book.get(key) or find(hub.repo, config, theirs, commit)
    paths, files = [], []
    for name in entry["files"]:
        _format(name)  # refused before it is downloaded
        path = Path(patiently(hub.repo, partial(_download, hub.repo, name, commit)))
        digest = hashes.sha256(path)
        _check(hub.repo, name, path, digest, entry.get("sha256", {}).get(name))
        paths.append(path)
        files.append((name, digest))
    said = _classes_in(paths[0]) if entry["classes"] is None else entry["classes"]
    _remember(key, {**entry, "classes": said, "sha256": dict(files)})
    classes = {column: tuple(names) for column, names in said.items()}
    return Fetched(commit, tuple(files), tuple(paths), classes)


def _check(repo: str, name: str, path: Path, digest: str, before: str | None) -> None:
    blob = path.resolve().name  # the cache names large files by the sha256 that the hub announces
    announced = blob if len(blob) == 64 and all(c in "0123456789abcdef" for c in blob) else None
    expected = before or announced
    if expected and digest != expected:
        path.resolve().unlink()
        raise DataError(
            f"{name} of {repo} is not what it was: sha256 {digest[:12]}, expected {expected[:12]}. The file was "
            "removed from the cache; run again, and if it happens again the data set has changed under its commit",
            path,
        )


def _commit(repo: str, revision: str) -> str:
    if len(revision) == 40 and all(c in "0123456789abcdef" for c in revision):
        return revision
    key = f"{repo}@{revision or 'main'}"
    if key in _COMMITS:
        return _COMMITS[key]
    if offline():
        known = _book().get(key)
        if not known:
            raise _never_fetched(repo)
        return str(known)
    from huggingface_hub import HfApi

    found = patiently(repo, lambda: HfApi().dataset_info(repo, revision=revision or None).sha)
    _COMMITS[key] = str(found)
    _remember(key, str(found))
    return str(found)


def _never_fetched(what: str) -> DataError:
    switched_off = "and the hub is switched off (HF_HUB_OFFLINE)"
    return DataError(
        f"{what} was never fetched on this machine, {switched_off}. Run `waystage check` once with network"
    )


_COMMITS: dict[str, str] = {}  # one study uses one commit, even while the data set moves on


def _look_up(repo: str, config: str, split: str, commit: str) -> dict[str, Any]:
    """Which files make this split, and what its classes are called."""
    if offline():
        raise _never_fetched(f"{repo} {config} ({split})")
    import datasets

    builder: Any = patiently(
        repo, lambda: datasets.load_dataset_builder(repo, config or None, revision=commit, token=None)
    )
    files = builder.config.data_files or {}
    if split not in files:
        raise Gone(f"there is no split {split!r} of {config or 'the data set'}; there are {', '.join(map(str, files))}")
    prefix = f"hf://datasets/{repo}@{commit}/"
    names = [str(url).removeprefix(prefix) for url in files[split]]
    if any(name.startswith("hf://") or ".." in Path(name).parts for name in names):
        raise Gone(f"its files lie outside the data set: {names[0]}")
    return {"files": names, "classes": _classes(builder.info.features)}


def _converted(repo: str, config: str, split: str, commit: str) -> dict[str, Any]:
    """The same on the branch that the hub converts to: it has no card, its folders are configurations and splits."""
    if offline():
        raise _never_fetched(f"{repo} {config} ({split})")
    from huggingface_hub import HfApi

    info = patiently(repo, lambda: HfApi().dataset_info(repo, revision=commit))
    mine = [name for one in info.siblings or () if (name := one.rfilename).startswith(f"{config or 'default'}/")]
    below = rf"[^/]+/({re.escape(split)}/[^/]+|([^/]*-)?{re.escape(split)}(-\d[^/]*)?)\.parquet"
    found = sorted(name for name in mine if re.fullmatch(below, name))
    nested = [name for name in found if name.count("/") == 2]  # older conversions of the same may lie beside them
    if not found:
        raise Gone(f"there is no split {split!r} of {config or 'the data set'} on the branch {PARQUET}")
    return {"files": nested or found, "classes": None}


def _classes_in(path: Path) -> dict[str, list[str]]:
    """What the classes are called, as a Parquet file that `datasets` wrote says it."""
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _classes(datasets.Features.from_arrow_schema(pq.read_schema(path)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"not a Parquet file that can be read ({str(error)[:200]})", path) from None


def _classes(features: Any) -> dict[str, list[str]]:
    found = {}
    for column, feature in (features or {}).items():
        inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) else feature)
        if names := getattr(inner, "names", None):
            found[column] = list(names)
    return found


def _download(repo: str, name: str, commit: str) -> str:
    from huggingface_hub import hf_hub_download

    return str(hf_hub_download(repo, name, repo_type="dataset", revision=commit, local_files_only=offline()))


# -- what was fetched -------------------------------------------------------------------------------------------------


def _ledger() -> Path:
    return hashes.cache_folder() / "hub.json"


def _book() -> dict[str, Any]:
    try:
        value = json.loads(_ledger().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _remember(key: str, entry: Any) -> None:
    hashes.write_json(_ledger(), {**_book(), key: entry})
