"""The same study in the built-in world: what is replaced by what, all of it said.

A rehearsal proves a study (stages, files, statistics, report) before GPU weeks are spent. Its numbers are about
artificial languages and never about real ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from waystage import languages as language_table
from waystage.errors import StudyError
from waystage.models import shapes
from waystage.study.recipe import Adapter, Recipe, StudyRecipe
from waystage.study.schema import Intermediate, Step, Study
from waystage.study.stages import find_task
from waystage.tasks.task import Task

SEEDS = 2
DROPOUT = 0.1  # the usual one of models as they are published
LANGUAGES = 12

# For stand-ins of a few million parameters: many times the learning rate of a large model, a few hundred steps.
STANDIN = StudyRecipe(
    learning_rate=1e-3,
    batch=32,
    max_length=128,
    eval_every=1_000_000,
    eval_examples=200,
    select="last",
    dropout=0.0,  # stand-ins learn little with it, and see no example often enough to know it by heart
    intermediate=Recipe(examples=3000, epochs=3),
    target=Recipe(examples=2000, epochs=4),
)

# Training sets keep their order of size: so many times the root of the original's, within what a laptop can do.
PER_ROOT, LEAST, MOST = 14, 1500, 9000
# How many examples a training goes through, however many there are: what the hardest target of the form needs for
# stand-ins to leave chance behind, and for tags, which teach with every word, what keeps it below the ceiling.
VISITS = {
    "pairs": 18_000, "spans": 12_000, "choice": 6_000, "tags": 1_200, "similarity": 6_000, "retrieval": 6_000,
}  # fmt: skip
OF_ITS_OWN = {"pawsx": 9_300}  # exchanged names are learnt all at once: with 12,400 standin-m stands at 97.7 %


def sized(task: Task) -> Recipe:
    """How much of a task's training set a stand-in sees, and how often."""
    original = next((rows for layout in (*task.hub, *task.files) if (rows := _train_rows(layout.rows))), 0)
    visits = OF_ITS_OWN.get(task.name, VISITS.get(task.form, 6_000))
    examples = min(max(round(PER_ROOT * original**0.5), LEAST), MOST, visits)
    return Recipe(examples=examples, epochs=round(min(max(visits / examples, 1.0), 4.0), 1))


def _train_rows(rows: Mapping[str, int]) -> int:
    return rows.get("train") or rows.get("train/en") or 0


Adapt = Callable[[Adapter | None], Adapter | None]


