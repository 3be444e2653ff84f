"""A pool of forty real trainings of one small cell: what every test sentence added to the score, arm by arm.

    python benchmarks/pool.py              # trains what is missing (about ten minutes of one core), writes the pool
    python benchmarks/pool.py --seeds 4 --out /tmp/pool.npz

It runs `pool.toml` beside it as a rehearsal, through the store, so that it goes on where it stopped. The tests draw
studies of few seeds from the pool, whose truth is the mean over all of it (`tests/stats/test_pool.py`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.reports import outcomes
from waystage.results import load
from waystage.stats.average import contrast

STUDY = Path(__file__).with_suffix(".toml")
POOL = Path(__file__).parent.parent / "tests" / "stats" / "pool.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--store", type=Path, default=Path("build/pool"))
    parser.add_argument("--out", type=Path, default=POOL)
    said = parser.parse_args()
    seeds = str(list(range(1, said.seeds + 1)))
    overrides = [f"seeds={seeds}", f"rehearsal.seeds={seeds}"]
    results = load(STUDY, rehearsal=True, store=said.store, overrides=overrides)
    engine = get("inline")()
    try:
        outcome = execute(Plan(results.plan.wanted), results.store, engine, study="pool")
    finally:
        engine.close()
    if not outcome.ok:
        raise SystemExit(outcome.text())
    read, arms, table = outcomes.reader(results), list(results.study.intermediate), {}
    for arm in arms[1:]:
        found = contrast(results.scores, arm, arms[0], model=results.study.models[0], source_language="en",
                         targets=["udpos"], languages=results.study.languages)  # fmt: skip
        blocks = read(found)["udpos"]  # a block for each language, as the sentences are others in each
        for side, name in enumerate((arm, arms[0])):
            for part in ("over", "under"):
                table[f"{name}/{part}"] = np.stack([getattr(one, part)[side, :, 0] for one in blocks], axis=1)
    assert all((values == values.astype(np.uint8)).all() for values in table.values())
    codes = np.array(found.languages)
    np.savez_compressed(said.out, languages=codes, **{k: v.astype(np.uint8) for k, v in table.items()})
    print(f"{said.out}: {len(found.seeds)} seeds, {', '.join(arms)}, {said.out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
