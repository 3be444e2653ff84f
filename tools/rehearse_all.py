"""Rehearse the shipped studies and write docs/rehearsals.md: `python tools/rehearse_all.py [STUDY ...] [--jobs 2]`.

Takes hours on two cores for all of them. Each study has a store of its own below --store, so that its minutes are
those of a user who runs it alone. What a killed call has finished is kept and not made again, and the page is written
from whatever is there (`--page` writes it and runs nothing). Wall time adds up over calls.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import waystage
from waystage import claims
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.reports import asking, comparisons, words
from waystage.reports.about import baseline
from waystage.results import Results
from waystage.world import VERSION

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "rehearsals.md"
LIMITS = {"quickstart": 5, "phang2020": 60}  # minutes on two cores; of the others
LIMIT = 20
MOST = 6  # of a kind of surprise in full
MIXED = "the average is over different metrics"
HEAD = """# Rehearsals of the shipped studies

Written by `python tools/rehearse_all.py`; every number comes from its stores. Minutes are wall time of two
processes side by side, each study from an empty store, added up over the calls that it took.

**What a rehearsal may show**: that a study runs from end to end, that its statistics can be computed from what it
leaves, that its questions get intervals, what it costs in stages. **What it may not show**: sign, size or rank of any
effect in real languages. The languages are artificial and were made from typology, so that scores fall with distance is
a property of their making; the models are a hundred times smaller and more; the spread over seeds is not that of a real
study. No published claim gets a verdict here.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.stem for path in (ROOT / "studies").glob("*.toml"))
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "rehearsals")
    parser.add_argument("--page", action="store_true", help="write the page from what is there, run nothing")
    said = parser.parse_args()
    unknown = sorted(set(said.studies) - set(names))
    if unknown:
        parser.error(f"no study is called {', '.join(unknown)}; there are {', '.join(names)}")
    for name in () if said.page else said.studies or names:
        whole = rehearse(name, said.store, said.jobs)
        write(names, said.store)
        if not whole:
            raise SystemExit(f"{name} did not run to its end; the same command goes on")
    write(names, said.store)


def rehearse(name: str, store: Path, jobs: int) -> bool:
    results = loaded(name, store)
    begun = time.monotonic()
    where = get("local")(jobs=jobs)
    try:
        outcome = execute(Plan(results.plan.wanted), results.store, where, study=f"{name}-rehearsal")
    finally:
        where.close()
        times = walls(store)
        times[name] = {"seconds": times.get(name, {}).get("seconds", 0) + time.monotonic() - begun, "jobs": jobs}
        (store / "wall.json").write_text(json.dumps(times))
    print(f"{name}: {outcome.text()}", flush=True)
    return outcome.ok


def loaded(name: str, store: Path) -> Results:
    return waystage.load(ROOT / "studies" / f"{name}.toml", rehearsal=True, store=store / name)