def rehearsed(study: Study, *, full: bool = False, four_bits: bool = False) -> tuple[Study, list[str]]:
    """The study as it runs in the world, and every substitution as a sentence.

    `four_bits`: qlora stays qlora. That does not run in the world, but a plan of it refuses what the study's would.
    """
    said = study.rehearsal
    changes = [f"data: the built-in world of artificial languages instead of {study.source!r}"]
    seeds = study.seeds if full else said.seeds or study.seeds[:SEEDS]
    languages = study.languages if full else _languages(study)
    models = said.models or _models(study.models)
    recipe = said.recipe if said.recipe != StudyRecipe() and not four_bits else STANDIN
    if seeds != study.seeds:
        changes.append(f"seeds: {list(seeds)} instead of {list(study.seeds)}")
    if set(study.select(languages)) != set(study.select(study.languages)):
        real = study.languages if isinstance(study.languages, str) else " ".join(study.languages)
        changes.append(f"languages: {' '.join(study.select(languages))} instead of {real}")
    changes += [f"model: {new} instead of {old}" for old, new in zip(study.models, models, strict=False) if old != new]
    if recipe != study.recipe:
        changes.append("recipes: those of the stand-ins instead of the study's (shown with each stage)")
    if needs_a_gpu(study):
        changes.append("adapters: lora instead of qlora, whose 4-bit weights need a GPU")
    named = _same_layers(study.models, models) and not any(_lacking(models, one) for one in _adapters(study))
    if not named and any(isinstance(adapter.targets, tuple) for adapter in _adapters(study)):
        changes.append("adapters: beside the layers of attention, since stand-ins call theirs otherwise")
    if study.placement.processes:
        changes.append(f"processes: one per stage instead of {study.placement.processes}; the result is no other")
    _trained_on_what_is_planted(study)
    for name, effect in said.plant.items():
        changes.append(f"planted effect of training on {find_task(study, name).name}: {effect}")
    if _reads_twice(study) and recipe.dropout == 0 and any(map(_dropout, _recipes(study))):
        changes.append(f"dropout: {DROPOUT} where readings differ by nothing else, since stand-ins train without")
    decoders = any(map(_is_decoder, models))
    if study.attention != "causal" and not decoders:
        changes.append("attention: that of encoders, which see the whole text anyway")
    adapt = partial(_on_a_cpu, named=named, four_bits=four_bits)
    arms = {name: _arm(name, arm, study, models, changes, adapt) for name, arm in study.intermediate.items()}
    replaced = study.model_dump(exclude_unset=True) | {
        "source": "world",
        "seeds": seeds,
        "languages": languages,
        "models": tuple(dict.fromkeys(models)),
        "recipe": _adapted(_over(recipe, STANDIN, study), study, models, adapt).model_dump(exclude_none=True),
        "placement": {},
        "intermediate": {name: arm.model_dump(exclude_unset=True) for name, arm in arms.items()},
        "evaluate_on": "test",
        "attention": study.attention if decoders else "causal",
        "precision": "fp32",
        "threads": 1,
    }
    return Study(**replaced), changes


def needs_a_gpu(study: Study) -> bool:
    """Whether its adapters stand over weights of 4 bits, which a rehearsal replaces."""
    return any(adapter.kind == "qlora" for adapter in _adapters(study))


def _trained_on_what_is_planted(study: Study) -> None:
    trained = _trained(study)
    for name in study.rehearsal.plant:
        if find_task(study, name).name not in trained:
            raise StudyError(
                [f"rehearsal.plant: nothing is trained on {name!r}; this study trains on {', '.join(trained)}"]
            )


MATCHED_EXAMPLES, MATCHED_STEPS = 1500, 150  # of arms that say how many examples or steps they are to have


def _arm(
    name: str, arm: Intermediate, study: Study, models: tuple[str, ...], changes: list[str], adapt: Adapt
) -> Intermediate:
    """Recipes are those of the stand-ins; what belongs to a regime stays, counted in the stand-in's layers."""
    scale, least = _shrunk(study, models)

    def regime(recipe: Recipe) -> Recipe:
        return _regime(recipe, scale, least, adapt, twice=_reads_twice(study))

    update: dict[str, Any] = {"recipe": regime(arm.recipe)}
    update["then"] = tuple(step.model_copy(update={"recipe": regime(step.recipe)}) for step in arm.then)
    if arm.target.recipe != Recipe():
        update["target"] = arm.target.model_copy(update={"recipe": regime(arm.target.recipe)})
    said = [step.recipe for step in (arm, *arm.then)] + [arm.target.recipe]
    if any(recipe != regime(recipe) for recipe in said):
        shown = "; ".join(str(recipe.said()) for recipe in said if recipe != Recipe())
        changes.append(f"recipe of {name}: the stand-ins' instead of {shown}")
    if arm.swap and scale != 1:
        lower, upper = (_scaled(count, scale) for count in (arm.swap.lower, arm.swap.upper))
        if lower + upper > least:  # each was rounded up, or there is a smaller stand-in than the first
            lower = round(lower * least / (lower + upper))
            upper = least - lower if upper else 0
        update["swap"] = arm.swap.model_copy(update={"lower": lower, "upper": upper})
        changes.append(f"layers swapped in {name}: {lower} and {upper}, as much of the stand-in")
    if arm.checkpoint:
        trained = tuple(dict.fromkeys(one for said in arm.trained_on for one in _lessons(study, said)))
        if not (trained or arm.steps) and any(name in other.merged for other in study.intermediate.values()):
            trained = ("mlm",)  # of the model as published nothing could be merged with it
        update |= {"checkpoint": "", "provenance": "", "trained_on": (), "tasks": trained or arm.tasks}
        if trained and arm.tasks:  # what the arm itself trains comes after it, as after the checkpoint
            plain = {name: field.get_default() for name, field in Step.model_fields.items() if name != "tasks"}
            own = Step(**{name: getattr(arm, name) for name in Step.model_fields} | {"recipe": update["recipe"]})
            update |= {**plain, "then": (own, *update["then"])}
        shown = " + ".join(trained) or "nothing"
        changes.append(f"checkpoint of {name}: the stand-in trained on {shown} instead of {arm.checkpoint}")
    return arm.model_copy(update=update)


