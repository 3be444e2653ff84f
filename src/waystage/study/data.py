"""The stages that make data: rows, what becomes of them (translated, shuffled, mixed), tokens. Each is made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from waystage import sources
from waystage.errors import InputError
from waystage.forms import projection
from waystage.graph.stage import Stage
from waystage.models import shapes
from waystage.models.identity import UNRESOLVED, identity, local_folder, tokenizer
from waystage.sources import folder
from waystage.sources.hub import UNKNOWN
from waystage.study.leaks import kept_apart
from waystage.study.lock import Lock
from waystage.study.lookup import find_task, source_of
from waystage.study.recipe import ADAPTED, PUBLISHED, Recipe
from waystage.study.regimes import CodeSwitch
from waystage.study.schema import Study
from waystage.tasks.task import Task

T = TypeVar("T")
WORLD_TRAIN = 9000  # examples that the built-in world makes of each training set; recipes take a nested part of them
TRAINING = ("train", "fit")


class Lacking(Exception):
    """A cell that cannot be: there is no such data. The plan says so and goes on."""


@dataclass(frozen=True)
class Wording:
    """In which languages training data stand, and what is done to them."""

    languages: tuple[str, ...]
    into: tuple[str, ...] = ()  # translated into these; the original only where its language is among them
    via: str = ""
    switch: CodeSwitch | None = None
    shuffled: bool = False


@dataclass
class Data:
    study: Study
    lock: Lock
    blocked: dict[str, None] = field(default_factory=dict)
    unresolved: dict[str, None] = field(default_factory=dict)
    made: dict[tuple[Any, ...], Any] = field(default_factory=dict)  # asked for again by every seed
    left_out: dict[str, dict[str, None]] = field(default_factory=dict)  # reason -> languages
    named: set[str] = field(default_factory=set)  # tasks that a recipe was looked for by name

    def once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        if key not in self.made:
            self.made[key] = make()
        made: T = self.made[key]
        return made

    def omit(self, why: str, code: str = "") -> None:
        codes = self.left_out.setdefault(why, {})
        if code:
            codes[code] = None

    # -- rows -----------------------------------------------------------------------------------------------------

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
                config["limit"] = WORLD_TRAIN if split in TRAINING else self.study.rehearsal.test_examples
                if split in TRAINING and task.name in self.study.rehearsal.plant:
                    config["source"] = {**config["source"], "plant": self.study.rehearsal.plant[task.name]}
            return Stage(
                kind="rows", name=f"rows {task.name} {split} {few(languages)}", config=config,
                places=sources.places(task, source),
            )  # fmt: skip

        return self.once(("rows", task.name, task.form, split, languages), make)

    def searchable(self, task: Task, rows: Stage) -> None:
        """Mentions without the entities that they may mean would be answered by nothing, and score nothing."""
        if not sources.has_candidates(task, rows.config["source"]):
            where = source_of(self.study, task.name)
            self.blocked[f"{where}: no candidates of {task.name} to search among; looked for {folder.ENTITIES}"] = None

    def worded(self, task: Task, split: str, wording: Wording, recipe: Recipe) -> tuple[Stage, ...]:
        """The rows of a training set in the languages that it is trained in."""
        if not wording.into and not wording.switch:
            found: tuple[Stage, ...] = (self.rows(task, split, wording.languages),)
        elif self.task(task.name).form != task.form:  # reading comprehension as search: translated as what it is
            read = self.worded(self.task(task.name), split, wording, recipe)
            found = tuple(self.altered(rows, "as-search", f"{task.name} as search", form=task.form) for rows in read)
        else:
            (source,) = wording.languages
            if wording.via and wording.via in (source, *wording.into):
                raise Lacking(f"{task.name} by way of {wording.via}: it starts or ends there")
            original = self.rows(task, split, wording.languages)
            if wording.switch:
                others = [
                    original if code == source else self.translated(original, source, code, "", recipe)
                    for code in wording.switch.languages
                ]
                found = (self.switched(original, others, wording.switch),)
            else:
                found = tuple(
                    original
                    if code == source and not wording.via
                    else self.translated(original, source, code, wording.via, recipe)
                    for code in wording.into
                )
        return tuple(self.shuffled(rows) for rows in found) if wording.shuffled else found

    def translated(self, rows: Stage, source: str, into: str, via: str, recipe: Recipe) -> Stage:
        if via:
            rows, source = self.translated(rows, source, via, "", recipe), via
        task, split = rows.config["task"], rows.config["split"]

        def make() -> Stage:
            translator, places = self.translator(rows, source, into)
            config = {**_about(rows), "languages": [into], "from": source, "into": into, "translator": translator}
            if rows.config["form"] == "tags":
                config["labels"] = list(self.task(task).labels)
            if recipe.examples:
                config["examples"] = recipe.examples  # the same ones that a stage with this limit takes
            name = f"translate {task} {split} {source}-{into}"
            return Stage(kind="translate", name=name, config=config, inputs={"rows": rows}, places=places)

        return self.once(("translated", rows.fingerprint, into, recipe.examples), make)

    def translator(self, rows: Stage, source: str, into: str) -> tuple[dict[str, Any], dict[str, str]]:
        said = self.study.translator
        if self.study.source == "world":
            (origin,) = origins(rows)
            about = {"limit": origin.config["limit"], "origin": origin.config["languages"][0]}
            return {**origin.config["source"], **about, "error": said.error}, {}
        model = said.model.replace("{source}", source).replace("{target}", into)
        config: dict[str, Any] = {"kind": "seq2seq", "model": self.locked(identity(model)), "beams": said.beams}
        config["max_length"] = said.max_length
        for name, code in (("source", source), ("target", into)):
            if code in said.codes:
                config[name] = said.codes[code]
        if said.prefix:
            config["prefix"] = said.prefix.replace("{source}", source).replace("{target}", said.codes.get(into, into))
        return config, {"batch": str(said.batch), **self.places(model)}

    def switched(self, rows: Stage, others: list[Stage], switch: CodeSwitch) -> Stage:
        config = {**_about(rows), "change": "code-switched", "rate": switch.rate, "with": list(switch.languages)}
        name = f"mix {rows.config['task']} with {few(switch.languages)}"
        return Stage(kind="alter", name=name, config=config, inputs={"rows": rows, "others": tuple(others)})

    def shuffled(self, rows: Stage) -> Stage:
        name = f"shuffle the labels of {rows.config['task']} {few(tuple(rows.config['languages']))}"
        deal = _deal(rows, self.task(rows.config["task"]))
        return self.altered(rows, "shuffled-labels", name, **({"deal": deal} if deal else {}))

    def altered(self, rows: Stage, change: str, name: str, **more: Any) -> Stage:
        config = {**_about(rows), "change": change, **more}
        return self.once(
            (change, rows.fingerprint), lambda: Stage(kind="alter", name=name, config=config, inputs={"rows": rows})
        )

    # -- tokens ---------------------------------------------------------------------------------------------------

    def tokens(self, model: str, task: Task, split: str, languages: tuple[str, ...], recipe: Recipe) -> Stage:
        return self.tokens_of(model, task, split, (self.rows(task, split, languages),), recipe)

    def tokens_of(self, model: str, task: Task, split: str, rows: tuple[Stage, ...], recipe: Recipe) -> Stage:
        config = {
            **declared(task),
            "tokenizer": self.locked(tokenizer(model)),
            "max_length": recipe.max_length,
        }
        options = dict(config.get("options", {}))
        if task.form == "retrieval" and split in TRAINING:
            options["paired"] = True  # trained as a query with its answer, not as texts of their own
        shape = shapes.shape(model)
        if task.form == "tags" and shape and shape.decoder and not self.both_ways(model):
            options["label_piece"] = "last"  # a causal model has read a word only at its last piece
        if options:
            config["options"] = options
        limit = recipe.examples if split in TRAINING else recipe.eval_examples if split in ("dev", "held") else None
        if limit:
            config["examples"] = limit
        languages = tuple(code for one in rows for code in one.config["languages"])
        name = f"tokens {task.name} {split} {few(languages)}"
        if any(one.kind == "alter" for one in rows):
            name += f" ({rows[0].config['change']})"
        key = ("tokens", name, *(one.fingerprint for one in rows), str(sorted(config.items(), key=str)))
        inputs = {"rows": rows[0] if len(rows) == 1 else rows}
        return self.once(
            key, lambda: Stage(kind="tokens", name=name, config=config, inputs=inputs, places=self.places(model))
        )

    # -- what words stand for -------------------------------------------------------------------------------------

    def task(self, name: str) -> Task:
        return find_task(self.study, name)

    def lesson(self, name: str) -> Task:
        """A task as an intermediate: where its dev set is inside some test, it chooses on held-out training data."""
        return self.once(("lesson", name), lambda: kept_apart(self.study, self.task(name)))

    def has_dev(self, target: Task, languages: tuple[str, ...]) -> bool:
        """Whether a threshold can be chosen on dev data; where it cannot, the scores say "oracle"."""
        return self.study.evaluate_on != "dev" and self.has(target, "dev", languages)

    def has(self, task: Task, split: str, languages: tuple[str, ...]) -> bool:
        if split not in task.splits:
            return False
        try:
            sources.identify(task, source_of(self.study, task.name), split, languages)
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

    def recipe(self, phase: str, members: list[Task], arm: Recipe | None = None, goal: str = "") -> Recipe:
        key = ("recipe", phase, *(m.name for m in members), arm, goal)
        return self.once(key, partial(self.layered, phase, members, arm, goal))

    def layered(self, phase: str, members: list[Task], arm: Recipe | None, goal: str) -> Recipe:
        """From narrow to wide: the arm, the task, the phase, the study, the task's published recipe, the paper's.

        `goal`: the target whose last stage this is. What the study says of it by name comes before what it says of the
        task that trains it.
        """
        study = self.study.recipe
        layers = [arm] if arm else []
        names = list(dict.fromkeys([goal, *(m.name for m in members if len(members) == 1)]))
        layers += [study.task[name] for name in names if name in study.task]
        self.named.update(names)
        layers += [getattr(study, phase), Recipe(**study.said()), published(members)]
        recipe = Recipe()
        for wider in layers:
            recipe = recipe.over(wider)
        if recipe.adapter and recipe.adapter.kind != "full":
            if recipe.freeze:
                named = " + ".join(task.name for task in members)
                raise InputError(
                    f"{phase} stage of {named}: `freeze` and `adapter` exclude each other, an adapter freezes every "
                    'layer. Where a wider table says one of them, adapter = { kind = "full" } undoes it'
                )
            recipe = recipe.over(ADAPTED)
        return recipe.over(PUBLISHED)

    def identity(self, model: str) -> dict[str, str]:
        found = self.locked(identity(model))
        return {**found, "attention": self.study.attention} if self.both_ways(model) else found

    def both_ways(self, model: str) -> bool:
        """Whether this is a decoder that is made to see the whole text."""
        shape = shapes.shape(model)
        return self.study.attention == "bidirectional" and (shape is None or shape.decoder)

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


def origins(rows: Stage) -> Iterator[Stage]:
    """The `rows` stages that rows were made from."""
    if rows.kind == "rows":
        yield rows
    else:
        for parent in rows.parents():
            yield from origins(parent)


def rows_of(tokens: Stage) -> Stage:
    rows = tokens.inputs["rows"]
    assert isinstance(rows, Stage)
    return rows


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


def short(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]


def few(languages: tuple[str, ...]) -> str:
    return ",".join(languages) if len(languages) <= 4 else f"{len(languages)} languages"


def _about(rows: Stage) -> dict[str, Any]:
    return {name: rows.config[name] for name in ("task", "form", "split", "languages")}


def _deal(rows: Stage, task: Task) -> list[str]:
    """What there is to know of labels that are dealt anew, see `stages.alter.shuffled`."""
    if rows.config["form"] == "retrieval":
        return ["queries"]
    if rows.config["form"] != "spans":
        return []
    without = any(projection.unspaced(code) for code in rows.config["languages"])
    return ["answerable"] * bool(task.options.get("unanswerable")) + ["characters"] * without


def _unpinned(source: dict[str, Any]) -> Iterator[str]:
    for member in source.get("members", {}).values():
        yield from _unpinned(member)
    for copy in source.get("copies", ()):
        if copy["revision"] == UNKNOWN:
            yield copy["copy"]
