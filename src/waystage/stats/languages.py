"""Two readings of an average over languages, which are different questions with different intervals.

*Fixed*: what would other seeds give on exactly these languages? The benchmark's languages are the whole world.

*Random*: what is to be expected in a language that is not among them? Languages of a family resemble each other, so
the family is the unit: the gain of a family is the mean over its languages, each family counts once, and the degrees
of freedom come from the number of families (two languages of one family are far from two witnesses). The estimate is
therefore not the benchmark's average, in which large families weigh more. Seeds are crossed with families.

Small samples: with two families the interval is as wide as with two seeds; below three families it is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from waystage.languages.table import get
from waystage.stats import seeds as over_seeds
from waystage.stats.average import Contrast, over_both
from waystage.stats.crossed import combined
from waystage.stats.interval import Interval, without

FEWEST_FAMILIES = 3
METHOD = "family means crossed with seeds, Howe t"


def these_languages(found: Contrast, *, level: float = 0.95) -> Interval:
    """The fixed reading."""
    return found.interval(level)


def new_language(found: Contrast, *, families: Mapping[str, str] | None = None, level: float = 0.95) -> Interval:
    """The random reading; `families` maps codes to families and defaults to the language table."""
    family = dict(families) if families is not None else {code: get(code).family for code in found.languages}
    targets = {pair.target: _by_family(pair.difference.loc[list(found.seeds)], family) for pair in found.pairs}
    every = sorted({name for table in targets.values() for name in table.columns})
    small = [f"{target} ({len(table.columns)})" for target, table in targets.items() if len(table.columns) < 2]
    per_seed = np.mean([table.to_numpy().mean(axis=1) for table in targets.values()], axis=0)
    estimate, n = float(per_seed.mean()), len(every)
    if len(per_seed) < 2:
        return without(estimate, method=METHOD, n=n, why=over_seeds.ONE_SEED, level=level)
    if n < FEWEST_FAMILIES or small:
        which = f"on {', '.join(small)}" if small else f"({n})"
        why = f"too few families of languages {which} to say anything about a new one"
        return without(estimate, method=METHOD, n=n, why=why, level=level)
    grid = found.grid_of(lambda differences: _by_family(differences, family).mean(axis=1))
    return _crossed(targets, every, per_seed, level, None if grid is None else over_both(grid.to_numpy()))


def _crossed(
    targets: Mapping[str, Any], every: list[str], per_seed: Any, level: float, both: Interval | None
) -> Interval:
    """A family's influence on the estimate, over all targets that it is in, is what its absence would move."""
    seeds = len(per_seed)
    influence = np.zeros((seeds, len(every)))
    weight = np.zeros(len(every))
    for table in targets.values():
        values = table.to_numpy()
        here = [every.index(name) for name in table.columns]
        count = len(here)
        deviation = values - values.mean(axis=1, keepdims=True)
        influence[:, here] += deviation * (count / (count - 1)) ** 0.5 / count / len(targets)
        weight[here] += 1 / count / len(targets)
    by_family = float((influence.mean(axis=0) ** 2).sum())
    twice = float(influence.var(axis=0, ddof=1).sum() / seeds)
    by_seed = (float(per_seed.var(ddof=1) / seeds), float(seeds - 1))
    if both is not None and both.se is not None and both.df is not None:  # target seeds are a sample too
        by_seed = max(by_seed, (both.se**2, both.df))
    df = max(1.0, 1 / float((weight**2).sum()) - 1)
    note = over_seeds.TWO_SEEDS if seeds == 2 else ""
    return combined(
        float(per_seed.mean()), by_seed=by_seed, by_unit=(by_family, df), twice=twice,
        method=METHOD, n=len(every), note=note, level=level,
    )  # fmt: skip


def _by_family(difference: Any, family: Mapping[str, str]) -> Any:
    """Seeds by families."""
    return difference.T.groupby([family[code] for code in difference.columns]).mean().T