def _lessons(study: Study, name: str) -> tuple[str, ...]:
    """What a checkpoint was trained on, as far as there are training data of it."""
    task = find_task(study, name)
    return (name,) if "train" in task.splits and task.train_languages else task.train_on


def _shrunk(study: Study, models: tuple[str, ...]) -> tuple[float, int]:
    """How many times as many layers the first stand-in has, and the layers of the smallest."""
    return _layers(models[0]) / _layers(study.models[0]), min(map(_layers, models))


def _regime(recipe: Recipe, scale: float, least: int, adapt: Adapt, *, twice: bool) -> Recipe:
    """What of an arm's recipe makes the regime, not how fast it is trained; arms that are matched stay matched."""
    return Recipe(
        freeze=_frozen(recipe, scale, least),
        adapter=adapt(recipe.adapter),
        smoothing=recipe.smoothing,
        consistency=recipe.consistency,
        dropout=_dropout(recipe) if twice else None,
        examples=None if recipe.examples is None else min(recipe.examples, MATCHED_EXAMPLES),
        steps=None if recipe.steps is None else min(recipe.steps, MATCHED_STEPS),
    )


def _frozen(recipe: Recipe, scale: float, least: int) -> int | None:
    return None if recipe.freeze is None else min(_scaled(recipe.freeze, scale), least)


def _dropout(recipe: Recipe) -> float | None:
    """What two readings differ by where they are not smoothed: stand-ins have none of their own."""
    alone = recipe.smoothing == 0 or (recipe.consistency and not recipe.smoothing)
    return recipe.dropout or DROPOUT if alone else None


def _reads_twice(study: Study) -> bool:
    return any(recipe.consistency for recipe in _recipes(study))


def _adapted(recipe: StudyRecipe, study: Study, models: tuple[str, ...], adapt: Adapt) -> StudyRecipe:
    """What makes a regime in the tables of the study makes it in its rehearsal too, unless that says otherwise."""
    original, twice, (scale, least) = study.recipe, _reads_twice(study), _shrunk(study, models)

    def like(mine: Recipe, theirs: Recipe, *wider: Recipe) -> Any:
        said = mine.said()
        kept: dict[str, Any] = {
            "adapter": adapt(theirs.adapter),
            "smoothing": theirs.smoothing,
            "consistency": theirs.consistency,
        }
        if "adapter" not in said:  # the two exclude each other
            kept["freeze"] = _frozen(theirs, scale, least)
        update = {name: value for name, value in kept.items() if name not in said}
        drops = next((found for one in (theirs, *wider) if (found := _dropout(one))), None)
        if twice and drops and not mine.dropout:
            update["dropout"] = drops
        return mine.model_copy(update=update)

    update: dict[str, Any] = {
        phase: like(getattr(recipe, phase), getattr(original, phase), original) for phase in ("intermediate", "target")
    }
    names = dict.fromkeys(
        [*recipe.task, *(name for name, said in original.task.items() if like(Recipe(), said).said())]
    )
    update["task"] = {name: like(recipe.task.get(name, Recipe()), original.task.get(name, Recipe())) for name in names}
    return StudyRecipe(**{**dict(like(recipe, original)), **update})


