"""TOML -> Study -> TOML, with `extends` and `--set`, and errors that name file, line, key and value."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from waystage.errors import StudyError
from waystage.study import check
from waystage.study.lines import key_lines, line_of
from waystage.study.schema import Study

TOO_DEEP = "nests its values too deeply to be a study"
LARGEST = 1_000_000  # bytes; a study is a page, not a data set
INSTEAD = {"steps": "epochs", "epochs": "steps"}  # of a recipe: the one excludes the other

Places = dict[check.Path, tuple[Path, int] | str]  # of each key: the file and its line, or the --set that said it


def load(path: str | Path, overrides: list[str] | None = None) -> Study:
    """The study that a file describes. `overrides` are `key.path=value` as on the command line."""
    path = Path(path)
    values, places = _read(path, ())
    for text in overrides or []:
        said = _override(values, text)
        places = {key: where for key, where in places.items() if key[: len(said)] != said} | {said: text}
    try:
        return Study(**values)
    except RecursionError:
        raise StudyError([TOO_DEEP], path) from None
    except StudyError as error:
        located = [_located(problem, places, path) for problem in error.problems]
        raise StudyError([text for _, text in sorted(located, key=lambda pair: pair[0])], path) from None


def files(path: str | Path) -> list[Path]:
    """A study file that loads, and those that it extends: the nearest first."""
    found = [Path(path)]
    while isinstance(parent := tomllib.loads(_text(found[-1])).get("extends"), str):
        found.append(found[-1].parent / parent)
    return found


def _located(problem: Any, places: Places, main: Path) -> tuple[int, str]:
    for end in range(len(problem.path), 0, -1):  # the key itself, or the nearest table around it
        if problem.path[:end] in places:
            place = places[problem.path[:end]]
            if isinstance(place, str):
                return 0, f"--set {place!r}: {problem}"
            file, line = place
            where = f"line {line}" if file == main else f"{file}, line {line}"
            return line, f"{where}: {problem}"
    return 0, str(problem)


def _read(path: Path, seen: tuple[Path, ...]) -> tuple[dict[str, Any], Places]:
    """The tables of a file over those of the file that it extends, and where each key stands."""
    here = Path(os.path.realpath(path))  # resolve() raises where links go round; reading says it in plain words
    if here in seen:
        chain = " -> ".join(p.name for p in (*seen, path))
        raise StudyError([f"`extends` goes round in a circle: {chain}"], path)
    text = _text(path)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError([_in_plain_words(error)], path) from None
    except RecursionError:
        raise StudyError([TOO_DEEP], path) from None
    _at_home(values, path.parent)
    lines = key_lines(text)
    places: Places = {key: (path, line) for key, line in lines.items()}
    parent = values.pop("extends", None)
    if parent is None:
        return values, places
    if not isinstance(parent, str):
        raise StudyError([f"line {line_of(('extends',), lines)}: extends: must be a file name, not {parent!r}"], path)
    try:
        base, base_places = _read(path.parent / parent, (*seen, here))
    except StudyError as error:
        raise StudyError(
            [f"line {line_of(('extends',), lines)}: extends {parent!r}: {p}" for p in error.problems], path
        ) from None
    said = set(_leaves(values))  # what stood below these in the other file is gone
    kept = {key: at for key, at in base_places.items() if not any(key[:end] in said for end in range(len(key) + 1))}
    return _merge(base, values), kept | places


def _leaves(values: dict[str, Any], path: check.Path = ()) -> Iterator[check.Path]:
    for key, value in values.items():
        yield from _leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)]


def _at_home(values: dict[str, Any], home: Path) -> None:
    """Relative paths are meant from the folder of the study file. What is only there from where one works stays."""
    home = Path(os.path.realpath(home))
    if home == Path(os.path.realpath(".")):
        return

    def moved(said: Any, *, name: bool = False) -> Any:
        """`name`: it may be something else than a path, so it is one only if it is there."""
        if isinstance(said, dict):
            return {key: moved(inner, name=name) for key, inner in said.items()}
        if not isinstance(said, str) or said in ("", "hub", "world") or said.startswith("~"):
            return said
        here, there = os.path.exists(said), os.path.exists(home / said)  # noqa: PTH110  (never raises)
        return str(home / said) if there or not (here or name) else said

    if isinstance(values.get("task"), dict):
        for task in values["task"].values():
            if isinstance(task, dict) and isinstance(task.get("files"), dict):
                task["files"] = moved(task["files"])
    for key in ("source", "sources"):
        if key in values:
            values[key] = moved(values[key], name=True)
    for table in (values, values.get("rehearsal")):
        if isinstance(table, dict) and isinstance(table.get("models"), list):
            table["models"] = [moved(m, name=True) if str(m).startswith(".") else m for m in table["models"]]
    arms = values.get("intermediate")
    for table, key in [(arm, "checkpoint") for arm in (arms.values() if isinstance(arms, dict) else ())] + [
        (values.get("translator"), "model")
    ]:
        if isinstance(table, dict) and str(table.get(key)).startswith("."):
            table[key] = moved(table[key], name=True)


def _in_plain_words(error: tomllib.TOMLDecodeError) -> str:
    twice = re.match(r"Cannot declare \((.*?),?\) twice(.*)", str(error))
    if twice:
        name = ".".join(part.strip(" '\"") for part in twice[1].split(","))
        return f"[{name}] stands there twice{twice[2]}: a name can be used once"
    return f"is not valid TOML: {error}"


def _text(path: Path) -> str:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise StudyError(["is a pipe or a device, not a file"], path)
        if path.stat().st_size > LARGEST:
            raise StudyError([f"has {path.stat().st_size:,} bytes; a study file has at most {LARGEST:,}"], path)
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*.toml"))[:5] if path.parent.is_dir() else []
        there = f"; in that folder: {', '.join(near)}" if near else ""
        raise StudyError([f"there is no such file{there}"], path) from None
    except IsADirectoryError:
        raise StudyError(["is a folder; name the .toml file in it"], path) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        byte = error.object[error.start]
        raise StudyError([f"line {line}: is not UTF-8 (byte 0x{byte:02x}); save the file as UTF-8"], path) from None
    except OSError as error:
        raise StudyError([f"cannot be read: {error.strerror}"], path) from None


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; everything else is replaced. One length of training replaces another."""
    merged = {key: value for key, value in base.items() if INSTEAD.get(key) not in over or isinstance(value, dict)}
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _override(values: dict[str, Any], text: str) -> check.Path:
    """Puts one value in its place, and says which."""
    key, equals, value = text.partition("=")
    path = _key(key)
    if not equals or not all(path):
        raise StudyError([f"--set {text!r}: write key=value, such as --set recipe.learning_rate=2e-5"])
    try:
        parsed, *more = tomllib.loads(f"value = {value}").values()
    except tomllib.TOMLDecodeError as error:
        if value.strip()[:1] in ("[", "{", '"', "'"):
            raise StudyError([f"--set {text!r}: the value {_in_plain_words(error)}"]) from None
        parsed, more = value.strip(), []  # a bare word is a string
    if more:
        raise StudyError([f"--set {text!r}: sets several keys at once; write one --set for each"])
    here = values
    for part in path[:-1]:
        here = here.setdefault(part, {})
        if not isinstance(here, dict):
            raise StudyError([f"--set {text!r}: {part} is a value, not a table"])
    other = INSTEAD.get(path[-1], "")
    if not isinstance(here.get(other), dict):
        here.pop(other, None)
    here[path[-1]] = parsed
    return tuple(path)


def _key(said: str) -> list[str]:
    """The parts of a dotted key; a name with a dot in it stands in quotes, as in TOML."""
    if "'" not in said and '"' not in said:
        return [part.strip() for part in said.split(".")]
    path: list[str] = []
    try:
        here: Any = tomllib.loads(f"{said} = 0")
    except tomllib.TOMLDecodeError:
        return [""]
    while isinstance(here, dict):
        (name,) = list(here)[:1]
        path.append(name)
        here = here[name]
    return path


def to_toml(study: Study) -> str:
    """A file that loads to an equal study; only what differs from the defaults is written."""
    import tomli_w

    return tomli_w.dumps(_jsonable(study.model_dump(mode="python", exclude_defaults=True)))


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(inner) for key, inner in value.items() if inner is not None}
    return [_jsonable(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def schema() -> dict[str, Any]:
    """The JSON schema of study files, for editors."""
    described = Study.model_json_schema()
    described["properties"]["extends"] = {"type": "string", "description": "a study file that this one is a variant of"}
    # a variant says what differs and no more: what is missing stands in the file that it extends
    described["anyOf"] = [{"required": described.pop("required")}, {"required": ["extends"]}]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described, "title": "Waystage study"}
