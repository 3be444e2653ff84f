"""What `waystage.load` gives: results of a study whose questions and figures display themselves in a notebook."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage import results
from waystage.errors import InputError
from waystage.graph.store import Store
from waystage.results import Results
from waystage.study import Study

if TYPE_CHECKING:
    from waystage.reports.answered import Answered
    from waystage.reports.plots import Plot


@dataclass(frozen=True, repr=False)
class Loaded(Results):
    """`scores` is a DataFrame, `question(1)` and `figure("gains")` display themselves, `report()` writes the page.

    It looks at the store when it is first asked; load again to see what a running study has added.
    """

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything a report shows, as plain data."""
        from waystage.reports.content import content

        return content(self, examples=False)

    def question(self, number: int) -> Answered:
        """The answer to a question of the study, counted from 1: one for each model and source language."""
        from waystage.reports.answered import Answered

        asked = [one for one in self.content["answers"] if one["number"] == number]
        if not asked:
            count = len(self.study.question)
            raise InputError(
                f"there is no question {number}: the study asks {count}"
                + (f", counted from 1 to {count}" if count else ". Add a [[question]] to its file")
            )
        return Answered(asked, self.content)

    def figure(self, name: str) -> Plot:
        """A figure of the report by its name, such as `gains`, `answer-1` or `distance-mnli`."""
        from waystage.reports.plots import named

        return named(self.content, name)

    def report(self, path: str | Path, format: str | None = None) -> Path:
        """The report as a file: html, md, latex, csv, json, or a folder of figures; by default as its name ends."""
        from waystage import reports

        return reports.write(self, path, format or reports.ending(path) or "html")

    def __str__(self) -> str:
        from waystage.reports.terminal import lines

        return "\n".join(lines(self.content))

    __repr__ = __str__  # what a bare `results` shows in a terminal

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def load(
    study: str | Path | Study,
    *,
    rehearsal: bool = False,
    full: bool = False,
    store: str | Path | Store | None = None,
    overrides: list[str] | None = None,
) -> Loaded:
    """The results of a study so far, from a file or an object: `waystage.load("s.toml", rehearsal=True).scores`."""
    found = results.load(study, rehearsal=rehearsal, full=full, store=store, overrides=overrides)
    return Loaded(**{field.name: getattr(found, field.name) for field in fields(found)})
