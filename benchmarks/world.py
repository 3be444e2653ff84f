"""The built-in world, measured: is it learnable, graded and stable? Everything here is about artificial languages.

    python -m benchmarks.world                                        # runs what is missing, then prints Markdown
    python -m benchmarks.world --models standin-m standin-s standin-l # and the average over the sizes
    python -m benchmarks.world --quick                                # one cheap target, one seed: does it run?
    python -m benchmarks.world --only --page docs/world.md --out docs/img

It runs `world.toml` beside it as a rehearsal, through the store, so that it goes on where it stopped; it says first how
many minutes of one core are to come. Source scores, zero-shot scores and their rank correlation with typological
distance and amount of pretraining text are from models tuned on English; retrieval is from the pretrained model at
every layer, beside a bag of characters. `--page` writes all of it into that page, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from waystage import languages
from waystage import tasks as task_table
from waystage.engines import get
from waystage.engines.progress import show
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.reports import figures, svg
from waystage.results import REHEARSAL, Results, load
from waystage.stages.members import examples
from waystage.stats import seeds as over_seeds
from waystage.study import estimate
from waystage.world.sampling import amount
from waystage.world.stream import Stream

STUDY = Path(__file__).with_suffix(".toml")
SOURCE = "en"
DRAWS = 1000  # of languages, for the intervals of correlations
LAYERS = {"tatoeba": "accuracy", "bucc": "f1"}  # searches with the pretrained model, and what is shown of them
LEARNABLE = (70, 97)  # where the source score of an accuracy task is meant to be
BEGIN, END = "<!-- measured: written by benchmarks/world.py -->", "<!-- end of what was measured -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["standin-m"], help="the first one is described in full")
    parser.add_argument("--targets", nargs="+", help="some of them only")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--store", type=Path, default=Path("build/world"))
    parser.add_argument("--out", type=Path, help="folder for the plots")
    parser.add_argument("--jobs", type=int, default=1, help="stages side by side")
    parser.add_argument("--page", type=Path, help="write what is measured into this page, between its two marks")
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
    name, first = next(iter(found.items()))
    if not said.only:
        fill(found, store, said.jobs)
    done = ", ".join(f"{model} {each.done[0]} of {each.done[1]}" for model, each in found.items())
    parts = [f"Evaluations: {done}.\n", described(first, name, said.out), *by_layer(first, store)]
    if len(found) > 1:
        parts.append(by_size(found))
    page = "\n".join(parts)
    print(page)
    if said.page:
        before, _, rest = said.page.read_text(encoding="utf-8").partition(BEGIN)
        said.page.write_text(f"{before}{BEGIN}\n\n{page}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def fill(found: Mapping[str, Results], store: Store, jobs: int) -> None:
    """Run what is missing, of all models, and for the first one searches at every layer."""
    first = next(iter(found.values()))
    wanted = [stage for each in found.values() for stage in (*each.plan.wanted, *at_home(each).values())]
    plan = Plan([*wanted, *map(swept, searches(first))])
    known = estimate.history(store.manifests())
    costs = [estimate.estimate(stage, known) for stage in plan.prune(store).stages]
    print(
        f"<!-- {len(costs)} stages to run, about {sum(c.seconds for c in costs) / 60:.0f} minutes of one core -->",
        flush=True,
    )
    engine = get("local")(jobs=jobs)
    try:
        print(execute(plan, store, engine, events=show(quiet=True)).text())
    finally:
        engine.close()


def results(model: str, targets: Sequence[str] | None, store: Store, more: Sequence[str] = ()) -> Results:
    said = [f'rehearsal.models=["{model}"]', *([f"targets={json.dumps(list(targets))}"] if targets else [])]
    return load(STUDY, rehearsal=True, full=True, store=store, overrides=[*said, *more])


def searches(found: Results) -> list[Stage]:
    """Evaluations of searches with the pretrained model."""
    return list({c.evaluate.fingerprint: c.evaluate for c in found.plan.cells if c.target in LAYERS}.values())


def swept(stage: Stage) -> Stage:
    """At every layer; mining by a threshold from dev, as the score is."""
    by_dev = {"sweep_threshold": "dev"} if "dev_rows" in stage.inputs else {}
    return replace(stage, config={**stage.config, "sweep": True, **by_dev})


def at_home(found: Results) -> dict[tuple[str, int], Stage]:
    """Targets that are not evaluated in the source language, on the test data of what they were trained on last."""
    out = {}
    for cell in found.plan.cells:
        trained = task_table.get(cell.target).train_on
        if not trained or SOURCE in cell.languages or "checkpoint" not in cell.evaluate.inputs:
            continue
        rows, tokens = (cell.evaluate.inputs[name] for name in ("rows", "tokens"))
        assert isinstance(rows, Stage) and isinstance(tokens, Stage)
        other = {"task": trained[-1], "languages": [SOURCE]}
        rows = replace(rows, name=f"rows {trained[-1]} test", config={**rows.config, **other})
        reads = replace(tokens, config={**tokens.config, "task": trained[-1]}, inputs={"rows": rows})
        out[cell.target, cell.seed] = replace(
            cell.evaluate, name=f"evaluate {trained[-1]} of {cell.target}", config={**cell.evaluate.config, **other},
            inputs={**cell.evaluate.inputs, "rows": rows, "tokens": reads},
        )  # fmt: skip
    return out


def home_scores(found: Results) -> dict[str, dict[int, float]]:
    out: dict[str, dict[int, float]] = {}
    for (target, seed), stage in at_home(found).items():
        if found.store.has(stage.fingerprint):
            rows = json.loads((found.store.path(stage.fingerprint) / "scores.json").read_text(encoding="utf-8"))
            metric = task_table.get(stage.config["task"]).metric
            out.setdefault(target, {})[seed] = next(row["value"] for row in rows if row["metric"] == metric)
    return out


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
    lines += ["| target | score | source en* | others, mean | distance | text |", "|---|---|---|---|---|---|"]
    elsewhere, source = home_scores(found), dict[str, float]()
    rhos: dict[str, tuple[dict[str, float], dict[str, float], dict[str, float]]] = {}
    for target, by_language in scores.items():
        zero = {code: mean(values.values()) for code, values in by_language.items() if code != SOURCE}
        far = {code: d for code in zero if (d := languages.distance(SOURCE, code)) is not None}
        text = {code: math.log(amount(code)) for code in zero}
        rhos[target] = zero, far, text
        own, note = by_language.get(SOURCE, {}), ""
        if target in elsewhere:
            own, note = elsewhere[target], f" (on {task_table.get(target).train_on[-1]})"
        if own:
            source[target] = mean(own.values())
        per_seed = {s: mean(v[s] for c, v in by_language.items() if c != SOURCE) for s in found.study.seeds}
        lines.append(
            f"| {target} | {metric(target)} | {shown(own)}{note} | {shown(per_seed)} | {interval([(zero, far)])} "
            f"| {interval([(zero, text)])} |"
        )
    trained = [target for target in scores if target in source]
    lines.append(
        f"| **mean of those with a source score** | | | | {interval([rhos[t][:2] for t in trained])} "
        f"| {interval([(rhos[t][0], rhos[t][2]) for t in trained])} |"
    )
    outside = [
        f"{target} {value:.1f}" for target, value in source.items()
        if metric(target) == "accuracy" and not LEARNABLE[0] <= value <= LEARNABLE[1]
    ]  # fmt: skip
    lines += [
        "",
        f"Accuracy tasks with a source score outside {LEARNABLE[0]} to {LEARNABLE[1]}: {', '.join(outside) or 'none'}.",
        "`distance` and `text`: Spearman's rank correlation of the zero-shot score with the syntactic distance",
        "from English and with the amount of pretraining text; 95 % intervals over resampled languages. ± is half of a",
        "95 % interval over seeds; searches with the pretrained model are the same for every seed.",
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


def by_layer(found: Results, store: Store) -> Iterable[str]:
    """Retrieval of the pretrained model at every layer, beside a bag of characters that needs no model."""
    for stage in map(swept, searches(found)):
        if not store.has(stage.fingerprint):
            continue
        folder, name = store.path(stage.fingerprint), LAYERS[stage.config["task"]]
        rows = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        bag = {s["language"]: s["value"] for s in scores if s["metric"] == f"{name}/bag"}
        every = {(r["layer"], r["language"], r["metric"]): r["value"] for r in rows}
        of = {(layer, code): value for (layer, code, metric), value in every.items() if metric == name}
        layers = sorted({layer for layer, _ in of})
        number = counts(stage, store) if name == "f1" else {s["language"]: s["n"] for s in scores}
        lines = [
            f"Retrieval ({stage.config['task']}, {name} in percent{', threshold from dev' if name == 'f1' else ''}) of "
            f"the pretrained model by layer, with 95 % intervals over sentences ({REHEARSAL}):",
            "",
            "| | bag of characters | " + " | ".join(f"layer {layer}" for layer in layers) + " |",
            "|---" * (len(layers) + 2) + "|",
        ]
        for code in bag:
            found = [(bag[code], "/bag", layers[0]), *((of[layer, code], "", layer) for layer in layers)]
            cells = []
            for value, variant, layer in found:
                n: float = number[code]
                if name == "f1":
                    n = of_both(
                        *(every[layer, code, f"{one}{variant}"] for one in ("precision", "recall")), number[code]
                    )
                cells.append(share(value, n))
            lines.append(f"| {code}* | " + " | ".join(cells) + " |")
        means = [f"{mean(of[layer, code] for code in bag):.1f}" for layer in layers]
        lines.append(f"| mean | {mean(bag.values()):.1f} | " + " | ".join(means) + " |")
        yield "\n".join([*lines, ""])


def counts(search: Stage, store: Store) -> dict[str, int]:
    """How many pairs there are to be found in each language."""
    rows = search.inputs["rows"]
    assert isinstance(rows, Stage)
    folder = store.path(rows.fingerprint)
    return {code: sum(len(e.gold) for e in examples(folder, code, "retrieval")) for code in search.config["languages"]}


def of_both(precision: float, recall: float, gold: int) -> float:
    """What F1 is a share of: the mean of the pairs that were named and of those that there are."""
    named = gold * recall / precision if precision else 0.0
    return (named + gold) / 2


def metric(target: str) -> str:
    return task_table.get(target).metric


def by_size(found: Mapping[str, Results]) -> str:
    """The average zero-shot score, over targets and languages that all sizes have."""
    tables = {model: table(each) for model, each in found.items()}
    shared = set.intersection(*({(t, c) for t, by in scores.items() for c in by} for scores in tables.values()))
    targets = sorted({t for t, _ in shared})
    if not targets:
        return "Average by size: no target is finished in all sizes yet."
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


def share(percent: float, n: float) -> str:
    """A share and its interval after Wilson."""
    p, z = percent / 100, 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{percent:.1f} ({max(0.0, 100 * (centre - half)):.0f} to {100 * (centre + half):.0f})"


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
    drawn = svg.figure("Zero-shot scores and distance", body, height=330 + 14 * (len(trained) // 4), note=REHEARSAL)
    return svg.standalone(drawn)


if __name__ == "__main__":
    main()
