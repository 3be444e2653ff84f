"""A store as a study leaves it, without training anything: stages, manifests, rows, predictions, scores, curves.

Predictions are drawn, scores are computed from them by the official metrics, so that a number on a page can be followed
down to the single answer. `drawn=False` writes scores only (for the size of a store, where 24,000 files of predictions
would cost more than they show).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from waystage import languages as language_table
from waystage import metrics, tasks
from waystage.forms import table
from waystage.forms.examples import Choice, Example, Pair, Passage, Span, Tags
from waystage.graph import manifest
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.results import Results
from waystage.study import Study
from waystage.study.stages import Cell, StudyPlan


def rewrite(store: Store, fingerprint: str, name: str, text: str) -> None:
    """As if the stage had written this."""
    folder = store.path(fingerprint)
    (folder / name).write_text(text, encoding="utf-8")
    record = manifest.load(folder / manifest.NAME)
    record["files"] = [manifest.describe(folder, folder / item["path"]) for item in record["files"]]
    del record["check"]
    (folder / manifest.NAME).write_text(manifest.dump(record), encoding="utf-8")


MODEL = {"name": "xlm-roberta-base", "revision": "e73636d4f797dec63c3081bb6ed5c7b0bb3f2089"}
RECIPE = {"learning_rate": 1e-05, "epochs": 2, "batch": 32, "max_length": 256}
WORDS = {
    "Latn": "river stone market bread harvest letter winter bridge teacher garden silver window",
    "Arab": "نهر حجر سوق خبز حصاد رسالة شتاء جسر معلم حديقة فضة نافذة",
    "Hebr": "נהר אבן שוק לחם קציר מכתב חורף גשר מורה גן כסף חלון",
    "Cyrl": "река камень рынок хлеб жатва письмо зима мост учитель сад серебро окно",
    "Deva": "नदी पत्थर बाज़ार रोटी फसल पत्र सर्दी पुल शिक्षक बगीचा चांदी खिड़की",
    "Hans": "河 石 市场 面包 收获 信 冬天 桥 老师 花园 银 窗",
}  # fmt: skip


def study(*, arms: int = 3, rehearsal: bool = False, **changes: Any) -> Study:
    names = ["mnli", "squad", "qqp", "hellaswag", "ccg", "cosmosqa", "commonsenseqa", "squad2", "anli", "snli", "stsb"]
    said: dict[str, Any] = {
        "title": "Does one step before the target help?",
        "source": "world" if rehearsal else "hub",
        "models": ("xlm-roberta-base",),
        "targets": ("xnli", "udpos", "xquad", "tatoeba"),
        "languages": ("en", "de", "ru", "hi", "ar", "tr", "zh", "sw"),
        "seeds": (1, 2, 3),
        "intermediate": {"none": {}, **{name: {"tasks": (name,)} for name in names[: arms - 1]}},
        "question": (
            {"ask": "Does NLI first help low-resource languages?", "compare": ("mnli", "none"),
             "languages": "low-resource"},
            {"ask": "Is question answering a better first step than NLI?", "compare": ("squad", "mnli")},
        )[: arms - 1],
    }  # fmt: skip
    return Study(**(said | changes))


def results(
    root: Path,
    said: Study | None = None,
    *,
    missing: Callable[[Cell], bool] = lambda cell: False,
    drawn: bool = True,
    items: int = 40,
    left_out: Sequence[str] = (),
    substitutions: Sequence[str] = (),
    spoil: Callable[[str], str] = lambda text: text,
    everywhere: bool = False,
) -> Results:
    """`missing` says which cells have not run yet; `spoil` changes every text of the data, to be hostile.
    `everywhere` scores each target in all languages of the study, whether it has them or not."""
    said = said or study()
    store = Store(root / "store")
    world = _World(said, store, drawn=drawn, items=items, spoil=spoil, everywhere=everywhere)
    cells = tuple(world.cells())
    with mock.patch("os.fsync"):  # nobody needs these files after a power cut
        for cell in cells:
            if not missing(cell):
                world.run(cell)
    return Results(said, StudyPlan(said, cells, tuple(left_out)), store, tuple(substitutions))


class _World:
    def __init__(
        self, said: Study, store: Store, *, drawn: bool, items: int, spoil: Callable[[str], str], everywhere: bool
    ):
        self.study, self.store, self.drawn, self.items, self.spoil = said, store, drawn, items, spoil
        self.everywhere = everywhere

    def cells(self) -> Iterable[Cell]:
        said = self.study
        for model in said.models:
            for arm, what in said.intermediate.items():
                for name in said.target_tasks():
                    trained = bool(tasks.get(name).train_languages)
                    for source in said.source_languages[: None if trained else 1]:
                        for seed in said.seeds:
                            yield self.cell(model, arm, what.tasks, name, source, seed)

    def cell(self, model: str, arm: str, before: Sequence[str], name: str, source: str, seed: int) -> Cell:
        target, chosen = tasks.get(name), self.study.select(self.study.languages)
        codes = chosen if self.everywhere else tuple(c for c in target.languages if c in chosen)
        start = self.train(model, arm, before, "en", seed, None) if before else None
        if target.train_languages:
            start = self.train(model, f"{name} after {arm}", (name,), source, seed, start)
        rows = Stage(kind="rows", name=f"rows {name} test", config={
            "task": name, "form": target.form, "split": "test", "languages": list(codes),
            "source": {"kind": self.study.source}})  # fmt: skip
        tokens = Stage(kind="tokens", name=f"tokens {name} test", inputs={"rows": rows}, config={
            "task": name, "form": target.form, "tokenizer": {**MODEL, "name": model}, "max_length": 256})  # fmt: skip
        inputs: dict[str, Any] = {"rows": rows, "tokens": tokens} | ({"checkpoint": start} if start else {})
        config = {"model": {**MODEL, "name": model}, "task": name, "form": target.form, "labels": list(target.labels),
                  "languages": list(codes), "precision": "bf16", "threads": 1}  # fmt: skip
        config |= {"layer": 7} if target.form == "retrieval" else {}
        stage = Stage(kind="evaluate", name=f"evaluate {name} after {arm}", config=config, inputs=inputs)
        return Cell(model=model, intermediate=arm, target=name, source_language=source, seed=seed,
                    intermediate_seed=seed, target_seed=seed, languages=codes, evaluate=stage)  # fmt: skip

    def train(
        self, model: str, name: str, members: Sequence[str], source: str, seed: int, start: Stage | None
    ) -> Stage:
        config = {"model": {**MODEL, "name": model}, "members": [{"task": m} for m in members], "recipe": RECIPE,
                  "language": source, "seed": seed, "threads": 1, "precision": "bf16"}  # fmt: skip
        inputs = {"start": start} if start else {}
        return Stage(kind="train", name=f"train {name}, {source}, seed {seed}", config=config, inputs=inputs)

    def run(self, cell: Cell) -> None:
        for stage in _above(cell.evaluate):
            if not self.store.has(stage.fingerprint):
                self.make(stage, cell)

    def make(self, stage: Stage, cell: Cell) -> None:
        folder = self.store.open(stage.fingerprint)
        rng = random.Random(stage.fingerprint)
        leave = {"rows": self.rows, "tokens": self.tokens, "train": self.curve, "evaluate": self.evaluate}
        facts = leave[stage.kind](stage, cell, folder, rng)
        seconds = round(rng.uniform(20, 90) * (60 if stage.kind == "train" else 1), 1)
        record = {
            "stage": {"kind": stage.kind, "name": stage.name, "config": dict(stage.config), "version": stage.version},
            "versions": {"python": "3.11.9", "waystage": "0.1.0", "torch": "2.8.0", "transformers": "5.3.0"},
            "host": {"host": "node-7", "system": "Linux-6.1", "processor": "x86_64", "cpus": 16},
            "started": "2026-03-01T08:00:00+00:00",
            "finished": "2026-03-01T09:00:00+00:00",
            "seconds": seconds,
            "peak_memory": int(rng.uniform(2, 9) * 1e9),
            "facts": facts,
            "engine": "local",
            "device": "cuda:0 NVIDIA A100" if stage.kind in ("train", "evaluate") else "cpu",
        }
        self.store.commit(stage.fingerprint, folder, record)

    # -- what each kind leaves ------------------------------------------------------------------------------------

    def rows(self, stage: Stage, cell: Cell, folder: Path, rng: random.Random) -> dict[str, Any]:
        counts: dict[str, Any] = {}
        for code in stage.config["languages"]:
            found = self.examples(stage.config["form"], stage.config["task"], code)
            counts[code] = {"examples": len(found), "rows": len(found) + 1, "kept": {},
                            "excluded": {"no label": {"count": 1, "first": ["line 7"]}}}  # fmt: skip
            if self.drawn:
                table.write(folder / f"{code}.parquet", found, form=stage.config["form"])
        (folder / "facts.json").write_text(json.dumps({"languages": counts}))
        return {"examples": sum(each["examples"] for each in counts.values())}

    def tokens(self, stage: Stage, cell: Cell, folder: Path, rng: random.Random) -> dict[str, Any]:
        languages = {
            code: {
                "examples": self.items,
                "units": self.items,
                "tokens": self.items * 30,
                "truncated": rng.randrange(4),
                "words": self.items * 14,
                "pieces": self.items * 28,
            }
            for code in cell.languages
        }
        return {"languages": languages}

    def curve(self, stage: Stage, cell: Cell, folder: Path, rng: random.Random) -> dict[str, Any]:
        task = stage.config["members"][0]["task"]
        rows: list[tuple[int, str, str, float]] = []
        for step in range(200):
            rows.append((step, task, "loss", 1.6 * 0.985**step + 0.3 + rng.uniform(0, 0.05)))
            rows.append((step, task, "learning_rate", 1e-5 * (1 - step / 200)))
            if step % 50 == 49:
                rows.append((step, "", f"{task}/en", 80 - 30 * 0.98**step + rng.uniform(-1, 1)))
        columns = dict(zip(("step", "task", "name", "value"), map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), folder / "curve.parquet")
        return {"steps": 200, "units_per_second": round(rng.uniform(200, 900), 1)}

    def evaluate(self, stage: Stage, cell: Cell, folder: Path, rng: random.Random) -> dict[str, Any]:
        form, scores = stage.config["form"], []
        (folder / "predictions").mkdir()
        for code in cell.languages:
            chance = self.chance(cell, code)
            if self.drawn:
                found = self.examples(form, cell.target, code)
                answers = [self.answer(example, stage.config["labels"], chance, rng) for example in found]
                ids = [example.id for example, answer in zip(found, answers, strict=True) if answer is not None]
                kept = [answer for answer in answers if answer is not None]
                columns: dict[str, list[Any]] = {"id": ids, "prediction": kept}
                if form == "retrieval":  # the official search, and one that knows no model
                    columns = {"id": ids * 2, "variant": ["cosine"] * len(ids) + ["bag"] * len(ids),
                               "prediction": kept + [["c0"]] * len(ids)}  # fmt: skip
                pq.write_table(pa.table(columns), folder / "predictions" / f"{code}.parquet")
                values = self.scored(form, tasks.get(cell.target).metric, found, dict(zip(ids, kept, strict=True)))
            else:
                values = {tasks.get(cell.target).metric: 100 * chance + rng.gauss(0, 0.6)}
            scores += [
                {"language": code, "metric": metric, "value": value, "n": self.items}
                for metric, value in values.items()
            ]
        (folder / "scores.json").write_text(json.dumps(scores))
        if form == "retrieval":
            self.sweep(cell, folder)
        return {"sequences_per_second": round(rng.uniform(300, 2000), 1)}

    def sweep(self, cell: Cell, folder: Path) -> None:
        metric = tasks.get(cell.target).metric
        scores = [
            {
                "language": code,
                "layer": layer,
                "metric": name,
                "value": 100 * self.chance(cell, code) - (layer - 7) ** 2,
            }
            for layer in range(13)
            for code in cell.languages
            for name in (metric, f"{metric}/bag")
        ]
        (folder / "sweep.json").write_text(json.dumps(scores))

    def chance(self, cell: Cell, code: str) -> float:
        """How often an answer is right: less far from English, moved by an arm, a little by a seed."""
        far = language_table.distance("en", code) or 0.3
        arms = [*self.study.intermediate]
        step = random.Random(f"{cell.intermediate} {cell.target}").uniform(-0.01, 0.06) * (
            arms.index(cell.intermediate) > 0
        )
        seed = random.Random(f"{cell.seed} {cell.intermediate} {cell.target}").gauss(0, 0.01)
        level = {"xnli": 0.82, "udpos": 0.93, "xquad": 0.85, "tatoeba": 0.6}.get(cell.target, 0.75)
        return min(0.98, max(0.05, level - 0.5 * far + step * (0.6 + far) + seed))

    def examples(self, form: str, task: str, code: str) -> list[Any]:
        rng = random.Random(f"{form} {task} {code}")
        words = WORDS.get(language_table.get(code).script, WORDS["Latn"]).split()

        def text(count: int) -> str:
            return self.spoil(" ".join(rng.choice(words) for _ in range(count)))

        made: list[Example] = []
        labels = tasks.get(task).labels
        for number in range(self.items):
            at = f"{task}-{number}"
            match form:
                case "pairs":
                    made.append(Pair(id=at, first=text(9), second=text(5), label=rng.choice(labels)))
                case "choice":
                    made.append(Choice(id=at, context=text(9), question=text(3), options=(text(4), text(4)), label=1))
                case "tags":
                    count = rng.randrange(3, 8)
                    made.append(Tags(id=at, words=tuple(text(1) for _ in range(count)),
                                     tags=tuple(rng.choice(labels) for _ in range(count))))  # fmt: skip
                case "spans":
                    context = text(30)
                    answer = " ".join(context.split()[10:12])
                    made.append(Span(id=at, context=context, question=text(6), answers=(answer,),
                                     starts=(context.index(answer),)))  # fmt: skip
                case "retrieval":
                    made.append(Passage(id=f"q{number}", item=at, text=text(6), query=True, gold=(f"c{number}",)))
                    made.append(Passage(id=f"c{number}", item=at, text=text(6), query=False))
        return made

    @staticmethod
    def answer(example: Any, labels: Sequence[str], chance: float, rng: random.Random) -> Any:
        right = rng.random() < chance
        match example:
            case Pair():
                return example.label if right else rng.choice([x for x in labels if x != example.label])
            case Choice():
                return example.label if right else 1 - (example.label or 0)
            case Tags():
                return [tag if rng.random() < chance else rng.choice(labels) for tag in example.tags or ()]
            case Span():
                return example.answers[0] if right else example.context.split()[0]
            case Passage(query=True):
                return [(example.gold or ("",))[0] if right else "c0"]
        return None

    @staticmethod
    def scored(form: str, metric: str, examples: Sequence[Any], by_id: dict[str, Any]) -> dict[str, float]:
        if form == "tags":
            return metrics.score_pos([e.tags for e in examples], [by_id[e.id] for e in examples])
        if form == "spans":
            return metrics.score_squad([e.answers for e in examples], [by_id[e.id] for e in examples])
        if form == "retrieval":
            asked = [e for e in examples if e.query]
            right = 100 * metrics.accuracy([e.gold[0] for e in asked], [by_id[e.id][0] for e in asked])
            return {metric: right, f"{metric}/bag": 100 / len(asked)}
        return metrics.score_accuracy([e.label for e in examples], [by_id[e.id] for e in examples])


def _above(stage: Stage) -> list[Stage]:
    found: list[Stage] = []
    for parent in stage.parents():
        found += _above(parent)
    return [*found, stage]
