"""The parent of all reports: everything that is shown, as one structure of dicts, lists, texts and numbers."""

from __future__ import annotations

from typing import Any

from waystage.reports import about, claimed, comparisons, made
from waystage.results import REHEARSAL, Results

VERSION = 1


def content(results: Results, *, command: str = "", examples: bool = True) -> dict[str, Any]:
    """All of a report. `command` is what was typed to get it; `examples=False` leaves raw answers out."""
    from waystage.claims import freeze
    from waystage.reports.samples import samples

    compared = comparisons.of(results)
    records = made.records(results)
    return {
        "version": VERSION,
        "note": REHEARSAL if results.rehearsal else "",
        "rehearsal": results.rehearsal,
        "substitutions": list(results.substitutions),
        "study": about.study(results, command),
        "licences": about.licences(results),
        "marks": about.marks(results),
        "progress": about.progress(results),
        "languages": about.languages(results),
        **compared,
        "withdrawn": freeze.withdrawn(results),
        "claims": claimed.claims(results),
        "claims_frozen": freeze.claims_state(results, results.path),
        "variants": comparisons.variants(results),
        "curves": made.curves(results, records),
        "costs": made.costs(results, records),
        "data": made.data(results, records),
        "provenance": made.provenance(results, records),
        "stages": made.stages(results, records),
        "failed": made.failed(results, records),
        "left_out": list(results.plan.left_out),
        "examples": samples(results) if examples else [],
        "scores": comparisons.scores(results),
    }
