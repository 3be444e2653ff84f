"""The main tables in the terminal, and the ten lines after a run."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from waystage.reports import words
from waystage.reports.content import content
from waystage.reports.numbers import written
from waystage.reports.tables import Table, tables
from waystage.results import Results

WIDTH = 140
IN_TERMINAL = ("answers_by_target", "gains", "gaps", "costs", "missing", "failed", "left_out")


def summary(results: Results, *, page: str | Path = "") -> str:
    """Ten lines: what was compared, on what, what came out, how sure that is, what is missing, where the page is."""
    said = lines(content(results, examples=False))
    return "\n".join([*said, f"  page       {page}"] if page else said)


def lines(found: dict[str, Any]) -> list[str]:
    said = [
        f"{found['study']['title']}" + (f"  [{found['note']}]" if found["note"] else ""),
        f"  compared   {words.compared(found)}",
        f"  on         {words.where(found)}",
        f"  in so far  {words.how_much(found)}",
    ]
    answered = [a for a in found["answers"] if a["answered"]]
    said += [f"  answer {a['number']}   {_short(a)}" for a in answered[:3]]
    if len(answered) > 3:
        said.append(f"             {len(answered) - 3} more answers on the page")
    return [*said, f"  so         {words.meaning(found)}"]


def _short(answer: dict[str, Any]) -> str:
    interval, seeds = answer["interval"], len(answer["seeds"])
    sure = words.interval(interval)
    asked = f"{words.asked(answer)} " if words.asked(answer) else ""
    numbers = f"{written(interval['estimate'], 'gain')} {words.unit(answer)} ({sure}; {words.counted(seeds, 'seed')})"
    return f"{asked}{answer['a']} against {answer['b']}: {numbers}: {answer['verdict']['word']}"


def text(results: Results, *, width: int = 0, colour: bool = False) -> str:
    """The main tables, as rich draws them; `width` 0 is that of the terminal, if there is one."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width or _width(), force_terminal=colour, highlight=False)
    found = content(results, examples=False)
    console.print(found["study"]["title"], style="bold", markup=False)
    for line in words.opening(found):
        console.print(line, markup=False)
    for answer in found["answers"]:
        console.print(f"\n{answer['number']}. {words.asked(answer)}".rstrip(), style="bold", markup=False)
        console.print(answer["sentence"] if answer["answered"] else f"no answer yet: {answer['why']}", markup=False)
        for warning in answer.get("warnings", ()):
            console.print(f"  ! {warning}", markup=False)
        if answer["frozen"]:
            console.print(f"  {answer['frozen']}", markup=False)
    for asked in found["withdrawn"]:
        console.print(f"frozen, and not asked in this way any more: {asked}", markup=False)
    for table in tables({**found, "note": ""}):  # one line at the top says that it is a rehearsal: rows stay narrow
        if table.name in IN_TERMINAL:
            console.print()
            console.print(drawn(table, found["note"]))
    console.print(words.meaning(found), markup=False)
    return out.getvalue()


def _width() -> int:
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def drawn(table: Table, note: str) -> Any:
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    shown = Drawn(
        title=Text(f"{table.caption} ({note})" if note else table.caption),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for column in table.columns:
        shown.add_column(Text(column.name), justify="left" if column.kind == "text" else "right", overflow="fold")
    for row in table.texts():
        shown.add_row(*map(Text, row))
    return shown
