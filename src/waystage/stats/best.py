"""The best arm per target, without the optimism of choosing and reporting on the same numbers.

The best of many arms looks better than it is, because luck is chosen along with quality; with nine equal arms the
chosen one seems to gain what the largest of nine noises is. Here the arm for a seed is chosen on the other seeds
(cross-fitting) and its gain is read on the seed left out. The naive number stands beside it, the difference is the
optimism.

Limit: the test items are the same for choice and report, so luck with items stays in; a choice on dev scores, or on a
split of its own, removes that too and is passed as `chosen`. The gains of two seeds share part of what they were
chosen on, so the interval is approximate. Needs three seeds, so that there are two to choose on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from waystage.errors import InputError
from waystage.stats import seeds as over_seeds
from waystage.stats.average import Contrast
from waystage.stats.interval import Interval, without

FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Best:
    """`picks`: target -> arm -> in how many seeds it was chosen."""

    gain: Interval  # averaged over targets
    by_target: Mapping[str, Interval]
    picks: Mapping[str, Mapping[str, int]]
    naive: float  # chosen and reported on the same scores
    method: str

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
    seeds = sorted(set.intersection(*(set(one.of((t,)).seeds) for one in contrasts for t in targets)))
    gains = {t: {one.a: one.of((t,)).per_seed() for one in contrasts} for t in targets}
    naive = sum(max(_mean(by_seed, seeds) for by_seed in gains[t].values()) for t in targets) / len(targets)
    method = "chosen beforehand" if chosen else "chosen on the other seeds"
    if not chosen and len(seeds) < FEWEST_SEEDS:
        why = f"{len(seeds)} seeds: choosing and reporting need {FEWEST_SEEDS}"
        return Best(without(naive, method=method, n=len(seeds), why=why), {}, {}, naive, method)
    read: dict[str, dict[int, float]] = {}
    picks: dict[str, dict[str, int]] = {}
    for target in targets:
        arms = {s: chosen[target] if chosen else _choice(gains[target], [o for o in seeds if o != s]) for s in seeds}
        picks[target] = {arm: list(arms.values()).count(arm) for arm in dict.fromkeys(arms.values())}
        read[target] = {s: gains[target][arm][s] for s, arm in arms.items()}
    average = [sum(read[target][s] for target in targets) / len(targets) for s in seeds]
    by_target = {target: over_seeds.mean(list(values.values()), method=method) for target, values in read.items()}
    return Best(over_seeds.mean(average, method=method), by_target, picks, naive, method)


def _choice(gains: Mapping[str, Mapping[int, float]], seeds: Sequence[int]) -> str:
    return max(gains, key=lambda arm: _mean(gains[arm], seeds))


def _mean(by_seed: Mapping[int, float], seeds: Sequence[int]) -> float:
    return sum(by_seed[seed] for seed in seeds) / len(seeds)
