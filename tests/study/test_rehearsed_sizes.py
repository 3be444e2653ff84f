"""How much of a task a stand-in sees: in the order of the originals' sizes, unless the study says otherwise."""

from __future__ import annotations

import pytest

from waystage import tasks
from waystage.errors import StudyError
from waystage.graph.plan import Plan
from waystage.study.recipe import Recipe, StudyRecipe
from waystage.study.rehearsal import LEAST, MOST, rehearsed, sized
from waystage.study.schema import Intermediate, Rehearsal, Study


def study(**more: object) -> Study:
    return Study(
        title="sizes",
        models=("xlm-roberta-base",),
        targets=("xnli", "udpos", "xquad"),
        intermediate={"none": Intermediate(), "qqp": Intermediate(tasks=("qqp",))},
        **more,
    )


def test_sizes_keep_the_order_of_the_originals() -> None:
    counts = [sized(tasks.get(name)).examples or 0 for name in ("mnli", "squad", "pawsx", "tydiqa")]
    assert counts == sorted(counts, reverse=True) and len(set(counts)) == 4
    assert min(counts) >= LEAST and max(counts) <= MOST
    assert all((sized(task).epochs or 0) >= 1 for task in tasks.all_tasks())


def test_every_task_of_a_study_gets_its_own() -> None:
    recipe = rehearsed(study())[0].recipe
    assert set(recipe.task) == {"xnli", "udpos", "squad", "qqp"}
    assert recipe.task["squad"] == sized(tasks.get("squad"))


def test_what_the_study_says_of_its_rehearsal_holds() -> None:
    said = StudyRecipe(examples=50, task={"udpos": Recipe(epochs=2)})
    recipe = rehearsed(study(rehearsal=Rehearsal(recipe=said)))[0].recipe
    assert recipe.target.examples == 50 and recipe.task == {"udpos": Recipe(epochs=2)}
    faster = rehearsed(study(rehearsal=Rehearsal(recipe=StudyRecipe(learning_rate=3e-3))))[0].recipe
    assert faster.learning_rate == 3e-3 and faster.task["xnli"].examples == sized(tasks.get("xnli")).examples


def test_an_effect_can_be_planted_and_is_part_of_the_identity() -> None:
    from waystage import sources
    from waystage.study.stages import plan

    plain = plan(rehearsed(study())[0])
    said, changes = rehearsed(study(rehearsal=Rehearsal(plant={"qqp": "nothing"})))
    assert "planted effect of training on qqp: nothing" in changes
    planted = plan(said)

    def rows(made: object, task: str, split: str) -> dict:
        return next(
            s.config for s in Plan(made.wanted).stages.values()
            if s.kind == "rows" and (s.config["task"], s.config["split"]) == (task, split)
        )  # fmt: skip

    assert rows(planted, "qqp", "train")["source"] == rows(plain, "qqp", "train")["source"] | {"plant": "nothing"}
    for task, split in (("qqp", "dev"), ("xnli", "train"), ("xnli", "test")):
        assert rows(planted, task, split) == rows(plain, task, split)
    task, made = tasks.get("qqp"), rows(planted, "qqp", "train")
    notes = sources.Notes()
    read = [list(sources.read(task, s, "train", "en", place={}, notes=notes, limit=60))
            for s in (made["source"], rows(plain, "qqp", "train")["source"])]  # fmt: skip
    assert [e.first for e in read[0]] == [e.first for e in read[1]]
    assert [e.label for e in read[0]] != [e.label for e in read[1]]


def test_a_target_in_a_few_languages_of_its_own_keeps_one_of_them() -> None:
    said = study().model_dump(exclude_unset=True) | {"targets": ("xtreme", "xtreme-r", "masakhapos", "americasnli")}
    wide = Study(**said)
    world = rehearsed(wide)[0]
    for name in wide.target_tasks():
        assert set(tasks.get(name).languages) & set(world.select(world.languages)), name


def other(**more: object) -> Study:
    said = study().model_dump(exclude_unset=True)
    return Study(**said | more)


def test_a_language_of_an_arm_that_no_target_has_is_trained_in_and_not_scored() -> None:
    arms = {"none": Intermediate(), "fa": Intermediate(tasks=("farstail",), language="fa")}
    said = other(targets=("xnli",), intermediate=arms)
    world = rehearsed(said)[0]
    assert "fa" not in world.languages and world.intermediate["fa"].language == "fa"


