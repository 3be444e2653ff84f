"""The page: one file that needs no network, opens from disk and prints."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from waystage.reports import figures, numbers, words
from waystage.reports.tables import Table, several, shown, tables

HERE = Path(__file__).parent / "template"
SIGNS = {"better": "▲", "worse": "▼", "equivalent": "=", "not distinguishable": "≈", "no verdict": "?"}
STEPS = 5  # shades on each side of zero


def page(content: dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {**numbers.FORMATS, "interval": _interval, "clean": clean}
    environment.finalize = lambda value: (
        clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )
    script = file("page.js")
    return environment.get_template("page.html.j2").render(
        c=content,
        note=content["note"],
        opening=words.opening(content),
        meaning=words.meaning(content),
        signs=SIGNS,
        answers=[{**a, "figure": markup(figures.answer(a, content["note"])) if a["answered"] else ""}
                 for a in content["answers"]],
        matrices=matrices(content),
        by_target=by_target(content),
        scatters=scatters(content),
        gaps=gaps(content),
        learning=learning(content),
        table={table.name: table for table in on_page(content)},
        codes=shown(content),
        script=markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=markup(file("page.css")),
        data=markup(embedded(for_script(content))),
    )  # fmt: skip


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def markup(text: str) -> Any:
    """Text that is markup already: our own figures, script and style, where data was escaped on the way in."""
    from markupsafe import Markup

    return Markup(text)


def clean(text: str) -> str:
    """NUL and its like end a document early for some readers; they are shown as the sign for what cannot be shown."""
    return "".join(c if c in "\t\n\r" or (c >= " " and not 0xD800 <= ord(c) < 0xE000) else "�" for c in text)


def embedded(value: Any) -> str:
    """JSON inside a script element: nothing in it can end the element or the line."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return "".join(c if not 0xD800 <= ord(c) < 0xE000 else "�" for c in text)


def on_page(content: dict[str, Any]) -> list[Table]:
    """The plain tables; the caption alone says that it is a rehearsal, where rows stay on one page."""
    note = content["note"]
    found = tables({**content, "note": ""})
    return [Table(t.name, f"{t.caption} ({note})" if note else t.caption, t.columns, t.rows) for t in found]


def _interval(found: dict[str, Any]) -> str:
    return numbers.interval(found["low"], found["high"])


def shade(value: float | None, largest: float) -> str:
    """A class of the style sheet: p1 to p5 above zero, n1 to n5 below, z at it."""
    if value is None:
        return "none"
    step = min(STEPS, round(abs(value) / largest * STEPS)) if largest else 0
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def _block(row: dict[str, Any], content: dict[str, Any]) -> str:
    """Which model and source language, where a study has several."""
    return ", ".join(str(row[column.name]) for column in several(content))


def matrices(content: dict[str, Any]) -> list[dict[str, Any]]:
    """One gain matrix per model and source language."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in content["gains"]["rows"]:
        key = (row["model"], row["source_language"])
        block = found.setdefault(key, {"model": key[0], "source": key[1], "title": _block(row, content), "arms": [],
                                       "targets": [], "cells": {}})  # fmt: skip
        for name, value in (("arms", row["intermediate"]), ("targets", row["target"])):
            if value not in block[name]:
                block[name].append(value)
        block["cells"][row["intermediate"], row["target"]] = row
    for key, block in found.items():
        largest = max(abs(cell["gain"]) for cell in block["cells"].values())
        for cell in block["cells"].values():
            cell["shade"] = shade(cell["gain"], largest)
        block["additive"] = next(
            (a for a in content["gains"]["additive"] if (a["model"], a["source_language"]) == key), None
        )
    return list(found.values())


def by_target(content: dict[str, Any]) -> list[dict[str, Any]]:
    """One table per model, source language and target: languages by arms."""
    about = {language["code"]: language for language in content["languages"]}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number, block in enumerate(content["by_language"]):
        key = (block["model"], block["source_language"], block["target"])
        table = found.setdefault(
            key, {"id": f"t{len(found)}", "title": ", ".join(filter(None, [block["target"], _block(block, content)])),
                  "model": key[0], "source": key[1], "target": key[2], "metric": block["metric"], "arms": [],
                  "rows": {}}
        )  # fmt: skip
        table["arms"].append({"name": block["intermediate"], "block": number, "seeds": len(block["seeds"])})
        seeds = len(block["seeds"])
        for code, _, base, gain, _, _ in block["cells"]:
            row = table["rows"].setdefault(code, {"language": about[code], "base": base, "gains": {}, "seeds": 0})
            row["gains"][block["intermediate"]] = gain
            if seeds > row["seeds"]:  # arms that lack seeds are paired with fewer of the baseline's
                row["base"], row["seeds"] = base, seeds
    for table in found.values():
        table["unequal"] = len({arm["seeds"] for arm in table["arms"]}) > 1
        largest = max((abs(g) for row in table["rows"].values() for g in row["gains"].values()), default=1.0)
        for row in table["rows"].values():
            row["shades"] = {arm: shade(gain, largest) for arm, gain in row["gains"].items()}
    return list(found.values())


def scatters(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Per arm: gain of each language on each target, against distance and against resource class."""
    about = {language["code"]: language for language in content["languages"]}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for block in content["by_language"]:
        groups.setdefault((block["model"], block["source_language"], block["intermediate"]), []).append(block)
    found = []
    for (_, source, arm), blocks in groups.items():
        title = ", ".join(filter(None, [f"{arm} over {content['gains']['baseline']}", _block(blocks[0], content)]))
        trends = [t for t in content["trends"] if (t["model"], t["source_language"], t["intermediate"])
                  == (blocks[0]["model"], source, arm)]  # fmt: skip
        drawn = []
        for against, axis in (
            ("distance", f"syntactic distance from {shown(content).get(source, source)}"),
            ("resource class", "resource class, 0 (least) to 5"),
        ):
            points = {
                b["target"]: [p for cell in b["cells"] if (p := _point(cell, about, source, against))] for b in blocks
            }
            if any(points.values()):
                line = next((t["line"] for t in trends if t["against"] == against), [])
                drawn.append(markup(figures.scatter(
                    points, title=f"{title}, by {against}", x=axis, y="gain, points", note=content["note"], fit=line
                )))  # fmt: skip
        found.append({"title": title, "trends": trends, "figures": drawn})
    return found


