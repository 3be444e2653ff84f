"""A study survives the way to a file and back; variants and overrides say what they replace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import waystage
from waystage import results
from waystage.errors import InputError, StudyError
from waystage.graph.store import Store, default_root
from waystage.study import Intermediate, Question, Recipe, Rehearsal, Replay, Sampling, Study, StudyRecipe, lock
from waystage.study.read import load, schema, to_toml
from waystage.study.stages import find_task, source_of

ROOT = Path(__file__).parent.parent.parent
STUDIES = sorted((ROOT / "studies").glob("*.toml"))

recipes = st.builds(
    Recipe,
    steps=st.none() | st.integers(0, 10**6),
    learning_rate=st.none() | st.floats(1e-9, 1.0),
    batch=st.none() | st.integers(1, 4096),
    select=st.sampled_from([None, "best", "last"]),
)
TASKS = ("mnli", "squad", "qqp", "ccg")
said = {
    "language": st.sampled_from(["en", "source", ("en", "sw")]),
    "replay": st.none() | st.builds(Replay, mlm=st.floats(0, 0.99)),
    "recipe": recipes,
}
one = st.builds(Intermediate, tasks=st.sampled_from(TASKS).map(lambda name: (name,)), **said)
several = st.builds(
    Intermediate,
    tasks=st.lists(st.sampled_from(TASKS), unique=True, min_size=2).map(tuple),
    sampling=st.builds(Sampling, cap=st.none() | st.integers(1, 2**40), temperature=st.floats(0.1, 10)),
    **said,
)
arms = one | several
studies = st.builds(
    Study,
    title=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=50),
    models=st.just(("xlm-roberta-base",)),
    targets=st.lists(st.sampled_from(["xnli", "udpos", "xtreme"]), unique=True, min_size=1).map(tuple),
    seeds=st.lists(st.integers(0, 2**31 - 1), unique=True, min_size=1, max_size=4).map(tuple),
    intermediate=st.fixed_dictionaries({"none": st.just(Intermediate()), "a.b": arms}),
    question=st.lists(st.just(Question(compare=("a.b", "none"), ask='Is "it" better?\n')), max_size=2).map(tuple),
    recipe=st.builds(StudyRecipe, epochs=st.none() | st.floats(0.1, 9), task=st.dictionaries(st.just("xnli"), recipes)),
    rehearsal=st.builds(Rehearsal, seeds=st.just((1,))),
)


@settings(max_examples=60, deadline=None)
@given(studies)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, study: Study) -> None:
    path = tmp_path_factory.mktemp("study") / "s.toml"
    path.write_text(to_toml(study), encoding="utf-8")
    assert load(path) == study


@pytest.mark.parametrize("path", STUDIES, ids=lambda p: p.stem)
def test_shipped_studies_load_and_survive(path: Path, tmp_path: Path) -> None:
    study = load(path)
    again = tmp_path / "again.toml"
    again.write_text(to_toml(study), encoding="utf-8")
    assert load(again) == study


def test_extends_replaces_values_and_merges_tables(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'title = "base"\nmodels = ["xlm-roberta-base"]\ntargets = ["xnli"]\n'
        '[intermediate.none]\n[intermediate.mnli]\ntasks = ["mnli"]\n[recipe]\nbatch = 16\n'
    )
    (tmp_path / "variant.toml").write_text(
        'extends = "base.toml"\ntitle = "variant"\n[intermediate.qqp]\ntasks = ["qqp"]\n[recipe]\nclip = 2.0\n'
    )
    study = load(tmp_path / "variant.toml")
    assert (study.title, list(study.intermediate)) == ("variant", ["none", "mnli", "qqp"])
    assert (study.recipe.batch, study.recipe.clip) == (16, 2.0)


def test_an_error_in_the_extended_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('models = ["xlm-roberta-base"]\ntargets = ["xnlj"]\n[intermediate.none]\n')
    (tmp_path / "variant.toml").write_text('extends = "base.toml"\ntitle = "variant"\n')
    with pytest.raises(StudyError, match=r"base\.toml, line 2: targets\[1\]: there is no task or benchmark 'xnlj'"):
        load(tmp_path / "variant.toml")


def test_steps_stand_in_place_of_epochs(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'title = "base"\nmodels = ["xlm-roberta-base"]\ntargets = ["xnli"]\n'
        '[intermediate."v1.1"]\ntasks = ["mnli"]\nrecipe = { epochs = 2, batch = 16 }\n[recipe]\nepochs = 3\n'
    )
    (tmp_path / "variant.toml").write_text('extends = "base.toml"\n[recipe]\nsteps = 10\n')
    study = load(tmp_path / "variant.toml", ['intermediate."v1.1".recipe.steps=5'])
    assert study.recipe.said() == {"steps": 10}
    assert study.intermediate["v1.1"].recipe.said() == {"steps": 5, "batch": 16}
    with pytest.raises(StudyError, match="write key=value"):
        load(tmp_path / "variant.toml", ['intermediate."v1.1.recipe.steps=5'])


def test_set_parses_toml_and_bare_words() -> None:
    study = load(STUDIES[0], ["seeds=[7]", "recipe.learning_rate=2e-5", "precision=fp32", "languages=low-resource"])
    assert (study.seeds, study.recipe.learning_rate, study.precision) == ((7,), 2e-5, "fp32")
    assert study.languages == "low-resource"


def test_python_objects_are_checked_like_files() -> None:
    with pytest.raises(StudyError) as caught:
        waystage.Study(title="x", models=["nope"], targets=["xnli"], intermediate={"a": Intermediate(tasks=("mnlj",))})
    assert len(caught.value.problems) == 2
    assert "did you mean 'mnli'" in str(caught.value)


def test_several_targets_and_benchmarks_spell_out_once() -> None:
    study = Study(title="x", models=["standin-s/x"], targets=["xnli", "xtreme"], intermediate={"none": {}})
    assert study.target_tasks()[0] == "xnli"
    assert len(study.target_tasks()) == 9


def test_schema_describes_every_key() -> None:
    described = schema()
    assert set(Study.model_fields) | {"extends"} == set(described["properties"])


def test_schema_takes_a_variant_that_says_only_what_differs() -> None:
    described = schema()
    ways = [set(way["required"]) for way in described["anyOf"]]
    assert ways == [{"title", "models", "targets", "intermediate"}, {"extends"}]
    assert "required" not in described


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("intermediate.b", '{ swap = { into = "", layers_of = "a", lower = 2 } }'),
        ("intermediate.b", '{ swap = { into = ["a"], layers_of = "a", lower = 2 } }'),
        ("source", '"a\\u0000b"'),
        ("question", '[{ kind = ["gap"], compare = ["a", "none"] }]'),
        ("question", '[{ kind = "best-of", compare = ["best", ["none"]] }]'),
    ],
)
def test_a_value_of_another_type_is_a_problem_and_no_crash(key: str, value: str, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'title = "t"\nmodels = ["standin-s"]\ntargets = ["xnli"]\n'
        'intermediate = { none = {}, a = { tasks = ["mnli"] } }\n'
    )
    with pytest.raises(StudyError, match=key.split(".")[0]):
        load(study, [f"{key}={value}"])


def test_schema_has_a_name_of_its_own() -> None:
    assert schema()["title"] == "Waystage study"


def test_links_that_go_round_are_said_in_words(tmp_path: Path) -> None:
    link = tmp_path / "round.toml"
    link.symlink_to(link)
    with pytest.raises(StudyError, match="cannot be read"):
        load(link)


def test_keys_nested_beyond_reason_are_said_in_words(tmp_path: Path) -> None:
    deep = tmp_path / "deep.toml"
    deep.write_text(".".join(["a"] * 5000) + " = 1")
    with pytest.raises(StudyError, match="too deeply"):
        load(deep)


def test_one_override_sets_one_key() -> None:
    with pytest.raises(StudyError, match="one --set for each"):
        load(STUDIES[0], ['title="a"\nmodels=["xlm-roberta-base"]'])


def test_a_wrong_value_of_an_override_is_not_looked_for_in_the_file(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text('title = "t"\nmodels = ["standin-s"]\ntargets = ["xnlj"]\nintermediate = { none = {} }\n')
    with pytest.raises(StudyError) as caught:
        load(study, ["models=standin-m", "recipe.batch=-1"])
    first, second, third = caught.value.problems
    assert first.startswith("--set 'models=standin-m': models: must be a list")
    assert second.startswith("--set 'recipe.batch=-1': recipe.batch: must be > 0")
    assert third.startswith("line 3: targets[1]: ")


def test_a_variant_takes_the_commits_of_what_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'title = "t"\nmodels = ["a/b", "c/d"]\ntargets = ["xnli"]\n[intermediate.none]\n'
    )
    variant = tmp_path / "variant.toml"
    variant.write_text('extends = "base.toml"\n')
    lock.write(tmp_path / "base.lock", lock.Lock({"a/b": "1" * 40, "c/d": "1" * 40}, {"facebook/xnli@main": "1" * 40}))
    assert results.load(variant, store=tmp_path).plan.unresolved == ()
    lock.write(tmp_path / "variant.lock", lock.Lock({"a/b": "2" * 40}))
    found = lock.of(variant)
    assert found.models == {"a/b": "2" * 40, "c/d": "1" * 40} and found.data == {"facebook/xnli@main": "1" * 40}


@pytest.mark.parametrize("text", ["[models]\nx = 5\n", '[data]\nx = ""\n', "models = 3\n", "[models"])
def test_a_lock_that_pins_nothing_is_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.lock").write_text(text)
    with pytest.raises(StudyError, match="is damaged"):
        lock.read(tmp_path / "study.lock")


def test_a_list_that_a_variant_replaces_is_looked_for_in_the_variant(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        'title = "t"\nmodels = ["standin-s"]\ntargets = ["xnli"]\n[intermediate.none]\n'
        '[intermediate.a]\ntasks = ["mnli"]\n[[question]]\ncompare = ["a", "none"]\n'
    )
    variant = tmp_path / "variant.toml"
    variant.write_text('extends = "base.toml"\n\nquestion = [{ compare = ["b", "none"] }]\n')
    with pytest.raises(StudyError) as caught:
        load(variant)
    assert caught.value.problems[0].startswith("line 3: question[1].compare[1]")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    study = Study(title="t", source="~/data", models=["standin-s"], targets=["xnli"], intermediate={"none": {}})
    assert source_of(study, "xnli") == str(tmp_path / "data")
    assert Store("~/store").root == tmp_path / "store"
    monkeypatch.setenv("WAYSTAGE_STORE", "~/other")
    assert default_root() == tmp_path / "other"


def test_a_broken_override_says_what_is_broken() -> None:
    with pytest.raises(StudyError, match=r"seeds=\[1, 2'.*not valid TOML"):
        load(STUDIES[0], ["seeds=[1, 2"])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "study.toml")
    with pytest.raises(StudyError, match="not a file"):
        load(tmp_path / "study.toml")


def test_paths_are_meant_from_the_folder_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    for folder in (home / "data", elsewhere / "other", home / "model"):
        folder.mkdir(parents=True)
    (home / "data/en.jsonl").touch()
    (home / "base.toml").write_text('title = "Mine"\n[task.mine]\nform = "pairs"\nlabels = ["a", "b"]\n'
        'files = { en = "data/en.jsonl", sw = "data/sw.jsonl" }\n')  # fmt: skip
    (home / "s.toml").write_text('extends = "base.toml"\nsource = "data"\nsources = { udpos = "other", xnli = "hub" }\n'
        'models = ["./model", "standin-m"]\ntargets = ["mine"]\n[intermediate.none]\n')  # fmt: skip
    monkeypatch.chdir(elsewhere)
    study = load("../home/s.toml")
    assert study.source == str(home / "data")
    assert study.sources == {"udpos": "other", "xnli": "hub"}  # one is only here, one is no folder
    assert study.models == (f"{home / 'model'}", "standin-m")
    assert study.task["mine"].files == {"en": str(home / "data/en.jsonl"), "sw": str(home / "data/sw.jsonl")}
    monkeypatch.chdir(home)
    assert load("s.toml").task["mine"].files == {"en": "data/en.jsonl", "sw": "data/sw.jsonl"}
    (home / "s.toml").write_text(
        (home / "s.toml").read_text() + '[task.out]\nform = "tags"\nfiles = { en = "../x.tsv" }'
    )
    monkeypatch.chdir(elsewhere)
    with pytest.raises(InputError, match=r"leaves its folder with '\.\.'"):
        find_task(load(home / "s.toml"), "out")


def test_running_text_is_no_target(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('title = "t"\nmodels = ["standin-s"]\ntargets = ["mlm"]\n[intermediate.none]\n')
    with pytest.raises(StudyError, match=r"targets\[1\]: 'mlm' is running text, which has no test"):
        load(tmp_path / "s.toml")
