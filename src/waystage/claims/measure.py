"""What a study measured of a claim: a difference per seed, its interval, and the targets it is made of.

Averages are XTREME's: a question-answering target counts as the mean of F1 and exact match. One checkpoint of an
intermediate task feeds every target, so the seed is the unit; several arms are averaged within a seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from waystage.claims import arms as study_arms
from waystage.claims.read import SINGLES, Claim, Claims
from waystage.errors import InputError
from waystage.results import Results
from waystage.stats import seeds as over_seeds
from waystage.stats.average import UNMET, Contrast, alike, contrast, over_both, shared_targets
from waystage.stats.best import best_of
from waystage.stats.interval import Interval
from waystage.study.stages import find_task

if TYPE_CHECKING:
    import pandas

XTREME = "xtreme"  # the metric of averages


@dataclass(frozen=True)
class Measured:
    interval: Interval
    seeds: int  # behind the interval
    cells: int  # combinations of target and language
    targets: dict[str, Interval]  # the decomposition
    without_untrained: Interval | None  # the same without retrieval that nothing was trained for
    what: str  # which arms were compared
    partial: tuple[str, ...] = ()  # in what the study has less than the claim is about
    notes: tuple[str, ...] = ()
    chosen: dict[str, str] = field(default_factory=dict)


def averages(results: Results) -> pandas.DataFrame:
    """Headline scores, with the mean of F1 and exact match in question answering."""
    frame = results.scores
    keys = ["model", "intermediate", "target", "source_language", "language", "seed", "target_seed"]
    keys = [key for key in keys if key in frame]
    exact = frame[(frame["metric"] == "exact_match") & (frame["variant"] == "")].set_index(keys)["value"]
    frame = frame[frame["headline"].astype(bool)].copy()
    spans = frame["target"].map(lambda name: find_task(results.study, name).form == "spans")
    both = frame[spans].set_index(keys)["value"].add(exact).div(2)
    found = both.reindex(frame[spans].set_index(keys).index)
    frame.loc[spans, "value"] = found.to_numpy()
    frame.loc[spans, "metric"] = "mean of f1 and exact match"
    return frame.dropna(subset=["value"])


def measure(claim: Claim, claims: Claims, results: Results, scores: Any, *, model: str, source: str) -> Measured:
    study = results.study
    zero = study_arms.baseline(study) if claim.kind != "against" else ""
    wanted = [t for t in claims.named(claim.targets) if t in study.target_tasks()]
    if not wanted:
        raise InputError(f"none of its targets is in the study ({', '.join(claims.named(claim.targets))})")
    untrained = [t for t in wanted if not find_task(study, t).has_training_data]

    def against(a: str, b: str) -> Contrast:
        return contrast(
            scores, a, b, model=model, source_language=source, targets=wanted,
            languages=study.select(study.languages), untrained=untrained,
        )  # fmt: skip

    partial = []
    lacking = [t for t in claims.named(claim.targets) if t not in wanted]
    if lacking:
        partial.append(f"without {', '.join(lacking)}")
    if claim.kind == "against":
        assert claim.alternative is not None
        both = study_arms.pairs(study, claim.alternative)
        if not both:
            raise InputError(f"no arm has `{claim.alternative}` beside the same arm without it")
        sides = [(b, a) if claim.reverse else (a, b) for a, b in both]
        found = _several([against(a, b) for a, b in sides], ", ".join(f"{a} - {b}" for a, b in sides))
    else:
        asked = claims.arms(claim)
        there = [(tasks, study_arms.plain(study, tasks)) for tasks in asked]
        names = [name for _, name in there if name is not None]
        absent = ["+".join(tasks) if len(tasks) < 4 else f"all {len(tasks)}" for tasks, name in there if name is None]
        if not names:
            raise InputError(f"no arm trains on {' or on '.join(absent)} alone, in English")
        if absent:
            partial.append(f"without an arm for {', '.join(absent)}")
        odd = [name for name in names if study_arms.otherwise_sampled(study.intermediate[name])]
        partial += [f"{name} is not sampled by size" for name in odd]
        if claim.kind == "gain":
            found = _several([against(name, zero) for name in names], f"{', '.join(names)} - {zero}")
        elif claim.kind == "best-of":
            found = _best([against(name, zero) for name in names], zero)
        else:
            found = _over_best_single(names[0], claims, study, against)
    if found.targets:  # none of them where seeds are too few to choose and report
        partial += [f"{target} is not scored for every arm" for target in wanted if target not in found.targets]
    return replace(found, partial=(*partial, *found.partial))


def _several(contrasts: Sequence[Contrast], what: str) -> Measured:
    """Averaged over arms within each seed; with several arms, how many of them gain is said beside it."""
    contrasts = alike(contrasts)
    targets = _shared(contrasts)
    whole = [one.of(targets) for one in contrasts]
    seeds = sorted(set.intersection(*(set(one.seeds) for one in whole)))
    if not seeds:
        raise InputError("the arms have no seed in common yet")
    free = [t for t in targets if t not in contrasts[0].untrained]
    notes = list(dict.fromkeys(reason for one in contrasts for reason in one.left_out))
    if _unmet(whole):
        notes.append(f"the average over arms: {UNMET}")
    if len(contrasts) > 1:
        gains = [one.interval() for one in whole]
        surely = sum(gain.low is not None and gain.low > 0 for gain in gains)
        notes.insert(0, f"{surely} of {len(gains)} arms gain, each with an interval above zero")
    return Measured(
        interval=_mean(whole, seeds),
        seeds=len(seeds),
        cells=sum(len(pair.languages) for pair in whole[0].pairs),
        targets={t: _mean([one.of((t,)) for one in whole], seeds) for t in targets},
        without_untrained=_mean([one.of(free) for one in whole], seeds) if free and len(free) < len(targets) else None,
        what=what,
        partial=_lacking(contrasts),
        notes=tuple(notes),
    )


def _lacking(contrasts: Sequence[Contrast]) -> tuple[str, ...]:
    """Languages that only one side has: less than the claim is about."""
    codes = {(pair.target, pair.lacking): None for one in contrasts for pair in one.pairs if pair.lacking}
    return tuple(f"{target} without {', '.join(lacking)}" for target, lacking in codes)


def _shared(contrasts: Sequence[Contrast]) -> list[str]:
    found = shared_targets(contrasts)
    if not found:
        raise InputError(f"no target is scored yet for all of {', '.join(one.a for one in contrasts)}")
    return found


def _unmet(contrasts: Sequence[Contrast]) -> bool:
    """Whether the arms have met different target seeds so far."""
    grids = [one.grid for one in contrasts]
    met = {None if grid is None else frozenset(grid.columns) for grid in grids}
    return len(met) > 1


def _mean(contrasts: Sequence[Contrast], seeds: Sequence[int]) -> Interval:
    grids = [one.grid for one in contrasts]
    whole = all(grid is not None for grid in grids) and not _unmet(contrasts)
    if len(seeds) > 1 and whole:  # intermediate seeds crossed with target seeds
        return over_both((sum(grids[1:], grids[0]).loc[list(seeds)] / len(grids)).to_numpy())
    by_seed = [one.per_seed() for one in contrasts]
    values = [sum(one[seed] for one in by_seed) / len(by_seed) for seed in seeds]
    return over_seeds.mean(values, method="paired t over seeds")


def _best(contrasts: Sequence[Contrast], zero: str) -> Measured:
    """Chosen on other seeds than it is reported on."""
    if len(contrasts) < 2:
        raise InputError("there is nothing to choose from: the study has one arm that the claim is about")
    contrasts = alike(contrasts)
    best = best_of(contrasts)
    first = contrasts[0]
    free = [t for t in best.chosen if t not in first.untrained]
    return Measured(
        interval=best.gain,
        seeds=len(best.reporting) if best.chosen else 0,
        cells=sum(len(pair.languages) for pair in first.pairs),
        targets=dict(best.by_target),
        without_untrained=best.on(free) if free and len(free) < len(best.chosen) else None,
        what=f"the best of {len(contrasts)} arms per target - {zero}",
        partial=_lacking(contrasts),
        notes=(f"chosen and reported on the same scores it would look like {best.naive:+.2f}",),
        chosen=best.chosen,
    )


def _over_best_single(together: str, claims: Claims, study: Any, against: Any) -> Measured:
    """The mixture minus the best single arm; the single arm is chosen on the first seeds and compared on the others."""
    singles = [name for task in claims.groups[SINGLES] if (name := study_arms.plain(study, (task,)))]
    if not singles:
        raise InputError("no arm trains on one task alone")
    found = alike([against(together, name) for name in singles])
    targets = _shared(found)
    each = {name: one.of(targets) for name, one in zip(singles, found, strict=True)}
    seeds = sorted(set.intersection(*(set(one.seeds) for one in each.values())))
    if not seeds:
        raise InputError(f"{together} and {', '.join(singles)} have no seed in common yet")
    choosing = seeds[: len(seeds) // 2] if len(singles) > 1 else []
    reporting = [seed for seed in seeds if seed not in choosing]
    rival = min(each, key=lambda name: sum(each[name].per_seed()[seed] for seed in choosing or seeds))
    measured = _on_seeds(each[rival], reporting, f"{together} - {rival}")
    chosen = "is the only single arm" if len(singles) == 1 else f"is the best of {len(singles)} single arms on seeds "
    chosen += ", ".join(map(str, choosing)) if choosing or len(singles) == 1 else "that are compared too"
    note = f"{rival} {chosen}; compared on {', '.join(map(str, reporting))}"
    absent = [task for task in claims.groups[SINGLES] if study_arms.plain(study, (task,)) is None]
    partial = (f"without a single arm for {', '.join(absent)}",) if absent else ()
    partial = (*partial, *_lacking(list(each.values())))
    return replace(measured, notes=(note, *measured.notes), partial=partial)


def _on_seeds(one: Contrast, seeds: Sequence[int], what: str) -> Measured:
    free = [t for t in one.targets if t not in one.untrained]
    return Measured(
        interval=_mean([one], seeds),
        seeds=len(seeds),
        cells=sum(len(pair.languages) for pair in one.pairs),
        targets={t: _mean([one.of((t,))], seeds) for t in one.targets},
        without_untrained=_mean([one.of(free)], seeds) if free and len(free) < len(one.targets) else None,
        what=what,
        notes=one.left_out,
    )
