"""Two arms side by side: which scores belong together, and averages in which the seed stays the unit.

An average is taken per seed first, over a fixed set of languages and then of targets: one intermediate checkpoint feeds
every target, so the targets of a seed are no independent evidence. Languages that one of the arms does not have (no
data to train on, no translation) leave both and are named; a language of some seeds only is an unfinished run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from waystage.errors import InputError
from waystage.stats import seeds as over_seeds
from waystage.stats.crossed import combined
from waystage.stats.interval import Interval

UNMET = (
    "not every intermediate seed has met the same target seeds, so its intervals are over intermediate seeds alone, "
    "and too narrow"
)
KEY = ("model", "intermediate", "target", "source_language", "language", "seed", "metric")


@dataclass(frozen=True)
class Pair:
    """One target under two arms: tables of scores, seeds by languages, with the same rows and columns."""

    target: str
    metric: str
    a: Any  # pandas.DataFrame
    b: Any
    fixed: bool = False  # no seed enters one of the two: its one result stands in every row
    marks: tuple[str, ...] = ()  # what training data of either arm have to do with the target's
    lacking: tuple[str, ...] = ()  # languages that only one of the two has
    meetings: Any = None  # where the two seeds are crossed: differences, (intermediate, target seed) by languages
    still: bool = False  # no target seed enters: each of them lists the same results

    @property
    def difference(self) -> Any:
        return self.a - self.b

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.a.columns)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(int(seed) for seed in self.a.index)

    @property
    def per_seed(self) -> dict[int, float]:
        """The average over languages of a minus b, by seed."""
        return {int(seed): float(value) for seed, value in self.difference.mean(axis=1).items()}

    def interval(self, level: float = 0.95) -> Interval:
        values = list(self.per_seed.values())
        return over_seeds.mean(values, method=_method(self.fixed), level=level)


@dataclass(frozen=True)
class Contrast:
    """Arm a against arm b of one model and source language, on every target that has the languages asked for."""

    a: str
    b: str
    model: str
    source_language: str
    pairs: tuple[Pair, ...]
    untrained: frozenset[str] = frozenset()
    left_out: tuple[str, ...] = ()  # what could not be compared, and why

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those in which every target is scored."""
        return tuple(sorted(set.intersection(*(set(pair.seeds) for pair in self.pairs))))

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted({code for pair in self.pairs for code in pair.languages}))

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(pair.target for pair in self.pairs)

    def per_seed(self) -> dict[int, float]:
        """The average over targets of the averages over languages, by seed."""
        means = [pair.per_seed for pair in self.pairs]
        return {seed: sum(by_seed[seed] for by_seed in means) / len(means) for seed in self.seeds}

    @property
    def grid(self) -> Any:
        """Where the two seeds are crossed: the average, intermediate seeds by target seeds. None where they are not."""
        return self.grid_of()

    def grid_of(self, average: Callable[[Any], Any] | None = None, *, still: bool = False) -> Any:
        """The same, also of another average over the languages of a target than their mean.

        None where no target seed enters, unless `still` asks for those too.
        """
        if any(pair.meetings is None for pair in self.pairs):
            return None
        if not still and all(pair.still for pair in self.pairs):
            return None
        of_each = (pair.meetings.mean(axis=1) if average is None else average(pair.meetings) for pair in self.pairs)
        means = [each.unstack() for each in of_each]
        table = sum(means[1:], means[0]).loc[list(self.seeds)] / len(means)
        return None if table.isna().any(axis=None) or min(table.shape) < 2 else table

    @property
    def counted(self) -> int:
        """Seeds as words count them: two of either kind give an interval and no verdict, however many the other has."""
        grid = self.grid
        return len(self.seeds) if grid is None or min(grid.shape) > 2 else 2

    def interval(self, level: float = 0.95) -> Interval:
        grid = self.grid
        if grid is not None:
            return over_both(grid.to_numpy(), level=level)
        values = list(self.per_seed().values())
        return over_seeds.mean(values, method=_method(all(pair.fixed for pair in self.pairs)), level=level)

    def of(self, targets: Collection[str]) -> Contrast:
        """The same on some of the targets."""
        return self._with(tuple(pair for pair in self.pairs if pair.target in targets))

    def in_languages(self, languages: Collection[str]) -> Contrast | None:
        """The same in some of the languages; targets without any of them fall away."""
        found = self.on({pair.target: languages for pair in self.pairs})
        return found if found.pairs else None

    def on(self, languages: Mapping[str, Collection[str]]) -> Contrast:
        """The same, each target in some of its languages."""
        pairs = []
        for pair in self.pairs:
            kept = [code for code in pair.languages if code in languages[pair.target]]
            if kept:
                met = None if pair.meetings is None else pair.meetings[kept]
                pairs.append(replace(pair, a=pair.a[kept], b=pair.b[kept], meetings=met))
        return self._with(tuple(pairs))

    def _with(self, pairs: tuple[Pair, ...]) -> Contrast:
        return Contrast(self.a, self.b, self.model, self.source_language, pairs, self.untrained, self.left_out)