def test_every_question_has_a_language_of_those_it_asks_about() -> None:
    asked = ({"compare": ("qqp", "none"), "languages": "script:Geor", "targets": ("panx",)},
             {"compare": ("qqp", "none"), "kind": "gap", "high": "script:Hang", "low": "script:Mymr"})  # fmt: skip
    world = rehearsed(other(targets=("xnli", "panx"), question=asked))[0]
    assert {"ka", "ko", "my"} <= set(world.languages)


def test_what_a_checkpoint_has_learnt_comes_before_what_its_arm_trains() -> None:
    arm = Intermediate(
        checkpoint="org/x", provenance="x", trained_on=("squad", "xquad", "tatoeba"), tasks=("squad", "qqp"),
        language="en", translate=("de",),
    )  # fmt: skip
    made = other(intermediate={"x": arm}, targets=("xnli",), translator={"model": "org/nllb"})
    first, then = rehearsed(made)[0].intermediate["x"].steps
    assert (first.tasks, first.translate) == (("squad",), ())
    assert (then.tasks, then.translate) == (("squad", "qqp"), ("de",))


def test_layers_that_are_swapped_fit_into_the_stand_in() -> None:
    arms = {"none": {}, "a": {"tasks": ("qqp",)}, "b": {"swap": {"into": "a", "layers_of": "none", "lower": 11,
                                                                 "upper": 1}}}  # fmt: skip
    swap = rehearsed(other(intermediate=arms))[0].intermediate["b"].swap
    assert swap is not None and (swap.lower, swap.upper) == (3, 1)
    frozen = {"none": {}, "a": {"tasks": ("qqp",), "recipe": {"freeze": 20}}}  # of how many, only the hub knows
    assert rehearsed(other(models=("org/encoder",), intermediate=frozen))[0].intermediate["a"].recipe.freeze == 4


def test_names_of_layers_that_a_stand_in_lacks_become_those_of_attention() -> None:
    def adapted(model: str, *targets: str) -> object:
        said = {"adapter": {"kind": "lora", "targets": targets}}
        recipe = rehearsed(other(models=(model,), recipe=said))[0].recipe
        adapter = recipe.target.adapter or recipe.adapter
        return adapter and adapter.targets

    assert adapted("microsoft/mdeberta-v3-base", "query_proj") == "attention"
    assert adapted("xlm-roberta-large", "query") == ("query",)
    assert adapted("Qwen/Qwen2.5-7B", "q_proj") == ("q_proj",)


def test_a_decoder_that_is_not_known_here_stays_a_decoder() -> None:
    models = ("Qwen/Qwen3-32B", "org/EuroLLM-1.7B-Instruct", "org/some-encoder")
    assert rehearsed(other(models=models))[0].models == ("standin-decoder-m", "standin-decoder-s", "standin-m")


def test_text_of_languages_outside_the_rehearsal_is_read_where_there_is_no_other() -> None:
    from waystage.study.stages import plan

    def arm(*codes: str) -> dict[str, object]:
        return {"tasks": ("qqp",), "replay": {"mlm": 0.5, "languages": codes}}

    arms = {"none": {}, "there": arm("ja", "fr"), "nowhere": arm("ha")}
    made = plan(rehearsed(other(targets=("americasnli",), languages=("ay",), intermediate=arms))[0])
    assert {cell.intermediate for cell in made.cells} == {"none", "there"}
    assert made.left_out == ("nowhere: there is no running text of ha",)


def test_what_is_planted_where_nothing_is_trained_is_refused() -> None:
    with pytest.raises(StudyError, match=r"nothing is trained on 'mnli'; this study trains on qqp"):
        rehearsed(study(rehearsal=Rehearsal(plant={"mnli": "helps"})))


def test_full_is_all_languages_and_seeds_whatever_the_rehearsal_says() -> None:
    said = study(seeds=(1, 2, 3), languages="xtreme", rehearsal=Rehearsal(seeds=(7,), languages=("en", "de")))
    short, full = rehearsed(said)[0], rehearsed(said, full=True)[0]
    assert short.seeds == (7,) and set(short.select(short.languages)) == {"en", "de"}
    assert full.seeds == said.seeds and full.select(full.languages) == said.select("xtreme")
