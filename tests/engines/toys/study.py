"""A small study to run in a process of its own: `python -m toys.study STORE ENGINE JOBS [PAUSE]`."""

from __future__ import annotations

import contextlib
import sys

from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store


def study(*, pause: float = 0.0, tally: str = "/dev/null", wide: int = 3) -> Plan:
    """One source; checkpoints made from it, temporary; an evaluation of each."""

    def stage(id: str, inputs: dict[str, Stage | tuple[Stage, ...]], *, temporary: bool = False) -> Stage:
        config = {"id": id, "steps": 3, "pause": pause}
        return Stage(
            kind="toys.step", version=1, name=id, config=config, inputs=inputs, temporary=temporary,
            places={"tally": tally},
        )  # fmt: skip

    top = stage("top", {})
    trained = [stage(f"train {n}", {"start": top}, temporary=True) for n in range(wide)]
    return Plan([stage(f"evaluate {n}", {"checkpoint": t, "all": (top, t)}) for n, t in enumerate(trained)])


def main(root: str, engine: str, jobs: str, pause: str = "0", tally: str = "/dev/null", wide: str = "3") -> int:
    plan = study(pause=float(pause), tally=tally, wide=int(wide))
    print("ready", flush=True)  # noqa: T201
    with contextlib.closing(get(engine)(jobs=int(jobs))) as running:
        outcome = execute(plan, Store(root), running, study="toy")
    print(outcome.text())  # noqa: T201
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