def shared_targets(contrasts: Sequence[Contrast]) -> list[str]:
    """Those that all arms are scored on: averages over different ones are no comparison."""
    return [target for target in contrasts[0].targets if all(target in one.targets for one in contrasts)]


def alike(contrasts: Sequence[Contrast]) -> list[Contrast]:
    """The same, each target in the languages that it has in all of them: arms to choose from or to average."""
    shared: dict[str, set[str]] = {}
    for one in contrasts:
        for pair in one.pairs:
            shared[pair.target] = shared.get(pair.target, set(pair.languages)) & set(pair.languages)
    return [one.on(shared) for one in contrasts]


def contrast(
    scores: Any,
    a: str,
    b: str,
    *,
    model: str,
    source_language: str,
    targets: Sequence[str],
    languages: Iterable[str],
    untrained: Collection[str] | None = None,
) -> Contrast:
    """The headline scores of two arms that belong together.

    `untrained` are the targets without training data (retrieval); they serve every source language. Not given, they are
    recognised by an arm whose result is one stage for all seeds, which takes two seeds.
    """
    rows = scores[scores["headline"].astype(bool) & (scores["model"] == model)]
    free = frozenset(untrained if untrained is not None else deterministic_targets(rows))
    every = rows[rows["intermediate"].isin((a, b)) & rows["target"].isin(targets)]
    languages = set(languages)
    _numbers(every[every["language"].isin(languages)])
    rows = _crossed(every)
    repeated = rows[rows.duplicated([*KEY[:-1]], keep=False)]
    if len(repeated):
        where = ", ".join(f"{key} {repeated.iloc[0][key]}" for key in KEY[:-1])
        raise InputError(f"{len(repeated)} headline scores stand where one is expected per cell, such as: {where}")
    wanted, star = languages, "*" if "note" in scores else ""  # a rehearsal: every code carries its mark
    pairs, left_out = [], []
    for target in targets:
        own = rows[(rows["target"] == target) & rows["language"].isin(wanted)]
        if target not in free:
            own = own[own["source_language"] == source_language]
        tables = [_table(own[own["intermediate"] == arm]) for arm in (a, b)]
        if not len(own):
            left_out.append(f"{target}: no scores in the languages asked for (from {source_language}{star})")
            continue
        lacking = [arm for arm, (table, _) in zip((a, b), tables, strict=True) if not len(table)]
        if lacking:
            left_out.append(f"{target}: no scores of {' and '.join(lacking)}")
            continue
        made, missing = _pair(target, (a, b), tables, own, star)
        left_out += missing
        if made:
            met = every[every["source_language"].isin(own["source_language"].unique()) & (every["target"] == target)]
            meetings = _meetings(met, (a, b), made)
            if meetings is None and len(made.seeds) > 1 and seeds_met(met):
                left_out.append(f"{target}: {UNMET}")
            still = meetings is not None and _still(met)
            pairs.append(replace(made, marks=_marks(own), meetings=meetings, still=still))
    if not pairs:
        why = "".join(f"\n  - {reason}" for reason in left_out)
        raise InputError(f"nothing to compare between {a} and {b} on {model} from {source_language}{star}{why}")
    found = Contrast(a, b, model, source_language, tuple(pairs), free, tuple(left_out))
    return _with_common_seeds(found)


