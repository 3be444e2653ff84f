"""From what to compare to what to run: a Study becomes cells, and the stages that they share, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeVar

from waystage import sources
from waystage import tasks as task_table
from waystage.errors import InputError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.models import shapes
from waystage.models.identity import UNRESOLVED, identity, local_folder, tokenizer
from waystage.sources.hub import UNKNOWN
from waystage.study.lock import Lock
from waystage.study.recipe import ADAPTED, PUBLISHED, Recipe
from waystage.study.schema import Intermediate, Replay, Study
from waystage.tasks.task import Task

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """One trained and evaluated combination; its scores stand in the folder of its `evaluate` stage."""

    model: str
    intermediate: str
    target: str
    source_language: str
    seed: int
    languages: tuple[str, ...]
    evaluate: Stage


@dataclass(frozen=True)
class StudyPlan:
    study: Study
    cells: tuple[Cell, ...]
    left_out: tuple[str, ...] = ()  # combinations that cannot exist, and why
    unresolved: tuple[str, ...] = ()  # hub names that no lock pins yet
    blocked: tuple[str, ...] = ()  # data that is nowhere to be had yet: the study cannot run before that is mended

    @cached_property
    def wanted(self) -> tuple[Stage, ...]:
        return tuple(cell.evaluate for cell in self.cells)

    @property
    def hub_tasks(self) -> tuple[Task, ...]:
        """Tasks whose rows come from the hub."""
        rows = [s.config for s in Plan(self.wanted).stages.values() if s.kind == "rows"]
        names = {c["task"]: None for c in rows if c["source"]["kind"] in ("hub", "union")}
        return tuple(find_task(self.study, name) for name in names)

    def headline(self, target: str) -> str:
        """The metric that stands for a target."""
        return find_task(self.study, target).metric


def plan(study: Study, lock: Lock | None = None) -> StudyPlan:
    return _Planner(study, lock or Lock()).plan()


@dataclass
class _Planner:
    study: Study
    lock: Lock
    left_out: dict[str, None] = field(default_factory=dict)
    blocked: dict[str, None] = field(default_factory=dict)
    unresolved: dict[str, None] = field(default_factory=dict)
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)  # asked for again by every seed

    def plan(self) -> StudyPlan:
        cells = tuple(self.cells())
        return StudyPlan(self.study, cells, tuple(self.left_out), tuple(self.unresolved), tuple(self.blocked))

    def cells(self) -> Iterator[Cell]:
        study = self.study
        for model in study.models:
            for arm, intermediate in study.intermediate.items():
                for target in map(self.task, study.target_tasks()):
                    for source in study.source_languages:
                        for seed in study.seeds:
                            yield from self.cell(model, arm, intermediate, target, source, seed)

    def cell(
        self, model: str, arm: str, intermediate: Intermediate, target: Task, source: str, seed: int
    ) -> Iterator[Cell]:
        start = self.intermediate(model, arm, intermediate, seed)
        if target.train_languages:
            trained = target.train_on or (target.name,)
            lacking = [name for name in trained if source not in self.task(name).train_languages]
            if lacking and self.study.source != "world":
                self.left_out[f"{target.name} from {source}: {', '.join(lacking)} has no training data in {source}"] = (
                    None
                )
                return
            for name in trained:
                start = self.target(model, arm, target, self.task(name), source, seed, start)
        elif source != self.study.source_languages[0]:
            return  # nothing is trained here: one row serves all source languages
        languages = self.once(("languages", target.name), partial(self.target_languages, target))
        if not languages:
            self.left_out[f"{target.name}: none of its languages is among those of the study"] = None
            return
        yield Cell(
            model, arm, target.name, source, seed, languages, self.evaluate(model, arm, target, languages, start)
        )

    # -- stages ---------------------------------------------------------------------------------------------------

    def intermediate(self, model: str, arm: str, what: Intermediate, seed: int) -> Stage | None:
        if not what.tasks:
            return None
        return self.once(("intermediate", model, arm, seed), lambda: self.mixture(model, arm, what, seed))

    def mixture(self, model: str, arm: str, what: Intermediate, seed: int) -> Stage:
        members = [self.task(name) for name in what.tasks]
        recipe = self.recipe("intermediate", members, what.recipe)
        tokens = [self.tokens(model, m, m.train_split, (what.language,), recipe) for m in members]
        dev = [self.tokens(model, m, m.select_on, (what.language,), recipe) for m in members]
        config = self.train_config(model, members, recipe, seed)
        if len(members) > 1:
            config["sampling"] = what.sampling.model_dump(exclude_defaults=True) or {"by": "size"}
        if what.replay:
            text = self.task("mlm")
            tokens.append(self.tokens(model, text, "train", self.replayed(what.replay), recipe))
            config["members"] = [*config["members"], {**declared(text), "head": text.name}]
            config["replay"] = {"mlm": what.replay.mlm, "exponent": what.replay.exponent}
        return Stage(
            kind="train",
            name=f"train {arm} on {_short(model)}, seed {seed}",
            config=config,
            inputs={"tokens": tuple(tokens), "dev": tuple(dev), "dev_rows": tuple(self.rows_of(d) for d in dev)},
            places=self.places(model),
        )

    def replayed(self, replay: Replay) -> tuple[str, ...]:
        """Whose text: in the world only the languages of the rehearsal, since the others are nobody's there."""
        known = self.task("mlm").train_languages
        chosen = [code for code in self.study.select(replay.languages) if code in known]
        if self.study.source == "world":
            chosen = [code for code in chosen if code in self.study.select(self.study.languages)]
        return tuple(chosen)

    def target(
        self, model: str, arm: str, target: Task, trained: Task, source: str, seed: int, start: Stage | None
    ) -> Stage:
        recipe = self.recipe("target", [trained if target.train_on else target])
        if trained.form != target.form:  # reading comprehension as search: the question finds its passage
            trained = replace(trained, form=target.form, labels=target.labels, options=target.options)
        tokens = self.tokens(model, trained, target.train_split, (source,), recipe)
        dev = self.tokens(model, trained, target.select_on, (source,), recipe)
        inputs: dict[str, Stage | tuple[Stage, ...]] = {
            "tokens": (tokens,), "dev": (dev,), "dev_rows": (self.rows_of(dev),)
        }  # fmt: skip
        if start:
            inputs["start"] = start
        return Stage(
            kind="train",
            name=f"train {target.name} after {arm} on {_short(model)}, {source}, seed {seed}",
            config=self.train_config(model, [trained], recipe, seed, continued=start is not None),
            inputs=inputs,
            places=self.places(model),
            temporary=self.study.keep == "default",
        )

    def train_config(
        self, model: str, members: list[Task], recipe: Recipe, seed: int, *, continued: bool = False
    ) -> dict[str, Any]:
        return {
            "model": self.identity(model),
            "members": [{**declared(m), "head": m.name} for m in members],
            "head_policy": "new",
            "recipe": recipe.config(continued=continued),
            "seed": seed,
            "threads": self.study.threads,
            "precision": self.study.precision,
        }

    def evaluate(
        self, model: str, arm: str, target: Task, languages: tuple[str, ...], checkpoint: Stage | None
    ) -> Stage:
        recipe = self.recipe("target", [target])
        tokens = self.tokens(model, target, self.study.evaluate_on, languages, recipe)
        inputs: dict[str, Stage | tuple[Stage, ...]] = {"rows": self.rows_of(tokens), "tokens": tokens}
        if checkpoint:
            inputs["checkpoint"] = checkpoint
        config = {
            "model": self.identity(model),
            "task": target.name,
            **declared(target),
            "head": (target.train_on or (target.name,))[-1],
            "languages": list(languages),
            "precision": self.study.precision,
            "threads": self.study.threads,
        }
        if target.form == "retrieval":
            config |= {"layer": primary_layer(model), "pooling": "mean"}
            if target.options.get("mode") == "margin" and self.has_dev(target, languages):
                dev = self.tokens(model, target, "dev", languages, recipe)
                inputs |= {"dev_rows": self.rows_of(dev), "dev_tokens": dev}
        name = f"evaluate {target.name} after {arm} on {_short(model)}"
        return Stage(kind="evaluate", name=name, config=config, inputs=inputs, places=self.places(model))

    def tokens(self, model: str, task: Task, split: str, languages: tuple[str, ...], recipe: Recipe) -> Stage:
        rows = self.rows(task, split, languages)
        config = {
            **declared(task),
            "tokenizer": self.locked(tokenizer(model)),
            "max_length": recipe.max_length,
        }
        options = dict(config.get("options", {}))
        if task.form == "retrieval" and split in ("train", "fit"):
            options["paired"] = True  # trained as a query with its answer, not as texts of their own
        shape = shapes.shape(model)
        if task.form == "tags" and shape and shape.decoder:
            options["label_piece"] = "last"  # a causal model has read a word only at its last piece
        if options:
            config["options"] = options
        limit = {
            "train": recipe.examples,
            "fit": recipe.examples,
            "dev": recipe.eval_examples,
            "held": recipe.eval_examples,
        }
        if limit.get(split):
            config["examples"] = limit[split]
        name = f"tokens {task.name} {split} {_few(languages)}"
        key = ("tokens", name, rows.fingerprint, str(sorted(config.items(), key=str)))
        return self.once(
            key,
            lambda: Stage(kind="tokens", name=name, config=config, inputs={"rows": rows}, places=self.places(model)),
        )

    def rows(self, task: Task, split: str, languages: tuple[str, ...]) -> Stage:
        def make() -> Stage:
            source = source_of(self.study, task.name)
            config: dict[str, Any] = {
                "task": task.name,
                "form": task.form,
                "split": split,
                "languages": list(languages),
                "source": self.identified(task, source, split, languages),
            }
            if source == "world":
                config["limit"] = WORLD_TRAIN if split in ("train", "fit") else self.study.rehearsal.test_examples
            return Stage(
                kind="rows", name=f"rows {task.name} {split} {_few(languages)}", config=config,
                places=sources.places(task, source),
            )  # fmt: skip

        return self.once(("rows", task.name, task.form, split, languages), make)

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

    @staticmethod
    def rows_of(tokens: Stage) -> Stage:
        rows = tokens.inputs["rows"]
        assert isinstance(rows, Stage)
        return rows

    # -- what words stand for -------------------------------------------------------------------------------------

    def task(self, name: str) -> Task:
        return find_task(self.study, name)

    def has_dev(self, target: Task, languages: tuple[str, ...]) -> bool:
        """Whether a threshold can be chosen on dev data; where it cannot, the scores say "oracle"."""
        if "dev" not in target.splits or self.study.evaluate_on == "dev":
            return False
        try:
            sources.identify(target, source_of(self.study, target.name), "dev", languages)
        except InputError:
            return False
        return True

    def identified(self, task: Task, source: str, split: str, languages: tuple[str, ...]) -> dict[str, Any]:
        """A plan is drawn also where data is missing: the user reads there what to fetch before the run."""
        try:
            found = sources.identify(task, source, split, languages, lock=self.lock.data)
        except InputError as error:
            self.blocked[str(error)] = None
            return {"kind": "missing"}
        self.unresolved.update(dict.fromkeys(_unpinned(found)))
        return found

    def target_languages(self, target: Task) -> tuple[str, ...]:
        """The study's choice among the task's own languages, and always the sources, where they are scored."""
        said = [task_table.BENCHMARKS[t].languages for t in self.study.targets if t in task_table.BENCHMARKS]
        in_benchmarks = dict.fromkeys(code for languages in said for code in languages.get(target.name, ()))
        own = target.languages if target.name in self.study.targets else in_benchmarks
        chosen = set(self.study.select(self.study.languages)) | set(self.study.source_languages)
        return tuple(code for code in own if code in chosen)

    def recipe(self, phase: str, members: list[Task], arm: Recipe | None = None) -> Recipe:
        key = ("recipe", phase, *(m.name for m in members), arm)
        return self.once(key, partial(self.layered, phase, members, arm))

    def layered(self, phase: str, members: list[Task], arm: Recipe | None) -> Recipe:
        """From narrow to wide: the arm, the task, the phase, the study, the task's published recipe, the paper's."""
        study = self.study.recipe
        layers = [arm] if arm else []
        if len(members) == 1:
            layers.append(study.task.get(members[0].name, Recipe()))
        layers += [getattr(study, phase), Recipe(**study.said()), published(members)]
        recipe = Recipe()
        for wider in layers:
            recipe = recipe.over(wider)
        if recipe.adapter and recipe.adapter.kind != "full":
            recipe = recipe.over(ADAPTED)
        return recipe.over(PUBLISHED)

    def identity(self, model: str) -> dict[str, str]:
        return self.locked(identity(model))

    def locked(self, model: dict[str, str]) -> dict[str, str]:
        if model["revision"] != UNRESOLVED:
            return model
        if model["name"] not in self.lock.models:
            self.unresolved[model["name"]] = None
            return model
        return {**model, "revision": self.lock.models[model["name"]]}

    def places(self, model: str) -> dict[str, str]:
        folder = local_folder(model)
        return {"model": str(folder.resolve())} if folder else {}


