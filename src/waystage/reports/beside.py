"""Two studies side by side (another model, another machine, another recipe), on what both have and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from waystage.errors import InputError, UnknownName
from waystage.graph.files import write_text
from waystage.reports import figures, numbers
from waystage.reports.about import baseline
from waystage.reports.comparisons import complete
from waystage.reports.made import provenance, records
from waystage.reports.plain import plain
from waystage.reports.plots import Plot, file_name
from waystage.reports.tables import Column, Table, marked
from waystage.results import REHEARSAL, Results
from waystage.stats.average import Contrast
from waystage.stats.interval import Interval
from waystage.study.stages import find_task

DECIDES = {"recipe", "translator", "attention"}  # what of a study its arms are made by, beside what an arm says


def compare(first: Results, second: Results) -> dict[str, Any]:
    """Gains over the baseline in both, in the languages that both scored, and how they differ."""
    _comparable(first, second)
    (one, waits), (other, later) = (_headline(results) for results in (first, second))
    sides = [one, other]
    pairs, apart = _pairs(first, second)
    apart += [f"first: {said}" for said in waits] + [f"second: {said}" for said in later]
    rows: list[dict[str, Any]] = []
    for a, b in pairs:
        own = [side[side["model"] == model] for side, model in zip(sides, (a, b), strict=True)]
        rows += _gains(first, second, own, (a, b))
    if not rows:
        raise InputError(
            f"{first.study.title!r} and {second.study.title!r} have no arm, target and language in common that is "
            "scored in both. Compare studies that share arms and targets, or finish their runs (`waystage status`)"
        )
    return {
        "note": REHEARSAL if first.rehearsal else "",
        "rehearsal": first.rehearsal,
        "studies": [plain(_about(results)) for results in (first, second)],
        "baseline": baseline(first),
        "rows": plain(rows),
        "apart": apart + _alone(first, second),
    }


def _comparable(first: Results, second: Results) -> None:
    if first.rehearsal != second.rehearsal:
        which = first if first.rehearsal else second
        raise InputError(
            f"{which.study.title!r} is a rehearsal in artificial languages and the other study is not: their numbers "
            "are not about the same thing. Compare two rehearsals (--rehearsal), or two runs"
        )
    if baseline(first) != baseline(second):
        raise InputError(
            f"the baselines differ ({baseline(first)!r} and {baseline(second)!r}), so gains mean different things. "
            "Give the arm without tasks the same name in both studies"
        )
    if first.study.evaluate_on != second.study.evaluate_on:
        raise InputError(
            f"{first.study.title!r} is scored on {first.study.evaluate_on} and {second.study.title!r} on "
            f"{second.study.evaluate_on}: scores on other data are not compared. Say the same `evaluate_on` in both"
        )


def _headline(results: Results) -> tuple[Any, list[str]]:
    frame = results.scores
    return complete(frame[frame["headline"].astype(bool)]) if len(frame) else (frame, [])


def _pairs(first: Results, second: Results) -> tuple[list[tuple[str, str]], list[str]]:
    """Models of the same name; where each study has one, these two, whatever their names."""
    a, b = first.study.models, second.study.models
    shared = [(model, model) for model in a if model in b]
    if shared:
        return shared, [f"model {model}: only in one of them" for model in (*a, *b) if (model in a) != (model in b)]
    if len(a) == len(b) == 1:
        return [(a[0], b[0])], []
    raise InputError(
        f"the studies have no model in common ({', '.join(a)}; {', '.join(b)}). "
        'Give each one of its own: --set models=["MODEL"] is for the first, a file with `extends` for the other'
    )


def _gains(first: Results, second: Results, sides: list[Any], models: tuple[str, str]) -> list[dict[str, Any]]:
    from waystage import stats

    zero, found = baseline(first), []
    sources = [s for s in first.study.source_languages if s in second.study.source_languages]
    targets = [t for t in first.study.target_tasks() if t in second.study.target_tasks()]
    arms = [a for a in first.study.intermediate if a in second.study.intermediate and a != zero]
    for target in targets:
        free = [] if find_task(first.study, target).has_training_data else [target]
        own = [side[side["target"] == target] for side in sides]
        codes = sorted(set(own[0]["language"]) & set(own[1]["language"]))
        for source in sources[:1] if free else sources:  # what is not trained has one row for all of them
            for arm in arms:
                try:
                    a, b = (
                        stats.contrast(rows, arm, zero, model=model, source_language=source, targets=[target],
                                       languages=codes, untrained=free)
                        for rows, model in zip(own, models, strict=True)
                    )  # fmt: skip
                except InputError:
                    continue  # not scored in both
                shared = set(a.languages) & set(b.languages)  # an arm of one of them may lack data in a language
                if shared and a.pairs[0].metric == b.pairs[0].metric:
                    a, b = (one.on({target: shared}) for one in (a, b))
                    one, other = (set(side.loc[side["intermediate"].isin((arm, zero)), "stage"]) for side in own)
                    between = _apart(b, a, shared=not one.isdisjoint(other))
                    found.append(
                        {"models": models, "source_language": source, "intermediate": arm, "target": target,
                         "metric": a.pairs[0].metric, "languages": a.languages, "first": vars(a.interval()),
                         "second": vars(b.interval()), "difference": vars(between)}
                    )  # fmt: skip
    return found


def _apart(a: Contrast, b: Contrast, *, shared: bool) -> Interval:
    """Of two studies. Where they share runs, such as those of the baseline, what these gave cancels seed by seed.

    Seeds of studies that share none have nothing in common; crossed with target seeds, each brings both kinds.
    """
    from waystage.stats import seeds

    if a.grid is None and b.grid is None:
        one, other = a.per_seed(), b.per_seed()
        if shared and one.keys() == other.keys():
            return seeds.paired(one, other)
        return seeds.unpaired(list(one.values()), list(other.values()))
    return seeds.apart(a.interval(), b.interval())


def _about(results: Results) -> dict[str, Any]:
    made = provenance(results, records(results))
    return {
        "title": results.study.title,
        "models": results.study.models,
        "seeds": results.study.seeds,
        "precision": ", ".join(made["precisions"]),
        "devices": ", ".join(made["devices"]),
        "versions": ", ".join(f"{name} {'/'.join(found)}" for name, found in made["versions"].items()),
        "done": results.done,
    }


def _alone(first: Results, second: Results) -> list[str]:
    said = []
    for what, a, b in (
        ("arm", list(first.study.intermediate), list(second.study.intermediate)),
        ("target", list(first.study.target_tasks()), list(second.study.target_tasks())),
        ("source language", list(first.study.source_languages), list(second.study.source_languages)),
    ):
        said += [f"{what} {name}: only in the first" for name in a if name not in b]
        said += [f"{what} {name}: only in the second" for name in b if name not in a]
    for name in first.study.intermediate:
        if name in second.study.intermediate:
            said += _unlike(f"arm {name}: ", first.study.intermediate[name], second.study.intermediate[name])
    return said + _unlike("", first.study, second.study, DECIDES)


def _unlike(where: str, first: BaseModel, second: BaseModel, keys: set[str] | None = None) -> list[str]:
    """What one name stands for in two studies: keys that are not said alike."""
    a, b = (one.model_dump(mode="json", include=keys, exclude_defaults=True) for one in (first, second))
    return [
        f"{where}`{key}` is {_said(a, key)} in the first, {_said(b, key)} in the second"
        for key in dict.fromkeys([*a, *b])
        if a.get(key) != b.get(key)
    ]


def _said(values: dict[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "not said"


# -- views ------------------------------------------------------------------------------------------------------------


def tables(found: dict[str, Any]) -> list[Table]:
    star = "*" if found["rehearsal"] else ""
    several = len({row["source_language"] for row in found["rows"]}) > 1
    models = len({tuple(row["models"]) for row in found["rows"]}) > 1  # then each is in both studies
    rows = [
        (
            *([row["models"][0]] if models else []), *([row["source_language"] + star] if several else []),
            row["intermediate"], row["target"], row["metric"],
            len(row["languages"]), *_numbers(row["first"]), *_numbers(row["second"]), *_numbers(row["difference"]),
        )
        for row in found["rows"]
    ]  # fmt: skip
    groups = ("first", "second", "difference")
    columns = (
        *([Column("model")] if models else []), *([Column("source language")] if several else []), Column("arm"),
        Column("target"), Column("metric"), Column("languages", "many"),
        *(Column(f"{group}{part}", "gain") for group in groups for part in ("", ": low", ": high")),
    )  # fmt: skip
    caption = (
        f"Gain over {found['baseline']} in points in both studies, in the languages that both have, and the second "
        "minus the first; 95 % intervals over seeds, none for one seed"
    )
    keys = ("title", "models", "seeds", "precision", "devices", "versions")
    plain_rows = [(key, *(_text(study[key]) for study in found["studies"])) for key in keys]
    about = Table("studies", "The two studies", (Column("what"), Column("first"), Column("second")), tuple(plain_rows))
    apart = Table("apart", "Not compared", (Column("what and why"),), tuple((line,) for line in found["apart"]))
    made = [about, Table("gains", caption, columns, tuple(rows)), apart]
    return [marked(table, found) for table in made if table.rows]


def _numbers(interval: dict[str, Any]) -> tuple[Any, ...]:
    return interval["estimate"], interval["low"], interval["high"]


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def plots(found: dict[str, Any]) -> list[Plot]:
    """Per target, and per model and source language where there are several: gains of the arms in both studies."""
    made = []
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in found["rows"]:
        groups.setdefault((row["target"], row["models"][0], row["source_language"]), []).append(row)
    for key, rows in groups.items():
        of = [part for place, part in enumerate(key) if place and len({other[place] for other in groups}) > 1]
        target, which = key[0], f" ({', '.join(of)})" if of else ""
        title = f"{target}{which}: gain over {found['baseline']} in both studies"
        drawn = figures.dots(
            [(row["intermediate"], row["first"]["estimate"], row["second"]["estimate"]) for row in rows], title=title,
            names=("first study", "second study"), x="gain, points", note=found["note"], whole=False,
        )  # fmt: skip
        made.append(Plot("compare", file_name("compare", target, *of), title, drawn))
    return made


def sentences(found: dict[str, Any]) -> list[str]:
    a, b = (study["title"] for study in found["studies"])
    targets = list(dict.fromkeys(row["target"] for row in found["rows"]))
    known = [row for row in found["rows"] if row["difference"]["low"] is not None]
    apart = [row for row in known if row["difference"]["low"] > 0 or row["difference"]["high"] < 0]
    said = [f"First: “{a}”. Second: “{b}”.",
            f"Compared on {numbers.counted(len(found['rows']), 'cell')} of arm and target ({numbers.listed(targets)}), "
            "in the languages that both studies have."]  # fmt: skip
    if known:
        said.append(
            f"In {len(apart)} of {len(known)} the interval of the difference leaves out zero; of {len(known)} such "
            f"intervals about {len(known) * 0.05:.1f} do so by chance."
        )
    if len(known) < len(found["rows"]):
        said.append("Where a study has one seed, there is no interval of the difference.")
    return ([found["note"].capitalize() + "."] if found["note"] else []) + said


def write(first: Results, second: Results, path: str | Path, format: str = "html") -> Path:
    """Write the comparison as html, md, latex, json, or a folder of csv."""
    from waystage.reports import exports

    views: dict[str, Callable[[dict[str, Any]], str | dict[str, str]]] = {
        "html": html,
        "md": lambda found: exports.markdown_of("Two studies side by side", sentences(found), tables(found)),
        "latex": lambda found: exports.latex_of("Two studies side by side", tables(found)),
        "csv": lambda found: {f"{table.name}.csv": exports.as_csv(table) for table in tables(found)},
        "json": exports.as_json,
    }
    if format not in views:
        raise UnknownName("format of a comparison", format, views, f"There are: {', '.join(views)}.")
    made, path = views[format](compare(first, second)), Path(path)
    if isinstance(made, str):
        write_text(path, made, durable=False)
    else:
        for name, text in made.items():
            write_text(path / name, text, durable=False)
    return path


def html(found: dict[str, Any]) -> str:
    from waystage.reports import page

    drawn = [{"title": plot.title, "svg": page.markup(plot.svg)} for plot in plots(found)]
    shown = page.captioned(tables({**found, "note": ""}), found["note"])
    return page.rendered("compare.html.j2", note=found["note"], lines=sentences(found), tables=shown, plots=drawn)
