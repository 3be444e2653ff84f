"""A verdict on each claim, for each model and source language of a study.

A run is a replication where model, source language, recipe, languages and arms are the paper's; anything else is a
generalisation, which can agree or disagree and never contradict. Where a stated tag of the published number (metric,
split, baseline) is another one here, no difference is printed and the verdict goes no further than the direction. A
rehearsal is about artificial languages: it gets no verdict on any claim, only the word that its machinery would give.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from waystage.claims import measure as measuring
from waystage.claims import structure
from waystage.claims.measure import Measured
from waystage.claims.read import SHIPPED, Claim, Claims, Comparator, load
from waystage.errors import InputError
from waystage.results import Results
from waystage.stats import verdict as rules
from waystage.stats.verdict import ClaimVerdict
from waystage.study.recipe import Recipe
from waystage.study.schema import Study
from waystage.study.stages import find_task
from waystage.tasks import BENCHMARKS

REHEARSAL = "a rehearsal in artificial languages says nothing about a published claim"
# Keys of a study that may be said without making it another experiment.
SAME = {
    "title", "source", "sources", "models", "targets", "seeds", "intermediate_seeds", "languages", "source_languages",
    "intermediate", "question", "rehearsal", "keep", "precision", "threads", "low_resource", "evaluate_on", "placement",
    "translator", "task", "selections", "logits", "sweep",
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """A claim and what one model and source language of a study say about it."""

    claim: Claim
    model: str
    source_language: str
    verdict: ClaimVerdict
    measured: Measured | None
    reach: Literal["replication", "generalisation", "structure"]
    differs: tuple[str, ...]  # from the published experiment
    not_comparable: str  # why the published number must not be subtracted; empty where it may
    difference: float | None  # measured minus published, where they are comparable
    rehearsal: bool
    in_rehearsal: str = ""  # what the machinery would say of these numbers, in a rehearsal

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = asdict(self)
        found["claim"] = self.claim.model_dump(mode="json")
        return found


@dataclass(frozen=True)
class Beside:
    """A published system's score of a target and our own arm without an intermediate step."""

    system: str
    target: str
    theirs: float
    exact_match: float | None
    ours: float | None
    not_comparable: str
    difference: float | None
    rehearsal: bool


def verdicts(results: Results, path: Path | None = None) -> tuple[Judged, ...]:
    """Every claim of a file (the shipped one), for every model and source language of the study."""
    claims = load(path or SHIPPED)
    scores = measuring.averages(results) if len(results.scores) else None
    return tuple(
        _judge(claim, claims, results, scores, model, source)
        for claim in claims.claim
        for model, source in _points(claim, results.study)
    )


def beside(results: Results, path: Path | None = None) -> tuple[Beside, ...]:
    """Published systems beside the study's arm without an intermediate step."""
    return tuple(_beside(load(path or SHIPPED), results))


def _points(claim: Claim, study: Study) -> list[tuple[str, str]]:
    if claim.kind == "structural":
        return [(", ".join(study.models), ", ".join(study.source_languages))]
    return [(model, source) for model in study.models for source in study.source_languages]


def _judge(claim: Claim, claims: Claims, results: Results, scores: Any, model: str, source: str) -> Judged:
    if claim.kind == "structural":
        assert claim.check is not None
        met, why = structure.conforms(claim.check, claims, results)
        verdict = rules.structural(met, why)
        return _told(claim, model, source, verdict, None, results, reach="structure")
    try:
        if scores is None:
            raise InputError("nothing has been scored yet")
        measured = measuring.measure(claim, claims, results, scores, model=model, source=source)
    except InputError as error:
        return _told(claim, model, source, rules.not_tested(str(error)), None, results, reach="generalisation")
    differs = (*_differs(claims, results, model, source), *measured.partial)
    clash = _clash(claim, results.study)
    assert claim.direction is not None
    fewest = measured.interval.n  # of both kinds of seed, where they are crossed
    seeds = measured.seeds if fewest > 2 else min(fewest, measured.seeds)
    verdict = rules.claim(
        measured.interval, seeds=seeds, direction=claim.direction,
        published=claim.published.value if claim.published and not clash else None, tolerance=claim.tolerance,
        replication=not differs,
    )  # fmt: skip
    if differs and verdict.word == "reproduced":
        fits = claim.direction != "none"
        why = f"{verdict.why}, in another experiment: {'; '.join(differs)}"
        verdict = ClaimVerdict("same direction" if fits else "not distinguishable", why)
    elif clash and verdict.word == "same direction":
        verdict = ClaimVerdict("same direction", clash)
    return _told(
        claim, model, source, verdict, measured, results, reach="generalisation" if differs else "replication",
        differs=differs, clash=clash,
    )  # fmt: skip


