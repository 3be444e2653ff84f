"""From what to compare to what to run: a Study becomes cells, and the stages that they share, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import Any

from waystage import tasks as task_table
from waystage.errors import StudyError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.languages import resolve
from waystage.models import shapes
from waystage.study import fitting, following, leaks
from waystage.study.cells import ZERO_SHOT, Cell, StudyPlan
from waystage.study.chains import Asked, Chain, Chains, train_config
from waystage.study.check_arms import untranslatable
from waystage.study.data import Data, Lacking, Wording, declared, rows_of, short
from waystage.study.lock import Lock
from waystage.study.lookup import find_task, source_of
from waystage.study.recipe import Recipe
from waystage.study.regimes import EACH, TargetStage, each, target_stage
from waystage.study.schema import Study
from waystage.tasks.task import Task

__all__ = ["Cell", "StudyPlan", "find_task", "plan", "source_of"]

LOGITS = ("pairs", "choice", "tags")  # the others keep numbers beside their answers anyway
SHOTS = Recipe(epochs=10)  # a handful of examples in the passes of a large set would be a step or two


def plan(study: Study, lock: Lock | None = None) -> StudyPlan:
    return _Planner(Data(study, lock or Lock())).plan()


@dataclass
class _Planner:
    data: Data

    def __post_init__(self) -> None:
        self.chains = Chains(self.data)
        self.study = self.data.study

    def plan(self) -> StudyPlan:
        cells = tuple(self.cells())
        if not cells:
            reasons = self.left_out() or ("no arm is for any of its targets",)
            raise StudyError([f"nothing is left of this study: {why}" for why in reasons])
        self.idle_recipes()
        made = StudyPlan(self.study, cells, self.left_out(), tuple(self.data.unresolved), tuple(self.data.blocked))
        leaks.same_files(made)
        stages = Plan(made.wanted).stages.values()
        following.check(stages)
        fitting.check(stages)
        return made

    def left_out(self) -> tuple[str, ...]:
        said = self.data.left_out.items()
        return tuple(f"{why}{' in ' if codes else ''}{', '.join(codes)}" for why, codes in said)

    def idle_recipes(self) -> None:
        """What the study says of tasks in vain. A rehearsal says it of every task."""
        for name in self.study.recipe.task if self.study.source != "world" else ():
            if name not in self.data.named:
                self.data.omit(f"[recipe.task.{name}]: no stage trains {name} alone, so it changes nothing")

    def cells(self) -> Iterator[Cell]:
        study = self.study
        for model in study.models:
            for arm in study.intermediate:
                for target in map(self.data.task, study.targets_of(arm)):
                    for source in study.source_languages:
                        for first, second in self.seeds():
                            yield from self.cell(Asked(model, first, source), arm, target, second)

    def seeds(self) -> list[tuple[int, int]]:
        """Of the intermediate and of the target stage: in pairs, or each with each."""
        crossed = self.study.intermediate_seeds
        return list(product(crossed, self.study.seeds)) if crossed else [(seed, seed) for seed in self.study.seeds]

    def cell(self, asked: Asked, arm: str, target: Task, seed: int) -> Iterator[Cell]:
        if self.study.evaluate_on == "dev" and "dev" not in target.splits:
            self.data.omit(f"{target.name} has no dev data to be scored on")
            return
        languages = self.data.once(("languages", target.name), partial(self.target_languages, target))
        if not languages:
            self.data.omit(f"{target.name}: none of its languages is among those of the study")
            return
        what = self.study.intermediate[arm]
        if not each(what, self.study.intermediate):
            yield from self.one(asked, arm, target, seed, languages)
            return
        for code in languages:
            yield from self.one(replace(asked, code=code), arm, target, seed, languages)

    def one(self, asked: Asked, arm: str, target: Task, seed: int, languages: tuple[str, ...]) -> Iterator[Cell]:
        """The cell of an arm and a target, or of one language where the arm has stages for each."""
        what = self.study.intermediate[arm]
        try:
            chain = self.chains.of(arm, asked)
            start = self.trained(asked, arm, target, seed, chain)
        except Lacking as why:
            self.data.omit(f"{arm}: {why}", asked.code)
            return
        if start is None:
            if asked.source != self.study.source_languages[0]:
                self.varied(asked, arm, target, chain)
                return  # nothing is trained here: one row serves all source languages
            if self.regime(arm) != TargetStage() or what.control == "more-steps":
                self.data.omit(f"{arm}: {target.name} is not trained, so there is nothing to train otherwise")
                return
            start = chain[-1:]
        elif not start:
            return
        crossed = bool(self.study.intermediate_seeds)
        cell = Cell(
            model=asked.model,
            intermediate=arm,
            target=target.name,
            source_language=asked.source,
            seed=asked.seed if crossed else seed,
            intermediate_seed=asked.seed,
            target_seed=seed,
            languages=(asked.code,) if asked.code else languages,
            evaluate=self.evaluate(asked, arm, target, languages, start),
            protocol=protocol(self.regime(arm)),
            marks=(
                *self.data.once(("tuned", asked.model), partial(leaks.tuned, asked.model)),
                *self.data.once(("marks", arm, target.name), partial(leaks.marks, self.study, arm, target)),
            ),
        )
        yield cell
        for name in start[0].config.get("selections", ()) if start else ():
            yield replace(cell, selection=name, evaluate=self.evaluate(asked, arm, target, languages, start, name))

    def regime(self, arm: str) -> TargetStage:
        return target_stage(self.study.intermediate[arm], self.study.intermediate)

    def varied(self, asked: Asked, arm: str, target: Task, chain: Chain) -> None:
        """Says what a search does not show of an arm that goes with the source language."""
        first = self.study.source_languages[0]
        try:
            shown = self.chains.of(arm, replace(asked, source=first))
        except Lacking:
            return
        if chain != shown:
            why = f"{target.name} is not trained, so it is scored for the source {first} alone, not"
            self.data.omit(f"{arm}: {why}", asked.source)

    # -- the target -----------------------------------------------------------------------------------------------

    def trained(self, asked: Asked, arm: str, target: Task, seed: int, chain: Chain) -> Chain | None:
        """The target's last training stage; None where it has none, () where the source language lacks data."""
        if not target.train_languages:
            return None
        said = self.regime(arm)
        names = target.train_on or (target.name,)
        language = asked.code if said.language == EACH else asked.source
        lacking = [name for name in names if language not in self.data.task(name).train_languages]
        if said.language == EACH and lacking:
            raise Lacking(f"{target.name}: {', '.join(lacking)} has no training data")
        if lacking and self.study.source != "world":
            none = f"{', '.join(lacking)} has no training data in {language}"
            self.data.omit(f"{target.name} from {language}: {none}")
            return ()
        for number, name in enumerate(names):
            last = number == len(names) - 1
            stage = self.target(asked, arm, target, self.data.task(name), language, seed, chain[-1:], last=last)
            chain = (*chain, stage)
        if said.shots:
            chain = (*chain, self.shots(asked, arm, target, said.shots, seed, chain[-1]))
        return chain[-1:]

    def target(
        self, asked: Asked, arm: str, target: Task, trained: Task, language: str, seed: int, start: Chain, *, last: bool
    ) -> Stage:
        data, what, said = self.data, self.study.intermediate[arm], self.regime(arm)
        own = None if said.shots or said.recipe == Recipe() else said.recipe
        recipe = data.recipe("target", [trained if target.train_on else target], own, goal=target.name if last else "")
        if trained.form != target.form:  # reading comprehension as search: the question finds its passage
            trained = replace(trained, form=target.form, labels=target.labels, options=target.options)
        if said.translate and (why := untranslatable(trained.form, trained.labels)):
            raise Lacking(f"{why}: {trained.name} is not trained on translations")
        into = () if said.translate == () else self.chains.codes(said.translate, asked)
        rows = data.worded(
            trained,
            target.train_split,
            Wording((language,), into, resolve(said.via) if said.via else ""),
            recipe,
        )
        tokens = data.tokens_of(asked.model, trained, target.train_split, rows, recipe)
        dev = data.tokens(asked.model, trained, target.select_on, (language,), recipe)
        config = train_config(data, asked.model, [trained], recipe, seed, continued=bool(start))
        inputs: dict[str, Stage | Chain] = {"tokens": (tokens,), "dev": (dev,), "dev_rows": (rows_of(dev),)}
        if start:
            (inputs["start"],) = start
        if what.control == "more-steps" and last:
            config["steps_of"] = "add"
            inputs["steps_of"] = self.chains.counted(what, asked)
        if last and self.study.selections and not said.shots:
            self.select(asked, target, recipe, config, inputs)
        elif last and self.study.selections:
            self.data.omit(f"{arm}: shots choose no checkpoint, so there are no selections of {target.name}")
        return self.of_target(f"train {target.name}", asked, arm, language, seed, config, inputs)

    def select(
        self, asked: Asked, target: Task, recipe: Recipe, config: dict[str, Any], inputs: dict[str, Stage | Chain]
    ) -> None:
        """Further checkpoints of the same run, each scored by itself: what choosing otherwise would have given."""
        own = "last" if recipe.select == "last" else "source-dev"
        wanted = [name for name in self.study.selections if name != own]
        if "target-dev" in wanted:
            languages = (asked.code,) if asked.code else self.target_languages(target)
            codes = tuple(code for code in languages if self.has_own_dev(target, code))
            if codes:
                dev = self.data.tokens(asked.model, target, target.select_on, codes, recipe)
                inputs |= {"target_dev": (dev,), "target_dev_rows": (rows_of(dev),)}
            else:
                wanted.remove("target-dev")
                self.data.omit(f"target-dev: {target.name} has no dev data of its own in the evaluated languages")
        if wanted:
            config["selections"] = wanted

    def has_own_dev(self, target: Task, code: str) -> bool:
        split = target.select_on
        if target.train_on or (split == "held" and code not in target.train_languages):
            return False
        return self.data.has(target, split, (code,)) if split != "held" else True

    def shots(self, asked: Asked, arm: str, target: Task, count: int, seed: int, start: Stage) -> Stage:
        """Goes on in the evaluated language with a few of its own examples, and keeps the head."""
        data, own = self.data, self.regime(arm).recipe
        if asked.code not in target.train_languages or target.train_split not in ("train", "fit"):
            raise Lacking(f"{target.name} has no training data to take shots from")
        if target.train_on or "train" not in target.splits:
            raise Lacking(f"{target.name} has no training data of its own to take shots from")
        recipe = data.recipe("target", [target], Recipe(examples=count).over(own).over(SHOTS))
        tokens = data.tokens(asked.model, target, target.train_split, (asked.code,), recipe)
        config = train_config(data, asked.model, [target], recipe, seed, continued=True) | {"head_policy": "keep"}
        inputs: dict[str, Stage | Chain] = {"tokens": (tokens,), "start": start}
        return self.of_target(f"{count} shots of {target.name}", asked, arm, asked.code, seed, config, inputs)

    def of_target(
        self, what: str, asked: Asked, arm: str, language: str, seed: int, config: dict[str, Any],
        inputs: dict[str, Stage | Chain],
    ) -> Stage:  # fmt: skip
        for_one = f", for {asked.code}" if asked.code and asked.code != language else ""
        return Stage(
            kind="train",
            name=f"{what} after {arm} on {short(asked.model)}, {language}{for_one}, {of_seeds(asked, seed)}",
            config=config,
            inputs=inputs,
            places=self.data.places(asked.model),
            temporary=self.study.keep == "default",
        )

    def evaluate(
        self, asked: Asked, arm: str, target: Task, languages: tuple[str, ...], checkpoint: Chain, selection: str = ""
    ) -> Stage:
        data = self.data
        # Looks at dev data while training take a few of them; what is scored, or sets a threshold, takes all.
        recipe = data.recipe("target", [target]).without("eval_examples")
        tokens = data.tokens(asked.model, target, self.study.evaluate_on, languages, recipe)
        data.searchable(target, rows_of(tokens))
        inputs: dict[str, Stage | Chain] = {"rows": rows_of(tokens), "tokens": tokens}
        if checkpoint:
            (inputs["checkpoint"],) = checkpoint
        config = {
            "model": data.identity(asked.model),
            "task": target.name,
            **declared(target),
            "head": (target.train_on or (target.name,))[-1],
            "languages": list(languages),
            "precision": self.study.precision,
            "threads": self.study.threads,
        }
        if self.study.logits and target.form in LOGITS:
            config["options"] = {**config.get("options", {}), "logits": True}
        if asked.code:
            config["only"] = [asked.code]
        if selection:
            config["selection"] = selection
        if target.form == "retrieval":
            config |= {"layer": searched_layer(asked.model, target), "pooling": "mean"}
            if self.study.sweep:
                config["sweep"] = True
            mined = target.options.get("mode") == "margin"
            codes = data.once(("dev of", target.name), partial(self.mined, target, languages)) if mined else ()
            if codes:
                dev = data.tokens(asked.model, target, "dev", codes, recipe)
                inputs |= {"dev_rows": rows_of(dev), "dev_tokens": dev}
                if self.study.sweep:
                    config["sweep_threshold"] = "dev"
        where = (f", {asked.code}" if asked.code else "") + (f", by {selection}" if selection else "")
        seed = checkpoint[0].config.get("seed") if checkpoint else None  # without one all seeds share the evaluation
        if seed is not None:
            where += f", {of_seeds(asked, seed)}"
        name = f"evaluate {target.name} after {arm} on {short(asked.model)}{where}"
        return Stage(kind="evaluate", name=name, config=config, inputs=inputs, places=data.places(asked.model))

    def mined(self, target: Task, languages: tuple[str, ...]) -> tuple[str, ...]:
        """The languages that have dev data to choose a threshold on. Of the others it is said where theirs is from."""
        codes = tuple(code for code in languages if self.data.has_dev(target, (code,)))
        for code in languages:
            if code not in codes:
                why = "there are none, so it is the one that is best for what is scored"
                self.data.omit(f"{target.name}: a threshold from dev data ({why})", code)
        return codes

    def evaluated(self, own: Task, code: str) -> bool:
        return any(self.study.evaluate_on in one.splits and code in one.languages for one in own.files)

    def target_languages(self, target: Task) -> tuple[str, ...]:
        """The study's choice among the task's own languages, and always the sources, where they are scored."""
        said = [task_table.BENCHMARKS[t].languages for t in self.study.targets if t in task_table.BENCHMARKS]
        in_benchmarks = dict.fromkeys(code for languages in said for code in languages.get(target.name, ()))
        own = tuple(target.languages if target.name in self.study.targets else in_benchmarks)
        if target.name in self.study.task:  # a file of one's own may be there to be trained on alone
            own = tuple(code for code in own if self.evaluated(target, code)) or own
        chosen = set(self.study.select(self.study.languages)) | set(self.study.source_languages)
        return tuple(code for code in own if code in chosen)


def of_seeds(asked: Asked, seed: int) -> str:
    """In names: the seed of both stages, or that of the intermediate and that of the last one."""
    return f"seed {seed}" if seed == asked.seed else f"seeds {asked.seed} and {seed}"


def protocol(target: TargetStage) -> str:
    """What the scores of an arm may be compared with."""
    if target.language == EACH:
        return "ceiling, not zero-shot"
    if target.translate:
        return "translate-train, not zero-shot"
    if target.shots:
        return f"{target.shots} shots, not zero-shot"
    return ZERO_SHOT


def searched_layer(model: str, target: Task) -> int | None:
    """Fixed beforehand, never chosen on results: as deep as layer 14 is in a model of 24.

    A search that is trained compares the vectors that its training compares: those of the last layer.
    """
    shape = shapes.shape(model)
    if shape is None:
        return None
    return shape.layers if target.train_languages else max(1, round(shape.layers * 14 / 24))
