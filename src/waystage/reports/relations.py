"""Gains beside what is known of the languages: distance, resources, gaps between groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from statistics import fmean, stdev
from typing import Any

from waystage.errors import InputError
from waystage.reports import asking, numbers
from waystage.reports.plain import plain
from waystage.results import Results
from waystage.study.cells import ZERO_SHOT
from waystage.study.regimes import Intermediate
from waystage.study.stages import protocol

DISTANCE, RESOURCE, SCRIPT = "distance", "resource class", "other script"


def trends(results: Results, blocks: list[dict[str, Any]], languages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per arm: does the gain go with distance or resources? A point is a language on a target, the family its cluster.

    Targets differ in level, so each is a predictor of its own beside the one asked about.
    """
    about = {language["code"]: language for language in languages}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for block in blocks:
        groups.setdefault((block["model"], block["source_language"], block["intermediate"]), []).append(block)
    found = []
    for (model, source, arm), own in groups.items():
        key = {"model": model, "source_language": source, "intermediate": arm}
        points = [(block["target"], cell[0], cell[3]) for block in own for cell in block["cells"] if cell[0] != source]
        known = _known(points, about, source)
        seeds = min(len(block["seeds"]) for block in own)
        for against in (DISTANCE, RESOURCE):
            said = _trend(points, {against: known[against]}, about, results.rehearsal, seeds)
            found.append({**key, "against": against, **said})
        found.append({**key, "against": "all", **_trend(points, known, about, results.rehearsal, seeds)})
    return [plain(one) for one in found]


def _known(
    points: list[tuple[str, str, float]], about: Mapping[str, dict[str, Any]], source: str
) -> dict[str, dict[str, float | None]]:
    home = about.get(source, {}).get("script")
    codes = {f"{target}/{code}": about[code] for target, code, _ in points}
    return {
        DISTANCE: {name: language["distance"].get(source) for name, language in codes.items()},
        RESOURCE: {name: language.get("resource") for name, language in codes.items()},
        SCRIPT: {
            name: float(language["script"] != home) if "script" in language and home else None
            for name, language in codes.items()
        },
    }


def _trend(
    points: list[tuple[str, str, float]], known: dict[str, dict[str, float | None]], about: Any, rehearsal: bool,
    seeds: int,
) -> dict[str, Any]:  # fmt: skip
    from waystage.stats.on_trends import bare
    from waystage.stats.trend import trend

    gains = {f"{target}/{code}": gain for target, code, gain in points}
    known_of = (t for t, code, _ in points if all(v.get(f"{t}/{code}") is not None for v in known.values()))
    targets = list(dict.fromkeys(known_of))  # one of which nothing is known has no level to be told apart
    which = {f"{t}/{code}": t for t, code, _ in points}
    levels = {f"target {t}": {name: float(own == t) for name, own in which.items()} for t in targets[1:]}
    families = {f"{t}/{code}": about[code].get("family", code) for t, code, _ in points}
    try:
        fitted = trend(gains, {**known, **levels}, families)
    except InputError as error:
        return {"slopes": [], "line": [], "sentence": f"No trend is fitted: {error}."}
    own = [s for s in fitted.slopes if s.predictor in known]
    if seeds < 2:
        own = [replace(s, interval=bare(s.interval)) for s in own]
    slopes = [
        {"predictor": s.predictor, **vars(s.interval), "inflation": s.inflation, "note": s.note or s.interval.note}
        for s in own
    ]
    return {
        "slopes": slopes,
        "explained": fitted.explained,
        "points": fitted.languages,
        "families": fitted.families,
        "sentence": _sentence(slopes, fitted, rehearsal),
        "line": _line(slopes[0], next(iter(known.values())), gains) if len(slopes) == 1 else [],
    }


