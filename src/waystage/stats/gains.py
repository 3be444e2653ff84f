"""The gain matrix: every arm against the baseline, on every target."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from waystage.errors import UnknownName
from waystage.stats.average import Contrast, contrast, deterministic_targets, seeds_met
from waystage.stats.interval import Interval
from waystage.stats.multiple import benjamini_hochberg
from waystage.stats.pooling import Additive, additive, partially_pooled

FDR = 0.05


def gain_matrix(
    scores: Any,
    baseline: str = "none",
    *,
    languages: Collection[str] | None = None,
    untrained: Collection[str] | None = None,
) -> pd.DataFrame:
    """One row per model, source language, arm and target: gain over the baseline, averaged over languages.

    `gain`, `low`, `high`, `n`, `p` are of the cell alone; `q` is Benjamini and Hochberg's over all rows of the table,
    and `star` is q <= 0.05 (never with two seeds); `pooled`, `pooled_low`, `pooled_high` are shrunken towards arm and
    target effects, where there are two seeds.
    """
    if baseline not in set(scores["intermediate"]):
        raise UnknownName(
            "arm", baseline, sorted(set(scores["intermediate"])), "The baseline must be one of the study."
        )
    wanted = set(scores["language"]) if languages is None else set(languages)
    rows: list[dict[str, Any]] = []
    for (model, source), group in scores.groupby(["model", "source_language"], sort=False):
        arms = [arm for arm in dict.fromkeys(group["intermediate"]) if arm != baseline]
        targets = list(dict.fromkeys(group["target"]))
        known = deterministic_targets(group) if untrained is None else untrained
        block = [
            row for arm in arms for row in _arm(group, arm, baseline, str(model), str(source), targets, wanted, known)
        ]
        rows += _pooled(block, arms, targets)
    table = pd.DataFrame(rows)
    if len(table):
        numbers = ["low", "high", "se", "p", "pooled", "pooled_low", "pooled_high"]
        table[numbers] = table[numbers].astype(float)  # None is NaN here
        table["q"] = benjamini_hochberg([None if pd.isna(p) else float(p) for p in table["p"]])
        table["q"] = table["q"].astype(float)
        table["star"] = (table["q"] <= FDR) & (table["n"] > 2)
    return table


def _arm(
    scores: Any, arm: str, baseline: str, model: str, source: str, targets: list[str], wanted: set[str], untrained: Any
) -> list[dict[str, Any]]:
    have = set(scores[(scores["intermediate"] == arm) & scores["language"].isin(wanted)]["target"])
    have &= set(scores[scores["intermediate"] == baseline]["target"])
    scores = scores[scores["intermediate"].isin((arm, baseline))]
    rows = []
    for target in [name for name in targets if name in have]:
        found: Contrast = contrast(
            scores, arm, baseline, model=model, source_language=source, targets=[target], languages=wanted,
            untrained=untrained,
        )  # fmt: skip
        (pair,), gain = found.pairs, found.interval()
        rows.append(
            {
                "model": model, "source_language": source, "intermediate": arm, "baseline": baseline, "target": target,
                "metric": pair.metric, "languages": len(pair.languages), "score": float(pair.a.to_numpy().mean()),
                "baseline_score": float(pair.b.to_numpy().mean()), **_columns(gain),
                "untrained": target in found.untrained,
            }
        )  # fmt: skip
    return rows


def _columns(gain: Interval) -> dict[str, Any]:
    return {
        "gain": gain.estimate, "low": gain.low, "high": gain.high, "se": gain.se, "p": gain.p, "n": gain.n,
        "method": gain.method, "note": gain.note,
    }  # fmt: skip


def _pooled(rows: list[dict[str, Any]], arms: list[str], targets: list[str]) -> list[dict[str, Any]]:
    """Shrunken gains beside the raw ones, where the matrix is complete; noise is pooled over the arms of a target."""
    cells = {(row["intermediate"], row["target"]): row for row in rows if row["se"] is not None}
    arms, targets = _whole(arms, targets, set(cells))
    bare = {"pooled": None, "pooled_low": None, "pooled_high": None}
    if len(arms) * len(targets) < 4:
        return [{**row, **bare} for row in rows]
    gains = np.array([[cells[arm, target]["gain"] for target in targets] for arm in arms])
    noise = np.array([np.mean([cells[arm, target]["se"] ** 2 for arm in arms]) for target in targets])
    df = len(arms) * (min(cells[arm, target]["n"] for arm in arms for target in targets) - 1)
    pooled = partially_pooled(gains, noise, df)
    shown = {
        (arm, target): {"pooled": float(pooled.estimates[i, j]), "pooled_low": float(pooled.low[i, j]),
                        "pooled_high": float(pooled.high[i, j])}
        for i, arm in enumerate(arms)
        for j, target in enumerate(targets)
    }  # fmt: skip
    return [{**row, **shown.get((row["intermediate"], row["target"]), bare)} for row in rows]


def _whole(arms: list[str], targets: list[str], there: set[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Those with every cell, when whichever lacks the largest share is taken away one by one: an arm for one target
    must not take the others' away."""
    arms, targets = list(arms), list(targets)
    while arms and targets:
        by_arm = {arm: sum((arm, target) not in there for target in targets) / len(targets) for arm in arms}
        by_target = {target: sum((arm, target) not in there for arm in arms) / len(arms) for target in targets}
        arm, target = max(by_arm, key=by_arm.__getitem__), max(by_target, key=by_target.__getitem__)
        if not by_arm[arm]:
            break
        if by_arm[arm] >= by_target[target]:
            arms.remove(arm)
        else:
            targets.remove(target)
    return arms, targets


def interaction(
    scores: Any, *, model: str, source_language: str, languages: Collection[str] | None = None
) -> tuple[Additive, list[str], list[str], list[int]] | None:
    """The additive null model on the arms, targets and seeds that are all there; None where fewer than two of each."""
    rows = scores[scores["headline"].astype(bool) & (scores["model"] == model)]
    rows = rows[rows["source_language"] == source_language]
    if languages is not None:
        rows = rows[rows["language"].isin(set(languages))]
    rows = _each_once(_everywhere(rows))
    cells = rows.groupby(["intermediate", "target", "seed"])["value"].mean().unstack("seed")
    seeds = [seed for seed in cells.columns if cells[seed].notna().all()]
    arms, targets = (sorted(set(cells.index.get_level_values(level))) for level in (0, 1))
    arms, targets = _whole(arms, targets, set(cells.index))
    if min(len(arms), len(targets), len(seeds)) < 2:
        return None
    values = np.array([[cells.loc[(arm, target), seeds] for target in targets] for arm in arms])
    return additive(values), arms, targets, [int(seed) for seed in seeds]


def _each_once(rows: Any) -> Any:
    """Where the two seeds are crossed, the first meets the first, the second the second: repetitions share no seed.

    Means over target seeds would all contain the same ones, whose luck would look like interaction.
    """
    if not seeds_met(rows):
        return rows
    met = dict(zip(sorted(rows["seed"].unique()), sorted(rows["target_seed"].unique()), strict=False))
    return rows[rows["target_seed"] == rows["seed"].map(met)]


def _everywhere(rows: Any) -> Any:
    """Each target in the languages that every arm scored on it has: other sets would be other averages."""
    arms = rows.groupby("target")["intermediate"].transform("nunique")
    return rows[rows.groupby(["target", "language"])["intermediate"].transform("nunique") == arms]