def _numbers(rows: Any) -> None:
    """A score that is no number was computed; it is not one that lacks."""
    odd = rows[~np.isfinite(rows["value"].astype(float))]
    if len(odd):
        first = odd.iloc[0]
        where = f"{first['target']} after {first['intermediate']}, seed {first['seed']}, {first['language']}"
        raise InputError(
            f"{len(odd)} score{'s are' if len(odd) > 1 else ' is'} no number: {first['metric']} is {first['value']} on "
            f"{where} (scores.json of the stage {first['stage']}, with the predictions beside it). `waystage store "
            "verify` sets a damaged stage aside; else name in the question the languages or targets without it"
        )


def _crossed(rows: Any) -> Any:
    """Where each intermediate seed met several target seeds, their mean: the checkpoint is the unit of an average."""
    if "target_seed" not in rows or rows.groupby([*KEY[:-1]])["target_seed"].nunique().max() in (0, 1):
        return rows
    if rows.duplicated([*KEY[:-1], "target_seed"]).any():
        return rows  # something else is there twice, which is named below
    means = rows.groupby([*KEY[:-1]])["value"].transform("mean")
    same = rows.groupby([*KEY[:-1]])["stage"].transform("first")
    return rows.assign(value=means, stage=same).drop_duplicates([*KEY[:-1]])


def _meetings(rows: Any, arms: tuple[str, str], made: Pair) -> Any:
    """Differences of every pair of seeds, where each intermediate seed met several target seeds."""
    if "target_seed" not in rows or rows["target_seed"].nunique() < 2:
        return None
    a, b = (
        rows[rows["intermediate"] == arm].pivot(index=["seed", "target_seed"], columns="language", values="value")
        for arm in arms
    )
    met = (a - b)[list(made.languages)].dropna()
    first, second = met.index.unique("seed"), met.index.unique("target_seed")
    whole = len(second) > 1 and len(met) == len(first) * len(second) and set(made.seeds) == set(first)
    return met if whole else None


def _still(rows: Any) -> bool:
    """Whether every target seed lists what the first one does, as where nothing is trained on the target."""
    return bool(rows.groupby(["intermediate", "language", "seed"])["value"].nunique().max() == 1)


def seeds_met(rows: Any) -> bool:
    """Whether some intermediate seed met several target seeds."""
    return "target_seed" in rows and bool(rows.groupby("seed")["target_seed"].nunique().max() > 1)


def _marks(rows: Any) -> tuple[str, ...]:
    return tuple(sorted({str(mark) for mark in rows["mark"]} - {""})) if "mark" in rows else ()


def over_both(grid: np.ndarray, *, level: float = 0.95) -> Interval:
    """Both seeds are samples: rows are intermediate seeds, columns target seeds, and all rows met the same columns."""
    rows, columns = grid.shape
    estimate, found = float(grid.mean()), spread(grid)
    return combined(
        estimate,
        by_seed=(found.by_row / rows, rows - 1),
        by_unit=(found.by_column / columns, columns - 1),
        twice=found.alone / (rows * columns),
        method="intermediate seeds crossed with target seeds, Howe t",
        n=min(rows, columns),
        note=over_seeds.TWO_SEEDS if min(rows, columns) == 2 else "",
        level=level,
    )


@dataclass(frozen=True)
class Spread:
    """Variances of a table of differences: of the row means, of the column means, and of what neither explains."""

    by_row: float
    by_column: float
    alone: float
    rows: int
    columns: int

    @property
    def parts(self) -> tuple[float, float, float]:
        """Standard deviations of one intermediate seed, one target seed, one meeting; never below zero."""
        first = max(0.0, self.by_row - self.alone / self.columns)
        second = max(0.0, self.by_column - self.alone / self.rows)
        return first**0.5, second**0.5, self.alone**0.5


def spread(grid: np.ndarray) -> Spread:
    rows, columns = grid.shape
    by_row, by_column = grid.mean(axis=1), grid.mean(axis=0)
    rest = grid - by_row[:, None] - by_column[None, :] + grid.mean()
    alone = float((rest**2).sum()) / ((rows - 1) * (columns - 1))
    return Spread(float(by_row.var(ddof=1)), float(by_column.var(ddof=1)), alone, rows, columns)


