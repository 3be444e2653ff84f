"""Published claims and what this study says of them, as rows; the verdicts are those of `waystage.claims`."""

from __future__ import annotations

from typing import Any

from waystage.claims import verdicts
from waystage.claims.judge import Judged
from waystage.reports.plain import plain
from waystage.results import Results


def claims(results: Results) -> list[dict[str, Any]]:
    """One row per claim, model and source language; `tested` says whether there is more to read than a reason."""
    return [plain(_row(one)) for one in verdicts(results)]


def _row(one: Judged) -> dict[str, Any]:
    published, measured = one.claim.published, one.measured
    return {
        "id": one.claim.id,
        "text": one.claim.text,
        "model": one.model,
        "source_language": one.source_language,
        "reach": one.reach,
        "structural": one.claim.kind == "structural",
        "tested": measured is not None or one.claim.kind == "structural",
        "published": published.value if published else None,
        "made": {**published.tags, "not stated": ", ".join(published.not_stated)} if published else {},
        "measured": measured.interval.estimate if measured else None,
        "low": measured.interval.low if measured else None,
        "high": measured.interval.high if measured else None,
        "seeds": measured.seeds if measured else None,
        "word": one.verdict.word,
        "why": one.verdict.why,
        "in_rehearsal": one.in_rehearsal,
        "differs": list(one.differs),
        "not_comparable": one.not_comparable,
        "difference": one.difference,
    }