def _sentence(slopes: list[dict[str, Any]], fitted: Any, rehearsal: bool) -> str:
    parts = [
        f"{s['predictor']}: {numbers.gain(s['estimate'])} points per standard deviation "
        f"({numbers.interval(s['low'], s['high'])}"
        + (f"; variance inflation {s['inflation']:.1f}" if len(slopes) > 1 else "")
        + (f"; {s['note']}" if s["note"] else "")
        + ")"
        for s in slopes
    ]
    head = "In the rehearsal (artificial languages), " if rehearsal else ""
    how = "each adjusted for the others and for the targets" if len(slopes) > 1 else "adjusted for the targets"
    ground = f"{fitted.languages} points in {numbers.counted(fitted.families, 'family', 'families')}, {how}"
    return f"{head}{'; '.join(parts)}. {ground}."


def _line(slope: dict[str, Any], values: dict[str, float | None], gains: dict[str, float]) -> list[list[float]]:
    """The fitted line through the middle of the points, with the lines of the slopes still possible as its band."""
    xs = {name: x for name, x in values.items() if x is not None}
    middle, wide = fmean(xs.values()), stdev(xs.values())
    level = fmean(gains[name] for name in xs)
    low, high = (slope["low"], slope["high"]) if slope["low"] is not None else (slope["estimate"],) * 2
    line = []
    for x in (min(xs.values()), middle, max(xs.values())):
        at = (x - middle) / wide
        ends = sorted((level + low * at, level + high * at))
        line.append([x, level + slope["estimate"] * at, *ends])
    return line


def scaling(answers: list[dict[str, Any]], rehearsal: bool) -> list[dict[str, Any]]:
    """Does an answer change with the size of the model? For questions that were answered for several sizes."""
    from waystage.models.shapes import shape
    from waystage.stats.scaling import fit

    groups: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for answer in answers:
        known = shape(answer["model"])
        if answer["answered"] and known and answer.get("kind") != "trend":
            point = {"model": answer["model"], "parameters": known.parameters,
                     **{key: answer["interval"][key] for key in ("estimate", "low", "high")}}  # fmt: skip
            groups.setdefault((answer["number"], answer["source_language"]), []).append({**answer, "point": point})
    found = []
    for (number, source), own in groups.items():
        points = sorted((one["point"] for one in own), key=lambda point: point["parameters"])
        if len({point["parameters"] for point in points}) < 2:
            continue
        fitted = fit({point["parameters"]: point["estimate"] for point in points})
        slope = fitted.slope
        head = "In the rehearsal (artificial languages), " if rehearsal else ""
        note = f"; {slope.note}" if slope.note else ""
        of = f", from {source}{'*' if rehearsal else ''}" if len({source for _, source in groups}) > 1 else ""
        found.append(
            {"number": number, "source_language": source, "a": own[0]["a"], "b": own[0]["b"], "points": points,
             "slope": vars(slope), "intercept": fitted.intercept,
             "sentence": f"{head}question {number}{of}: {numbers.gain(slope.estimate)} points per tenfold size "
                         f"({numbers.interval(slope.low, slope.high)}; {len(points)} sizes{note})."}
        )  # fmt: skip
    return [plain(one) for one in found]


Arms = dict[tuple[str, str], dict[str, Any]]  # by model and source language: arm -> its contrast with the baseline


def contrasts(results: Results, rows: Any, zero: str) -> Arms:
    """Every arm against the baseline on all targets; an arm that cannot be compared yet is named by the gain matrix."""
    from waystage import stats

    found: Arms = {}
    for model in results.study.models:
        for source in results.study.source_languages:
            for arm in [name for name in results.study.intermediate if name != zero]:
                with suppress(InputError):
                    found.setdefault((model, source), {})[arm] = stats.contrast(
                        rows, arm, zero, model=model, source_language=source, targets=results.study.target_tasks(),
                        languages=sorted(set(rows["language"])),
                        untrained=asking.untrained(results, (arm, zero), source),
                    )  # fmt: skip
    return found


