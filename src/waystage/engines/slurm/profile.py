"""A cluster, as its users know it: the small file that says partition, account and time."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from waystage.errors import InputError, UnknownName

TIME = re.compile(r"(?:(\d+)-(?=\d))?(\d+)(?::(\d+))?(?::(\d+))?")  # 30, 30:00, 12:00:00, 2-12, 2-12:00, 2-12:00:00
ENDLESS = ("", "0", "INFINITE", "UNLIMITED")
WARNED = 65535  # seconds: SLURM takes no more


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A cluster, as its users know it. `[cpu]` and `[gpu]` say what differs for stages without and with a GPU."""

    partition: str = ""
    account: str = ""
    time: str = ""  # as SLURM writes it; a stage that takes longer goes on in a second job
    gres: str = "gpu"  # what accelerators are called there
    gpus_per_node: int = 8  # 0: this cluster has none, the CPU has to do
    cpus_per_gpu: int = 4
    memory: bool = True  # ask for memory; false where a cluster gives whole machines
    max_jobs: int = 500  # of this study in the queue at once
    warning: int = 120  # seconds before the end of its time that a stage is told
    options: tuple[str, ...] = ()  # further lines for sbatch, such as "--constraint=a100"
    setup: tuple[str, ...] = ()  # shell lines before a stage, such as "module load cuda"

    @property
    def seconds(self) -> int | None:
        """`time` in seconds. 0: without end. None: it is no time as SLURM writes it."""
        if self.time.upper() in ENDLESS:
            return 0
        found = TIME.fullmatch(self.time)
        if not found:
            return None
        days, *rest = found.groups()
        given = [int(one) for one in rest if one is not None]
        units = (3600, 60, 1) if days or len(given) == 3 else (60, 1)
        return int(days or 0) * 86400 + sum(one * unit for one, unit in zip(given, units, strict=False))


def profiles(path: Path | None) -> dict[str, Profile]:
    """For stages on the "cpu" and on a "gpu"."""
    if path is None:
        return {"cpu": Profile(), "gpu": Profile()}
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file. It says partition, account and time: docs/scaling.md"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}. A profile is a file in TOML: docs/scaling.md") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: this is not UTF-8 text") from None
    special = {kind: body.pop(kind, {}) for kind in ("cpu", "gpu")}
    for kind, more in special.items():
        if not isinstance(more, dict):
            raise InputError(
                f"{path}: {kind} = {more!r} is not a table: write [{kind}], and its keys on lines below it"
            )
    return {kind: _profile({**body, **more}, path) for kind, more in special.items()}


def _profile(body: dict[str, Any], path: Path) -> Profile:
    known = {one.name: one for one in fields(Profile)}
    for key, value in body.items():
        if key not in known:
            raise UnknownName("key of a SLURM profile", key, known, f"({path})")
        wanted = {"str": str, "int": int, "bool": bool}.get(str(known[key].type), list)
        if type(value) is not wanted or (wanted is list and not all(isinstance(one, str) for one in value)):
            form = {
                str: 'a text: write it in "quotes"',
                int: "a number",
                bool: "true or false",
                list: "a list of texts",
            }[wanted]
            raise InputError(f"{path}: {key} = {value!r} is not {form}")
        least = 0 if key == "gpus_per_node" else 1
        if wanted is int and value < least:
            raise InputError(f"{path}: {key} = {value} must be {least} or more")
    made = Profile(**{key: tuple(value) if isinstance(value, list) else value for key, value in body.items()})
    _in_time(made, path)
    return made


def _in_time(profile: Profile, path: Path) -> None:
    """A job that is told at once that its time is up would go back into the queue for ever."""
    if profile.warning > WARNED:
        raise InputError(f"{path}: warning = {profile.warning}, but SLURM takes at most {WARNED} seconds")
    given = profile.seconds
    if given is None:
        form = 'minutes, "12:00:00" or "2-12:00" (days-hours:minutes)'
        raise InputError(f"{path}: time = {profile.time!r} is no time as SLURM writes it: {form}")
    if 0 < given <= profile.warning:
        raise InputError(
            f"{path}: time = {profile.time!r} is over within warning = {profile.warning} seconds: a job would put "
            "itself back into the queue as soon as it begins. Ask for more time, or set a smaller warning"
        )
