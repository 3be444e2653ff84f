"""Every regime of docs/studies.md is read and planned, and comes down to the stages that it promises."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from waystage import sources
from waystage.errors import InputError, StudyError
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.study import Study
from waystage.study.cells import Cell, StudyPlan
from waystage.study.stages import plan

PAGE = Path(__file__).parent.parent.parent / "docs" / "studies.md"
EXAMPLES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)]
ARMS = {name: arm for example in EXAMPLES for name, arm in example.get("intermediate", {}).items()}
TRANSLATOR = next(example["translator"] for example in EXAMPLES if "translator" in example)


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "identify", lambda task, source, split, languages, lock=None: {"kind": source})


def study(arms: dict[str, Any], **more: Any) -> Study:
    named = {name: ARMS[name] for name in ("none", "mnli", "squad2") if name in ARMS}
    squad = {"squad": {"tasks": ["squad"]}}
    values: dict[str, Any] = {
        "title": "t", "models": ["xlm-roberta-base"], "targets": ["xnli", "tatoeba"], "translator": TRANSLATOR,
        "languages": ["en", "de", "tr", "zh"], "seeds": [1], "intermediate": {**named, **squad, **arms},
    }  # fmt: skip
    return Study(**{**values, **more})


def of(made: StudyPlan, arm: str, target: str = "xnli") -> list[Cell]:
    return [cell for cell in made.cells if (cell.intermediate, cell.target) == (arm, target)]


def checkpoint(cell: Cell) -> Stage:
    found = cell.evaluate.inputs["checkpoint"]
    assert isinstance(found, Stage)
    return found


def start(stage: Stage) -> Stage:
    found = stage.inputs["start"]
    assert isinstance(found, Stage)
    return found


def lineage(cell: Cell, kind: str) -> list[Stage]:
    return [stage for stage in Plan([cell.evaluate]).stages.values() if stage.kind == kind]


@pytest.mark.parametrize("name", ARMS)
def test_every_example_of_the_page_is_planned(name: str) -> None:
    made = plan(study({name: ARMS[name]}))
    assert of(made, name)
    assert not made.blocked


@pytest.mark.parametrize("example", [e for e in EXAMPLES if "intermediate" not in e and "translator" not in e], ids=str)
def test_every_other_table_of_the_page_is_planned(example: dict[str, Any]) -> None:
    assert plan(study({}, **example)).cells


@pytest.mark.parametrize("name", ARMS)
def test_every_example_of_the_page_is_planned_in_the_world(name: str) -> None:
    from waystage.study.rehearsal import rehearsed

    made = plan(rehearsed(study({name: ARMS[name]}))[0])
    assert of(made, name)
    assert not {stage.config["source"]["kind"] for cell in of(made, name) for stage in lineage(cell, "rows")} - {
        "world"
    }


def test_what_arms_share_is_one_stage() -> None:
    made = plan(study({name: ARMS[name] for name in ("zero", "shuffled", "mlm_only", "longer", "mean", "in_order")}))
    mnli = start(checkpoint(of(made, "mnli")[0]))
    (mixed,) = lineage(of(made, "mean")[0], "merge")
    assert mnli in mixed.inputs["checkpoints"]  # type: ignore[operator]
    assert start(start(checkpoint(of(made, "in_order")[0]))) == mnli
    assert checkpoint(of(made, "longer")[0]).inputs["steps_of"] == (mnli,)
    assert start(checkpoint(of(made, "mlm_only")[0])).inputs["steps_of"] == (mnli,)


def test_controls_are_the_arm_but_for_one_thing() -> None:
    made = plan(study({name: ARMS[name] for name in ("zero", "shuffled")}))
    mnli, zero, shuffled = (start(checkpoint(of(made, name)[0])) for name in ("mnli", "zero", "shuffled"))
    trained = {key: value for key, value in mnli.config["recipe"].items() if key != "epochs"}
    assert zero.config == {**mnli.config, "recipe": {**trained, "steps": 0}}
    assert zero.inputs["tokens"] == mnli.inputs["tokens"]
    assert shuffled.config == mnli.config
    assert shuffled.inputs["dev"] == mnli.inputs["dev"]
    (tokens,) = shuffled.inputs["tokens"]  # type: ignore[misc]
    assert isinstance(tokens, Stage)
    (altered,) = tokens.parents()
    assert altered.config["change"] == "shuffled-labels"


def test_more_steps_starts_from_the_published_model() -> None:
    stage = checkpoint(of(plan(study({"longer": ARMS["longer"]})), "longer")[0])
    assert "start" not in stage.inputs
    assert stage.config["steps_of"] == "add"


def test_each_evaluated_language_has_its_own_stages_and_cell() -> None:
    made = plan(study({"mnli_each": ARMS["mnli_each"]}))
    cells = of(made, "mnli_each")
    assert {cell.languages for cell in cells} == {("en",), ("de",), ("tr",), ("zh",)}
    assert len({start(checkpoint(cell)).fingerprint for cell in cells}) == 4
    assert len({stage.fingerprint for cell in cells for stage in lineage(cell, "translate")}) == 3  # English stays
    english = next(cell for cell in cells if cell.languages == ("en",))
    assert start(checkpoint(english)) == start(checkpoint(of(made, "mnli")[0]))
    evaluated = {stage.fingerprint for cell in cells for stage in cell.evaluate.parents() if stage.kind == "tokens"}
    assert len(evaluated) == 1, "the test data are prepared once for all of them"


def test_a_language_without_data_is_left_out_and_said() -> None:
    made = plan(study({"there": {"tasks": ["mnli"], "language": "target"}}))
    assert [cell.languages for cell in of(made, "there")] == [("en",)]
    assert "there: mnli has no training data in de, tr, zh" in " ".join(made.left_out)


def test_translations_stand_beside_the_original_only_where_it_is_named() -> None:
    arms = {"only": ARMS["mnli_mt"], "both": {"tasks": ["mnli"], "translate": ["en", "de", "sw"]}}
    made = plan(study(arms))
    codes = {}
    for name in arms:
        (tokens,) = start(checkpoint(of(made, name)[0])).inputs["tokens"]  # type: ignore[misc]
        assert isinstance(tokens, Stage)
        codes[name] = [code for rows in tokens.parents() for code in rows.config["languages"]]
    assert codes == {"only": ["de", "sw"], "both": ["en", "de", "sw"]}


def test_back_translation_goes_there_and_back() -> None:
    made = plan(study({"mnli_back": ARMS["mnli_back"]}))
    steps = lineage(of(made, "mnli_back")[0], "translate")
    assert [(stage.config["from"], stage.config["into"]) for stage in steps] == [("en", "de"), ("de", "en")]


def test_protocols_say_what_is_not_zero_shot() -> None:
    names = ("ceiling", "translate_train", "few", "mnli")
    made = plan(study({name: ARMS[name] for name in names}))
    said = {name: of(made, name)[0].protocol for name in names}
    assert said == {
        "ceiling": "ceiling, not zero-shot", "translate_train": "translate-train, not zero-shot",
        "few": "100 shots, not zero-shot", "mnli": "zero-shot",
    }  # fmt: skip
    assert of(made, "ceiling", "tatoeba") == [], "nothing is trained there, so there is no ceiling"
    german = next(cell for cell in of(made, "ceiling") if cell.languages == ("de",))
    assert {rows.config["languages"][0] for rows in lineage(german, "rows") if rows.config["split"] == "train"} == {
        "de"
    }


def test_shots_follow_the_target_stage_and_keep_its_head() -> None:
    cell = next(c for c in of(plan(study({"few": ARMS["few"]})), "few") if c.languages == ("zh",))
    shots = checkpoint(cell)
    assert shots.config["head_policy"] == "keep"
    assert shots.config["recipe"]["examples"] == 100
    assert start(shots) == checkpoint(of(plan(study({})), "mnli")[0])


def test_the_source_language_can_be_that_of_both_stages() -> None:
    arms = {"xnli_source": ARMS["xnli_source"]}
    made = plan(study(arms, source_languages=["en", "zh"], targets=["pawsx"], languages=["en", "zh"]))
    found = {
        cell.source_language: {r.config["languages"][0] for r in lineage(cell, "rows") if r.config["split"] == "train"}
        for cell in of(made, "xnli_source", "pawsx")
    }
    assert found == {"en": {"en"}, "zh": {"zh"}}


def test_seeds_in_pairs_and_crossed() -> None:
    paired = of(plan(study({}, seeds=[1, 2])), "mnli")
    assert [(c.seed, c.intermediate_seed, c.target_seed) for c in paired] == [(1, 1, 1), (2, 2, 2)]
    made = plan(study({}, seeds=[1, 2], intermediate_seeds=[5, 6, 7]))
    crossed = of(made, "mnli")
    assert {(c.intermediate_seed, c.target_seed) for c in crossed} == {(i, t) for i in (5, 6, 7) for t in (1, 2)}
    assert all(c.seed == c.intermediate_seed for c in crossed)
    assert len({start(checkpoint(c)).fingerprint for c in crossed}) == 3
    assert len({c.evaluate.fingerprint for c in of(made, "none")}) == 2, "no intermediate seed enters the baseline"


def test_pooled_search_still_searches_among_all_languages() -> None:
    made = plan(study({"mnli_each": ARMS["mnli_each"]}, targets=["lareqa"], languages=["en", "de", "tr"]))
    cell = next(c for c in of(made, "mnli_each", "lareqa") if c.languages == ("de",))
    assert cell.evaluate.config["only"] == ["de"]
    assert set(cell.evaluate.config["languages"]) == {"en", "de", "tr"}


BAD = {
    "of nobody": ({"control": "zero-length"}, "is a control of what?"),
    "of a stranger": ({"control": "zero-length", "of": "mmli"}, "no arm [intermediate.mmli] (did you mean 'mnli'"),
    "of nothing trained": ({"control": "zero-length", "of": "none"}, "trains nothing"),
    "not a control": ({"of": "mnli", "tasks": ["qqp"]}, "belongs to a control"),
    "two starts": ({"control": "mlm-only", "of": "mnli", "average": ["mnli", "none"]}, "exclude each other"),
    "average of one": ({"average": ["mnli", "mnli"]}, "at least two different arms"),
    "swap of nothing": ({"swap": {"into": "mnli", "layers_of": "none"}}, "swaps no layer"),
    "no provenance": ({"checkpoint": "org/model"}, "needs `provenance`"),
    "tags of words": ({"tasks": ["udpos"], "translate": ["de"]}, "cannot be translated"),
    "from two languages": ({"tasks": ["xnli"], "language": ["en", "de"], "translate": ["zh"]}, "name one"),
    "via without": ({"tasks": ["mnli"], "via": "de"}, "nothing is translated"),
    "then nothing": ({"tasks": ["mnli"], "then": [{}]}, "names no tasks"),
    "unknown then": ({"tasks": ["mnli"], "then": [{"tasks": ["mlni"]}]}, "there is no task 'mlni'"),
    "two targets": ({"target": {"shots": 5, "language": "target"}}, "exclude each other"),
    "layers of itself": ({"swap": {"into": "mnli", "layers_of": "mnli", "lower": 2}}, "in place of its own"),
    "into itself": ({"tasks": ["mnli"], "translate": ["en"]}, "the data are in en already, so nothing is translated"),
    "by way of itself": ({"tasks": ["mnli"], "translate": ["de"], "via": "en"}, "is the language of the data"),
    "by way of the end": (
        {"tasks": ["mnli"], "translate": ["de"], "via": "de"},
        "the language that is translated into",
    ),
    "target into itself": ({"target": {"translate": ["en"]}}, "the data are in en already"),
    "shares of one": ({"tasks": ["mnli"], "sampling": {"cap": 10}}, "this stage has 'mnli' alone"),
    "cap of uniform": (
        {"tasks": ["mnli", "qqp"], "sampling": {"by": "uniform", "cap": 10}},
        'by = "uniform" does not read it',
    ),
    "code switched into itself": (
        {"tasks": ["mnli"], "code_switch": {"languages": ["en"], "rate": 0.5}},
        "nothing is re",
    ),
    "each into itself": ({"tasks": ["xnli"], "language": "target", "translate": "target"}, "has data of its own"),
    "recipe of nothing": ({"recipe": {"steps": 5}, "target": {"shots": 5}}, "of the target is target.recipe"),
    "language of nothing": ({"language": "zh"}, "needs `tasks`"),
    "recipe of a control": ({"control": "more-steps", "of": "mnli", "recipe": {"steps": 5}}, "trained as its arm is"),
    "labels of running text": ({"control": "shuffled-labels", "tasks": ["mlm"]}, "no labels to shuffle"),
    "by way of nobody": ({"target": {"translate": ["de"], "via": "xx"}}, "target.via"),
    "a circle": ({"average": ["x", "mnli"]}, "is made of itself"),
}


def test_arms_without_a_checkpoint_of_their_own_are_not_merged() -> None:
    longer = {"control": "more-steps", "of": "mnli"}
    with pytest.raises(StudyError, match=r"x.average\[1\]: arm 'longer' is `none` until the target"):
        study({"longer": longer, "x": {"average": ["longer", "mnli"]}})
    with pytest.raises(StudyError, match="none and also are both the model as published"):
        study({"also": {}, "x": {"average": ["none", "also"]}})


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_said(name: str) -> None:
    arm, message = BAD[name]
    with pytest.raises(StudyError) as caught:
        study({"x": arm})
    assert message in str(caught.value)


def test_a_checkpoint_of_somebody_elses_is_trained_anew_in_a_rehearsal() -> None:
    """No stand-in was tuned by anybody: what is said of its data is trained instead."""
    from waystage.study.rehearsal import rehearsed

    said, changes = rehearsed(study({"theirs": ARMS["theirs"]}))
    assert said.intermediate["theirs"].tasks == ("squad2",)
    assert any("theirs" in change for change in changes)


def test_what_a_regime_counts_in_layers_is_counted_in_the_stand_ins_layers() -> None:
    from waystage.study.rehearsal import rehearsed

    said, _ = rehearsed(study({"frozen": ARMS["frozen"], "swapped": ARMS["swapped"]}))
    freeze, swap = said.intermediate["frozen"].recipe.freeze, said.intermediate["swapped"].swap
    assert freeze is not None and swap is not None
    assert 1 <= freeze <= 4
    assert 1 <= swap.lower <= 3


def test_translating_needs_a_translator() -> None:
    with pytest.raises(StudyError, match="needs a translator: add"):
        study({"mt": ARMS["mnli_mt"]}, translator={})
    assert plan(study({"mt": ARMS["mnli_mt"]}, translator={}, source="world")).cells


def test_selections_are_further_cells_of_the_same_training() -> None:
    made = plan(study({}, selections=["last", "source-dev", "target-dev"], targets=["xnli", "xquad", "tatoeba"]))
    cells = of(made, "mnli")
    assert [cell.selection for cell in cells] == ["", "last", "target-dev"], "source-dev is what the recipe keeps"
    assert len({checkpoint(cell).fingerprint for cell in cells}) == 1
    (dev,) = checkpoint(cells[0]).inputs["target_dev_rows"]  # type: ignore[misc]
    assert isinstance(dev, Stage)
    assert set(dev.config["languages"]) == {"en", "de", "tr", "zh"}
    assert [cell.selection for cell in of(made, "mnli", "xquad")] == ["", "last"]
    assert [cell.selection for cell in of(made, "mnli", "tatoeba")] == [""]
    assert any("target-dev: xquad" in why for why in made.left_out)


def test_hub_names_of_arms_and_of_the_translator_are_pinned_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from waystage.study import lock

    monkeypatch.setattr(lock, "_commit", lambda name: f"commit of {name}")
    said = study({name: ARMS[name] for name in ("theirs", "mnli_mt")})
    made = plan(said)
    assert set(made.hub_models) == {"xlm-roberta-base", "org/xlm-roberta-base-squad2", TRANSLATOR["model"]}
    pinned = lock.complete(said, (), lock.Lock(), made.hub_models)
    again = plan(said, pinned)
    assert again.hub_models == ()
    (adopted,) = lineage(of(again, "theirs")[0], "adopt")
    assert adopted.config["checkpoint"]["revision"] == "commit of org/xlm-roberta-base-squad2"


def test_a_translator_for_each_pair_of_languages() -> None:
    made = plan(
        study({"mt": ARMS["mnli_mt"]}, translator={"model": "org/opus-{source}-{target}", "codes": {"sw": "swa"}})
    )
    found = {s.config["into"]: s.config["translator"] for s in lineage(of(made, "mt")[0], "translate")}
    assert {into: one["model"]["name"] for into, one in found.items()} == {
        "de": "org/opus-en-de",
        "sw": "org/opus-en-sw",
    }
    assert found["sw"]["target"] == "swa" and "target" not in found["de"]


def test_folders_of_arms_are_meant_from_the_folder_of_the_study(tmp_path: Path) -> None:
    from waystage.study import load

    for name in ("mine", "nllb"):
        (tmp_path / name).mkdir()
    (tmp_path / "s.toml").write_text(
        'title = "t"\nmodels = ["xlm-roberta-base"]\ntargets = ["xnli"]\n'
        '[translator]\nmodel = "./nllb"\n'
        '[intermediate.mine]\ncheckpoint = "./mine"\nprovenance = "me"\n'
    )
    said = load(tmp_path / "s.toml")
    assert said.translator.model == str(tmp_path / "nllb")
    assert said.intermediate["mine"].checkpoint == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"tasks": ["mnli"], "language": "zh"}, "'mnli' has no training data in zh, it has en: say language = \"en\""),
        ({"tasks": ["ocnli"]}, "'ocnli' has no training data in en, it has zh: say language = \"zh\""),
        ({"tasks": ["qqp"], "then": [{"tasks": ["xnli"], "language": "ja"}]}, "then[1].tasks[1]: 'xnli' has no"),
        ({"tasks": ["qqp"], "code_switch": {"languages": [], "rate": 0.5}}, "code_switch.languages: is empty"),
        (
            {"tasks": ["qqp"], "then": [{"tasks": ["squad"], "recipe": {"epochs": 1, "steps": 2}}]},
            "then[1].recipe: says",
        ),
        ({"tasks": ["qqp"], "target": {"recipe": {"epochs": 1, "steps": 2}}}, "target.recipe: says both"),
    ],
)
def test_what_would_be_trained_otherwise_than_it_says_is_refused(arm: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study({"wrong": arm})
    assert said in str(caught.value)


def test_a_mixture_has_each_task_in_the_languages_that_it_has() -> None:
    made = plan(study({"both": {"tasks": ["mnli", "ocnli"], "language": ["en", "zh"]}}))
    tokens = start(checkpoint(of(made, "both")[0])).inputs["tokens"]
    rows = [next(iter(one.parents())).config for one in tokens]  # type: ignore[union-attr]
    assert [(one["task"], one["languages"]) for one in rows] == [("mnli", ["en"]), ("ocnli", ["zh"])]
    assert "mnli as an intermediate task: no training data in zh" in made.left_out
    sources = plan(study({"there": {"tasks": ["mnli"], "language": "source"}}, source_languages=["en", "zh"]))
    assert {cell.source_language for cell in of(sources, "there")} == {"en"}
    assert "there: mnli has no training data in zh" in sources.left_out


def test_shuffled_labels_start_where_their_arm_starts() -> None:
    arms = {
        "on": {"average": ["mnli", "squad"], "tasks": ["qqp"]},
        "shuffled": {"control": "shuffled-labels", "of": "on"},
    }
    made = plan(study(arms))
    on, shuffled = (start(checkpoint(of(made, name)[0])) for name in arms)
    assert start(on).fingerprint == start(shuffled).fingerprint


@pytest.mark.parametrize("control", ["zero-length", "mlm-only"])
def test_controls_start_where_their_arm_starts(control: str) -> None:
    arms = {
        "on": {"checkpoint": "org/m", "provenance": "says so", "trained_on": ["mnli"], "tasks": ["qqp"]},
        "less": {"control": control, "of": "on"},
        "plain": {"control": control, "of": "mnli"},
    }
    made = plan(study(arms))
    on, less, plain = (start(checkpoint(of(made, name)[0])) for name in arms)
    assert start(less).fingerprint == start(on).fingerprint and start(on).kind == "adopt"
    assert "start" not in plain.inputs
    marks = {name: [str(mark) for mark in of(made, name)[0].marks] for name in arms}
    assert marks["less"] == ["same training data (mnli:train -> xnli:train)"]
    assert marks["on"] == ["superset (mnli:train -> xnli:train)"]
    assert not marks["plain"]


@pytest.mark.parametrize(
    "regime", [{"shots": 8}, {"language": "target"}, {"translate": ["de"]}, {"recipe": {"steps": 7}}]
)
def test_controls_are_trained_on_the_target_as_their_arm_is(regime: dict[str, Any]) -> None:
    arms = {
        "arm": {"tasks": ["mnli"], "target": regime},
        "zero": {"control": "zero-length", "of": "arm"},
        "noise": {"control": "shuffled-labels", "of": "arm"},
        "text": {"control": "mlm-only", "of": "arm"},
        "own": {"control": "shuffled-labels", "of": "arm", "target": {"recipe": {"steps": 9}}},
        "more": {"control": "more-steps", "of": "arm"},
    }
    made = plan(study(arms, targets=["xnli"]))
    last = {name: checkpoint(of(made, name)[-1]) for name in arms}
    for name in ("zero", "noise", "text"):
        assert [cell.protocol for cell in of(made, name)] == [cell.protocol for cell in of(made, "arm")]
        assert last[name].config == last["arm"].config, "all but the lesson"
        assert last[name].inputs["tokens"] == last["arm"].inputs["tokens"]
        assert last[name].fingerprint != last["arm"].fingerprint
    assert last["own"].config["recipe"]["steps"] == 9, "unless it says otherwise"
    assert "steps" not in last["more"].config["recipe"], "as `none` is"


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ({"tasks": ["mnli"], "recipe": {"freeze": 13}}, "wrong.recipe.freeze: says 13 layers, but the model has 12"),
        ({"swap": {"into": "mnli", "layers_of": "squad", "lower": 7, "upper": 6}}, "wrong.swap: says 13 layers"),
        ({"tasks": ["mnli"], "then": [{"tasks": ["qqp"], "recipe": {"freeze": 99}}]}, "then[1].recipe.freeze"),
    ],
)
def test_no_more_layers_than_the_model_has(arm: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study({"wrong": arm})
    assert said in str(caught.value)


def test_readings_that_cannot_be_compared_are_refused_and_zero_undoes() -> None:
    both: dict[str, Any] = {"recipe": {"smoothing": 0.1, "consistency": 5.0}}
    arm = {"tasks": ["mnli"]}
    recipe = checkpoint(of(plan(study({"mnli": arm}, **both)), "mnli")[0]).config["recipe"]
    assert (recipe["smoothing"], recipe["consistency"]) == (0.1, 5.0)
    with pytest.raises(InputError, match="training on squad: `consistency`"):
        plan(study({"mnli": arm}, targets=["lareqa"], languages=["en", "de"], **both))
    with pytest.raises(InputError, match="compares equal readings"):
        plan(study({"mnli": {**arm, "recipe": {"consistency": 1.0, "dropout": 0.0}}}))
    undone = {"mnli": {**arm, "recipe": {"smoothing": 0.0, "consistency": 0.0}}}
    plain = study({"mnli": arm})
    narrower = study(undone, recipe={"intermediate": {"smoothing": 0.1, "consistency": 5.0}})
    found = [start(checkpoint(of(plan(one), "mnli")[0])).fingerprint for one in (plain, narrower)]
    assert found[0] == found[1]


def test_a_recipe_for_a_task_that_no_stage_trains_is_told_of() -> None:
    said: dict[str, Any] = {"recipe": {"task": {name: {"epochs": 1.0} for name in ("mnli", "xnli", "qqp", "cosmosqa")}}}
    arms = {"mnli": {"tasks": ["mnli"]}, "both": {"tasks": ["mnli", "qqp"]}}
    left_out = plan(study(arms, **said)).left_out
    assert [line for line in left_out if "recipe.task" in line] == [
        f"[recipe.task.{name}]: no stage trains {name} alone, so it changes nothing" for name in ("qqp", "cosmosqa")
    ]


def test_running_text_is_read_once() -> None:
    made = plan(study({"text": {"tasks": ["mlm"]}}, recipe={"smoothing": 0.1, "consistency": 5.0}))
    recipe = start(checkpoint(of(made, "text")[0])).config["recipe"]
    assert recipe["smoothing"] == 0.1 and "consistency" not in recipe


def test_a_rehearsal_smooths_as_its_study_does() -> None:
    from waystage.study.rehearsal import rehearsed

    arms = {"smooth": ARMS["smooth"], "consistent": ARMS["consistent"]}
    said, _ = rehearsed(study(arms, recipe={"target": {"smoothing": 0.2}}))
    assert said.recipe.target.smoothing == 0.2
    assert said.intermediate["smooth"].recipe.smoothing == 0.1
    assert said.intermediate["consistent"].recipe.consistency == 5.0


def test_frozen_layers_and_an_adapter_are_not_planned_together() -> None:
    arm = {"tasks": ["mnli"], "recipe": {"freeze": 3}}
    adapted: dict[str, Any] = {"recipe": {"adapter": {"kind": "lora"}}}
    with pytest.raises(InputError, match="intermediate stage of mnli: `freeze` and `adapter` exclude each other"):
        plan(study({"both": arm}, **adapted))
    undone = {**arm, "recipe": {"freeze": 3, "adapter": {"kind": "full"}}}
    assert of(plan(study({"one": undone}, **adapted)), "one")


def test_words_with_a_tag_each_are_left_out_of_translate_train() -> None:
    arm = {"target": {"translate": "target"}}
    made = plan(study({"there": arm}, targets=["xnli", "udpos", "panx"]))
    assert {cell.target for cell in made.cells if cell.intermediate == "there"} == {"xnli", "panx"}
    assert any("there: every word" in line and "udpos is not trained on translations" in line for line in made.left_out)


def test_nothing_is_translated_by_way_of_where_it_ends() -> None:
    arms = {
        "by_way": {"tasks": ["mnli"], "translate": "target", "via": "de"},
        "switched": {"tasks": ["xnli"], "language": "target", "code_switch": {"languages": ["de", "tr"], "rate": 0.5}},
    }
    made = plan(study(arms))
    assert {cell.languages[0] for cell in of(made, "by_way")} == {"en", "tr", "zh"}
    assert "by_way: mnli by way of de: it starts or ends there in de" in made.left_out
    for stage in (stage for name in arms for cell in of(made, name) for stage in lineage(cell, "translate")):
        assert stage.config["from"] != stage.config["into"]
    german = next(cell for cell in of(made, "switched") if cell.languages == ("de",))
    (altered,) = lineage(german, "alter")
    rows, (itself, _) = altered.inputs["rows"], altered.inputs["others"]  # type: ignore[misc]
    assert itself == rows


def test_a_search_says_which_source_it_is_scored_for() -> None:
    arms = {"there": {"tasks": ["xnli"], "language": "source"}}
    made = plan(study(arms, source_languages=["en", "zh"], targets=["pawsx", "tatoeba"]))
    said = "there: tatoeba is not trained, so it is scored for the source en alone, not in zh"
    assert [line for line in made.left_out if "tatoeba" in line] == [said]


def test_shots_say_that_they_choose_nothing() -> None:
    made = plan(study({"few": ARMS["few"]}, selections=["last"]))
    assert {cell.selection for cell in of(made, "few")} == {""}
    assert "few: shots choose no checkpoint, so there are no selections of xnli" in made.left_out


def test_a_study_of_nothing_is_refused() -> None:
    files = {"train": {"sw": "a.tsv"}, "test": {"sw": "b.tsv"}}
    mine = {"form": "pairs", "labels": ["no", "yes"], "files": files}
    with pytest.raises(StudyError, match="nothing is left of this study: mine from en: mine has no training data"):
        plan(study({}, targets=["mine"], task={"mine": mine}, languages="all"))


def test_a_task_of_ones_own_is_scored_where_it_has_a_test() -> None:
    files = {"train": {"en": "a.tsv"}, "test": {"sw": "b.tsv", "de": "c.tsv"}}
    mine = {"form": "pairs", "labels": ["no", "yes"], "files": files}
    made = plan(study({}, targets=["mine"], task={"mine": mine}, languages=["sw", "de"], source="world"))
    assert {cell.languages for cell in made.cells} == {("sw", "de")}


def test_a_rehearsal_reads_twice_what_differs() -> None:
    from waystage.study.rehearsal import rehearsed

    twice: dict[str, Any] = {"tasks": ["mnli"], "recipe": {"consistency": 5.0}}
    noise: dict[str, Any] = {"recipe": {"smoothing": 0.1, "consistency": 5.0}}
    for arms, more in (
        ({"twice": twice}, {}),
        ({"twice": {"tasks": ["mnli"]}}, {"recipe": {"consistency": 5.0}}),
        ({"twice": {"tasks": ["mnli"]}}, {"recipe": {"task": {"mnli": {"consistency": 5.0}}}}),
        ({"twice": {"tasks": ["mnli"], "recipe": {"smoothing": 0.0}}}, noise),
        ({"twice": {"tasks": ["qqp"], "then": [twice]}}, {"recipe": {"target": {"consistency": 1.0}}}),
    ):
        made = study(arms, targets=["xnli"], **more)
        assert plan(made).cells
        said, changes = rehearsed(made)
        recipe = start(checkpoint(of(plan(said), "twice")[0])).config["recipe"]
        assert recipe["consistency"] == 5.0 and recipe["dropout"] == 0.1, (arms, more)
        assert any(change.startswith("dropout: 0.1") for change in changes)
    plain = start(checkpoint(of(plan(rehearsed(study({}))[0]), "mnli")[0]))
    assert plain.config["recipe"]["dropout"] == 0.0


def test_a_rehearsal_freezes_as_its_study_does() -> None:
    from waystage.study.rehearsal import rehearsed

    said, _ = rehearsed(study({}, recipe={"intermediate": {"freeze": 6}}))
    assert 1 <= (said.recipe.intermediate.freeze or 0) <= 4
    assert said.recipe.target.freeze is None


def test_a_checkpoint_that_says_nothing_can_be_merged_in_a_rehearsal() -> None:
    from waystage.study.rehearsal import rehearsed

    theirs = {"checkpoint": "org/m", "provenance": "who knows"}
    said, _ = rehearsed(study({"theirs": theirs, "mean": {"average": ["none", "theirs"]}}))
    assert of(plan(said), "mean") and said.intermediate["theirs"].tasks == ("mlm",)
    alone, _ = rehearsed(study({"theirs": theirs}))
    assert alone.intermediate["theirs"].tasks == ()


def test_labels_that_are_dealt_anew_are_all_of_them() -> None:
    arms = {
        "squad2": {"control": "shuffled-labels", "tasks": ["squad2"]},
        "search": {"control": "shuffled-labels", "tasks": ["mewslix"]},
        "plain": {"control": "shuffled-labels", "tasks": ["squad"]},
    }
    made = plan(study(arms, intermediate={"none": {}, **arms}))
    deals = {name: [s.config.get("deal") for s in lineage(of(made, name)[0], "alter")] for name in arms}
    assert deals == {"squad2": [["answerable"]], "search": [["queries"]], "plain": [None]}


def test_a_target_without_dev_data_is_not_scored_on_them() -> None:
    made = plan(study({}, targets=["xnli", "xquad"], evaluate_on="dev"))
    assert {cell.target for cell in made.cells} == {"xnli"}
    assert "xquad has no dev data to be scored on" in made.left_out


def test_a_language_of_the_translator_goes_by_its_code_here() -> None:
    with pytest.raises(StudyError, match=r"translator\.codes\.swa: write 'sw' for 'swa'"):
        study({}, translator={**TRANSLATOR, "codes": {"swa": "swh_Latn"}})


def test_an_adapter_of_no_steps_is_none_at_all() -> None:
    """Drawn by the intermediate seed, it would not be the one that the target stage of `none` draws."""
    more: dict[str, Any] = {"recipe": {"adapter": {"kind": "lora"}}, "intermediate_seeds": [5]}
    made = plan(study({"zero": ARMS["zero"]}, **more))
    for target in ("xnli", "tatoeba"):
        zero, none = (of(made, name, target)[0].evaluate for name in ("zero", "none"))
        assert zero.fingerprint == none.fingerprint
    whole = plan(study({"zero": {**ARMS["zero"]}}))
    assert start(checkpoint(of(whole, "zero")[0])).config["recipe"]["steps"] == 0
