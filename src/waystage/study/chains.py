"""What is trained before the target: for each arm the stages that its checkpoint comes out of, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waystage.errors import InputError
from waystage.graph.stage import Stage
from waystage.languages import resolve
from waystage.models import shapes
from waystage.models.identity import identity, local_folder
from waystage.sources.own import SCORES
from waystage.study.data import Data, Lacking, Wording, declared, few, rows_of, short
from waystage.study.lookup import source_of
from waystage.study.recipe import Recipe
from waystage.study.regimes import EACH, SOURCE, CodeSwitch, Intermediate, Languages, Replay, Step, listed
from waystage.tasks.task import Task

Chain = tuple[Stage, ...]
PUBLISHED_HEADS = ("bert", "rembert", "deberta", "modernbert", "eurobert", "gemma2")  # read since it is said so
TEXT = Replay(mlm=1.0)  # whose text the control mlm-only reads, where its arm does not say


@dataclass(frozen=True)
class Asked:
    """For which cell an arm's checkpoint is wanted."""

    model: str
    seed: int
    source: str  # language of the target's training data
    code: str = ""  # the evaluated language, where the arm has stages for each


@dataclass
class Chains:
    data: Data

    def of(self, arm: str, asked: Asked) -> Chain:
        """The stages of an arm; empty where the model is taken as published. The last one holds the checkpoint."""
        key = ("chain", arm, asked)
        return self.data.once(key, lambda: self._of(arm, self.data.study.intermediate[arm], asked))

    def _of(self, arm: str, what: Intermediate, asked: Asked) -> Chain:
        if what.control:
            return self._control(arm, what, asked)
        chain = self._start(arm, what, asked)
        for number, step in enumerate(what.steps):
            chain = (*chain, self.step(self._name(arm, what, number), step, asked, chain[-1:]))
        return chain

    def _start(self, arm: str, what: Intermediate, asked: Asked) -> Chain:
        """Where the training of an arm starts, if not from the model as published."""
        if what.checkpoint:
            return (self._adopted(what, asked),)
        return self._merged(arm, what, asked) if what.merged else ()

    def _name(self, arm: str, what: Intermediate, number: int) -> str:
        return arm if len(what.steps) == 1 else f"{arm}, {number + 1}. {'+'.join(what.steps[number].tasks)},"

    # -- one stage ------------------------------------------------------------------------------------------------

    def step(
        self, arm: str, step: Step, asked: Asked, start: Chain = (), *, shuffled: bool = False, steps: int | None = None
    ) -> Stage:
        data = self.data
        members = [data.lesson(name) for name in step.tasks]
        recipe = data.recipe("intermediate", members, step.recipe)
        if steps is not None:
            recipe = Recipe(steps=steps).over(recipe)
        wordings = [self.wording(step, task, asked, shuffled=shuffled) for task in members]
        tokens = [
            data.tokens_of(asked.model, m, m.train_split, data.worded(m, m.train_split, w, recipe), recipe)
            for m, w in zip(members, wordings, strict=True)
        ]
        dev = [
            data.tokens(asked.model, m, m.select_on, w.languages, recipe)
            for m, w in zip(members, wordings, strict=True)
        ]
        config = train_config(data, asked.model, members, recipe, asked.seed, continued=bool(start))
        if len(members) > 1:
            config["sampling"] = step.sampling.model_dump(exclude_defaults=True) or {"by": "size"}
        if step.replay:
            text = data.task("mlm")
            tokens.append(data.tokens(asked.model, text, "train", self.replayed(step.replay), recipe))
            config["members"] = [*config["members"], {**declared(text), "head": text.name}]
            config["replay"] = {"mlm": step.replay.mlm, "exponent": step.replay.exponent}
            config |= language_head(asked.model)
        inputs: dict[str, Stage | Chain] = {
            "tokens": tuple(tokens), "dev": tuple(dev), "dev_rows": tuple(rows_of(d) for d in dev)
        }  # fmt: skip
        if start:
            (inputs["start"],) = start
        where = f" in {asked.code}" if EACH in (step.language, step.translate) else ""
        return Stage(
            kind="train",
            name=f"train {arm}{where} on {short(asked.model)}, seed {asked.seed}",
            config=config,
            inputs=inputs,
            places=data.places(asked.model),
        )

    def wording(self, step: Step, task: Task, asked: Asked, *, shuffled: bool = False) -> Wording:
        languages = self.codes(step.language, asked)
        if step.language == EACH and asked.code not in task.train_languages:
            raise Lacking(f"{task.name} has no training data")
        if source_of(self.data.study, task.name) != "world":  # there every task is in every language
            languages = self.trained(task, languages)
        into = () if step.translate == () else self.codes(step.translate, asked)
        return Wording(languages, into, resolve(step.via) if step.via else "", _resolved(step.code_switch), shuffled)

    def trained(self, task: Task, languages: tuple[str, ...]) -> tuple[str, ...]:
        """Those that a task has training data in; a copy in one language would be read for any other."""
        kept = tuple(code for code in languages if code in task.train_languages)
        if not kept:
            raise Lacking(f"{task.name} has no training data in {', '.join(languages)}")
        for code in languages:
            if code not in kept:
                self.data.omit(f"{task.name} as an intermediate task: no training data", code)
        return kept

    @staticmethod
    def codes(said: Languages, asked: Asked) -> tuple[str, ...]:
        if said == EACH:
            return (asked.code,)
        if said == SOURCE:
            return (asked.source,)
        return tuple(dict.fromkeys(resolve(code) for code in listed(said)))

    def replayed(self, replay: Replay) -> tuple[str, ...]:
        """Whose text: in the world only the languages of the rehearsal, since the others are nobody's there."""
        study = self.data.study
        known = self.data.task("mlm").train_languages
        chosen = [code for code in study.select(replay.languages) if code in known]
        if not chosen:
            said = replay.languages if isinstance(replay.languages, str) else ", ".join(replay.languages)
            raise Lacking(f"there is no running text of {said}")
        if study.source == "world":
            chosen = [code for code in chosen if code in study.select(study.languages)] or chosen
        return tuple(chosen)

    # -- controls -------------------------------------------------------------------------------------------------

    def _control(self, arm: str, what: Intermediate, asked: Asked) -> Chain:
        if what.control == "more-steps":
            return ()  # the target stage counts them, see `counted`
        of = self.data.study.intermediate[what.of] if what.of else what
        chain = self._start(what.of, of, asked)  # all but the lesson is that of the arm, also where it starts
        if what.control == "mlm-only":
            return (*chain, self._text_only(arm, what, of, asked, chain[-1:]))
        zero = 0 if what.control == "zero-length" else None
        for number, step in enumerate(of.steps):
            if zero == 0 and self._adapts(step):
                continue  # an adapter that learnt nothing adds nothing, but another seed than that of `none` drew it
            name, shuffled = self._name(arm, of, number), what.control == "shuffled-labels"
            chain = (*chain, self.step(name, step, asked, chain[-1:], shuffled=shuffled, steps=zero))
        return chain

    def _adapts(self, step: Step) -> bool:
        adapter = self.data.recipe("intermediate", [self.data.lesson(name) for name in step.tasks], step.recipe).adapter
        return adapter is not None and adapter.kind != "full"

    def counted(self, what: Intermediate, asked: Asked) -> Chain:
        """The stages whose steps a control has to match."""
        if what.of:
            return tuple(stage for stage in self.of(what.of, asked) if stage.kind == "train")
        return self._of("+".join(what.tasks), Intermediate(**_plain_step(what), then=what.then), asked)

    def _text_only(self, arm: str, what: Intermediate, of: Intermediate, asked: Asked, start: Chain) -> Stage:
        data, text = self.data, self.data.task("mlm")
        replay = what.replay or next((step.replay for step in of.steps if step.replay), None) or TEXT
        members = [data.lesson(name) for step in of.steps for name in step.tasks]
        recipe = data.recipe("intermediate", members, what.recipe.over(of.steps[-1].recipe))
        config = train_config(data, asked.model, [text], recipe, asked.seed, continued=bool(start))
        config |= {"exponent": replay.exponent, "steps_of": "same"}
        tokens = data.tokens(asked.model, text, "train", self.replayed(replay), Recipe(max_length=recipe.max_length))
        return Stage(
            kind="train",
            name=f"train {arm} on {short(asked.model)}, seed {asked.seed}",
            config=config,
            inputs={"tokens": (tokens,), "steps_of": self.counted(what, asked)}
            | ({"start": start[0]} if start else {}),
            places=data.places(asked.model),
        )

    # -- checkpoints that nobody trains here ----------------------------------------------------------------------

    def _adopted(self, what: Intermediate, asked: Asked) -> Stage:
        folder = local_folder(what.checkpoint)
        places = self.data.places(asked.model) | ({"checkpoint": str(folder.resolve())} if folder else {})
        return Stage(
            kind="adopt",
            name=f"adopt {short(what.checkpoint)} as {short(asked.model)}",
            config={
                "model": self.data.identity(asked.model),
                "checkpoint": self.data.locked(identity(what.checkpoint)),
            },
            places=places,
        )

    def _merged(self, arm: str, what: Intermediate, asked: Asked) -> Chain:
        last = [self.of(name, asked)[-1:] for name in what.merged]
        config: dict[str, Any] = {"model": self.data.identity(asked.model)}
        if what.swap:
            config |= {"how": "swap", "lower": what.swap.lower, "upper": what.swap.upper}
        else:
            config["how"] = "average"
        config["published"] = [number for number, chain in enumerate(last) if not chain]  # taken as published
        return (
            Stage(
                kind="merge",
                name=f"merge {few(tuple(what.merged))} into {arm} on {short(asked.model)}, seed {asked.seed}",
                config=config,
                inputs={"checkpoints": tuple(stage for chain in last for stage in chain)},
                places=self.data.places(asked.model),
            ),
        )