def _on_a_cpu(adapter: Adapter | None, *, named: bool, four_bits: bool = False) -> Adapter | None:
    """`named`: whether names of layers mean the same in the stand-in."""
    update = {"kind": "lora"} if adapter and adapter.kind == "qlora" and not four_bits else {}
    if adapter and isinstance(adapter.targets, tuple) and not named:
        update["targets"] = "attention"
    return adapter.model_copy(update=update) if adapter and update else adapter


def _same_layers(models: tuple[str, ...], standins: tuple[str, ...]) -> bool:
    """Whether layers are called in the stand-ins as they are in the study's models."""
    return all(_naming(old) == _naming(new) for old, new in zip(models, standins, strict=False))


def _lacking(standins: tuple[str, ...], adapter: Adapter) -> bool:
    """Whether it stands on layers that only larger models have, such as the twentieth."""
    found = [shape for name in standins if (shape := shapes.shape(name))]
    return isinstance(adapter.targets, tuple) and any(shape.lacks(t) for shape in found for t in adapter.targets)


def _naming(model: str) -> str:
    shape = shapes.shape(model)
    if shape is None:
        return "decoder" if _is_decoder(model) else ""
    return "decoder" if shape.decoder else {"bert": "xlm-r"}.get(shape.family, shape.family)


def _adapters(study: Study) -> list[Adapter]:
    return [recipe.adapter for recipe in _recipes(study) if recipe.adapter]


def _recipes(study: Study) -> list[Recipe]:
    """All that a study says, of itself and of its arms."""
    recipes: list[Recipe] = [study.recipe, study.recipe.intermediate, study.recipe.target, *study.recipe.task.values()]
    recipes += [step.recipe for arm in study.intermediate.values() for step in (arm, *arm.then)]
    return recipes + [arm.target.recipe for arm in study.intermediate.values()]


def _scaled(count: int, scale: float) -> int:
    return max(1, round(count * scale)) if count else 0


def _layers(model: str) -> int:
    shape = shapes.shape(model)
    return shape.layers if shape else 12


def _over(said: StudyRecipe, base: StudyRecipe, study: Study) -> StudyRecipe:
    """What the study's own rehearsal recipe does not say, for a phase or for all, comes from the stand-ins'.

    Each task has its own size there, unless the study says one.
    """
    wide = Recipe(**said.said())
    tasks = dict(said.task)
    own = study.rehearsal.recipe
    if not any({"examples", "epochs", "steps"} & set(r.said()) for r in (own, own.intermediate, own.target)):
        for name in _trained(study):
            tasks[name] = tasks.get(name, Recipe()).over(sized(find_task(study, name)))
    phases = {phase: getattr(said, phase).over(wide).over(getattr(base, phase)) for phase in ("intermediate", "target")}
    return StudyRecipe(**wide.over(Recipe(**base.said())).said(), **phases, task=tasks)


def _trained(study: Study) -> list[str]:
    """The tasks that are trained on, as intermediate tasks or targets."""
    targets = [find_task(study, name) for name in study.target_tasks()]
    arms = [name for arm in study.intermediate.values() for step in arm.steps for name in step.tasks]
    arms += [one for arm in study.intermediate.values() for name in arm.trained_on for one in _lessons(study, name)]
    return list(dict.fromkeys([*arms, *(name for task in targets for name in task.train_on or (task.name,))]))


FAMILIES = ("llama", "qwen", "mistral", "gemma", "gpt", "bloom", "falcon", "olmo")
BILLIONS = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[bB](?![A-Za-z0-9])")  # Qwen3-32B, EuroLLM-1.7B


