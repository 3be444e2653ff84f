"""The best arm per target, without the optimism of choosing and reporting on the same numbers.

The best of many arms looks better than it is, because luck is chosen along with quality: the chosen one of nine equal
arms seems to gain what the largest of nine noises is. Here the first seeds choose and the others report, so the
interval over the reporting seeds is an ordinary t interval for the arms that were chosen. The naive number stands
beside it; the difference is the optimism.

Leaving out one seed at a time and choosing on the rest would use every seed for both; its average is unbiased too, but
t intervals over it covered only 87 to 93 % of simulated studies, because the choices share what they were made on.

Limit: the test items are the same for choice and report, so luck with items stays in. A choice made elsewhere (on dev
scores, on a split of its own) removes that too and is passed as `chosen`; then every seed reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waystage.errors import InputError
from waystage.stats import seeds as over_seeds
from waystage.stats.average import Contrast
from waystage.stats.interval import Interval, without

FEWEST_SEEDS = 4  # one to choose, three to report


@dataclass(frozen=True)
class Best:
    gain: Interval  # of the chosen arms over the baseline, averaged over targets
    by_target: Mapping[str, Interval]
    chosen: Mapping[str, str]  # target -> arm
    choosing: tuple[int, ...]  # seeds; empty where the choice was made elsewhere
    reporting: tuple[int, ...]
    naive: float  # chosen and reported on the same scores

    @property
    def optimism(self) -> float:
        return self.naive - self.gain.estimate


def best_of(contrasts: Sequence[Contrast], *, chosen: Mapping[str, str] | None = None) -> Best:
    """The best arm of each target against the baseline; `contrasts` are the arms, all against the same baseline.

    `chosen` names the arm of each target where the choice was made elsewhere.
    """
    baselines = sorted({one.b for one in contrasts})
    if len(baselines) != 1:
        raise InputError(f"the best of arms needs one baseline, not {', '.join(baselines) or 'none'}")
    targets = [target for target in contrasts[0].targets if all(target in one.targets for one in contrasts)]
    if not targets:
        raise InputError("no target is scored for all of " + ", ".join(one.a for one in contrasts))
    gains = {t: {one.a: one.of((t,)).per_seed() for one in contrasts} for t in targets}
    seeds = sorted(set.intersection(*(set(by_seed) for arms in gains.values() for by_seed in arms.values())))
    naive = sum(max(_mean(by_seed, seeds) for by_seed in gains[t].values()) for t in targets) / len(targets)
    choosing = () if chosen else tuple(seeds[: len(seeds) - max(FEWEST_SEEDS - 1, (len(seeds) + 1) // 2)])
    if not chosen and not choosing:
        why = f"{len(seeds)} seeds: to choose and to report needs {FEWEST_SEEDS}, or a choice made elsewhere"
        none = without(naive, method="chosen and reported on the same seeds", n=len(seeds), why=why)
        return Best(none, {}, {}, (), tuple(seeds), naive)
    reporting = [seed for seed in seeds if seed not in choosing]
    method = "t over seeds, chosen elsewhere" if chosen else f"t over seeds, chosen on {len(choosing)} others"
    arms = chosen or {target: _choice(gains[target], choosing) for target in targets}
    read = {t: [gains[t][arms[t]][seed] for seed in reporting] for t in targets}
    average = [sum(values) / len(targets) for values in zip(*read.values(), strict=True)]
    by_target = {target: over_seeds.mean(values, method=method) for target, values in read.items()}
    return Best(
        over_seeds.mean(average, method=method),
        by_target,
        {target: arms[target] for target in targets},
        choosing,
        tuple(reporting),
        naive,
    )


def _choice(gains: Mapping[str, Mapping[int, float]], seeds: Sequence[int]) -> str:
    return max(gains, key=lambda arm: _mean(gains[arm], seeds))


def _mean(by_seed: Mapping[int, float], seeds: Sequence[int]) -> float:
    return sum(by_seed[seed] for seed in seeds) / len(seeds)
