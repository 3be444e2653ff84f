"""Studies that leak are refused or marked, and the chain is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from waystage import tasks
from waystage.errors import StudyError
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
        {"task": {"copa2": {"form": "choice", "files": {"test": {"en": "x.jsonl"}}, "derived_from": ["copa:train"]}}},
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
    "texts of the test under other labels": (
        ["flores"], {"tasks": ["sib200"]}, {}, "flores:test -> sib200:train",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_chain(name: str) -> None:
    targets, arm, more, chain = REFUSED[name]
    with pytest.raises(StudyError) as caught:
        study(targets, arm, **more)
    assert chain in str(caught.value)


MARKED = {
    "the same data": ("xnli", {"tasks": ["mnli"]}, "same training data (mnli:train -> xnli:train)"),
    "the very same task": ("xquad", {"tasks": ["squad"]}, "same training data (squad:train)"),
    "a translation of it": (
        "xnli", {"tasks": ["cmnli"], "language": "zh"}, "same training data (cmnli:train <- mnli:train -> xnli:train)",
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
