"""The page: one file that needs no network, opens from disk and prints."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from waystage.reports import numbers, plots, words
from waystage.reports.tables import Table, shown, tables

HERE = Path(__file__).parent / "template"
SIGNS = {
    "better": "▲", "worse": "▼", "equivalent": "=", "not worse": "≥", "not distinguishable": "≈", "no verdict": "?",
    "closes the gap": "▲", "does not close the gap": "≈", "widens the gap": "▼", "rises": "▲", "falls": "▼",
}  # fmt: skip
STEPS = 5  # shades on each side of zero
PALEST = 1.0  # points that the darkest shade stands for at least: small numbers stay pale


def page(content: dict[str, Any]) -> str:
    script = file("page.js")
    drawn: dict[str, dict[str, list[Any]]] = {}
    for plot in plots.every(content):
        of = drawn.setdefault(plot.group, {}).setdefault(plot.of, [])
        of.append({"title": plot.title, "svg": markup(plot.svg)})
    return rendered(
        "page.html.j2",
        c=content,
        note=content["note"],
        caveats=words.caveats(content),
        how_much=words.how_much(content),
        unit=words.unit,
        tested=words.tested,
        seeds=words.seeds(content["study"]),
        marks={(m["intermediate"], m["target"]) for m in content["marks"]},
        best=[
            ": ".join(filter(None, (plots.which(found, content), words.best(found, content))))
            for found in content["best"]
        ],
        signs=SIGNS,
        answers=content["answers"],
        plots=drawn,
        matrices=matrices(content),
        by_target=by_target(content),
        table={table.name: table for table in captioned(tables({**content, "note": ""}), content["note"])},
        codes=shown(content),
        script=markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data=markup(embedded(for_script(content))),
    )


def rendered(template: str, **given: Any) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {**numbers.FORMATS, "interval": _interval}
    environment.finalize = _finalize
    return environment.get_template(template).render(style=markup(file("page.css")), **given)


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


def captioned(found: list[Table], note: str) -> list[Table]:
    """On a page the caption alone says that it is a rehearsal: rows stay where they are."""
    return [Table(t.name, f"{t.caption} ({note})" if note else t.caption, t.columns, t.rows) for t in found]


def _interval(found: dict[str, Any]) -> str:
    return numbers.interval(found["low"], found["high"])


def shade(value: float | None, largest: float) -> str:
    """A class of the style sheet: p1 to p5 above zero, n1 to n5 below, z at it."""
    if value is None:
        return "none"
    step = min(STEPS, round(abs(value) / largest * STEPS))
    return "z" if step == 0 else f"{'p' if value > 0 else 'n'}{step}"


def matrices(content: dict[str, Any]) -> list[dict[str, Any]]:
    """One gain matrix per model and source language, with a shade for each cell."""
    found = plots.matrices(content)
    for key, block in found.items():
        largest = max(PALEST, *(abs(cell["gain"]) for cell in block["cells"].values()))
        block["lacking"] = {(m["intermediate"], m["target"]) for m in content["progress"]["missing"]
                            if (m["model"], m["source_language"]) == key}  # fmt: skip
        block["cells"] = {at: {**cell, "shade": shade(cell["gain"], largest)} for at, cell in block["cells"].items()}
        block["additive"] = next(
            (a for a in content["gains"]["additive"] if (a["model"], a["source_language"]) == key), None
        )
    return list(found.values())


def by_target(content: dict[str, Any]) -> list[dict[str, Any]]:
    """One table per model, source language and target: languages by arms."""
    about = {language["code"]: language for language in content["languages"]}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for block in content["by_language"]:
        key = (block["model"], block["source_language"], block["target"])
        title = plots.said(block["target"], plots.which(block, content))
        table = found.setdefault(
            key, {"id": f"t{len(found)}", "title": title, "source": key[1], "metric": block["metric"], "arms": [],
                  "rows": {}}
        )  # fmt: skip
        table["arms"].append({"name": block["intermediate"], "seeds": len(block["seeds"])})
        seeds = len(block["seeds"])
        for code, _, base, gain, _, _ in block["cells"]:
            row = table["rows"].setdefault(code, {"language": about[code], "base": base, "gains": {}, "seeds": 0})
            row["gains"][block["intermediate"]] = gain
            if seeds > row["seeds"]:  # arms that lack seeds are paired with fewer of the baseline's
                row["base"], row["seeds"] = base, seeds
    for table in found.values():
        table["unequal"] = len({arm["seeds"] for arm in table["arms"]}) > 1
        largest = max(PALEST, *(abs(g) for row in table["rows"].values() for g in row["gains"].values()))
        for row in table["rows"].values():
            row["shades"] = {arm: shade(gain, largest) for arm, gain in row["gains"].items()}
    return list(found.values())


def for_script(content: dict[str, Any]) -> dict[str, Any]:
    """What the page's script shows on demand; everything else stands in the page itself."""
    return {
        "note": content["note"],
        "baseline": content["gains"]["baseline"],
        "arms": len(content["study"]["arms"]),
        "languages": {x["code"]: [x["shown"], x["name"], x["rtl"]] for x in content["languages"]},
        "blocks": [
            [b["model"], b["source_language"], b["intermediate"], b["target"], b["metric"], len(b["seeds"]),
             [[cell[0], *(None if v is None else round(v, 2) for v in cell[1:])] for cell in b["cells"]]]
            for b in content["by_language"]
        ],
        "examples": content["examples"],
    }  # fmt: skip
