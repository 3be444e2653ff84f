"""Studies that leak are refused or marked, and the chain is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from waystage import tasks
from waystage.errors import StudyError
from waystage.graph.plan import Plan
from waystage.study import Study, leaks
from waystage.study.stages import plan

PAIRS = {"form": "pairs", "labels": ["no", "yes"], "columns": {"first": "a", "second": "b", "label": "l"}}
SPANS = {"form": "spans", "files": {"en": "x.json"}}


def study(targets: list[str], arm: dict[str, Any], **more: Any) -> Study:
    values: dict[str, Any] = {
        "title": "t", "source": "world", "models": ["standin-m"], "targets": targets, "seeds": [1],
        "intermediate": {"none": {}, "x": arm},
    }  # fmt: skip
    return Study(**{**values, **more})


def own(name: str, form: dict[str, Any], *origins: str) -> dict[str, Any]:
    return {"task": {name: {"files": {"en": "x.tsv"}, **form, "derived_from": list(origins)}}}


REFUSED = {
    "trained on the test's source": (
        ["xquad"], {"tasks": ["mine"]}, own("mine", SPANS, "squad:dev"), "mine:train <- squad:dev -> xquad:test",
    ),
    "trained on the source of a search": (
        ["lareqa"], {"tasks": ["mine"]}, own("mine", SPANS, "xquad:test"), "mine:train <- xquad:test -> lareqa:test",
    ),
    "trained on a translation of the test": (
        ["xnli"], {"tasks": ["mine"]}, own("mine", PAIRS, "xnli:test"), "xnli:test -> mine:train",
    ),
    "trained on a translation of a translation of the test": (
        ["xnli"], {"tasks": ["mine"]}, own("mine", PAIRS, "americasnli:test"),
        "xnli:test -> americasnli:test -> mine:train",
    ),
    "trained on data that the test was made of": (
        ["copa2"], {"tasks": ["copa"]},
        {"task": {"copa2": {"form": "choice", "files": {"en": "x.jsonl"}, "derived_from": ["copa:train"]}}},
        "copa:train -> copa2:test",
    ),
    "one of several tasks": (
        ["xnli"], {"tasks": ["qqp", "mine"]}, own("mine", PAIRS, "xnli:test"), "xnli:test -> mine:train",
    ),
    "the second of two stages": (
        ["xnli"], {"tasks": ["qqp"], "then": [{"tasks": ["mine"]}]}, own("mine", PAIRS, "xnli:test"),
        "xnli:test -> mine:train",
    ),
    "a checkpoint of somebody else's": (
        ["xnli"], {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["mine"]},
        own("mine", PAIRS, "xnli:test"), "xnli:test -> mine:train",
    ),
    "a translation of the leaking data": (
        ["xnli"], {"tasks": ["mine"], "translate": ["de", "sw"]}, own("mine", PAIRS, "xnli:test"),
        "xnli:test -> mine:train",
    ),
    "the leaking data in two languages": (
        ["xnli"], {"tasks": ["mine"], "code_switch": {"languages": ["de"], "rate": 0.5}},
        own("mine", PAIRS, "xnli:test"), "xnli:test -> mine:train",
    ),
    "by four steps": (
        ["xnli"], {"tasks": ["mine"]},
        {"task": {**own("a", PAIRS, "xnli:test")["task"], **own("b", PAIRS, "a:train")["task"],
                  **own("mine", PAIRS, "b:train")["task"]}},
        "xnli:test -> a:train -> b:train -> mine:train",
    ),
    "a checkpoint tuned on a task that has nothing but a test": (
        ["xquad"], {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["xquad"]}, {}, "xquad:test",
    ),
    "a checkpoint tuned on the source of a search": (
        ["lareqa"], {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["xquad"]}, {},
        "xquad:test -> lareqa:test",
    ),
    "a checkpoint that has seen the pairs to be found": (
        ["tatoeba"], {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["tatoeba"]}, {},
        "tatoeba:test",
    ),
    "texts of the test under other labels": (
        ["flores"], {"tasks": ["sib200"]}, {}, "flores:test -> sib200:train",
    ),
    "one file for all splits, of training data and a test": (
        ["xnli"], {"tasks": ["mine"]}, own("mine", PAIRS, "mnli:train", "xnli:test"), "xnli:test -> mine:train",
    ),
    "a test in one file with data that was trained on": (
        ["mine"], {"tasks": ["mnli"]}, own("mine", PAIRS, "mnli:train"), "mnli:train -> mine:test",
    ),
    "a checkpoint tuned on the same treebanks": (
        ["uner"], {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["uner_pud"]}, {},
        "uner:test -> uner_pud:test",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_chain(name: str) -> None:
    targets, arm, more, chain = REFUSED[name]
    with pytest.raises(StudyError) as caught:
        study(targets, arm, **more)
    assert chain in str(caught.value)


AVERAGED = {
    "none": {}, "y": {"checkpoint": "org/m", "provenance": "it says so", "trained_on": ["mine"]},
    "x": {"average": ["none", "y"]}, "shuffled": {"control": "shuffled-labels", "tasks": ["mine"]},
}  # fmt: skip


def test_what_is_made_of_a_leaking_arm_is_refused_too() -> None:
    with pytest.raises(StudyError) as caught:
        study(["xnli"], {}, intermediate=AVERAGED, **own("mine", PAIRS, "xnli:test"))
    for arm in ("x.average", "y.trained_on", "shuffled.tasks"):
        assert f"intermediate.{arm}" in str(caught.value)
    assert str(caught.value).count("xnli:test -> mine:train") == 3


def test_the_best_arm_is_never_chosen_on_what_is_reported() -> None:
    arms = {"none": {}, "x": {"tasks": ["qqp"]}, "y": {"tasks": ["squad"]}}
    question = {"ask": "?", "kind": "best-of", "compare": ("best", "none"), "choose": "dev"}
    with pytest.raises(StudyError, match="chosen on the very dev data that is reported"):
        study(["xnli"], {}, intermediate=arms, question=[question], evaluate_on="dev")
    assert study(["xnli"], {}, intermediate=arms, question=[question])
    halved = {**question, "choose": "other-seeds-and-items"}
    assert study(["xnli"], {}, intermediate=arms, question=[halved])
    with pytest.raises(StudyError, match="items are not halved where intermediate seeds are crossed"):
        study(["xnli"], {}, intermediate=arms, question=[halved], intermediate_seeds=[1, 2, 3])


def test_an_intermediate_task_without_training_data_of_its_own_is_refused() -> None:
    with pytest.raises(
        StudyError, match="'xquad' has no training data of its own: as a target it is trained on 'squad'"
    ):
        study(["udpos"], {"tasks": ["xquad"]})


def test_shots_come_from_training_data_never_from_the_test() -> None:
    made = plan(study(["xquad", "udpos"], {"tasks": ["qqp"], "target": {"shots": 10}}))
    assert any("xquad has no training data to take shots from in es" in line for line in made.left_out)
    shots = [s for s in Plan(made.wanted).stages.values() if s.kind == "rows" and s.config["task"] == "udpos"]
    assert {s.config["split"] for s in shots} == {"train", "dev", "test"}
    trained = [c.evaluate.inputs["checkpoint"] for c in made.cells if c.intermediate == "x"]
    for stage in Plan(trained).stages.values():
        assert stage.kind != "rows" or stage.config["split"] != "test"


def test_there_are_more_than_twelve_of_them() -> None:
    assert len(REFUSED) >= 12 and len(MARKED) >= 10


MARKED = {
    "the same data": ("xnli", {"tasks": ["mnli"]}, "same training data (mnli:train -> xnli:train)"),
    "the very same task": ("xquad", {"tasks": ["squad"]}, "same training data (squad:train)"),
    "a translation of it": (
        "xnli", {"tasks": ["cmnli"], "language": "zh"}, "same training data (cmnli:train <- mnli:train -> xnli:train)",
    ),
    "other tags of the same sentences": (
        "udpos", {"tasks": ["supertags"]}, "superset (supertags:train <- udpos:train)"
    ),
    "more than it": ("mlqa", {"tasks": ["squad2"]}, "superset (squad2:train <- squad:train)"),
    "a union with it": ("xnli", {"tasks": ["anli"]}, "superset (anli:train <- mnli:train -> xnli:train)"),
    "several tasks with it": ("xnli", {"tasks": ["mnli", "qqp"]}, "superset (mnli:train -> xnli:train)"),
    "translated first": ("xnli", {"tasks": ["mnli"], "translate": ["de"]}, "same training data"),
    "parallel texts": ("belebele", {"tasks": ["sib200"]}, "parallel to test (sib200:train <- flores"),
    "by way of an average": ("xnli", {"average": ["none", "y"]}, "same training data (mnli:train -> xnli:train)"),
    "unknown provenance": ("xnli", {"checkpoint": "org/m", "provenance": "?"}, "provenance not checked"),
}  # fmt: skip


@pytest.mark.parametrize("name", MARKED)
def test_marked_with_the_chain(name: str) -> None:
    target, arm, said = MARKED[name]
    made = study([target], arm, intermediate={"none": {}, "y": {"tasks": ["mnli"]}, "x": arm})
    marks = " ".join(map(str, leaks.marks(made, "x", tasks.get(target))))
    assert said in marks
    assert leaks.marks(made, "none", tasks.get(target)) == ()


def test_cells_carry_the_marks() -> None:
    cells = plan(study(["xnli", "udpos"], {"tasks": ["mnli"]})).cells
    assert {(c.intermediate, c.target): bool(c.marks) for c in cells} == {
        ("none", "xnli"): False, ("none", "udpos"): False, ("x", "xnli"): True, ("x", "udpos"): False,
    }  # fmt: skip


@pytest.mark.parametrize("control", ["zero-length", "mlm-only", "more-steps"])
def test_a_control_without_the_data_is_not_marked(control: str) -> None:
    made = study(["xnli"], {"control": control, "tasks": ["mnli"]})
    assert leaks.marks(made, "x", tasks.get("xnli")) == ()


def test_scoring_where_the_checkpoint_was_chosen_is_marked() -> None:
    recipe = {"select": "best"}
    marks = leaks.marks(study(["xnli"], {}, evaluate_on="dev", recipe=recipe), "none", tasks.get("xnli"))
    assert [mark.kind for mark in marks] == ["chosen on the scored split"]


def test_an_intermediate_that_chose_where_the_target_is_scored_is_marked() -> None:
    made = study(["americasnli"], {"tasks": ["xnli"]}, evaluate_on="dev", recipe={"select": "best"})
    (mark,) = [mark for mark in leaks.marks(made, "x", tasks.get("americasnli")) if mark.kind == leaks.SCORED]
    assert mark.chain == "xnli:dev -> americasnli:dev"
    last = study(["americasnli"], {"tasks": ["xnli"]}, evaluate_on="dev", recipe={"intermediate": {"select": "last"}})
    assert leaks.SCORED not in {mark.kind for mark in leaks.marks(last, "x", tasks.get("americasnli"))}


def test_an_arm_may_choose_where_its_study_does_not() -> None:
    arm = {"tasks": ["xnli"], "recipe": {"select": "best"}, "target": {"recipe": {"select": "best"}}}
    made = study(["americasnli", "xnli"], arm, evaluate_on="dev", recipe={"select": "last"})
    for name, chains in (("americasnli", ["xnli:dev -> americasnli:dev"]), ("xnli", ["xnli:dev"])):
        found = [mark.chain for mark in leaks.marks(made, "x", tasks.get(name)) if mark.kind == leaks.SCORED]
        assert found == chains
        assert leaks.SCORED not in {mark.kind for mark in leaks.marks(made, "none", tasks.get(name))}


def test_an_intermediate_that_chooses_on_the_test_of_another_is_refused() -> None:
    """Held-out training data would do, but those are inside the test of a third task."""
    ours = {
        "form": "spans",
        "files": {"test": {"sw": "x.json"}},
        "train_on": ["tydiqa"],
        "derived_from": ["squad:train"],
    }
    arm: dict[str, Any] = {"tasks": ["squad"], "on": ["lareqa2"]}
    other = {
        "form": "spans",
        "files": {"test": {"de": "y.json"}},
        "train_on": ["tydiqa"],
        "derived_from": ["squad:dev"],
    }
    table = {"ours": ours, "lareqa2": other}
    with pytest.raises(StudyError, match="chooses its checkpoint on the test of the target 'lareqa2': squad:dev"):
        study(["ours", "lareqa2"], arm, task=table)
    assert study(["ours", "lareqa2"], {**arm, "recipe": {"select": "last"}}, task=table)
    assert study(["lareqa2"], arm, task={"lareqa2": other})


def test_the_narrowest_table_says_whether_a_checkpoint_is_chosen() -> None:
    recipe = {"select": "last", "target": {"select": "best"}}
    marks = leaks.marks(study(["xnli"], {}, evaluate_on="dev", recipe=recipe), "none", tasks.get("xnli"))
    assert [mark.kind for mark in marks] == [leaks.SCORED]


@pytest.mark.parametrize(
    ("origin", "said"),
    [("xnly:test", "no task 'xnly' (did you mean 'xnli'"), ("xnli", "which split of xnli: write 'xnli:train' or"),
     ("xquad:dev", "which split of xquad: write 'xquad:test'")],
)  # fmt: skip
def test_a_misspelt_origin_hides_no_leak(origin: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study(["xnli"], {"tasks": ["mine"]}, **own("mine", PAIRS, origin))
    assert said in str(caught.value)


def test_no_shipped_benchmark_is_refused_for_what_it_is_trained_on() -> None:
    names = [task.name for task in tasks.all_tasks() if task.name != "mlm"]
    assert list(leaks.refusals(study(names, {}))) == []


@pytest.mark.parametrize("name", ["squad", "squad2", "cmnli", "mlqa_train"])
def test_an_intermediate_never_chooses_on_what_some_test_holds(name: str) -> None:
    apart = leaks.kept_apart(study(["udpos"], {}), tasks.get(name))
    assert (apart.train_split, apart.select_on) == ("fit", "held")


def test_other_intermediates_choose_on_their_dev_sets() -> None:
    for name in ("mnli", "qqp", "hellaswag", "ccg", "anli"):
        assert leaks.kept_apart(study(["udpos"], {}), tasks.get(name)) is tasks.get(name)


@pytest.mark.parametrize("split", ["train", "dev"])
def test_a_test_file_that_was_seen_before_is_refused(tmp_path: Path, split: str) -> None:
    for part in ("train", "dev", "test"):
        same = part in (split, "test")
        (tmp_path / f"{part}.tsv").write_text(f"a\tb\tl\none\ttwo {'' if same else part}\tyes\n")
    files = {part: {"en": str(tmp_path / f"{part}.tsv")} for part in ("train", "dev", "test")}
    made = study(["mine"], {}, source="hub", intermediate={"none": {}}, task={"mine": {**PAIRS, "files": files}})
    with pytest.raises(StudyError, match=rf"mine:{split} \(en\) is the same file as mine:test \(en\)"):
        plan(made)
    (tmp_path / "test.tsv").write_text("a\tb\tl\nanother\tone\tno\n")
    assert plan(made).cells


def test_a_threshold_is_not_chosen_on_the_test(tmp_path: Path) -> None:
    for part in ("dev", "test"):
        (tmp_path / f"{part}.tsv").write_text("neno\tword\n")
    files = {part: {"sw": str(tmp_path / f"{part}.tsv")} for part in ("dev", "test")}
    table = {"mine": {"form": "retrieval", "options": {"mode": "margin"}, "files": files}}
    made = study(["mine"], {}, source="hub", intermediate={"none": {}}, task=table)
    with pytest.raises(StudyError, match=r"mine:dev \(sw\) is the same file as mine:test \(sw\)"):
        plan(made)
    (tmp_path / "dev.tsv").write_text("nyumba\thouse\n")
    assert plan(made).cells


def test_a_threshold_is_from_dev_where_a_language_has_it_and_said_where_not(tmp_path: Path) -> None:
    """One language without dev data took them from all others, whose thresholds were then chosen on the test."""
    for name in ("dev-sw", "test-sw", "test-de"):
        (tmp_path / f"{name}.tsv").write_text(f"neno {name}\tword\n")
    files = {"dev": {"sw": str(tmp_path / "dev-sw.tsv")}}
    files["test"] = {code: str(tmp_path / f"test-{code}.tsv") for code in ("sw", "de")}
    task = {"mine": {"form": "retrieval", "options": {"mode": "margin"}, "files": files}}
    made = plan(study(["mine"], {}, source="hub", intermediate={"none": {}}, task=task, languages=["sw", "de"]))
    (cell, *_) = made.cells
    assert cell.evaluate.inputs["dev_rows"].config["languages"] == ["sw"]  # type: ignore[union-attr]
    assert cell.evaluate.config["languages"] == ["sw", "de"]
    (said,) = made.left_out
    assert said.startswith("mine: a threshold from dev data") and said.endswith("in de")


def test_a_file_that_holds_all_splits_is_compared_too(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / f"{name}.tsv").write_text("a\tb\tl\n" + "".join(f"a {i}\tb\tyes\n" for i in range(40)))
    whole, trained = {"en": str(tmp_path / "one.tsv")}, {"train": {"en": str(tmp_path / "other.tsv")}}
    tables = {"mine": {**PAIRS, "files": whole}, "other": {**PAIRS, "files": trained}}
    with pytest.raises(StudyError, match=r"other:train \(en\) is the same file as mine:test \(en\)"):
        plan(study(["mine"], {"tasks": ["other"]}, source="hub", task=tables))
    both = tables | {"other": {**PAIRS, "files": {"en": str(tmp_path / "other.tsv")}}}
    assert plan(study(["mine"], {"tasks": ["other"]}, source="hub", task=both)).cells, "divided alike, so apart"


def test_a_copy_of_a_benchmark_is_found_and_a_pool_of_candidates_is_none(tmp_path: Path) -> None:
    for name, text in (("xquad/xquad.de", "1"), ("xquad/xquad.en", "3"), ("squad/train-v1.1", "2"), ("mine", "1")):
        (tmp_path / f"{name}.json").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.json").write_text(text)
    copied = {"mine": {"form": "spans", "files": {"train": {"en": str(tmp_path / "mine.json")}}}}
    more: dict[str, Any] = {"source": str(tmp_path), "languages": ["de"]}
    with pytest.raises(StudyError, match=r"mine:train \(en\) is the same file as xquad:test \(de\)"):
        plan(study(["xquad"], {"tasks": ["mine"]}, task=copied, **more))
    for name in (
        "wikinews_mentions/dev-en.jsonl",
        "wikinews_labels/dev-en.json",
        "wikinews_mentions/test-en.jsonl",
        "wikinews_labels/test-en.json",
        "wikipedia_pairs-train.jsonl",
        "candidate_set_entities.jsonl",
    ):
        (tmp_path / "mewslix" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mewslix" / name).write_text(name)
    assert plan(study(["mewslix"], {}, source=str(tmp_path), languages=["en"])).cells


OURS = {"form": "pairs", "files": {"test": {"sw": "x.tsv"}}, "labels": ["entailment", "neutral", "contradiction"]}


def test_test_data_alone_take_the_head_of_the_task_that_they_name() -> None:
    ours = {**OURS, "train_on": ["mnli"]}
    made = plan(study(["ours", "americasnli"], {"tasks": ["mnli"]}, task={"ours": ours}, languages="all"))
    cells = {(cell.intermediate, cell.target): cell for cell in made.cells}
    for arm in ("none", "x"):
        one, other = (cells[arm, target].evaluate for target in ("ours", "americasnli"))
        assert one.config["head"] == "mnli" and one.inputs["checkpoint"] == other.inputs["checkpoint"]
    assert [str(mark) for mark in cells["x", "ours"].marks] == ["same training data (mnli:train)"]
    assert not cells["none", "ours"].marks


def test_their_origin_is_followed_into_what_they_are_trained_on() -> None:
    ours = {**OURS, "train_on": ["other"], "derived_from": ["xnli:test"]}
    other = {**PAIRS, "files": {"train": {"en": "y.tsv"}}, "labels": OURS["labels"], "derived_from": ["xnli:test"]}
    with pytest.raises(StudyError, match="ours is trained on its own test: other:train <- xnli:test -> ours:test"):
        study(["ours"], {}, task={"ours": ours, "other": other})
    spans = {"form": "spans", "files": {"test": {"sw": "x.json"}}, "train_on": ["squad"], "derived_from": ["squad:dev"]}
    (cell,) = [c for c in plan(study(["ours"], {}, task={"ours": spans})).cells if c.intermediate == "none"]
    assert {s.config["split"] for s in Plan([cell.evaluate]).stages.values() if s.kind == "rows"} == {
        "fit", "held", "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"train_on": ["mnly"]}, "there is no task 'mnly' .did you mean 'mnli'"),
        ({"train_on": ["xquad"]}, "'xquad' has no training data of its own"),
        ({"train_on": ["squad"]}, "'squad' is of the form 'spans', not 'pairs'"),
        ({"train_on": ["ours"]}, "'ours' has no training data of its own"),
        (
            {"train_on": ["mnli"], "labels": ["no", "yes"]},
            "must be those of 'mnli', whose head it takes: .'entailment'",
        ),
        ({"train_on": ["mnli"], "files": {"en": "x.tsv"}}, "training data of its own exclude each other"),
        ({"train_on": ["mnli", "ocnli"]}, "mnli, ocnli have no language in common"),
        ({}, "nothing trains its head: add files.train to it, or train_on"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        study(["ours"], {}, task={"ours": {**OURS, **changed}})


@pytest.mark.parametrize(
    ("architecture", "marked"), [("BertForSequenceClassification", True), ("BertForMaskedLM", False)]
)
def test_a_model_that_says_that_it_was_tuned_is_marked(tmp_path: Path, architecture: str, marked: bool) -> None:
    (tmp_path / "config.json").write_text(f'{{"model_type": "bert", "architectures": ["{architecture}"]}}')
    said = [str(mark) for mark in leaks.tuned(str(tmp_path))]
    assert said == ([f"provenance not checked ({tmp_path} is a {architecture})"] if marked else [])
    assert leaks.tuned("org/model") == leaks.tuned("standin-m") == ()


def test_cells_of_a_tuned_model_carry_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    found = (leaks.Mark(leaks.UNCHECKED, "it says so"),)
    monkeypatch.setattr(leaks, "tuned", lambda model: found if model == "standin-s" else ())
    made = plan(study(["xquad"], {"tasks": ["qqp"]}, models=["standin-m", "standin-s"]))
    assert {cell.model for cell in made.cells if cell.marks} == {"standin-s"}
