from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.engines.frontier import Frontier
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage


def stage(name: str, *above: Stage, seconds: float = 1.0, devices: int = 0) -> Stage:
    return Stage(
        kind="train",
        name=name,
        config={"name": name},
        inputs={str(n): one for n, one in enumerate(above)},
        resources=Resources(seconds=seconds, devices=devices),
    )


def frontier(*wanted: Stage) -> Frontier:
    plan = Plan(wanted)
    return Frontier(plan, plan.stages, lambda stage: stage.resources)


def taken(waiting: Frontier, at_most: int = 1000) -> list[str]:
    names: list[str] = []

    def take(fingerprint: str) -> bool:
        if len(names) == at_most:
            return False
        names.append(waiting.plan.stages[fingerprint].name)
        return True

    waiting.offer(take)
    return names


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 20), max_size=3), min_size=1, max_size=20), st.randoms())
def test_every_stage_once_after_its_inputs(parents: list[set[int]], chance: random.Random) -> None:
    stages: list[Stage] = []
    for number, above in enumerate(parents):
        stages.append(stage(str(number), *(stages[n] for n in above if n < number), seconds=chance.random()))
    waiting = frontier(*stages)
    running: list[str] = []
    complete: set[str] = set()
    order: list[str] = []

    def take(fingerprint: str) -> bool:
        if len(running) >= 2:
            return False
        assert {p.fingerprint for p in waiting.plan.stages[fingerprint].parents()} <= complete
        running.append(fingerprint)
        order.append(fingerprint)
        return True

    while waiting.open:
        waiting.offer(take)
        ended = running.pop(chance.randrange(len(running)))
        complete.add(ended)
        waiting.complete(ended)
    assert sorted(order) == sorted(waiting.plan.stages)
    assert waiting.idle


def test_longest_path_first_then_order_of_the_plan() -> None:
    head = stage("head")
    wanted = [stage("a", seconds=3.0), stage("b", seconds=3.0), stage("tail", head, seconds=3.0)]
    assert taken(frontier(*wanted)) == ["head", "a", "b"]


def test_a_refusal_holds_up_only_stages_that_need_as_many_devices() -> None:
    waiting = frontier(stage("gpu", devices=1), stage("gpu too", devices=1), stage("cpu"))
    offered: list[str] = []

    def take(fingerprint: str) -> bool:
        offered.append(waiting.plan.stages[fingerprint].name)
        return not offered[-1].startswith("gpu")

    waiting.offer(take)
    assert offered == ["gpu", "cpu"]
    assert taken(waiting) == ["gpu", "gpu too"]


def test_cut_gives_up_what_hangs_on_a_failure() -> None:
    a, z = stage("a"), stage("z")
    b = stage("b", a)
    waiting = frontier(stage("c", b, z), z, stage("d", a))
    assert taken(waiting, 1) == ["a"]
    lost = {waiting.plan.stages[fingerprint].name for fingerprint in waiting.cut(a.fingerprint)}
    assert lost == {"b", "c", "d"}
    assert taken(waiting) == ["z"]


def test_a_stage_whose_input_is_made_again_waits_for_it() -> None:
    a = stage("a")
    b, c = stage("b", a), stage("c", a)
    waiting = frontier(b, c)
    assert taken(waiting) == ["a"]
    waiting.complete(a.fingerprint)
    assert taken(waiting, 1) == ["b"]  # b finds a corrupt; c is ready
    waiting.add([a.fingerprint])
    waiting.wait(b.fingerprint)
    waiting.wait(c.fingerprint)
    assert taken(waiting) == ["a"]
    waiting.complete(a.fingerprint)
    assert taken(waiting) == ["b", "c"]


def test_what_ends_a_chain_comes_right_behind_its_checkpoint() -> None:
    """Longest-first alone would train both before it evaluates one, and keep both checkpoints meanwhile."""
    first, second = stage("train 1", seconds=9.0), stage("train 2", seconds=8.0)
    ends = [
        Stage(kind="evaluate", name=f"evaluate {n}", config={"n": n}, inputs={"checkpoint": checkpoint})
        for n, checkpoint in enumerate((first, second))
    ]
    waiting = frontier(*ends)
    order: list[str] = []
    while waiting.open:
        order += taken(waiting, 1)
        waiting.complete(next(fp for fp, s in waiting.plan.stages.items() if s.name == order[-1]))
    assert order == ["train 1", "evaluate 0", "train 2", "evaluate 1"]


def test_an_engine_that_minds_the_order_itself_gets_everything_inputs_first() -> None:
    a = stage("a")
    b = stage("b", a, seconds=5.0)
    waiting = frontier(stage("c", b), stage("d", a))
    seen: list[str] = []
    waiting.unfold(lambda fp: bool(seen.append(waiting.plan.stages[fp].name)) or True, but={a.fingerprint})
    assert seen == ["b", "d", "c"]


def test_in_the_order_all_inputs_come_first_also_those_with_little_behind_them() -> None:
    """The end of a chain ranks with its checkpoint; its tokens have less work behind them than that."""
    tokens = stage("tokens", stage("rows"))
    trained = stage("train", seconds=100.0)
    inputs = {"checkpoint": trained, "tokens": tokens}
    waiting = frontier(Stage(kind="evaluate", name="evaluate", config={}, inputs=inputs))
    assert [waiting.plan.stages[fp].name for fp in waiting.order()] == ["train", "rows", "tokens", "evaluate"]
    assert [waiting.plan.stages[fp].name for fp in waiting.order({tokens.fingerprint})] == ["train", "evaluate", "rows"]
