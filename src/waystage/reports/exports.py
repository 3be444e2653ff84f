"""Write a report: a page, or the same tables as CSV, Markdown or LaTeX, its figures, or everything as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from waystage.errors import InputError, UnknownName
from waystage.graph.files import write_text
from waystage.reports import pictures, words
from waystage.reports.content import content
from waystage.reports.plots import Plot, every, named
from waystage.reports.tables import Table, scores, tables
from waystage.results import Results, labelled

SUFFIXES = {"tex": "latex", "htm": "html"}


def ending(path: str | Path) -> str:
    """The format that the end of a file's name stands for; empty without one."""
    suffix = Path(path).suffix[1:].lower()
    return SUFFIXES.get(suffix, suffix)


def write(results: Results, path: str | Path, format: str = "html", *, command: str = "") -> Path:
    """Write the report and give the path back.

    `csv` is a folder of tables, or the long table for a path in .csv; `pdf-figures` and its like are folders.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS, f"There are: {', '.join(FORMATS)}.")
    path = Path(path)
    found = content(results, command=command, examples=format in ("html", "json"))
    made = FORMATS[format](found)
    if isinstance(made, str):
        write_text(path, made, durable=False)
    elif path.suffix == ".csv":
        write_text(path, as_csv(scores(found)), durable=False)  # also while there is none: a header
    elif not made:
        raise InputError("there is no figure yet, since nothing is scored. `waystage status` shows what runs")
    else:
        for name, item in made.items():
            if isinstance(item, str):
                write_text(path / name, item, durable=False)
            else:
                path.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(item)
    return path


def figure(results: Results, name: str) -> Plot:
    """One figure by its name, such as `gains`, `answer-1` or `distance-mnli`; in a notebook it shows itself."""
    return named(content(results, examples=False), name)


def html(found: dict[str, Any]) -> str:
    from waystage.reports.page import page

    return page(found)


def as_json(found: dict[str, Any]) -> str:
    found = labelled(found) if found["rehearsal"] else found
    return json.dumps(found, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def all_csv(found: dict[str, Any]) -> dict[str, str]:
    return {f"{table.name}.csv": as_csv(table) for table in tables(found, long=True)}


def all_figures(found: dict[str, Any], kind: str) -> dict[str, str | bytes]:
    return {f"{plot.name}.{kind}": KINDS[kind](plot) for plot in every(found)}


def write_figure(results: Results, name: str, path: str | Path, kind: str = "svg") -> Path:
    """One figure as a file of its own: svg, or png or pdf where `waystage[figures]` is installed."""
    if kind not in KINDS:
        raise UnknownName("format of a figure", kind, KINDS, f"There are: {', '.join(KINDS)}.")
    drawn, path = KINDS[kind](figure(results, name)), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(drawn.encode() if isinstance(drawn, str) else drawn)
    return path


def as_csv(table: Table) -> str:
    """Numbers in full, not as printed: a program reads this."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow([column.name for column in table.columns])
    lines.writerows([_harmless(value) for value in row] for row in table.rows)
    return out.getvalue()


def _harmless(value: Any) -> Any:
    """Spreadsheets run what begins with these signs as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def markdown(found: dict[str, Any]) -> str:
    lines = words.opening(found)
    for answer in found["answers"]:
        said = answer["sentence"] if answer["answered"] else f"No answer yet: {answer['why']}"
        lines.append(f"{answer['number']}. {words.asked(answer)} {said}")
        lines += [f"Note: {warning}" for warning in answer.get("warnings", ())]
        lines += [f"Question {answer['number']}: {answer['frozen']}"] if answer["frozen"] else []
    lines += [f"Frozen, and not asked in this way any more: {asked}" for asked in found["withdrawn"]]
    return markdown_of(found["study"]["title"], [*lines, words.meaning(found)], tables(found))


def markdown_of(title: str, lines: list[str], found: list[Table]) -> str:
    parts = [f"# {_plain(title)}", ""]
    for line in lines:
        parts += [_plain(line), ""]
    for table in found:
        parts += [f"## {_plain(table.caption)}", "", *_markdown(table), ""]
    return "\n".join(parts)


def _markdown(table: Table) -> list[str]:
    lines = [
        "| " + " | ".join(_plain(column.name) for column in table.columns) + " |",
        "|" + "|".join("---" if column.kind == "text" else "--:" for column in table.columns) + "|",
    ]
    return lines + ["| " + " | ".join(_plain(text) for text in row) + " |" for row in table.texts()]


def _plain(text: str) -> str:
    """Text in Markdown that stays text."""
    for sign in "\\`*_[]<>|#":
        text = text.replace(sign, f"&#{ord(sign)};" if sign in "<>|" else f"\\{sign}")
    return " ".join(text.split())


TEX = str.maketrans(
    {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
     "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--", "±": r"$\pm$"}
)  # fmt: skip


def latex(found: dict[str, Any]) -> str:
    return latex_of(found["study"]["title"], tables(found))


def latex_of(title: str, found: list[Table]) -> str:
    """Tables for a paper: captions and labels, and nothing but two usual packages."""
    parts = ["% needs: \\usepackage{booktabs,longtable}", f"% {' '.join(title.split())}", ""]
    return "\n".join([*parts, *map(_latex, found)])


def _latex(table: Table) -> str:
    columns = "".join("l" if column.kind == "text" else "r" for column in table.columns)
    head = " & ".join(_tex(column.name) for column in table.columns)
    rows = "\n".join("  " + " & ".join(map(_tex, row)) + r" \\" for row in table.texts())
    return (
        f"\\begin{{longtable}}{{{columns}}}\n\\caption{{{_tex(table.caption)}}}\\label{{tab:{table.name}}}\\\\\n"
        f"\\toprule\n  {head} \\\\\n\\midrule\n\\endhead\n{rows}\n\\bottomrule\n\\end{{longtable}}\n"
    )


def _tex(text: str) -> str:
    return " ".join(text.split()).translate(TEX)


KINDS: dict[str, Callable[[Plot], str | bytes]] = {
    "svg": lambda plot: plot.standalone,
    "png": lambda plot: pictures.png(plot.standalone),
    "pdf": lambda plot: pictures.pdf(plot.standalone),
}
Made = str | Mapping[str, str | bytes]
FORMATS: dict[str, Callable[[dict[str, Any]], Made]] = {
    "html": html,
    "md": markdown,
    "latex": latex,
    "csv": all_csv,
    "json": as_json,
    **{f"{kind}-figures": partial(all_figures, kind=kind) for kind in KINDS},
}
