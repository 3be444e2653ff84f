"""The best arm per target, without the optimism of choosing and reporting on the same numbers.

The best of many arms looks better than it is, because luck is chosen along with quality: the chosen one of nine equal
arms seems to gain what the largest of nine noises is. Here the first seeds choose and the others report, so the
interval over the reporting seeds is an ordinary t interval for the arms that were chosen. The naive number stands
beside it; the difference is the optimism.

Leaving out one seed at a time and choosing on the rest would use every seed for both; its average is unbiased too, but
t intervals over it covered only 87 to 93 % of simulated studies, because the choices share what they were made on.

Limit: the test items are the same for choice and report, so luck with items stays in. Two ways out. Gains on two
halves of the items (`halves`): the first seeds choose on one half and the others report on the other, both ways round.
Or a choice made elsewhere, such as on dev scores (`chosen`); then every seed reports.

Where intermediate seeds are crossed with target seeds, both are divided: the choice and the report share neither, and
the interval takes both as samples. Two target seeds cannot be divided: both choose and report, which the answer says.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from waystage.errors import InputError
from waystage.stats import seeds as over_seeds
from waystage.stats.average import Contrast, over_both, shared_targets
from waystage.stats.interval import Interval, without

FEWEST_SEEDS = 3  # one to choose, two to report: an interval without a verdict; four give one


Gains = dict[str, dict[str, dict[int, float]]]  # target -> arm -> seed -> gain over the baseline


@dataclass(frozen=True)
class Best:
    gain: Interval  # of the chosen arms over the baseline, averaged over targets
    by_target: Mapping[str, Interval]
    picked: Mapping[str, tuple[str, ...]]  # target -> the arm, or one for each half of the items
    choosing: tuple[int, ...]  # seeds; empty where the choice was made elsewhere
    reporting: tuple[int, ...]
    naive: float  # chosen and reported on the same scores
    read: Mapping[str, Any]  # target -> gain of what was chosen, by reporting seed (and target seed, where crossed)
    crossed: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # target seeds that choose and that report

    @property
    def optimism(self) -> float:
        return self.naive - self.gain.estimate

    @property
    def chosen(self) -> dict[str, str]:
        """target -> arm; where the halves chose differently, both."""
        return {target: " or ".join(dict.fromkeys(arms)) for target, arms in self.picked.items()}

    def on(self, targets: Collection[str]) -> Interval:
        """The same, averaged over some of the targets."""
        return _average({target: self.read[target] for target in targets}, self.gain.method)


def best_of(
    contrasts: Sequence[Contrast],
    *,
    chosen: Mapping[str, str] | None = None,
    halves: tuple[Gains, Gains] | None = None,
) -> Best:
    """The best arm of each target against the baseline; `contrasts` are the arms, all against the same baseline.

    `chosen` names the arm of each target where the choice was made elsewhere; `halves` are the gains on two halves of
    the test items.
    """
    baselines = sorted({one.b for one in contrasts})
    if len(baselines) != 1:
        raise InputError(f"the best of arms needs one baseline, not {', '.join(baselines) or 'none'}")
    targets = shared_targets(contrasts)
    if not targets:
        raise InputError("no target is scored for all of " + ", ".join(one.a for one in contrasts))
    gains: Gains = {t: {one.a: one.of((t,)).per_seed() for one in contrasts} for t in targets}
    seeds = sorted(set.intersection(*(set(by_seed) for arms in gains.values() for by_seed in arms.values())))
    if not seeds:
        raise InputError(f"no seed is scored for all of {', '.join(one.a for one in contrasts)} yet")
    naive = sum(max(_mean(by_seed, seeds) for by_seed in gains[t].values()) for t in targets) / len(targets)
    choosing = () if chosen else tuple(seeds[: len(seeds) - _reporting(len(seeds))])
    if not chosen and len(seeds) < FEWEST_SEEDS:
        why = f"{len(seeds)} seeds: to choose and to report needs {FEWEST_SEEDS}, or a choice made elsewhere"
        none = without(naive, method="chosen and reported on the same seeds", n=len(seeds), why=why)
        return Best(none, {}, {}, (), tuple(seeds), naive, {})
    reporting = [seed for seed in seeds if seed not in choosing]
    method = "t over seeds, chosen elsewhere" if chosen else f"t over seeds, chosen on {len(choosing)} others"
    grids = None if halves else _grids(contrasts, targets)
    if grids:
        return _both(grids, chosen, choosing, tuple(reporting), naive)
    folds = [(gains, gains)] if halves is None else [halves, halves[::-1]]
    picked = {
        t: (chosen[t],) if chosen else tuple(_choice(choose[t], choosing) for choose, _ in folds) for t in targets
    }
    read = {
        t: [
            _mean_of([report[t][arm][seed] for arm, (_, report) in zip(picked[t], folds, strict=True)])
            for seed in reporting
        ]
        for t in targets
    }
    by_target = {target: _interval(values, method) for target, values in read.items()}
    return Best(_average(read, method), by_target, picked, choosing, tuple(reporting), naive, read)


def _reporting(seeds: int) -> int:
    """Half of the seeds or more, three where there are four, and at least one is left to choose."""
    return max(min(3, seeds - 1), (seeds + 1) // 2)


def _grids(contrasts: Sequence[Contrast], targets: Sequence[str]) -> dict[str, dict[str, Any]] | None:
    """Gains by intermediate and target seed, where all arms have met the same target seeds on all targets."""
    if all(one.grid is None for one in contrasts):
        return None
    found = {t: {one.a: one.of((t,)).grid_of(still=True) for one in contrasts} for t in targets}
    every = [grid for arms in found.values() for grid in arms.values()]
    met = [None if grid is None else tuple(grid.columns) for grid in every]
    return found if None not in met and len(set(met)) == 1 else None


def _both(
    grids: Mapping[str, Mapping[str, Any]], chosen: Mapping[str, str] | None, choosing: tuple[int, ...],
    reporting: tuple[int, ...], naive: float,
) -> Best:  # fmt: skip
    columns = [int(seed) for seed in next(iter(next(iter(grids.values())).values())).columns]
    apart = len(columns) >= FEWEST_SEEDS and not chosen
    first = columns[: len(columns) - _reporting(len(columns))] if apart else columns
    second = columns[len(first) :] if apart else columns
    picked = {
        t: (chosen[t] if chosen else _choice_of({a: grid.loc[list(choosing), first] for a, grid in arms.items()}),)
        for t, arms in grids.items()
    }
    read = {t: arms[picked[t][0]].loc[list(reporting), second].to_numpy() for t, arms in grids.items()}
    by_target = {target: _interval(values, "") for target, values in read.items()}
    sides = (() if chosen else tuple(first), tuple(second))
    return Best(_average(read, ""), by_target, picked, choosing, reporting, naive, read, sides)


def _choice_of(gains: Mapping[str, Any]) -> str:
    return max(gains, key=lambda arm: float(gains[arm].to_numpy().mean()))


def _average(read: Mapping[str, Any], method: str) -> Interval:
    return _interval(np.mean(list(read.values()), axis=0), method)


def _interval(values: Any, method: str) -> Interval:
    """Over seeds, or over both kinds of seed where they are crossed."""
    found = np.asarray(values)
    return over_both(found) if found.ndim == 2 else over_seeds.mean(found.tolist(), method=method)


def _mean_of(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _choice(gains: Mapping[str, Mapping[int, float]], seeds: Sequence[int]) -> str:
    return max(gains, key=lambda arm: _mean(gains[arm], seeds))


def _mean(by_seed: Mapping[int, float], seeds: Sequence[int]) -> float:
    return sum(by_seed[seed] for seed in seeds) / len(seeds)
