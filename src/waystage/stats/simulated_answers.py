"""Simulations of whole answers: gaps, the best of several arms, goals with a margin, a new language on parallel items.

As in `simulation`: a check draws one study of known truth and says whether the interval contained it, or whether the
words stayed away that would be wrong.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd

from waystage.stats import gaps, languages, seeds, verdict
from waystage.stats.average import Contrast, Pair
from waystage.stats.best import Gains, best_of
from waystage.stats.simulation import FAMILIES_15, TRUTH, Check, Rng, covers, study

LOW = ("sw", "th", "ur", "hi", "tr")
HIGH = tuple(code for code in FAMILIES_15 if code not in LOW)
Goal = Literal["equivalent", "not worse"]


# -- gaps -------------------------------------------------------------------------------------------------------------


def two_groups(rng: Rng, n: int, targets: int, high: float, low: float) -> tuple[Contrast, float]:
    """Arms whose true gains are known for each language; the change of the gap that follows from them."""
    still = np.random.default_rng(11)  # languages are fixed: their effects do not vary over repetitions
    codes, checkpoint = [*HIGH, *LOW], rng.normal(0, 0.6, (n, 1))
    pairs, change = [], 0.0
    for index in range(targets):
        effects = still.normal(0, 1, len(codes))
        effects -= np.where(np.arange(len(codes)) < len(HIGH), effects[: len(HIGH)].mean(), effects[len(HIGH) :].mean())
        gain = effects + np.array([high] * len(HIGH) + [low] * len(LOW))
        shared = 60 + rng.normal(0, 1, (n, 1)) + rng.normal(0, 0.5, (n, len(codes)))
        own = rng.normal(0, 0.5, (n, 1)) + rng.normal(0, 0.5, (n, len(codes)))
        a, b = (pd.DataFrame(table, columns=codes) for table in (shared + gain + checkpoint + own, shared))
        pairs.append(Pair(f"t{index}", "accuracy", a, b))
        change += (high - low) / targets
    return Contrast("a", "b", "model", "en", tuple(pairs)), change


def gap_change(n: int, targets: int, rng: Rng) -> bool:
    found, truth = two_groups(rng, n, targets, 1.0, 3.0)
    return covers(gaps.gap(found, HIGH, LOW).change, truth)


def gap_words(n: int, high: float, low: float, rng: Rng) -> bool:
    found, _ = two_groups(rng, n, 2, high, low)
    return gaps.gap(found, HIGH, LOW).word != "closes the gap"


# -- intermediate seeds crossed with target seeds ----------------------------------------------------------------------


def met(rng: Rng, n: int, m: int, gains: Any) -> Contrast:
    """Both kinds of seed move all languages together, and each by itself."""
    codes = list(gains)
    first = rng.normal(0, 0.6, (n, 1, 1)) + rng.normal(0, 0.4, (n, 1, len(codes)))
    second = rng.normal(0, 0.6, (1, m, 1)) + rng.normal(0, 0.4, (1, m, len(codes)))
    values = np.array(list(gains.values())) + first + second + rng.normal(0, 0.4, (n, m, len(codes)))
    index = pd.MultiIndex.from_product([range(n), range(m)], names=["seed", "target_seed"])
    meetings = pd.DataFrame(values.reshape(n * m, -1), index, codes)
    by_seed = meetings.groupby(level="seed").mean()
    return Contrast("a", "b", "model", "en", (Pair("t", "accuracy", by_seed, by_seed * 0, meetings=meetings),))


def crossed_gap(n: int, m: int, rng: Rng) -> bool:
    found = met(rng, n, m, dict.fromkeys(HIGH, 1.0) | dict.fromkeys(LOW, 3.0))
    return covers(gaps.gap(found, HIGH, LOW).change, -2.0)


def crossed_language(n: int, m: int, rng: Rng) -> bool:
    by_family = {name: rng.normal(0, 1.0) for name in sorted(set(FAMILIES_15.values()))}
    gains = {code: TRUTH + by_family[family] + rng.normal(0, 0.7) for code, family in FAMILIES_15.items()}
    return covers(languages.new_language(met(rng, n, m, gains), families=FAMILIES_15), TRUTH)


# -- the best of several arms -----------------------------------------------------------------------------------------


def best(n: int, spread: float, halved: bool, rng: Rng) -> bool:
    """Six arms on three targets; the truth is what the chosen ones gain, not what the best of them would."""
    arms, names = [f"arm{i}" for i in range(6)], ("x", "y", "z")
    gain = {(arm, name): rng.normal(0, spread) for arm in arms for name in names}
    base = {name: rng.normal(60, 1, n) for name in names}
    contrasts: list[Contrast] = []
    halves: tuple[Gains, Gains] = ({name: {} for name in names}, {name: {} for name in names})
    luck = {(arm, name, half): rng.normal(0, 0.7) for arm in arms for name in names for half in (0, 1)}
    for arm in arms:
        checkpoint, pairs = rng.normal(0, 0.6, n), []
        for name in names:
            parts = [
                gain[arm, name] + luck[arm, name, half] + checkpoint + rng.normal(0, 0.6, n) - rng.normal(0, 0.3, n)
                for half in (0, 1)
            ]
            for half, values in enumerate(parts):
                halves[half][name][arm] = dict(enumerate(values.tolist()))
            a = pd.DataFrame({"de": base[name] + sum(parts) / 2})
            pairs.append(Pair(name, "accuracy", a, pd.DataFrame({"de": base[name]})))
        contrasts.append(Contrast(arm, "none", "model", "en", tuple(pairs)))
    found = best_of(contrasts, halves=halves if halved else None)

    def truth(name: str, picked: tuple[str, ...]) -> float:
        """With the luck of the items that it is reported on: the interval is about other seeds."""
        if not halved:
            (arm,) = picked
            return gain[arm, name] + (luck[arm, name, 0] + luck[arm, name, 1]) / 2
        first, second = picked  # chosen on the first half and reported on the second, and the other way round
        return (gain[first, name] + luck[first, name, 1] + gain[second, name] + luck[second, name, 0]) / 2

    return covers(found.gain, float(np.mean([truth(name, picked) for name, picked in found.picked.items()])))


# -- goals with a margin ----------------------------------------------------------------------------------------------


def goal_over_seeds(n: int, goal: Goal, rng: Rng) -> bool:
    """At the margin itself, where the words are just wrong."""
    centre = TRUTH if goal == "equivalent" else -TRUTH
    return _stays_away(seeds.mean(list(rng.normal(centre, 1, n))), n, goal)


def goal_over_languages(n: int, goal: Goal, rng: Rng) -> bool:
    found = study(rng, n=n, families=FAMILIES_15, targets=1, family=1.0, language=0.7)
    if goal == "not worse":
        pairs = tuple(Pair(pair.target, pair.metric, pair.b, pair.a) for pair in found.pairs)
        found = Contrast("b", "a", "model", "en", pairs)
    return _stays_away(languages.new_language(found, families=FAMILIES_15), n, goal)


def _stays_away(interval: Any, n: int, goal: Goal) -> bool:
    word = verdict.of(interval, seeds=n, margin=TRUTH, goal=goal).word
    return word != "equivalent" if goal == "equivalent" else word not in ("not worse", "equivalent", "better")


# -- a new language, where all languages have the same items ----------------------------------------------------------


def new_language_on_items(n: int, items: int, rng: Rng) -> bool:
    """Right or wrong on parallel items: families and languages are drawn, items are what they are."""
    hard = rng.normal(0, 1.2, items)
    taste = rng.normal(0, 0.5, (2, items))  # arms differ on some items, in every language
    names = sorted(set(FAMILIES_15.values()))
    by_family = dict(zip(names, rng.normal(0, 0.25, (len(names), 2)), strict=True))
    tables = []
    own = {code: rng.normal(0, 0.15, 2) + by_family[family] for code, family in FAMILIES_15.items()}
    arms = np.array([0.9, 0.5])
    for arm in (0, 1):
        wobble = rng.normal(0, 0.1, n)
        shift = np.array([own[code][arm] for code in FAMILIES_15])
        logit = arms[arm] + wobble[:, None, None] + shift[None, :, None] + hard + taste[arm]
        right = rng.random(logit.shape) < 1 / (1 + np.exp(-logit))
        tables.append(pd.DataFrame(100 * right.mean(axis=2), columns=list(FAMILIES_15)))
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    spread = (0.25**2 + 0.15**2 + 0.1**2) ** 0.5
    rates = 1 / (1 + np.exp(-(arms[:, None, None] + (hard + taste)[:, :, None] + spread * nodes)))
    over_items = (rates @ (weights / weights.sum())).mean(axis=1)
    found = Contrast("a", "b", "model", "en", (Pair("t", "accuracy", *tables),))
    interval = languages.new_language(found, families=FAMILIES_15)
    return covers(interval, float(100 * (over_items[0] - over_items[1])))


def _checks() -> list[Check]:
    found = []
    for n in (3, 5, 10):
        for targets in (1, 3):
            what = f"change of the gap, {targets} target{'s' if targets > 1 else ''}, {n} seeds"
            found.append(Check("gaps", what, partial(gap_change, n, targets), 20 * targets))
        for words, high, low in (("both sides gain alike", 2.0, 2.0), ("the high side falls", -2.0, 0.0)):
            what = f"'closes the gap' where {words}, level, {n} seeds"
            found.append(Check("gaps", what, partial(gap_words, n, high, low), 40))
    for n in (4, 5, 10):
        for words, spread in (("equal arms", 0.0), ("arms that differ", 1.0)):
            for where, halved in (("on other seeds", False), ("on other seeds and items", True)):
                what = f"best of 6 arms, {words}, chosen {where}, {n} seeds"
                found.append(Check("best-of", what, partial(best, n, spread, halved), 40))
    for n, m in ((3, 3), (5, 3)):
        what = f"{n} intermediate x {m} target seeds"
        found.append(Check("gaps", f"change of the gap, {what}", partial(crossed_gap, n, m), 20))
        found.append(Check("random languages", f"15 languages, {what}", partial(crossed_language, n, m), 20))
    goals: tuple[Goal, ...] = ("equivalent", "not worse")
    for n in (3, 5, 10):
        for goal in goals:
            what = f"'{goal}' at the margin, level"
            found.append(Check("goals", f"{what}, {n} seeds", partial(goal_over_seeds, n, goal)))
            found.append(Check("goals", f"{what}, new language, {n} seeds", partial(goal_over_languages, n, goal), 20))
    found += [
        Check("random languages", f"15 languages with the same {items} items, {n} seeds",
              partial(new_language_on_items, n, items), 40)
        for n in (3, 5) for items in (100, 500)
    ]  # fmt: skip
    return found


ANSWERS = tuple(_checks())