def _told(
    claim: Claim, model: str, source: str, verdict: ClaimVerdict, measured: Measured | None, results: Results, *,
    reach: Literal["replication", "generalisation", "structure"], differs: tuple[str, ...] = (), clash: str = "",
) -> Judged:  # fmt: skip
    comparable = measured is not None and claim.published is not None and not clash and not results.rehearsal
    difference = None
    if comparable:
        assert measured is not None and claim.published is not None
        difference = measured.interval.estimate - claim.published.value
    word, would = verdict, ""
    if results.rehearsal:
        would = verdict.word + (f" ({verdict.why})" if verdict.why else "")
        would = verdict.why if verdict.word == "not tested" else would  # not the same word twice
        word = rules.not_tested(REHEARSAL)
    return Judged(claim, model, source, word, measured, reach, differs, clash, difference, results.rehearsal, would)


def _differs(claims: Claims, results: Results, model: str, source: str) -> tuple[str, ...]:
    """In what the study is another experiment than the published one."""
    study, found = results.study, []
    if model not in claims.replication.models:
        found.append(f"the model is {model}")
    if source != claims.replication.source_language:
        found.append(f"the source language is {source}")
    said = study.model_dump(exclude_defaults=True)
    found += [f"`{key}` is not the published one" for key in said if key not in SAME]
    changed = [name for name, arm in study.intermediate.items() if arm.recipe != Recipe()]
    if changed:
        found.append(f"a recipe of their own: {', '.join(changed)}")
    return (*found, *_other_languages(results))


def _other_languages(results: Results, only: str = "") -> list[str]:
    """An average over fewer or more languages than the benchmark's is another number; of all targets, or of one."""
    study, official = results.study, BENCHMARKS["xtreme"].languages
    own = [name for name in study.target_tasks() if name in official and only in ("", name)]
    chosen = {*study.select(study.languages), *study.source_languages}
    if any(code not in chosen for name in own for code in official[name]):
        codes = study.languages if isinstance(study.languages, str) else ", ".join(study.languages)
        return [f"the languages are {codes}"]
    scored: dict[str, set[str]] = {}
    for cell in results.plan.cells:
        scored.setdefault(cell.target, set()).update(cell.languages)
    more = [name for name in own if scored.get(name, set()) - set(official[name])]
    return [f"more languages than XTREME's on {', '.join(more)}"] if more else []


def _clash(claim: Claim, study: Study) -> str:
    """Stated tags of the published number that are others here. What is not stated is no clash, and is printed."""
    if claim.published is None:
        return ""
    ours = {"metric": measuring.XTREME, "split": study.evaluate_on, "baseline": "own"}
    theirs = claim.published.tags
    return rules.not_comparable({tag: ours[tag] for tag in theirs}, theirs)


def _beside(claims: Claims, results: Results) -> Iterator[Beside]:
    """Only where the study has the target. The same split, metric, model and recipe, or no difference."""
    study = results.study
    frame = results.scores[results.scores["headline"].astype(bool)] if len(results.scores) else results.scores
    for system in claims.comparator:
        for target, theirs in system.scores.items():
            if target not in study.target_tasks():
                continue
            model = _same_model(system, study)
            ours = _own(frame, target, study, model)
            clash = _system_clash(system, results, target, model)
            comparable = ours is not None and not clash and not results.rehearsal
            yield Beside(
                system.system, target, theirs, system.exact_match.get(target), ours, clash,
                round(ours - theirs, 2) if comparable and ours is not None else None, results.rehearsal,
            )  # fmt: skip


def _same_model(system: Comparator, study: Study) -> str:
    """Of several models of a study the published system's, or else the first."""
    return next((one for one in study.models if one.removeprefix("FacebookAI/") == system.model), study.models[0])


def _own(frame: Any, target: str, study: Study, model: str) -> float | None:
    """Trained on the target in English, or in the study's first source language."""
    from waystage.claims.arms import baseline

    try:
        zero = baseline(study)
    except InputError:
        return None
    if not len(frame):
        return None
    rows = frame[(frame["target"] == target) & (frame["intermediate"] == zero) & (frame["model"] == model)]
    rows = rows[rows["value"].notna()]
    sources = [source for source in ("en", *study.source_languages) if source in set(rows["source_language"])]
    rows = rows[rows["source_language"] == sources[0]] if sources else rows
    return float(rows.groupby("seed")["value"].mean().mean()) if len(rows) else None


def _system_clash(system: Comparator, results: Results, target: str, model: str) -> str:
    study, model = results.study, model.removeprefix("FacebookAI/")
    metric = find_task(study, target).metric
    alike = {"metric": metric, "languages": "all"}
    ours = {"model": model, "split": study.evaluate_on, "recipe": "no intermediate step, this study's", **alike}
    if _other_languages(results, target):
        ours["languages"] = "other ones"
    theirs = {"model": system.model, "split": system.split, "recipe": system.recipe, **alike}
    return rules.not_comparable(ours, theirs)
