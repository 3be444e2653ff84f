from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from waystage.graph.draw import CROWDED, mermaid
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store


def test_a_small_graph_shows_every_stage(simple: Callable[..., Stage], store: Store, make: Callable[..., None]) -> None:
    a = replace(simple("a"), name='train "mnli" <b> & co')
    b = simple("b", a)
    make(a)
    plan = Plan([b])
    assert mermaid(plan, plan.prune(store)).splitlines() == [
        "flowchart LR",
        '  s0["train #quot;mnli#quot; #lt;b#gt; #amp; co"]',
        '  s1["b"]:::run',
        "  s0 --> s1",
        "  classDef run stroke-width:3px,stroke:#c60",
    ]


def test_a_crowd_is_drawn_by_kind_and_task_with_counts(
    simple: Callable[..., Stage], store: Store, make: Callable[..., None]
) -> None:
    rows = simple("rows", kind="rows", task="xnli")
    tokens = simple("tokens", rows, kind="tokens")
    members = [{"task": "mnli"}, {"task": "qqp"}]
    trained = [simple(f"t{n}", tokens, members=members) for n in range(CROWDED)]
    for stage in trained[:7]:
        make(stage)
    plan = Plan(trained)
    text = mermaid(plan, plan.prune(store))
    assert '["tokens xnli: 1, 1 to run"]:::run' in text
    assert f'["train mnli+qqp: {CROWDED}, {CROWDED - 7} to run"]:::run' in text
    assert text.count("-->") == 2
