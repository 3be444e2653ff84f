"""One question of a study with its answers, for a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waystage.reports import page, plots


@dataclass(frozen=True, repr=False)
class Answered:
    """An answer for each model and source language: `answers` has every number; shown, it is the page's part on it."""

    answers: list[dict[str, Any]]
    content: dict[str, Any]

    @property
    def sentence(self) -> str:
        """What was found, or why there is no answer yet; a line for each answer."""
        return "\n".join(a["sentence"] if a["answered"] else f"No answer yet: {a['why']}" for a in self.answers)

    def figures(self) -> list[plots.Plot]:
        return [plot for answer in self.answers for plot in plots.of_answer(answer, self.content)]

    def __str__(self) -> str:
        return self.sentence

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [(answer, plots.of_answer(answer, self.content)) for answer in self.answers]
        return page.rendered(
            "answered.html.j2",
            note=self.content["note"],
            parts=[(answer, [page.markup(plot.standalone) for plot in found]) for answer, found in parts],
        )
