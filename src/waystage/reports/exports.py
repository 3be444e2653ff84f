"""Write a report: a page, or the same tables as CSV, Markdown or LaTeX, its figures, or everything as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from waystage.errors import UnknownName
from waystage.graph.files import write_text
from waystage.reports import words
from waystage.reports.content import content
from waystage.reports.plots import Plot, every
from waystage.reports.tables import Table, tables
from waystage.results import Results


def write(results: Results, path: str | Path, format: str = "html", *, command: str = "") -> Path:
    """Write the report and give the path back.

    `csv` is a folder of tables, or the long table for a path in .csv; `svg` is a folder of figures.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS, f"There are: {', '.join(FORMATS)}.")
    path = Path(path)
    found = content(results, command=command, examples=format in ("html", "json"))
    made = FORMATS[format](found)
    if isinstance(made, str):
        write_text(path, made, durable=False)
    elif path.suffix == ".csv":
        write_text(path, made["scores.csv"], durable=False)
    else:
        for name, text in made.items():
            write_text(path / name, text, durable=False)
    return path


def figure(results: Results, name: str) -> Plot:
    """One figure by its name, such as `gains`, `answer-1` or `distance-mnli`; in a notebook it shows itself."""
    found = {plot.name: plot for plot in every(content(results, examples=False))}
    if name not in found:
        raise UnknownName("figure", name, found, f"There are: {', '.join(found)}.")
    return found[name]


def html(found: dict[str, Any]) -> str:
    from waystage.reports.page import page

    return page(found)


def as_json(found: dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def all_csv(found: dict[str, Any]) -> dict[str, str]:
    return {f"{table.name}.csv": as_csv(table) for table in tables(found, long=True)}


def all_svg(found: dict[str, Any]) -> dict[str, str]:
    return {f"{plot.name}.svg": plot.standalone for plot in every(found)}


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
        lines.append(f"{answer['number']}. {answer['ask']} {said}")
        lines += [f"Note: {warning}" for warning in answer.get("warnings", ())]
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


FORMATS: dict[str, Callable[[dict[str, Any]], str | dict[str, str]]] = {
    "html": html,
    "csv": all_csv,
    "svg": all_svg,
    "md": markdown,
    "latex": latex,
    "json": as_json,
}