def walls(store: Path) -> dict[str, Any]:
    path = store / "wall.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write(names: list[str], store: Path) -> None:
    """Only studies of which something has been scored stand on the page; the others are named."""
    times, there, waiting = walls(store), [], []
    for name in names:
        results = loaded(name, store)
        (there if results.done[0] else waiting).append((name, results))
    lines = [
        HEAD, f"Version {VERSION} of the world.\n",
        "| study | stages | evaluations | minutes | may take | questions with an interval |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    parts = []
    for name, results in there:
        answers = asking.answers(results)
        answered = sum(one["answered"] and one["interval"]["low"] is not None for one in answers)
        done, of = results.done
        stages, limit = len(Plan(results.plan.wanted)), LIMITS.get(name, LIMIT)
        lines.append(
            f"| {name} | {stages} | {done} of {of} | {_took(times.get(name), limit)} | {limit} | "
            f"{answered} of {len(answers)} |"
        )
        parts += section(name, results, answers)
    if waiting:
        lines.append(f"\nNot rehearsed yet: {', '.join(name for name, _ in waiting)}.")
    PAGE.write_text("\n".join([*lines, *parts]) + "\n", encoding="utf-8")
    print(f"{PAGE}: {len(there)} studies", flush=True)


def _took(times: dict[str, Any] | None, limit: int) -> str:
    if times is None:
        return "-"
    minutes = times["seconds"] / 60
    jobs = "" if times["jobs"] == 2 else f" ({times['jobs']} processes)"
    return f"{minutes:.1f}{jobs}{' (too long)' if minutes > limit else ''}"


def section(name: str, results: Results, answers: list[dict[str, Any]]) -> Iterator[str]:
    yield f"\n## {name}\n"
    yield f"*{results.study.title}.* " + "; ".join(results.substitutions) + ".\n"
    yield "What surprised:\n"
    found = [f"- {line}" for line in surprises(results, answers)]
    yield from found or ["- nothing that these rules look for"]
    yield "\nAnswers (rehearsal, artificial languages):\n"
    for one in answers:
        said = one["sentence"] if one["answered"] else f"not answered: {one['why']}"
        yield f"{one['number']}. {words.asked(one)} {said}"
    judged = Counter(one.in_rehearsal.split(" (")[0] for one in claims.verdicts(results) if one.measured)
    if judged:
        listed = ", ".join(f"{count} '{word}'" for word, count in judged.most_common())
        yield f"\nClaims: none is judged here. With these numbers the machinery would say {listed}."


def surprises(results: Results, answers: list[dict[str, Any]]) -> Iterator[str]:
    """What a reader would not expect: failures, gaps in answers, controls that help, steps that cost, and the like."""
    done, of = results.done
    if done < of:
        yield f"{of - done} of {of} evaluations are missing"
    warned: dict[str, list[int]] = {}
    for one in answers:
        if not one["answered"]:
            yield f"question {one['number']} has no answer: {one['why'].splitlines()[0]}"
        for warning in one["warnings"] if one["answered"] else ():
            warned.setdefault(warning, []).append(one["number"])
    for warning, numbers in warned.items():
        if MIXED not in warning:  # true of every study with several targets
            yield f"question{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}: {warning}"
    if not done:
        return
    yield from _unexpected_gains(results)
    yield from _unexpected_scores(results)


def _unexpected_gains(results: Results) -> Iterator[str]:
    controls = {name: arm.control for name, arm in results.study.intermediate.items() if arm.control}
    costs = []
    for row in comparisons.of(results)["gains"]["rows"]:
        arm, target = row["intermediate"], row["target"]
        if controls.get(arm) == "zero-length" and row["gain"]:
            yield f"{arm} on {target} differs from none by {row['gain']:+.2f}, and must not"
        elif controls.get(arm) in ("shuffled-labels", "mlm-only") and row["low"] is not None and row["low"] > 0:
            yield f"the control {arm} gains {row['gain']:+.2f} on {target}, its interval wholly above zero"
        if row["high"] is not None and row["high"] < 0:
            costs.append((row["gain"], f"{arm} costs {target} {-row['gain']:.1f} points"))
    if costs:
        told = _first([text for _, text in sorted(costs)])
        yield f"with an interval wholly below zero (before any correction for many pairs): {told}"


def _unexpected_scores(results: Results) -> Iterator[str]:
    scores = results.scores[results.scores["headline"].astype(bool)]
    plain = scores[scores["intermediate"] == baseline(results)]
    by = plain.groupby(["model", "target", "source_language", "language", "seed"])["value"].mean()
    for (model, target, source), seeds in by.groupby(level=[0, 1, 2]):
        table = seeds.droplevel([0, 1, 2]).unstack("seed")
        if source in table.index:
            above = [code for code in table.index if code != source and (table.loc[code] > table.loc[source]).all()]
            if above:
                names = ", ".join(f"{code}*" for code in above)
                yield f"{target} ({model}, no step before): better than in {source}*, which it was trained in: {names}"
    spread = scores.groupby(["intermediate", "target", "seed"])["value"].mean().groupby(level=[0, 1]).std()
    wide = sorted(((value, arm, target) for (arm, target), value in spread.items() if value > 10), reverse=True)
    if wide:
        told = _first([f"{target} after {arm} by {value:.0f}" for value, arm, target in wide])
        yield f"points of standard deviation over seeds, too many for so few seeds: {told}"


def _first(found: list[str]) -> str:
    rest = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + rest


if __name__ == "__main__":
    main()
