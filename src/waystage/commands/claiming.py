"""claims and freeze: what a study says about published claims, and what was decided before looking."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from waystage.claims import freeze as freezing
from waystage.claims import judge
from waystage.claims.judge import Beside, Judged
from waystage.claims.read import SHIPPED, load
from waystage.commands.output import as_json, say, table
from waystage.commands.studies import open_store
from waystage.errors import InputError
from waystage.results import labelled
from waystage.results import load as results_of


def claims(
    path: Path, *, overrides: list[str] | None, store: Path | None, rehearsal: bool, full: bool, file: Path | None,
    json: bool,
) -> None:  # fmt: skip
    published = load(file or SHIPPED)
    results = results_of(path, rehearsal=rehearsal, full=full, store=open_store(store), overrides=overrides)
    judged, beside = judge.verdicts(results, file), judge.beside(results, file)
    frozen = freezing.claims_state(results, path, file or SHIPPED)
    if json:
        said = {"claims": [one.as_dict() for one in judged], "comparators": [asdict(one) for one in beside]}
        as_json(
            {"study": results.study.title, "rehearsal": results.rehearsal, "source": published.source.model_dump(),
             "frozen": frozen,
             **(labelled(said) if results.rehearsal else said)}
        )  # fmt: skip
        return
    say(f"{results.study.title}, and {published.source.paper}")
    if results.rehearsal:
        say(f"[rehearsal, artificial languages] {judge.REHEARSAL}; the last column says what the machinery would say")
    if frozen:
        say(f"the claims and their tolerances: {frozen}")
    numbers = ["published", "measured", "95 % interval", "n", "seeds"]
    of = ["of"] if any(_where(one, judged) for one in judged) else []
    rows = [[one.claim.id, *(_where(one, judged).strip(" ()") for _ in of), *_row(one)] for one in judged]
    table(["claim", *of, *numbers, "verdict", "why"], rows, numbers=numbers)
    for one in judged:
        for line in _notes(one):
            say(f"{one.claim.id}{_where(one, judged)}: {line}")
    if beside:
        say()
        rows = [_system(one) for one in beside]
        table(["published system", "target", "theirs", "ours, none", "difference", "why there is none"], rows,
              numbers=["theirs", "ours, none", "difference"])  # fmt: skip


def _row(one: Judged) -> list[Any]:
    published = "" if one.claim.published is None else f"{one.claim.published.value:+.1f}"
    word, why = one.verdict.word, one.in_rehearsal or one.verdict.why
    if one.measured is None:
        return [published, "", "", "", "", word, why]
    gain = one.measured.interval
    span = f"{gain.low:+.2f} to {gain.high:+.2f}" if gain.low is not None and gain.high is not None else "none"
    return [published, f"{gain.estimate:+.2f}", span, one.measured.cells, one.measured.seeds, word, why]


def _notes(one: Judged) -> list[str]:
    """What a reader must know beside the row: which arms, the parts of an average, how the number was made."""
    if one.measured is None:
        return []
    gain = one.measured
    lines = [f"{gain.what}; {one.reach}" + (f" ({'; '.join(one.differs)})" if one.differs else "")]
    if len(gain.targets) > 1:
        lines.append("by target " + ", ".join(f"{name} {part.estimate:+.2f}" for name, part in gain.targets.items()))
    if gain.without_untrained:
        lines.append(f"without untrained retrieval {gain.without_untrained}")
    if one.claim.published and one.claim.published.not_stated:
        lines.append(f"not stated of the published number: {', '.join(one.claim.published.not_stated)}")
    if one.difference is not None:
        lines.append(f"measured minus published {one.difference:+.2f}")
    if one.not_comparable:
        lines.append(one.not_comparable)
    return [*lines, *gain.notes]


def _where(one: Judged, judged: tuple[Judged, ...]) -> str:
    several = len({(other.model, other.source_language) for other in judged if other.reach != "structure"}) > 1
    return f" ({one.model}, {one.source_language})" if several and one.reach != "structure" else ""


def _system(one: Beside) -> list[Any]:
    theirs = f"{one.theirs:.1f}" + (f" / {one.exact_match:.1f}" if one.exact_match is not None else "")
    ours = "" if one.ours is None else f"{one.ours:.1f}" + (" [rehearsal]" if one.rehearsal else "")
    return [one.system, one.target, theirs, ours, "" if one.difference is None else f"{one.difference:+.1f}",
            one.not_comparable]  # fmt: skip


def freeze(path: Path, *, overrides: list[str] | None, store: Path | None, file: Path | None, json: bool) -> None:
    if overrides:
        raise InputError("freeze writes down the study file itself: put the change of --set into the file")
    load(file or SHIPPED)  # a broken file of claims is not worth freezing
    results = results_of(path, store=open_store(store))
    to = freezing.beside(path)
    new = freezing.freeze(results, to, file or SHIPPED)
    if json:
        as_json({"file": str(to), "new": [asdict(entry) for entry in new], "scored": results.done[0]})
        return
    for entry in new:
        say(f"frozen: {entry.what}: {entry.said}")
    say(f"{to}: {len(new)} new, keep it with the study" if new else f"{to}: nothing new; all of it was frozen before")
    done, of = results.done
    if done and new:
        say(f"{done} of {of} evaluations have been scored already: what is new counts as made afterwards")
