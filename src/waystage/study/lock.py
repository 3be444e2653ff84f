"""STUDY.lock: the commits that hub names stood for when the study first ran. Later runs use the same ones.

Without it a study would silently change when somebody pushes to a repository; with it the fingerprints of a plan are
the same on every machine that has the study and its lock.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from waystage import sources
from waystage.errors import StudyError
from waystage.graph.files import write_text
from waystage.models.identity import local_folder
from waystage.models.shapes import is_standin
from waystage.study.read import files
from waystage.study.schema import Study
from waystage.tasks.task import Task


@dataclass(frozen=True)
class Lock:
    models: dict[str, str] = field(default_factory=dict)  # hub name -> commit
    data: dict[str, str] = field(default_factory=dict)  # "owner/name@main" -> commit


def beside(study: Path) -> Path:
    return study.with_suffix(".lock")


def read(path: Path) -> Lock:
    """An empty lock where there is none yet."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        found = Lock(dict(values.get("models", {})), dict(values.get("data", {})))
        for name, commit in (found.models | found.data).items():
            if not isinstance(commit, str) or not commit:
                raise ValueError(f"{name} = {commit!r} is no commit")
        return found
    except FileNotFoundError:
        return Lock()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise StudyError([f"is damaged ({error}): remove it, and the next run writes a new one"], path) from None


def of(study: Path) -> Lock:
    """What the lock of a study says; where it is silent, that of the file which it extends: they share stages."""
    models: dict[str, str] = {}
    data: dict[str, str] = {}
    for file in reversed(files(study)):
        found = read(beside(file))
        models |= found.models
        data |= found.data
    return Lock(models, data)


def write(path: Path, lock: Lock) -> None:
    import tomli_w

    head = "# Written by waystage: the commits that hub names stood for. Remove a line to take the newest one.\n"
    write_text(path, head + tomli_w.dumps({"models": dict(lock.models), "data": dict(lock.data)}))


def hub_models(study: Study) -> list[str]:
    return [m for m in study.models if not is_standin(m) and local_folder(m) is None]


def complete(study: Study, tasks: Iterable[Task], lock: Lock, further: Iterable[str] = ()) -> Lock:
    """The lock with what it lacks; `further` are models that arms name. Asks the network, once for each name."""
    models, data = dict(lock.models), dict(lock.data)
    for name in dict.fromkeys([*hub_models(study), *further]):
        if name not in models:
            models[name] = _commit(name)
    for task in tasks:
        for key, commit in sources.resolve(task).items():
            data.setdefault(key, commit)
    return Lock(models, data)


def _commit(model: str) -> str:
    from huggingface_hub import HfApi

    from waystage.sources.patience import patiently

    return str(patiently(model, lambda: HfApi().model_info(model).sha))
