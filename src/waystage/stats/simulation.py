"""Does it cover, does it hold its level? Data of known truth through the very functions that reports use.

`CHECKS` is what docs/statistics.md prints and what the tests run, in a short and in a full version. A check draws one
study and says whether the 95 % interval contained the truth (or whether a 5 % test stayed silent where there was
nothing); its rate over many draws is to be 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from waystage.stats import items, languages, pooling, seeds, trend
from waystage.stats.average import Contrast, Pair
from waystage.stats.crossed import combined
from waystage.stats.interval import Interval

Rng = np.random.Generator
TRUTH = 1.5
BROKEN = "assumption broken"  # shown so that a reader knows how much; not required to be 95 %

# Families of XNLI's fifteen languages, and of a benchmark in which one family has half of the languages.
FAMILIES_15 = dict(zip("ar bg de el en es fr hi ru sw th tr ur vi zh".split(), "siiiiiiiinktias", strict=True))
FAMILIES_36 = {
    f"l{i}": family for i, family in enumerate("iiiiiiiiiiiiiiiiii" + "uuu" + "dddd" + "aaaa" + "t" + "x" + "sskjnk")
}


@dataclass(frozen=True)
class Check:
    group: str
    name: str
    draw: Callable[[Rng], bool]  # True: covered, or silent
    cost: float = 1.0  # how long a draw takes, relative to the cheapest
    upper: float = 0.97  # above this an interval is wider than it should be

    @property
    def is_test(self) -> bool:
        """A test may be silent more often than it must."""
        return "level" in self.name

    def draws(self, work: int) -> int:
        """How many draws an amount of work buys, where more than ten thousand would add nothing."""
        return min(10_000, max(1, int(work / self.cost)))

    def rate(self, draws: int, seed: int = 0) -> float:
        rng = np.random.default_rng([seed, *self.name.encode()])
        return float(np.mean([self.draw(rng) for _ in range(draws)]))


def covers(found: Interval, truth: float) -> bool:
    assert found.low is not None and found.high is not None
    return found.low <= truth <= found.high


# -- seeds ------------------------------------------------------------------------------------------------------------


def paired(n: int, rng: Rng) -> bool:
    shared = rng.normal(0, 2, n)
    a, b = shared + TRUTH + rng.normal(0, 1, n), shared + rng.normal(0, 0.5, n)
    return covers(seeds.paired(dict(enumerate(a)), dict(enumerate(b))), TRUTH)


def deterministic(n: int, rng: Rng) -> bool:
    return covers(seeds.against(list(60 + TRUTH + rng.normal(0, 1, n)), 60.0), TRUTH)


def welch(n: int, ratio: float, rng: Rng) -> bool:
    return covers(seeds.unpaired(list(TRUTH + rng.normal(0, ratio, n)), list(rng.normal(0, 1, n))), TRUTH)


def signs(n: int, rng: Rng) -> bool:
    return seeds.sign_flip(list(rng.standard_t(3, n))).p > 0.05


def skewed(n: int, rng: Rng) -> bool:
    """Seeds of which some collapse a little: a lognormal loss, as far from normal as seeds of a healthy recipe get."""
    loss = rng.lognormal(0, 0.5, n) - np.exp(0.125)
    return covers(seeds.mean(list(TRUTH - loss)), TRUTH)


# -- averages over targets and languages ------------------------------------------------------------------------------


def study(
    rng: Rng, *, n: int, families: Mapping[str, str], targets: int, family: float, language: float, seed: float = 0.6,
    shared: float = 0.6, noise: float = 0.5,
) -> Contrast:  # fmt: skip
    """Differences of two arms: spread over families, languages, target seeds, and checkpoints that targets share."""
    codes = list(families)
    checkpoint = rng.normal(0, shared, (n, 1)) if shared else np.zeros((n, 1))
    by_family = {name: rng.normal(0, family) for name in sorted(set(families.values()))}
    pairs = []
    for index in range(targets):
        own = codes if index == 0 else sorted(rng.permutation(codes)[: max(9, len(codes) // 2)])
        centre = np.array([TRUTH + by_family[families[code]] + rng.normal(0, language) for code in own])
        values = centre + checkpoint + rng.normal(0, seed, (n, 1)) + rng.normal(0, noise, (n, len(own)))
        table = pd.DataFrame(values, index=range(n), columns=own)
        pairs.append(Pair(f"t{index}", "accuracy", table, table * 0))
    return Contrast("a", "b", "model", "en", tuple(pairs))


def fixed(n: int, targets: int, rng: Rng) -> bool:
    """Languages do not vary over repetitions: their effects are part of the truth."""
    still = np.random.default_rng(7)
    found = study(rng, n=n, families=FAMILIES_15, targets=targets, family=0.0, language=0.0)
    pairs, truth = [], 0.0
    for pair in found.pairs:
        effects = still.normal(0, 2, len(pair.languages))
        truth += (TRUTH + effects.mean()) / targets
        pairs.append(Pair(pair.target, pair.metric, pair.a + effects, pair.b))
    return covers(languages.these_languages(Contrast("a", "b", "m", "en", tuple(pairs))), truth)


def random(n: int, targets: int, families: Mapping[str, str], spread: Mapping[str, float], rng: Rng) -> bool:
    found = study(rng, n=n, families=families, targets=targets, **spread)
    return covers(languages.new_language(found, families=families), TRUTH)


def meetings(n: int, units: int, parts: tuple[float, float, float], rng: Rng) -> bool:
    """The bare arithmetic of two crossed samples: variances of seeds, units and single meetings in these shares."""
    seed, unit, both = parts
    found = combined(
        rng.normal(), by_seed=((seed + both) * rng.chisquare(n - 1) / (n - 1), n - 1),
        by_unit=((unit + both) * rng.chisquare(units - 1) / (units - 1), units - 1),
        twice=both * rng.chisquare((n - 1) * (units - 1)) / ((n - 1) * (units - 1)), method="", n=n,
    )  # fmt: skip
    return covers(found, 0.0)


# -- items ------------------------------------------------------------------------------------------------------------


def outcomes(
    rng: Rng, *, n: int, langs: int, clusters: int, per_cluster: int, seed: float, text: float = 0.8
) -> tuple[items.Block, Any]:
    """Right or wrong from a logistic model: cluster and item difficulties shared by arms, seeds and languages."""
    count = clusters * per_cluster
    hard = rng.normal(0, text, clusters).repeat(per_cluster) + rng.normal(0, 1.0, count)
    taste = rng.normal(0, 0.5, (2, 1, 1, clusters)).repeat(per_cluster, axis=3)  # arms differ on some clusters
    arm = np.array([0.9, 0.7]).reshape(2, 1, 1, 1)
    wobble = rng.normal(0, seed, (2, n, 1, 1))
    language = np.linspace(-0.5, 0.5, langs).reshape(1, 1, langs, 1)
    logit = arm + wobble + language + hard + taste
    values = (rng.random((2, n, langs, count)) < 1 / (1 + np.exp(-logit))).astype(float)
    return items.of_values(values, list(np.arange(clusters).repeat(per_cluster))), arm + language


def _truth(cells: Any, spread: float) -> float:
    """Average over everything random, by quadrature over a normal logit."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    rates = (1 / (1 + np.exp(-(cells[..., None] + spread * nodes)))) @ (weights / weights.sum())
    return float(100 * (rates[0] - rates[1]).mean())