def train_config(
    data: Data, model: str, members: list[Task], recipe: Recipe, seed: int, *, continued: bool = False
) -> dict[str, Any]:
    return {
        "model": data.identity(model),
        "members": [{**declared(m), "head": m.name, **_chosen_by(data, m)} for m in members],
        "head_policy": "new",
        "recipe": _readable(recipe, members).config(continued=continued),
        "seed": seed,
        "threads": data.study.threads,
        "precision": data.study.precision,
        **(language_head(model) if any(m.form == "masked" for m in members) else {}),
    }


def _readable(recipe: Recipe, members: list[Task]) -> Recipe:
    """A second reading needs labels that the first one is taught, and has to differ from it. Running text has none."""
    if not recipe.smoothing:
        recipe = recipe.without("smoothing")  # 0 undoes what a wider table says
    if not recipe.consistency or all(task.form == "masked" for task in members):
        return recipe.without("consistency")
    named = " + ".join(task.name for task in members)
    if any(task.form == "retrieval" for task in members):
        raise InputError(
            f"training on {named}: `consistency` compares two readings of one example, a search compares examples with "
            "each other. consistency = 0 in a narrower table leaves it out"
        )
    if recipe.dropout == 0 and not recipe.smoothing:
        raise InputError(f"training on {named}: `consistency` without `smoothing` and dropout compares equal readings")
    return recipe


def language_head(model: str) -> dict[str, str]:
    """Running text once found the published head, or its cap, in some families only: the others are named anew."""
    shape = shapes.shape(model)
    return {} if shape and shape.family not in PUBLISHED_HEADS else {"language_head": "published"}


def _chosen_by(data: Data, task: Task) -> dict[str, str]:
    """What chooses the checkpoint of a task of the user's own, where it is not the usual score of its form."""
    own = data.study.task.get(task.name)
    usual = SCORES.get(task.form, (None,))[0]
    return {"metric": task.metric} if own and own.metric and usual and task.metric != usual else {}


def _plain_step(what: Intermediate) -> dict[str, Any]:
    return {name: getattr(what, name) for name in Step.model_fields}


def _resolved(switch: CodeSwitch | None) -> CodeSwitch | None:
    return switch and switch.model_copy(update={"languages": tuple(dict.fromkeys(map(resolve, switch.languages)))})