def gaps(results: Results, arms: Arms, untrained: list[str]) -> list[dict[str, Any]]:
    """Per arm: is the gap to the source language, or between high- and low-resource languages, smaller than without?

    Targets that nothing was trained for have no source language to be near to.
    """
    from waystage.stats.gaps import gap

    low = set(results.study.select("low-resource"))
    found = []
    for (model, source), own in arms.items():
        for arm, both in own.items():
            asked: dict[str, Callable[[], Any]] = {
                f"{source}{'*' if results.rehearsal else ''} minus the others": partial(_to_source, both, untrained),
                "high- minus low-resource": partial(gap, both, set(both.languages) - low, low),
            }
            for kind, ask in asked.items():
                try:
                    said = ask()
                except InputError:
                    continue  # no target has languages of both groups
                found.append(
                    {"model": model, "source_language": source, "intermediate": arm, "baseline": both.b, "gap": kind,
                     "gap_a": said.gap_a, "gap_b": said.gap_b, "change": vars(said.change),
                     "low_gain": vars(said.low_gain), "low_error": vars(said.low_error), "word": said.word,
                     "why": said.why, "targets": said.targets, "seeds": said.change.n}
                )  # fmt: skip
    return [plain(one) for one in found]


def _to_source(both: Any, untrained: list[str]) -> Any:
    from waystage.stats.gaps import to_source

    trained = [target for target in both.targets if target not in untrained]
    if not trained:
        raise InputError("no target was trained")
    return to_source(both.of(trained))


def best(results: Results, arms: Arms) -> list[dict[str, Any]]:
    """What choosing the best arm of each target is worth, without the luck of the choice."""
    from waystage.stats.average import alike
    from waystage.stats.best import best_of

    found = []
    for (model, source), every in arms.items():
        own = {arm: one for arm, one in every.items() if _eligible(results.study.intermediate[arm])}
        if len(own) < 2:
            continue
        try:
            said = best_of(alike(list(own.values())))
        except InputError:
            continue  # no target has all arms yet
        found.append(
            {"model": model, "source_language": source, "among": list(own), "gain": vars(said.gain),
             "chosen": said.chosen, "choosing": said.choosing, "reporting": said.reporting, "naive": said.naive,
             "by_target": {target: vars(interval) for target, interval in said.by_target.items()}}
        )  # fmt: skip
    return [plain(one) for one in found]


def _eligible(arm: Intermediate) -> bool:
    """A control is no way to train, an arm for a few targets would leave only those to choose for, and one that was
    trained on the target in the evaluated languages is a ceiling."""
    return not (arm.control or arm.on) and protocol(arm.target) == ZERO_SHOT


def layers(results: Results, rows: Any) -> list[dict[str, Any]]:
    """Searches with the vectors of every layer, where the evaluation swept them: means over languages, then seeds.

    The layer that scores was fixed beforehand; `bag` is what character n-grams find without any model.
    """
    groups: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for cell in results.plan.cells:
        path = results.store.find(cell.evaluate.fingerprint, "sweep.json")
        if cell.selection or path is None:
            continue
        metric = results.plan.headline(cell.target)
        group = groups.setdefault(
            (cell.model, cell.target, cell.intermediate, cell.source_language),
            {"model": cell.model, "target": cell.target, "intermediate": cell.intermediate, "metric": metric,
             "source_language": cell.source_language, "fixed": cell.evaluate.config.get("layer"), "seeds": {}},
        )  # fmt: skip
        by_layer = group["seeds"].setdefault(cell.seed, {})  # an arm may have a cell for each language
        for score in json.loads(path.read_text(encoding="utf-8")):
            if score["metric"] == metric:
                by_layer.setdefault(score["layer"], []).append(score["value"])
    for (model, target, arm, _), group in groups.items():
        seeds = [{layer: fmean(values) for layer, values in seed.items()} for seed in group.pop("seeds").values()]
        group["line"] = [[layer, fmean(seed[layer] for seed in seeds)] for layer in sorted(seeds[0])]
        bag = rows[(rows["model"] == model) & (rows["target"] == target) & (rows["intermediate"] == arm)
                   & (rows["metric"] == f"{group['metric']}/bag")]  # fmt: skip
        group["bag"] = float(bag["value"].mean()) if len(bag) else None
    return [plain(group) for group in groups.values()]