def method(n: int, langs: int, clusters: int, per_cluster: int, seed: float, rng: Rng) -> bool:
    block, cells = outcomes(rng, n=n, langs=langs, clusters=clusters, per_cluster=per_cluster, seed=seed)
    truth = _truth(cells, (0.8**2 + 1.0 + 0.5**2 + seed**2) ** 0.5)
    return covers(items.this_method([block], draws=300, seed=int(rng.integers(2**31))), truth)


def checkpoint(langs: int, clusters: int, per_cluster: int, rng: Rng) -> bool:
    block, cells = outcomes(rng, n=1, langs=langs, clusters=clusters, per_cluster=per_cluster, seed=0.0)
    truth = _truth(cells, (0.8**2 + 1.0 + 0.5**2) ** 0.5)
    return covers(items.this_checkpoint([block], draws=300, seed=int(rng.integers(2**31))), truth)


def spans(n: int, clusters: int, rng: Rng) -> bool:
    """F1 from sums: predicted and gold spans per item vary, arms find the same or other spans."""
    gold = rng.poisson(2.0, (1, 1, 1, clusters)) + np.zeros((2, n, 3, 1), int)
    skill = 0.7 + rng.normal(0, 0.02, (2, n, 1, 1))
    tp = rng.binomial(gold, np.clip(skill * np.ones(gold.shape), 0, 1))
    predicted = tp + rng.poisson(0.6, gold.shape)
    return covers(
        items.this_method([items.of_spans(tp, predicted, gold)], draws=300, seed=int(rng.integers(2**31))), 0.0
    )


# -- the matrix -------------------------------------------------------------------------------------------------------


def interaction(arms: int, targets: int, n: int, unequal: float, rng: Rng) -> bool:
    """Additive truth, with checkpoints that feed all targets and target seeds that all arms share."""
    spread = np.linspace(1, unequal, targets).reshape(1, targets, 1)
    y = rng.normal(0, 2, (arms, 1, 1)) + rng.normal(0, 5, (1, targets, 1)) + rng.normal(0, 1, (arms, 1, n))
    y = y + rng.normal(0, 1, (1, targets, n)) + spread * rng.normal(0, 1, (arms, targets, n))
    return pooling.additive(y).p > 0.05


# -- trends -----------------------------------------------------------------------------------------------------------


