"""Does an arm close a gap between languages?

A gap is taken within a target: the source language minus another, or the mean of high-resource minus the mean of
low-resource languages. Only targets that have both groups count, because low-resource languages are found mostly in
tagging and retrieval, and a difference over all targets would compare tasks instead of languages. How many languages
of each group a target has is part of the answer.

A gap also shrinks when the high side falls. So an arm *closes the gap* only if low-resource languages gain and the gap
shrinks, both beyond doubt and shown in points (absolute) and in the share of errors removed (relative): from 90 to 91
is a tenth of the errors, from 40 to 46 too.

Seeds are the unit, as everywhere; the averages are over the fixed languages given.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from waystage.errors import InputError
from waystage.stats import seeds as over_seeds
from waystage.stats import verdict as verdicts
from waystage.stats.average import Contrast, Pair, over_both
from waystage.stats.interval import Interval, without

Word = Literal["closes the gap", "does not close the gap", "widens the gap", "not distinguishable", "no verdict"]
SHARES = "what other target seeds would give is not in it"


@dataclass(frozen=True)
class Gap:
    """`change` is the gap under a minus the gap under b: below zero it shrank. All in points, error in per cent."""

    a: str
    b: str
    gap_a: float
    gap_b: float
    change: Interval
    low_gain: Interval
    high_gain: Interval
    low_error: Interval  # share of the low side's errors that a removes
    error_gap_change: (
        Interval  # the low side's share removed minus the high side's: above zero, low gains relatively more
    )
    word: Word
    why: str
    groups: Any  # pandas.DataFrame: target x group, number of languages
    targets: tuple[str, ...]  # those with both groups


def gap(found: Contrast, high: Collection[str], low: Collection[str]) -> Gap:
    """How the distance between two groups of languages differs between the arms of a contrast."""
    overlap = sorted(set(high) & set(low))
    if overlap:
        raise InputError(f"{', '.join(overlap)} stands on both sides of the gap")
    groups = group_counts(found, {"high": high, "low": low})
    usable = [pair for pair in found.pairs if (groups.loc[pair.target] > 0).all()]
    if not usable:
        raise InputError(f"no target has languages of both groups:\n{groups.to_string()}")
    sides = [(_side(pair, high), _side(pair, low)) for pair in usable]
    seeds = sorted(set.intersection(*(set(pair.seeds) for pair in usable)))

    used = found.of([pair.target for pair in usable])

    def average(of: Any) -> Interval:
        values = [sum(float(of(h, lo).loc[seed]) for h, lo in sides) / len(sides) for seed in seeds]
        return over_seeds.mean(values, method="paired t over seeds")

    def gain(of: Any, among: Any) -> Interval:
        """Of differences between the arms, which are known for each meeting of two seeds where these are crossed."""
        grid = used.grid_of(among)
        return average(of) if grid is None else over_both(grid.to_numpy())

    def level(arm: str) -> float:
        return sum(float((h[arm] - lo[arm]).loc[seeds].mean()) for h, lo in sides) / len(sides)

    change = gain(
        lambda h, lo: (h["a"] - lo["a"]) - (h["b"] - lo["b"]), lambda table: _mean(table, high) - _mean(table, low)
    )
    low_gain = gain(lambda _, lo: lo["a"] - lo["b"], lambda table: _mean(table, low))
    high_gain = gain(lambda h, _: h["a"] - h["b"], lambda table: _mean(table, high))
    low_error = average(lambda _, lo: _removed(lo))
    relative = average(lambda h, lo: _removed(lo) - _removed(h))
    if used.grid is not None:  # shares are known of means over target seeds only
        low_error, relative = (without(s.estimate, method=s.method, n=s.n, why=SHARES) for s in (low_error, relative))
    word, why = _word(change, low_gain, high_gain, used.counted)
    return Gap(
        found.a, found.b, level("a"), level("b"), change, low_gain, high_gain, low_error, relative, word, why, groups,
        tuple(pair.target for pair in usable),
    )  # fmt: skip


def to_source(found: Contrast, languages: Collection[str] | None = None) -> Gap:
    """The transfer gap: the source language minus the others, within each target that scores the source."""
    source = found.source_language
    others = set(found.languages if languages is None else languages) - {source}
    return gap(found, (source,), others)


def group_counts(found: Contrast, groups: Mapping[str, Collection[str]]) -> Any:
    """Target x group: how many languages of each group a target has."""
    counts = {
        pair.target: {name: sum(code in codes for code in pair.languages) for name, codes in groups.items()}
        for pair in found.pairs
    }
    return pd.DataFrame.from_dict(counts, orient="index")


def _mean(table: Any, codes: Collection[str]) -> Any:
    return table[[code for code in table.columns if code in codes]].mean(axis=1)


def _side(pair: Pair, codes: Collection[str]) -> dict[str, Any]:
    own = [code for code in pair.languages if code in codes]
    return {"a": pair.a[own].mean(axis=1), "b": pair.b[own].mean(axis=1)}


def _removed(side: Mapping[str, Any]) -> Any:
    """Per cent of b's errors that a does not make; scores are per cent, so 100 minus the score is error."""
    error = 100 - side["b"]
    return 100 * (side["a"] - side["b"]) / error.where(error > 0, float("nan"))


def _word(change: Interval, low_gain: Interval, high_gain: Interval, seeds: int) -> tuple[Word, str]:
    shrinks, gains = verdicts.of(change, seeds=seeds), verdicts.of(low_gain, seeds=seeds)
    if shrinks.word == "no verdict":
        return "no verdict", shrinks.why
    if shrinks.word == "better":
        return "widens the gap", ""
    if shrinks.word == "worse" and gains.word == "better":
        return "closes the gap", "low-resource languages gain and the gap is smaller"
    if shrinks.word == "worse":
        fell = verdicts.of(high_gain, seeds=seeds).word == "worse"
        why = (
            "the gap is smaller because the high side fell"
            if fell
            else "the gap is smaller, a gain of the low side is not shown"
        )
        return "does not close the gap", why
    if gains.word == "better":
        return "not distinguishable", "low-resource languages gain, a smaller gap is not shown"
    return "not distinguishable", "neither a smaller gap nor a gain of the low side is shown"
