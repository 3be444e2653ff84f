"""Scores become answers, gains and gaps. Every interval and verdict is one of `waystage.stats`."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np

from waystage.errors import InputError
from waystage.reports import about, asking, relations
from waystage.reports.about import baseline
from waystage.reports.plain import plain
from waystage.results import COLUMNS, Results


def of(results: Results) -> dict[str, Any]:
    """The parts of a report that compare arms; empty while nothing is scored."""
    frame = results.scores
    headline, waiting = complete(frame[frame["headline"].astype(bool)]) if len(frame) else (frame, [])
    untrained = asking.untrained(results)
    blocks = by_language(results, headline, untrained)
    answered = asking.answers(results)
    arms = relations.contrasts(results, headline, baseline(results)) if len(headline) else {}
    return {
        "answers": answered,
        "scaling": relations.scaling(answered, results.rehearsal),
        "gains": _gains(results, headline, untrained, waiting),
        "by_language": blocks,
        "trends": relations.trends(results, blocks, about.languages(results)),
        "transfer": transfer(headline[~headline["target"].isin(untrained)]),
        "gaps": relations.gaps(results, arms, untrained),
        "best": relations.best(results, arms),
        "layers": relations.layers(results, frame),
    }


CELLS = ["model", "target", "source_language", "intermediate"]


def complete(rows: Any) -> tuple[Any, list[str]]:
    """Without what waits: a score that is no number, and a seed that lacks languages which other seeds have.

    An arm with stages of its own for each language may have come half way; its seeds would be averages over other
    languages.
    """
    star, unit = "*" if "note" in rows else "", [key for key in ("seed", "target_seed") if key in rows]
    number = np.isfinite(rows["value"].astype(float))
    waiting = [f"{where}: no number in {said}" for where, said in _named(rows[~number], unit, star)]
    rows = rows[number]
    spoken = rows.groupby([*CELLS, *unit])["language"].transform("nunique")
    whole = spoken == rows.groupby(CELLS)["language"].transform("nunique")
    waiting += [f"{where}: only {said} so far" for where, said in _named(rows[~whole], unit, star)]
    return rows[whole], waiting


def _named(rows: Any, unit: list[str], star: str) -> list[tuple[str, str]]:
    """Of each cell the languages of each seed."""
    found = []
    for cell, group in rows.groupby(CELLS, sort=False) if len(rows) else ():
        said = []
        for key, own in group.groupby(unit):
            codes = ", ".join(f"{code}{star}" for code in sorted(own["language"]))
            seeds = list(dict.fromkeys(map(str, key)))
            said.append(f"{codes} of seed{'s' if len(seeds) > 1 else ''} {' and '.join(seeds)}")
        found.append((_where(*cell, star), "; ".join(said)))
    return found


def _where(model: str, target: str, source: str, arm: str, star: str) -> str:
    return f"{target} after {arm} ({model}, {source}{star})"


def _gains(results: Results, rows: Any, untrained: list[str], waiting: list[str]) -> dict[str, Any]:
    """The gain matrix over what can be compared so far; a cell without a seed in common with the baseline is named."""
    from waystage import stats

    zero = baseline(results)
    kept, others = _comparable(rows, zero, untrained)
    table = (
        stats.gain_matrix(kept, zero, untrained=untrained).to_dict("records")
        if zero in set(kept["intermediate"])
        else []
    )
    return {
        "baseline": zero,
        "rows": [plain(row) for row in table],
        "waiting": [*waiting, *others],
        "additive": _additive(results, kept),
    }


def _comparable(rows: Any, zero: str, untrained: list[str]) -> tuple[Any, list[str]]:
    """While a study runs, an arm and the baseline may not have a seed in common yet. An arm in fewer languages than the
    baseline would be another average in the same column."""
    keep, waiting = [], []
    having = {key: set(group["seed"]) for key, group in rows.groupby(CELLS)}
    spoken = {key: set(group["language"]) for key, group in rows.groupby(CELLS)}
    star = "*" if "note" in rows else ""
    for key, group in rows.groupby(CELLS, sort=False):
        model, target, source, arm = key
        base, where = (model, target, source, zero), _where(*key, star)
        if target not in untrained and arm != zero and not having[key] & having.get(base, set()):
            waiting.append(f"{where}: no seed in common with {zero} yet")
        elif base in spoken and spoken[key] != spoken[base]:
            waiting.append(
                f"{where}: in {len(spoken[key])} languages, {zero} in {len(spoken[base])}, so it is another average; "
                "language by language it stands below"
            )
        else:
            keep += list(group.index)
    return rows.loc[sorted(keep)], waiting


def _additive(results: Results, rows: Any) -> list[dict[str, Any]]:
    """How much of the matrix is more than arms that are good on every target."""
    from waystage.stats.gains import interaction

    said = []
    for model in results.study.models:
        for source in results.study.source_languages:
            found = interaction(rows, model=model, source_language=source) if len(rows) else None
            if found:
                null, arms, targets, seeds = found
                said.append(
                    {"model": model, "source_language": source, "arms": arms, "targets": targets, "seeds": seeds,
                     "f": null.f, "df": list(null.df), "p": null.p, "share": null.interaction_share}
                )  # fmt: skip
    return [plain(one) for one in said]


CELL = ("language", "score", "baseline_score", "gain", "low", "high")


def by_language(results: Results, rows: Any, untrained: list[str]) -> list[dict[str, Any]]:
    """Each arm against the baseline on each target, language by language; `cells` are rows of `CELL`."""
    from waystage import stats

    zero, blocks = baseline(results), []
    every = sorted(set(rows["language"]))
    for (model, target), group in rows.groupby(["model", "target"], sort=False):
        free = target in untrained
        for source in dict.fromkeys(group["source_language"]):
            for arm in [name for name in results.study.intermediate if name != zero]:
                both = group[group["intermediate"].isin([arm, zero])]
                try:
                    found = stats.contrast(
                        both, arm, zero, model=model, source_language=source, targets=[target], languages=every,
                        untrained=[target] if free else [],
                    )  # fmt: skip
                except InputError:
                    continue  # named in the gain matrix as waiting, or in the progress as missing
                (pair,) = found.pairs
                blocks.append(
                    {"model": model, "target": target, "source_language": source, "intermediate": arm,
                     "baseline": zero, "metric": pair.metric, "seeds": list(pair.seeds),
                     "cells": _cells(found)}
                )  # fmt: skip
    return blocks


def _cells(one: Any) -> list[list[Any]]:
    """Thousands on a large page, so from plain arrays: seeds by languages."""
    from waystage.stats import seeds
    from waystage.stats.average import over_both

    (pair,), found, crossed = one.pairs, [], one.grid is not None
    for code, a, b in zip(pair.languages, pair.a.to_numpy().T, pair.b.to_numpy().T, strict=True):
        gain = over_both(one.grid_of(itemgetter(code)).to_numpy()) if crossed else seeds.mean(a - b)
        found.append([code, float(a.mean()), float(b.mean()), gain.estimate, gain.low, gain.high])
    return found


def transfer(rows: Any) -> list[dict[str, Any]]:
    """How far the other languages stay behind the language of the training data, per seed, then over seeds."""
    from waystage.stats import seeds
    from waystage.stats.average import over_both

    found = []
    keys = ["model", "source_language", "target", "intermediate"]
    for key, group in rows.groupby(keys, sort=False):
        source = key[1]
        wide = group.pivot_table(index="seed", columns="language", values="value")
        once = group["stage"].nunique() == 1 < len(wide)  # no seed enters
        if source not in wide or len(wide.columns) < 2 or once:
            continue
        wide = wide.dropna()
        if not len(wide):
            continue  # no seed has all of its languages yet
        first, others = wide[source], wide.drop(columns=source).mean(axis=1)
        met = _met(group, source)
        gap = seeds.mean(list(first - others)) if met is None else over_both(met)
        found.append(
            {**dict(zip(keys, key, strict=True)), "metric": group["metric"].iloc[0],
             "source": seeds.mean(list(first)).estimate, "others": seeds.mean(list(others)).estimate,
             "gap": gap.estimate, "low": gap.low, "high": gap.high, "n": gap.n, "note": gap.note,
             "languages": len(wide.columns) - 1}
        )  # fmt: skip
    return [plain(row) for row in found]


def _met(rows: Any, source: str) -> Any:
    """The same distance at every meeting of an intermediate with a target seed, where these are crossed."""
    from waystage.stats.average import seeds_met

    if not seeds_met(rows):
        return None
    wide = rows.pivot_table(index=["seed", "target_seed"], columns="language", values="value").dropna()
    grid = (wide[source] - wide.drop(columns=source).mean(axis=1)).unstack()
    return None if grid.isna().any(axis=None) or min(grid.shape) < 2 else grid.to_numpy()


def variants(results: Results) -> list[dict[str, Any]]:
    """Scores beside the headline: other metrics, other ways to search, baselines without a model. Means over languages.

    A metric may carry its variant behind a slash: `accuracy/centred`.
    """
    frame = results.scores
    rows = frame[~frame["headline"].astype(bool)] if len(frame) else frame
    keys = ["model", "target", "source_language", "intermediate", "metric", "variant"]
    found = []
    for key, group in rows.groupby(keys, sort=False):
        *where, metric, variant = key
        metric, _, behind = metric.partition("/")
        found.append(
            {**dict(zip(keys, (*where, metric, variant or behind), strict=True)),
             "score": float(group.groupby("seed")["value"].mean().mean()),
             "languages": int(group["language"].nunique()), "seeds": int(group["seed"].nunique())}
        )  # fmt: skip
    return [plain(one) for one in found]


def scores(results: Results) -> dict[str, Any]:
    """The long table, a list per row: the ground on which everything else stands."""
    frame = results.scores
    columns = [*COLUMNS[1:], *(["note"] if results.rehearsal else [])]
    rows = zip(*(frame[column].tolist() for column in columns), strict=True)
    at = columns.index("value")
    return {"columns": columns, "rows": [[*row[:at], plain(row[at]), *row[at + 1 :]] for row in rows]}