def _models(models: tuple[str, ...]) -> tuple[str, ...]:
    """The order of sizes is kept, and decoders stay decoders. A model alone becomes the middle one."""
    shipped = {name: shape for name, shape in shapes.known().items() if shapes.is_standin(name)}
    chosen: dict[str, str] = {}
    for decoder in (False, True):
        ladder = sorted((n for n, s in shipped.items() if s.decoder == decoder), key=lambda n: shipped[n].parameters)
        wanted = sorted((m for m in models if _is_decoder(m) == decoder), key=_size)
        for rank, model in enumerate(wanted, start=int(len(wanted) == 1 and len(ladder) > 1)):
            if model in shipped:
                chosen[model] = model
            elif ladder:
                chosen[model] = ladder[min(rank, len(ladder) - 1)]
    return tuple(chosen.get(model, model) for model in models)


def _is_decoder(model: str) -> bool:
    """Where only the hub knows the shape, the name tells: a family of decoders, or billions of weights."""
    shape = shapes.shape(model)
    if shape is None:
        return bool(BILLIONS.search(model) or any(family in model.lower() for family in FAMILIES))
    return shape.decoder


def _size(model: str) -> int:
    shape = shapes.shape(model)
    said = BILLIONS.search(model)
    return shape.parameters if shape else round(float(said[1]) * 1e9) if said else 0


def _languages(study: Study) -> tuple[str, ...]:
    """The study's own choice for rehearsals, or the twelve most spread over family, script and word order."""
    had = {code for name in study.target_tasks() for code in find_task(study, name).languages}
    arms = [code for arm in study.intermediate.values() for code in map(language_table.resolve, arm.codes)]
    sources = tuple(dict.fromkeys((*study.source_languages, *(code for code in arms if code in had))))
    if study.rehearsal.languages:
        said = study.select(study.rehearsal.languages)  # an expression may mean languages that no target has
        kept = [c for c in said if c in had] if isinstance(study.rehearsal.languages, str) else said
        return tuple(dict.fromkeys((*sources, *kept)))
    chosen = set(study.select(study.languages))
    pool = [code for code in study.select("all") if code in chosen and code in had]
    named = [c for q in study.question if not isinstance(q.languages, str) for c in study.select(q.languages)]
    picked = list(dict.fromkeys((*sources, *(code for code in named if code in had))))
    seen = [_traits(code) for code in picked]
    rest = [code for code in pool if code not in picked]
    while rest and len(picked) < LANGUAGES:
        best = max(rest, key=lambda code: _worth(code, seen, study))  # the first of equals: table order
        picked.append(best)
        seen.append(_traits(best))
        rest.remove(best)
    for name in study.target_tasks():  # every target stays, also one that is in a few languages of its own only
        own = [code for code in rest if code in find_task(study, name).languages]
        if own and not set(picked) & set(find_task(study, name).languages):
            picked.append(max(own, key=lambda code: _worth(code, seen, study)))
    for group in _asked(study):  # every question has an answer, also one about languages that are few
        own = [code for code in pool if code in group]
        if own and not set(picked) & group:
            picked.append(max(own, key=lambda code: _worth(code, seen, study)))
    return tuple(picked)


def _asked(study: Study) -> Iterator[set[str]]:
    """The groups of languages that each question is about, as far as its targets have them."""
    for question in study.question:
        names = question.targets or study.target_tasks()
        group = {code for name in names for code in find_task(study, name).languages}
        group &= set(study.select(question.languages))
        yield group
        for side in (question.high, question.low) if question.kind == "gap" else ():
            if side != "source":
                yield group & set(study.select(side))


def _worth(code: str, seen: list[tuple[str, ...]], study: Study) -> float:
    """What a language adds: new kinds of language, and cells in many targets."""
    traits = _traits(code)
    new = sum(all(other[i] != trait for other in seen) for i, trait in enumerate(traits)) / len(traits)
    targets = study.target_tasks()
    return new + sum(code in find_task(study, name).languages for name in targets) / len(targets)


def _traits(code: str) -> tuple[str, ...]:
    language = language_table.get(code)
    low = (language.resource is not None) and language.resource <= 2
    return (language.family, language.script, language.word_order, language.morphology, "low" if low else "high")