def deterministic_targets(rows: Any) -> set[str]:
    """Targets on which some arm gave one and the same stage for several seeds."""
    grouped = rows.groupby(["target", "intermediate", "source_language"])[["seed", "stage"]].nunique()
    one = grouped[(grouped["seed"] > 1) & (grouped["stage"] == 1)]
    return set(one.index.get_level_values("target"))


def _table(rows: Any) -> tuple[Any, bool]:
    """Seeds by languages, and whether it is one result that only looks like several."""
    table = rows.pivot(index="seed", columns="language", values="value")
    return table, len(table) > 1 and rows["stage"].nunique() == 1


def _pair(
    target: str, arms: tuple[str, str], tables: Sequence[tuple[Any, bool]], rows: Any, star: str
) -> tuple[Pair | None, list[str]]:
    (a, a_fixed), (b, b_fixed) = tables
    codes = sorted(set(a.columns) & set(b.columns))
    lacking = tuple(sorted(set(a.columns) ^ set(b.columns)))
    missing: list[str] = []
    for arm, own, other in ((arms[0], a, b), (arms[1], b, a)):
        without = [code + star for code in sorted(set(other.columns) - set(own.columns))]
        if without:
            missing.append(f"{target}: {arm} has no scores in {', '.join(without)}; left out of both arms")
        for seed in own.index[own[codes].isna().any(axis=1)]:
            gaps = [code + star for code in codes if own[codes].isna().loc[seed, code]]
            raise InputError(
                f"{target}: {arm}, seed {seed} has no score in {', '.join(gaps)}, where other seeds have one. "
                "Different sets of languages are never averaged together: finish the run (`waystage status` shows "
                "what lacks), or name in the question the languages that all have"
            )
    if not codes:
        return None, [f"{target}: {arms[0]} and {arms[1]} have no language in common"]
    if a_fixed != b_fixed:
        shared = sorted((b if a_fixed else a).index)
        a, b = (_spread(a, shared), b) if a_fixed else (a, _spread(b, shared))
    else:
        shared = sorted(set(a.index) & set(b.index))
        alone = sorted(set(a.index) ^ set(b.index))
        missing += [f"{target}: seed {seed} of only one of {arms[0]} and {arms[1]}" for seed in alone]
    if not shared:
        return None, [f"{target}: {arms[0]} and {arms[1]} have no seed in common", *missing]
    metric = str(rows["metric"].iloc[0])
    a, b = a.loc[shared, codes], b.loc[shared, codes]
    return Pair(target, metric, a, b, a_fixed or b_fixed, lacking=lacking), missing


def _spread(table: Any, seeds: Sequence[int]) -> Any:
    """One deterministic result, written in the row of every seed of the other arm."""
    row = table.iloc[[0] * len(seeds)].copy()
    row.index = list(seeds)
    return row


def _with_common_seeds(found: Contrast) -> Contrast:
    """Seeds that some target lacks (an unfinished run) leave the average; it is said which."""
    every = sorted({seed for pair in found.pairs for seed in pair.seeds})
    if not found.seeds:
        raise InputError(f"no seed has scores of {found.a} and {found.b} on all of {', '.join(found.targets)}")
    lacking = {seed: [pair.target for pair in found.pairs if seed not in pair.seeds] for seed in every}
    missing = [
        f"seed {seed} is not in the average: not scored on {', '.join(targets)}"
        for seed, targets in lacking.items()
        if targets
    ]
    met = [pair.meetings.index.unique("target_seed") for pair in found.pairs if pair.meetings is not None]
    if len(found.seeds) > 1 and len(met) == len(found.pairs) and len({frozenset(seeds) for seeds in met}) > 1:
        missing.append(f"the average: {UNMET}")  # each target has met its own ones
    return Contrast(
        found.a, found.b, found.model, found.source_language, found.pairs, found.untrained, (*found.left_out, *missing)
    )


def _method(fixed: bool) -> str:
    return "one-sample t over seeds" if fixed else "paired t over seeds"