def world(rng: Rng, families: Mapping[str, str], slope: float) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Distance and text of a language are largely those of its family, and so is what no predictor explains."""
    codes, names = list(families), sorted(set(families.values()))

    def within_families(share: float) -> Any:
        by_family = dict(zip(names, rng.normal(0, share**0.5, len(names)), strict=True))
        return np.array([by_family[families[code]] for code in codes]) + rng.normal(0, (1 - share) ** 0.5, len(codes))

    distance = within_families(0.6)
    text = -0.5 * distance + within_families(0.4)
    gain = slope * (distance - distance.mean()) / distance.std(ddof=1) + within_families(0.5)
    predictors = {"distance": dict(zip(codes, distance, strict=True)), "text": dict(zip(codes, text, strict=True))}
    return dict(zip(codes, gain, strict=True)), predictors


def slope(families: Mapping[str, str], rng: Rng) -> bool:
    gains, predictors = world(rng, families, 0.8)
    return covers(trend.trend(gains, predictors, families).slopes[0].interval, 0.8)


def ranks(families: Mapping[str, str], rng: Rng) -> bool:
    gains, predictors = world(rng, families, 0.0)
    return covers(trend.rank_correlation(gains, predictors["distance"], families), 0.0)


def _checks() -> list[Check]:
    found = []
    for n in (2, 3, 5, 10):
        found += [
            Check("seeds", f"paired difference, {n} seeds", partial(paired, n)),
            Check("seeds", f"against a deterministic baseline, {n} seeds", partial(deterministic, n)),
            Check("fixed languages", f"one target, {n} seeds", partial(fixed, n, 1), 10),
            Check("fixed languages", f"three targets fed by one checkpoint, {n} seeds", partial(fixed, n, 3), 20),
        ]
    for n in (3, 5):
        found += [
            Check("seeds", f"unpaired, equal spread, {n} seeds a side", partial(welch, n, 1.0)),
            Check("seeds", f"unpaired, threefold spread, {n} seeds a side", partial(welch, n, 3.0)),
            Check(BROKEN, f"seeds with a long tail (lognormal), {n} seeds", partial(skewed, n)),
        ]
    found += [Check("seeds", f"sign flips, level, {n} seeds", partial(signs, n), 3) for n in (3, 6, 8)]
    shares = {
        "only seeds differ": (1.0, 0.0, 0.0),
        "only units differ": (0.0, 1.0, 0.0),
        "seeds and units alike": (0.5, 0.5, 0.0),
        "seeds, and noise of meetings": (0.8, 0.0, 0.2),
        "little but noise of meetings": (0.05, 0.05, 0.9),
    }
    for n, many in ((3, (3, 6, 300)), (5, (3, 6, 300))):
        for units in many:
            for words, parts in shares.items():
                upper = 0.985 if units == 3 else 0.97  # intermediate seeds crossed with as few target seeds
                what = f"{n} seeds x {units} units, {words}"
                found.append(Check("crossed samples", what, partial(meetings, n, units, parts), upper=upper))
    spreads = {
        "families differ": {"family": 1.5, "language": 0.7},
        "only languages differ": {"family": 0.0, "language": 1.5},
        "seeds differ more": {"family": 0.4, "language": 0.4, "seed": 1.2},
        "nothing but seeds": {"family": 0.0, "language": 0.0, "noise": 0.3},
    }
    for n in (2, 3, 5):
        for words, spread in spreads.items():
            for targets, families in ((1, FAMILIES_15), (1, FAMILIES_36), (3, FAMILIES_36)):
                what = f"{targets} target{'s' if targets > 1 else ''}, {len(families)} languages, {words}, {n} seeds"
                found.append(
                    Check("random languages", what, partial(random, n, targets, families, spread), 20 * targets)
                )
    for n in (2, 3, 5):
        for words, seed in (("seeds alike", 0.02), ("seeds differ", 0.15)):
            found += [
                Check("items", f"method, 6 parallel languages x 500 items, {words}, {n} seeds",
                      partial(method, n, 6, 500, 1, seed), 60),
                Check("items", f"method, 4 parallel languages x 48 passages of 10, {words}, {n} seeds",
                      partial(method, n, 4, 48, 10, seed), 60),
            ]  # fmt: skip
        found.append(Check("items", f"method, span F1, 300 sentences, {n} seeds", partial(spans, n, 300), 60))
    found += [
        Check("items", "checkpoint, 6 parallel languages x 500 items", partial(checkpoint, 6, 500, 1), 40),
        Check("items", "checkpoint, 6 parallel languages x 48 passages of 10", partial(checkpoint, 6, 48, 10), 40),
        Check("items", "checkpoint, 6 parallel languages x 20 passages of 10", partial(checkpoint, 6, 20, 10), 40),
    ]
    for n in (2, 3, 5):
        for words, unequal in (("equal noise", 1.0), ("fourfold noise on some targets", 4.0)):
            what = f"additive matrix, 6 arms x 5 targets, {words}, level, {n} seeds"
            found.append(Check("matrix", what, partial(interaction, 6, 5, n, unequal), 3))
    for families in (FAMILIES_15, FAMILIES_36):
        what = f"{len(families)} languages of {len(set(families.values()))} families"
        found += [
            Check("trends", f"slope beside a second predictor, {what}", partial(slope, families), 20),
            Check("trends", f"Spearman, {what}", partial(ranks, families), 20),
        ]
    order = ("seeds", BROKEN, "fixed languages", "crossed samples", "random languages", "items", "matrix", "trends")
    return sorted(found, key=lambda check: order.index(check.group))


CHECKS = tuple(_checks())
