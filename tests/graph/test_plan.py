from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import InputError, StoreError
from waystage.graph import record
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store

Simple = Callable[..., Stage]
Make = Callable[..., None]


def reasons(plan: Plan, store: Store, study: str | None = None) -> dict[str, str]:
    return {plan.labels[fp]: reason for fp, reason in plan.prune(store, study=study).run.items()}


@pytest.fixture
def study(simple: Simple) -> dict[str, Stage]:
    """rows -> tokens -> mnli -> target (temporary) -> evaluate, the shape of every cell."""
    rows = simple("rows", kind="rows")
    tokens = simple("tokens", rows, kind="tokens")
    mnli = simple("mnli", tokens, recipe={"learning_rate": 1e-05, "epochs": 2})
    target = simple("target", tokens, mnli, temporary=True)
    evaluate = simple("evaluate", rows, target, kind="evaluate")
    return {stage.name: stage for stage in (rows, tokens, mnli, target, evaluate)}


def test_every_distinct_stage_once_inputs_first(simple: Simple) -> None:
    shared = simple("shared")
    twin = replace(shared, name="shared")
    a, b = simple("a", shared), simple("b", twin)
    plan = Plan([a, b, a, shared])
    assert [stage.name for stage in plan.stages.values()] == ["shared", "a", "b"]
    assert [stage.name for stage in plan.wanted] == ["a", "b", "shared"]


@given(st.lists(st.sets(st.integers(0, 30), max_size=4), min_size=1, max_size=30))
def test_the_order_is_topological_and_always_the_same(parents: list[set[int]]) -> None:
    stages: list[Stage] = []
    for number, above in enumerate(parents):
        inputs = {str(n): stages[n] for n in sorted(above) if n < number}
        stages.append(Stage(kind="train", name=str(number), config={"n": number}, inputs=inputs))
    plan = Plan(stages)
    seen: set[str] = set()
    for fingerprint, stage in plan.stages.items():
        assert {parent.fingerprint for parent in stage.parents()} <= seen
        seen.add(fingerprint)
    assert list(Plan(stages).stages) == list(plan.stages)
    assert len(plan) == len(stages)
    for reader, stage in plan.stages.items():
        for parent in stage.parents():
            assert reader in plan.dependents[parent.fingerprint]


def test_a_stage_is_temporary_only_where_all_agree(simple: Simple) -> None:
    once = simple("t", temporary=True)
    assert Plan([simple("a", once)]).temporary == {once.fingerprint}
    assert Plan([simple("a", once), simple("b", replace(once, temporary=False))]).temporary == set()
    assert Plan([simple("b", replace(once, temporary=False)), simple("a", once)]).temporary == set()


def test_labels_are_unique(simple: Simple) -> None:
    plan = Plan([replace(simple("x", seed=seed), name="evaluate") for seed in (1, 2, 3)])
    assert list(plan.labels.values()) == ["evaluate", "evaluate #2", "evaluate #3"]


# What has to run


def test_in_an_empty_store_all_is_new(study: dict[str, Stage], store: Store) -> None:
    plan = Plan([study["evaluate"]])
    assert reasons(plan, store) == dict.fromkeys(["rows", "tokens", "mnli", "target", "evaluate"], "new")


def test_an_artifact_cuts_off_everything_above_it(study: dict[str, Stage], store: Store, make: Make) -> None:
    plan = Plan([study["evaluate"]])
    make(study["target"])
    assert list(reasons(plan, store)) == ["rows", "evaluate"]  # tokens and mnli are not missed
    make(study["evaluate"])
    todo = plan.prune(store)
    assert todo.run == {} and todo.reused == (study["evaluate"].fingerprint,)


def test_a_deleted_checkpoint_whose_results_exist_is_not_made_again(
    study: dict[str, Stage], store: Store, make: Make
) -> None:
    for stage in study.values():
        make(stage)
    store.remove(study["mnli"].fingerprint)
    store.remove(study["target"].fingerprint)
    assert reasons(Plan([study["evaluate"]]), store) == {}


def test_a_dropped_temporary_stage_is_served_even_if_wanted(study: dict[str, Stage], store: Store, make: Make) -> None:
    target = study["target"]
    plan = Plan([study["evaluate"], target])
    make(study["evaluate"])
    store.dropped(target.fingerprint).parent.mkdir()
    store.dropped(target.fingerprint).write_text("{}")
    assert reasons(plan, store) == {}
    store.remove(study["evaluate"].fingerprint)
    assert reasons(plan, store)["target"] == "dropped after use, needed again"


def test_corrupt_artifacts_are_seen_and_made_again(study: dict[str, Stage], store: Store, make: Make) -> None:
    for stage in study.values():
        make(stage)
    path = store.path(study["evaluate"].fingerprint) / "deep/er/data.txt"
    path.write_text(path.read_text().upper())
    found = reasons(Plan([study["evaluate"]]), store)
    assert list(found) == ["evaluate"]
    assert found["evaluate"].startswith(f"corrupt: {path} has sha256")
    assert path.exists()  # planning changes nothing


def test_deep_chains_and_wide_fans(simple: Simple, store: Store) -> None:
    stage = simple("bottom")
    for number in range(5000):
        stage = simple(f"chain {number}", stage)
    wanted = [simple(f"leaf {number}", stage) for number in range(2000)]
    plan = Plan(wanted)
    plan.record(store, "deep")
    assert len(plan.prune(store, study="deep").run) == 7001
    assert len(Plan([simple("other", stage)]).matching("other").prune(store).run) == 5002


