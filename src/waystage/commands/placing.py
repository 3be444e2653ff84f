"""Where a study runs: the engine with its options, or the scripts that a cluster would be given."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.commands.output import aside, say
from waystage.errors import InputError
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

if TYPE_CHECKING:
    from waystage.engines import Engine


def engine(name: str, *, jobs: int, **options: Any) -> Engine:
    """Started. Options that were not said are None; one that the engine does not know is refused."""
    from waystage import engines

    start = engines.get(name)
    said = {option: value for option, value in options.items() if value is not None}
    _able(start, name, said)
    started = start(jobs=jobs, **said)
    if page := getattr(started, "page", ""):
        aside(f"Ray's dashboard: {page}")
    return started


def _able(start: Callable[..., Any], name: str, said: Mapping[str, Any]) -> None:
    from waystage import engines

    for option in said:
        if option not in inspect.signature(start).parameters:
            able = [other for other in engines.names() if option in inspect.signature(engines.get(other)).parameters]
            raise InputError(f"--{option} is an option of --engine {' and '.join(able)}, not of {name}")


def dry_run(
    plan: Plan, store: Store, resources: Callable[[Stage], Resources], *, engine: str, profile: Path | None, out: Path,
    only: str | None, study: str, existing: str = "reuse", limit: int | None = None,
    others: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """The scripts of every stage that is missing, in the order of their submission. `others`: options of engines."""
    from waystage.engines import slurm
    from waystage.engines.frontier import Frontier
    from waystage.engines.job import job_of
    from waystage.engines.status import folder

    if engine != "slurm":
        raise InputError(f"--dry-run writes scripts for --engine slurm; --engine {engine} has none. See: waystage plan")
    _able(slurm.start, engine, {name: value for name, value in (others or {}).items() if value is not None})
    if existing == "only":
        raise InputError("--existing only runs nothing, so there is no script to write. See: waystage plan")
    part = plan.matching(only) if only else plan
    redo = existing == "redo"
    frontier = Frontier(part, part.stages if redo else part.prune(store, study=study).run, resources)
    run = f"{datetime.now():%Y%m%d-%H%M%S}-dry"
    jobs = [
        job_of(part.stages[one], store, resources=frontier.resources(one), run=run,
               log=folder(store, run) / "logs" / f"{one[:16]}.log", redo=redo)
        for one in frontier.order()[:limit]
    ]  # fmt: skip
    written = slurm.dry_run(jobs, out.absolute(), profile)
    say(f"{len(jobs)} stages in {len(written) - 1} arrays: {out}")
    say(f"nothing is submitted; this submits them: bash {shlex.quote(str(written[-1]))}")
