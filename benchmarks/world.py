"""The built-in world, measured: is it learnable, graded and stable? Everything here is about artificial languages.

    python -m benchmarks.world                                        # runs what is missing, then prints Markdown
    python -m benchmarks.world --models standin-s standin-m standin-l # and the average over the sizes
    python -m benchmarks.world --quick                                # one cheap target, one seed: does it run?

It runs `world.toml` beside it as a rehearsal, through the store, so that it goes on where it stopped. Source scores,
zero-shot scores and their rank correlation with typological distance and amount of pretraining text are from models
tuned on English; retrieval is from the pretrained model at every layer, beside a bag of characters.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from waystage import languages
from waystage.engines import inline
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.store import Store
from waystage.reports import figures, svg
from waystage.results import REHEARSAL, Results, load
from waystage.stats import seeds as over_seeds
from waystage.world.sampling import amount
from waystage.world.stream import Stream

STUDY = Path(__file__).with_suffix(".toml")
SOURCE = "en"
DRAWS = 1000  # of languages, for the intervals of correlations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["standin-m"], help="the first one is described in full")
    parser.add_argument("--targets", nargs="+", help="some of them only")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--store", type=Path, default=Path("build/world"))
    parser.add_argument("--out", type=Path, help="folder for the plots")
    parser.add_argument("--only", action="store_true", help="show what exists, run nothing")
    parser.add_argument(
        "--curves", nargs="+", help="NAME=FOLDER[,FOLDER]: draw losses of pretraining, and nothing else"
    )
    said = parser.parse_args()
    if said.curves:
        said.out.mkdir(parents=True, exist_ok=True)
        (said.out / "pretraining.svg").write_text(learning(said.curves), encoding="utf-8")
        return
    store = Store(said.store)
    targets, more = (["udpos", "tatoeba"], ["seeds=[1]", "rehearsal.seeds=[1]"]) if said.quick else (said.targets, [])
    found = {model: results(model, targets, store, more) for model in said.models}
    for model, each in found.items():
        sweep = (
            [replace(s, config={**s.config, "sweep": True}) for s in searches(each)]
            if each is found[said.models[0]]
            else []
        )
        if not said.only:
            execute(Plan((*each.plan.wanted, *sweep)), store, inline.start())
        print(f"<!-- {model}: {each.done[0]} of {each.done[1]} evaluations -->")
    first = found[said.models[0]]
    print(described(first, said.models[0], said.out))
    print(by_layer(first, store))
    if len(found) > 1:
        print(by_size(found))


def results(model: str, targets: Sequence[str] | None, store: Store, more: Sequence[str] = ()) -> Results:
    said = [f'rehearsal.models=["{model}"]', *([f"targets={json.dumps(list(targets))}"] if targets else [])]
    return load(STUDY, rehearsal=True, full=True, store=store, overrides=[*said, *more])


def searches(found: Results) -> list[Any]:
    """The evaluation of Tatoeba with the pretrained model."""
    return list({c.evaluate.fingerprint: c.evaluate for c in found.plan.cells if c.target == "tatoeba"}.values())


def table(found: Results) -> dict[str, dict[str, dict[int, float]]]:
    """target -> language -> seed -> headline score; targets that lack a seed yet are left out."""
    out: dict[str, dict[str, dict[int, float]]] = {}
    for row in found.scores.to_dict("records"):
        if row["headline"]:
            out.setdefault(row["target"], {}).setdefault(row["language"], {})[row["seed"]] = row["value"]
    seeds = set(found.study.seeds)
    return {target: by for target, by in out.items() if all(set(one) == seeds for one in by.values())}


def described(found: Results, model: str, out: Path | None) -> str:
    scores = table(found)
    lines = [f"Scores of `{model}` ({REHEARSAL}), {len(found.study.seeds)} seeds.", ""]
    lines += ["| target | source en* | others, mean | distance | text |", "|---|---|---|---|---|"]
    rhos: dict[str, tuple[dict[str, float], dict[str, float], dict[str, float]]] = {}
    for target, by_language in scores.items():
        zero = {code: mean(values.values()) for code, values in by_language.items() if code != SOURCE}
        far = {code: d for code in zero if (d := languages.distance(SOURCE, code)) is not None}
        text = {code: math.log(amount(code)) for code in zero}
        rhos[target] = zero, far, text
        own = shown(by_language.get(SOURCE, {}))
        per_seed = {s: mean(v[s] for c, v in by_language.items() if c != SOURCE) for s in found.study.seeds}
        lines.append(
            f"| {target} | {own} | {shown(per_seed)} | {interval([(zero, far)])} | {interval([(zero, text)])} |"
        )
    trained = [target for target, by_language in scores.items() if SOURCE in by_language]
    lines.append(
        f"| **mean of those with a source score** | | | {interval([rhos[t][:2] for t in trained])} "
        f"| {interval([(rhos[t][0], rhos[t][2]) for t in trained])} |"
    )
    lines += [
        "",
        "`distance` and `text`: Spearman's rank correlation of the zero-shot score with the syntactic distance",
        "from English and with the amount of pretraining text; 95 % intervals over resampled languages.",
        "",
    ]
    lines += [*zero_shot(scores), ""]
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "distance.svg").write_text(scatter(rhos, trained), encoding="utf-8")
    return "\n".join(lines)


def zero_shot(scores: Mapping[str, Mapping[str, Mapping[int, float]]]) -> list[str]:
    targets = list(scores)
    codes = sorted(
        {code for by in scores.values() for code in by}, key=lambda c: (languages.distance(SOURCE, c) or 9, c)
    )
    lines = ["| | distance | text | " + " | ".join(targets) + " |", "|---" * (len(targets) + 3) + "|"]
    for code in codes:
        far = languages.distance(SOURCE, code)
        cells = [shown(scores[t][code]) if code in scores[t] else "" for t in targets]
        lines.append(
            f"| {code}* | {'' if far is None else f'{far:.2f}'} | {amount(code)} | " + " | ".join(cells) + " |"
        )
    return lines


def by_layer(found: Results, store: Store) -> str:
    """Retrieval of the pretrained model at every layer, beside a bag of characters that needs no model."""
    for stage in searches(found):
        made = replace(stage, config={**stage.config, "sweep": True})
        if not store.has(made.fingerprint):
            return ""
        rows = json.loads((store.path(made.fingerprint) / "sweep.json").read_text(encoding="utf-8"))
        scores = json.loads((store.path(made.fingerprint) / "scores.json").read_text(encoding="utf-8"))
        bag = {s["language"]: s["value"] for s in scores if s["metric"] == "accuracy/bag"}
        of = {(r["layer"], r["language"]): r["value"] for r in rows if r["metric"] == "accuracy"}
        layers = sorted({layer for layer, _ in of})
        number = {s["language"]: s["n"] for s in scores}
        lines = [
            "Retrieval (tatoeba, accuracy in percent) of the pretrained model by layer, with 95 % intervals over "
            f"sentences ({REHEARSAL}):",
            "",
            "| | bag of characters | " + " | ".join(f"layer {layer}" for layer in layers) + " |",
            "|---" * (len(layers) + 2) + "|",
        ]
        for code in bag:
            cells = [share(of[layer, code], number[code]) for layer in layers]
            lines.append(f"| {code}* | {share(bag[code], number[code])} | " + " | ".join(cells) + " |")
        means = [f"{mean(of[layer, code] for code in bag):.1f}" for layer in layers]
        lines.append(f"| mean | {mean(bag.values()):.1f} | " + " | ".join(means) + " |")
        return "\n".join([*lines, ""])
    return ""


def by_size(found: Mapping[str, Results]) -> str:
    """The average zero-shot score, over targets and languages that all sizes have."""
    tables = {model: table(each) for model, each in found.items()}
    shared = set.intersection(*({(t, c) for t, by in scores.items() for c in by} for scores in tables.values()))
    targets = sorted({t for t, _ in shared})
    lines = [
        f"Average over languages other than English, by size ({REHEARSAL}):",
        "",
        "| | " + " | ".join(targets) + " | all targets |",
        "|---" * (len(targets) + 2) + "|",
    ]
    for model, scores in tables.items():
        seeds = found[model].study.seeds
        per = {
            t: {s: mean(scores[t][c][s] for u, c in shared if u == t and c != SOURCE) for s in seeds} for t in targets
        }
        every = {s: mean(per[t][s] for t in targets) for s in seeds}
        lines.append(f"| {model} | " + " | ".join(shown(per[t]) for t in targets) + f" | {shown(every)} |")
    return "\n".join(lines)


def learning(said: Sequence[str]) -> str:
    """The loss of each model over its steps, phase after phase; each point is the mean of a hundred steps."""
    import pyarrow.parquet as pq

    lines = {}
    for one in said:
        name, _, folders = one.partition("=")
        losses: list[float] = []
        for folder in folders.split(","):
            rows = pq.read_table(Path(folder) / "curve.parquet").to_pylist()
            losses += [row["value"] for row in rows if row["name"] == "loss"]
        groups = [losses[i : i + 100] for i in range(0, len(losses) - 99, 100)]
        lines[name] = [[100.0 * (i + 1), mean(group)] for i, group in enumerate(groups)]
    return svg.standalone(figures.curves(lines, title="Pretraining", y="loss", note=REHEARSAL))


def mean(values: Iterable[float]) -> float:
    every = list(values)
    return math.fsum(every) / len(every)


def shown(by_seed: Mapping[int, float]) -> str:
    """The mean over seeds and half of its 95 % interval."""
    if not by_seed:
        return ""
    if len(set(by_seed.values())) == 1:  # nothing was trained: every seed is the same
        return f"{next(iter(by_seed.values())):.1f}"
    about = over_seeds.mean(list(by_seed.values()))
    return f"{about.estimate:.1f}" + (f" ± {about.half:.1f}" if about.half is not None else "")


def share(percent: float, n: int) -> str:
    """A share and its interval after Wilson."""
    p, z = percent / 100, 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{percent:.1f} ({100 * (centre - half):.0f} to {100 * (centre + half):.0f})"


def interval(pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> str:
    """The mean of rank correlations over targets; languages are drawn anew, the same ones for all targets."""
    codes = sorted({code for _, other in pairs for code in other})
    estimate = _correlation(pairs, codes)
    if estimate is None:
        return ""
    draw = Stream("languages", len(codes))
    drawn = [_correlation(pairs, [draw.pick(codes) for _ in codes]) for _ in range(DRAWS)]
    known = sorted(rho for rho in drawn if rho is not None)
    low, high = known[len(known) // 40], known[-len(known) // 40 - 1]
    return f"{estimate:+.2f} ({low:+.2f} to {high:+.2f})"


def _correlation(
    pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]], codes: Sequence[str]
) -> float | None:
    import numpy as np
    from scipy.stats import rankdata

    rhos = []
    for scores, other in pairs:
        here = [code for code in codes if code in scores and code in other]
        if len(here) < 4:
            continue
        a, b = (rankdata([values[code] for code in here]) for values in (scores, other))
        if a.std() and b.std():
            rhos.append(float(np.corrcoef(a, b)[0, 1]))
    return mean(rhos) if rhos else None


def scatter(
    rhos: Mapping[str, tuple[dict[str, float], dict[str, float], dict[str, float]]], trained: Sequence[str]
) -> str:
    """Score over distance, a series per target, with the note in the pixels."""
    points = [(rhos[t][1][c], rhos[t][0][c], i, f"{t} {c}*") for i, t in enumerate(trained) for c in rhos[t][1]]
    across = svg.axis([p[0] for p in points], 44, 350)
    up = svg.axis([p[1] for p in points], 250, 34, zero=True)
    body = svg.bottom_axis(across, 250, "syntactic distance from English") + svg.left_axis(up, 44, "zero-shot score")
    body += "".join(svg.mark(across(x), up(y), i % svg.SHAPES, title, size=2.5) for x, y, i, title in points)
    for i, target in enumerate(trained):
        x, y = 50 + 75 * (i % 4), 300 + 14 * (i // 4)
        body += svg.mark(x, y - 4, i % svg.SHAPES, target, size=3) + svg.text(x + 8, y, target, kind="small")
    drawn = svg.figure(
        "Zero-shot scores fall with distance", body, height=330 + 14 * (len(trained) // 4), note=REHEARSAL
    )
    return svg.standalone(drawn)


if __name__ == "__main__":
    main()