def source_of(study: Study, name: str) -> str:
    """Where the rows of a task come from: "world", "files", "hub" or a folder."""
    if study.source == "world":
        return "world"
    return "files" if name in study.task else study.sources.get(name, study.source)


def find_task(study: Study, name: str) -> Task:
    """A task of the study's own, or a built-in one."""
    own = study.task.get(name)
    return sources.own_task(name, own.model_dump()) if own else task_table.get(name)


WORLD_TRAIN = 4000  # examples that the built-in world makes of each training set; recipes take a nested part of them


def _unpinned(source: dict[str, Any]) -> Iterator[str]:
    for member in source.get("members", {}).values():
        yield from _unpinned(member)
    for copy in source.get("copies", ()):
        if copy["revision"] == UNKNOWN:
            yield copy["copy"]


def declared(task: Task) -> dict[str, Any]:
    """What of a declaration decides the result of a stage."""
    said: dict[str, Any] = {"task": task.name, "form": task.form, "labels": list(task.labels)}
    if task.options:
        said["options"] = dict(task.options)
    return said


def published(members: list[Task]) -> Recipe:
    """A mixture takes the longest length, the most epochs and the smallest batch of its members."""
    return Recipe(
        epochs=max(m.epochs for m in members),
        batch=min(m.batch for m in members),
        max_length=max(m.max_length for m in members),
    )


def primary_layer(model: str) -> int | None:
    """Fixed beforehand, never chosen on results: as deep as layer 14 is in a model of 24."""
    shape = shapes.shape(model)
    return max(1, round(shape.layers * 14 / 24)) if shape else None


def _short(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]


def _few(languages: tuple[str, ...]) -> str:
    return ",".join(languages) if len(languages) <= 4 else f"{len(languages)} languages"
