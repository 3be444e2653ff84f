"""A folder with data: XTREME's `download/`, the originals as their authors publish them, or files of a user's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from waystage.errors import DataError
from waystage.forms.examples import Example
from waystage.sources import conllu, formats, hashes, readers, retrieval
from waystage.sources.formats import Records
from waystage.sources.notes import Notes
from waystage.tasks.task import Files, Task

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
ENTITIES = "mewslix/candidate_set_entities.jsonl"


@dataclass(frozen=True)
class Found:
    """One layout whose files are there: each group of paths is read together, one group after the other."""

    layout: Files
    groups: tuple[tuple[Path, ...], ...]

    @property
    def paths(self) -> Iterator[Path]:
        return (path for group in self.groups for path in group)


def find(root: Path, task: Task, split: str, language: str) -> Found:
    """The first layout of the task that is present for this split and language."""
    if not _CODE.fullmatch(language):
        raise DataError(f"{language!r} is not a language code")
    tried = []
    if language == retrieval.POOL:
        pool = Files(path=ENTITIES, format="jsonl", reader="mewslix_mentions")
        if (root / ENTITIES).is_file():
            return Found(pool, ((root / ENTITIES,),))
        tried.append(ENTITIES)
    for layout in task.files:
        if split not in layout.splits or (layout.languages and language not in layout.languages):
            continue
        groups = _groups(root, layout, split, language)
        if groups:
            return Found(layout, groups)
        tried.append(" and ".join(_patterns(layout, split, language)))
    if not root.is_dir():
        what = "this is a file, not a folder" if root.exists() else "there is no such folder"
        raise DataError(f'{what}: `source` must be a data folder, "hub" or "world"', root)
    if not tried:
        known = sorted({s for layout in task.files for s in layout.splits}) or ["none"]
        where = f"{task.name} has no {split!r} split in {language!r} in any layout of a folder"
        raise DataError(f"{where} (splits: {', '.join(known)})", root)
    raise DataError(f"nothing of {task.name}, {split}, {language} in this folder; looked for {'; '.join(tried)}", root)


def _patterns(layout: Files, split: str, language: str) -> list[str]:
    name = layout.names.get(language, language)
    paths = (layout.path,) if isinstance(layout.path, str) else layout.path
    return [path.replace("{lg}", name).replace("{split}", layout.splits[split]) for path in paths]


def _groups(root: Path, layout: Files, split: str, language: str) -> tuple[tuple[Path, ...], ...]:
    patterns = _patterns(layout, split, language)
    if "*" in patterns[0]:
        found = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
        # XTREME pools the treebanks of a language in the order of their file names
        ordered = sorted(_released(root, layout, language, found), key=lambda path: (path.name, str(path)))
        known: dict[str, Path] = {}
        for path in ordered:
            if (other := known.setdefault(path.name.removesuffix(".gz"), path)) != path:
                raise DataError(f"is also in {other.parent}: leave one of the two, or its rows are read twice", path)
        return tuple((path,) for path in ordered)
    paths = tuple(root / pattern for pattern in patterns)
    there = tuple(path for path in paths if path.is_file())
    if len(there) == len(paths):
        return (paths,)
    optional = layout.format == "bucc" and len(there) == 2 and there == paths[:2]
    return (there,) if optional else ()


def _released(root: Path, layout: Files, language: str, found: set[Path]) -> set[Path]:
    """Of several releases of a collection, which share most of their files, the one that this language is read from."""
    among = {path.relative_to(root).parts[0] for path in found}
    release = layout.releases.get(language, layout.releases.get("", ""))
    if len(among) < 2 or release not in among:
        return found
    return {path for path in found if path.relative_to(root).parts[0] == release}


def identify(root: Path, task: Task, split: str, languages: tuple[str, ...]) -> dict[str, Any]:
    """What decides the rows: the content of the files and the layout that they are read by, never where they lie."""
    layouts: dict[str, Any] = {}
    content: dict[str, str] = {}
    for language in with_pool(root, task, languages):
        found = find(root, task, split, language)
        paths = list(found.paths)
        digests = hashes.many(paths)
        content[language] = (
            digests[0] if len(paths) == 1 else hashes.together(zip((p.name for p in paths), digests, strict=True))
        )
        layouts[language] = found.layout.path if isinstance(found.layout.path, str) else list(found.layout.path)
    same = {str(layout) for layout in layouts.values()}
    layout = next(iter(layouts.values())) if len(same) == 1 else layouts
    return {"kind": "folder", "layout": layout, "sha256": content}


def with_pool(root: Path, task: Task, languages: tuple[str, ...]) -> tuple[str, ...]:
    """Candidates that belong to no language are read beside the languages where they are present."""
    pooled = task.options.get("mode") == "pool" and any(layout.format == "mewslix" for layout in task.files)
    return (*languages, retrieval.POOL) if pooled and (root / ENTITIES).is_file() else languages


def check_unchanged(root: Path, task: Task, split: str, language: str, identity: dict[str, Any]) -> None:
    """The files must still be those that the study was planned with."""
    now, planned = identify(root, task, split, (language,))["sha256"][language], identity["sha256"][language]
    if now != planned:
        raise changed(next(find(root, task, split, language).paths), now, planned)


def changed(path: Path, now: str, planned: str) -> DataError:
    said = f"changed since the study was planned (sha256 {now[:12]}, planned {planned[:12]}): plan again"
    return DataError(said, path)


def read(
    root: Path, task: Task, split: str, language: str, notes: Notes, *, languages: tuple[str, ...] = ()
) -> Iterator[Example]:
    found = find(root, task, split, language)
    offset = 0
    for group in found.groups:
        reading = readers.Reading(
            task=task,
            layout=found.layout,
            split=split,
            language=language,
            languages=languages or (language,),
            path=group[0],
            notes=notes,
            records=records(found.layout, group),
            open=lambda other: _opened(root, task, split, other),
            offset=offset,
        )
        yield from readers.reader(found.layout.reader)(reading)
        offset = notes.rows
    official = found.layout.rows.get(f"{split}/{language}", found.layout.rows.get(split))
    if official is not None and notes.rows != official:
        notes.remark("not the official number of rows", f"{notes.rows} here, {official} in the original")


def _opened(root: Path, task: Task, split: str, language: str) -> Records:
    found = find(root, task, split, language)
    return (record for group in found.groups for record in records(found.layout, group))


def records(layout: Files, paths: tuple[Path, ...]) -> Records:
    read = conllu.conllu if layout.format == "conllu" else getattr(formats, layout.format)
    return read(paths, layout.header)