# Why


def changed(study: dict[str, Stage], **config: object) -> Plan:
    mnli = replace(study["mnli"], config={**study["mnli"].config, **config})
    target = replace(study["target"], inputs={**study["target"].inputs, "i1": mnli})
    return Plan([replace(study["evaluate"], inputs={**study["evaluate"].inputs, "i1": target})])


def test_reasons_name_what_changed_and_where_it_began(study: dict[str, Stage], store: Store, make: Make) -> None:
    plan = Plan([study["evaluate"]])
    for stage in study.values():
        make(stage)
    plan.record(store, "s")
    found = reasons(changed(study, recipe={"learning_rate": 2e-05, "epochs": 2}), store, "s")
    assert found == {
        "mnli": "recipe.learning_rate 1e-05 -> 2e-05",
        "target": "input mnli changed: recipe.learning_rate 1e-05 -> 2e-05",
        "evaluate": "input mnli changed: recipe.learning_rate 1e-05 -> 2e-05",
    }


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"recipe": {"learning_rate": 1e-05, "epochs": 2, "clip": 1.0}}, "recipe.clip absent -> 1.0"),
        ({"recipe": {"learning_rate": 1e-05, "epochs": 2.0}}, "recipe.epochs 2 -> 2.0"),
        ({"recipe": {"learning_rate": 1e-05}}, "recipe.epochs 2 -> absent"),
        ({"recipe": {}}, "recipe.learning_rate 1e-05 -> absent; recipe.epochs 2 -> absent; recipe absent -> {}"),
    ],
)
def test_differences_of_configs(study: dict[str, Stage], store: Store, config: dict[str, object], says: str) -> None:
    Plan([study["evaluate"]]).record(store, "s")
    assert reasons(changed(study, **config), store, "s")["mnli"] == says


def test_reasons_for_versions_and_rewiring(simple: Simple, store: Store) -> None:
    a, b = simple("a"), simple("b")
    Plan([simple("x", a), replace(simple("y", a), version=1)]).record(store, "s")
    found = reasons(Plan([simple("x", b), replace(simple("y", a), version=2)]), store, "s")
    assert found["x"] == "input i0 a -> b"
    assert found["y"] == "version 1 -> 2"


def test_reasons_when_nothing_changed(study: dict[str, Stage], store: Store, make: Make) -> None:
    plan = Plan([study["evaluate"]])
    make(study["rows"])
    plan.record(store, "s")
    assert reasons(plan, store, "s") == dict.fromkeys(["tokens", "mnli", "target", "evaluate"], "not run yet")
    store.remove(study["rows"].fingerprint)
    assert reasons(plan, store, "s")["rows"] == "artifact missing"
    assert reasons(plan, store, "another") == dict.fromkeys(["rows", "tokens", "mnli", "target", "evaluate"], "new")


def test_a_stage_that_joins_is_new_and_one_that_leaves_is_gone(simple: Simple, store: Store) -> None:
    a, b, c = simple("a"), simple("b"), simple("c")
    changes = record.diff(record.of(Plan([a, b])), record.of(Plan([b, c])))
    assert (changes.new, changes.gone, changes.changed) == (("c",), ("a",), {})


# Records and exports


def test_a_record_reads_back(study: dict[str, Stage], store: Store) -> None:
    plan = Plan([study["evaluate"]])
    plan.record(store, "phang2020")
    found = record.load(store, "phang2020")
    assert found is not None
    assert [noted.fingerprint for noted in found.stages] == list(plan.stages)
    assert found.by_label["mnli"].config == {"name": "mnli", "recipe": {"learning_rate": 1e-05, "epochs": 2}}
    assert found.wanted == (study["evaluate"].fingerprint,)
    assert record.diff(found, record.of(plan)) == record.Changes()


def test_damaged_records_and_bad_names_say_what_to_do(store: Store) -> None:
    path = store.root / "plans" / "s.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"stages": [')
    with pytest.raises(StoreError, match=r"s\.json is damaged .* Delete it"):
        record.load(store, "s")
    with pytest.raises(InputError, match=r"'\.\./x' cannot name a study"):
        record.load(store, "../x")


def test_export_is_json_and_says_what_would_run(study: dict[str, Stage], store: Store, make: Make) -> None:
    make(study["target"])
    plan = Plan([study["evaluate"]])
    out = json.loads(json.dumps(plan.export(plan.prune(store))))
    assert {entry["label"]: entry["run"] for entry in out["stages"]} == {
        "rows": "new", "tokens": None, "mnli": None, "target": None, "evaluate": "new",
    }  # fmt: skip


def test_matching_takes_the_named_stages_and_what_they_need(study: dict[str, Stage]) -> None:
    plan = Plan([study["evaluate"]])
    assert [stage.name for stage in plan.matching("m*i").stages.values()] == ["rows", "tokens", "mnli"]
    assert [stage.name for stage in plan.matching("tokens:*").stages.values()] == ["rows", "tokens"]
    with pytest.raises(InputError, match=r"(?s)no stage matches 'bert\*'.*\n  .*evaluate"):
        plan.matching("bert*")


def test_planning_writes_nothing(study: dict[str, Stage], tmp_path: Path) -> None:
    store = Store(tmp_path / "nowhere")
    plan = Plan([study["evaluate"]])
    plan.export(plan.prune(store, study="s"))
    assert not store.root.exists()