def _point(cell: list[Any], about: dict[str, Any], source: str, against: str) -> tuple[float, float, str, str] | None:
    code, gain = cell[0], cell[3]
    language = about[code]
    x = language["distance"].get(source) if against == "distance" else language.get("resource")
    if code == source or x is None or gain is None:
        return None  # the source language is no case of transfer
    if against != "distance":  # classes are few: languages of a class stand side by side, always in the same order
        x += (int(hashlib.sha256(code.encode()).hexdigest()[:4], 16) / 65535 - 0.5) * 0.5
    return x, gain, f"{language['shown']} {language['name']}: {numbers.gain(gain)}", code


def gaps(content: dict[str, Any]) -> list[Any]:
    """Per target: score in the source language and in the others, arm by arm."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in content["transfer"]:
        groups.setdefault((row["model"], row["source_language"], row["target"]), []).append(row)
    return [
        markup(figures.dots(
            [(r["intermediate"], r["source"], r["others"]) for r in rows],
            title=", ".join(filter(None, [f"{target}: source and other languages", _block(rows[0], content)])),
            names=("source language", "mean of the others"), x=rows[0]["metric"], note=content["note"]))
        for (_, _, target), rows in groups.items()
    ]  # fmt: skip


CURVES = 24  # pictures of learning on the page; the JSON has all


def learning(content: dict[str, Any]) -> list[Any]:
    """One picture per training task and measure: a line per arm, of the first seed; the JSON has all."""
    groups: dict[tuple[str, str, str], dict[str, list[list[float]]]] = {}
    for curve in content["curves"]:
        for measure in [name for name in curve["lines"] if name != "loss"] or ["loss"]:
            key = (" + ".join(curve["tasks"]), measure, f", seed {curve['seed']}")
            if not any(other[:2] == key[:2] and other != key for other in groups):
                name = f"after {curve['after']}" if curve["after"] else "straight"
                groups.setdefault(key, {})[name] = curve["lines"].get(measure, [])
    return [
        markup(figures.curves(
            {name: line for name, line in list(lines.items())[:8] if line},
            title=f"training on {tasks}{seed}", y=measure,
            note=content["note"]))
        for (tasks, measure, seed), lines in list(groups.items())[:CURVES]
        if any(lines.values())
    ]  # fmt: skip


def for_script(content: dict[str, Any]) -> dict[str, Any]:
    """What the page's script shows on demand; everything else stands in the page itself."""
    return {
        "note": content["note"],
        "baseline": content["gains"]["baseline"],
        "languages": {x["code"]: [x["shown"], x["name"], x["rtl"]] for x in content["languages"]},
        "blocks": [
            [b["model"], b["source_language"], b["intermediate"], b["target"], b["metric"], len(b["seeds"]),
             [[cell[0], *(None if v is None else round(v, 3) for v in cell[1:])] for cell in b["cells"]]]
            for b in content["by_language"]
        ],
        "examples": content["examples"],
    }  # fmt: skip
