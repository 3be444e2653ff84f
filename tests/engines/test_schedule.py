from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.engines.schedule import Node, Place, Room, near
from waystage.graph.stage import Resources, Stage

GB = 10**9


def need(devices: int = 1, memory: int = 0, seconds: float = 1.0) -> Resources:
    return Resources(devices=devices, memory=memory * GB, seconds=seconds)


def mixed() -> Room:
    return Room([Node(name="a", devices=(80 * GB, 24 * GB, 40 * GB)), Node(name="b", devices=(24 * GB, 80 * GB))])


def test_the_smallest_accelerator_that_holds_it() -> None:
    room = mixed()
    sizes = []
    for number, memory in enumerate((30, 10, 10, 10, 70)):
        place = room.place(str(number), need(memory=memory))
        assert place
        ((node, device),) = place.devices
        sizes.append(room.nodes[node].devices[device] // GB)
    assert sizes == [40, 24, 24, 80, 80]
    assert room.place("full", need(memory=1)) is None


def test_an_estimate_that_nothing_meets_takes_the_largest() -> None:
    room = mixed()
    first, second = room.place("x", need(memory=500)), room.place("y", need(memory=500))
    assert first and second and {first.devices[0], second.devices[0]} == {("a", 0), ("b", 1)}
    assert room.place("z", need(memory=500)) is None  # it waits for a large one rather than fail on a small one
    assert room.place("small", need(memory=20))


def test_several_inside_one_machine_or_on_as_few_as_do() -> None:
    room = Room([Node(name=name, devices=(24 * GB,) * 4) for name in "abc"])
    room.place("one", need())
    four = room.place("four", need(4))
    assert four and four.nodes == {"b": [0, 1, 2, 3]}
    three = room.place("three", need(3))
    assert three and list(three.nodes) == ["a"]  # the tightest fit
    for key in ("one", "four", "three"):
        room.free(key)
    eight = room.place("eight", need(8))
    assert eight and [len(numbers) for numbers in eight.nodes.values()] == [4, 4]


def test_as_many_as_there_are() -> None:
    room = Room([Node(name="a", devices=(0, 0)), Node(name="b", devices=(0,))])
    place = room.place("x", need(8))
    assert place and place.nodes == {"a": [0, 1]}  # three cannot be given evenly
    assert room.width(8).count == 2


def test_a_wide_stage_is_kept_places_and_short_work_fills_them() -> None:
    room = Room([Node(name="a", devices=(0, 0))])
    room.place("long", need(seconds=100.0), now=0.0)
    assert room.place("wide", need(2, seconds=50.0), now=0.0) is None
    assert room.place("too long", need(seconds=101.0), now=0.0) is None
    assert room.place("short", need(seconds=60.0), now=0.0)
    room.free("short")
    room.free("long")
    assert room.place("late", need(), now=100.5) is None  # what is kept stays kept
    assert room.place("wide", need(2, seconds=50.0), now=100.5)


def test_nothing_is_kept_for_a_stage_that_will_not_come() -> None:
    room = Room([Node(name="a", devices=(0, 0))])
    room.place("long", need(seconds=100.0))
    room.place("wide", need(2))
    assert room.place("other", need(seconds=200.0)) is None
    room.forget("wide")
    assert room.place("other", need(seconds=200.0))


def test_a_reader_goes_where_its_checkpoint_is() -> None:
    room = Room([Node(name="a", devices=(0,) * 4)])
    keys = ["p", "q", "r"]
    made = {key: room.place(key, need()) for key in keys}
    for key in keys:
        room.free(key)
    assert room.place("reader", need(), near="r") == made["r"]
    assert room.place("another", need(), near="r") != made["r"]  # taken: elsewhere rather than later
    room.free("another")
    assert near(Stage(kind="evaluate", name="e", config={}, inputs={"checkpoint": (t := trained())})) == t.fingerprint
    assert near(t) == ""


def trained() -> Stage:
    return Stage(kind="train", name="t", config={})


def test_stages_on_the_cpu_share_slots_and_memory() -> None:
    room = Room([Node(name="a", slots=3, memory=10 * GB), Node(name="b", slots=1, memory=10 * GB)])
    assert room.place("1", need(0, 6)) == Place("a")
    assert room.place("2", need(0, 6)) == Place("b")
    assert room.place("3", need(0, 6)) is None  # a slot, but no memory
    assert room.place("4", need(0, 2)) == Place("a")
    room.free("2")
    assert room.place("huge", need(0, 600)) == Place("b")  # alone, since it can never fit
    assert room.place("5", need(3, 1)) == Place("a")  # no accelerator anywhere: the CPU has to do


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 60), st.floats(0.1, 9)), min_size=1, max_size=30),
    st.lists(st.lists(st.sampled_from([0, 24, 40]), max_size=4), min_size=1, max_size=3),
    st.randoms(),
)
def test_everything_is_placed_in_the_end_and_nothing_twice(
    wanted: list[tuple[int, int, float]], machines: list[list[int]], chance: random.Random
) -> None:
    room = Room([Node(name=str(n), slots=2, devices=tuple(s * GB for s in sizes)) for n, sizes in enumerate(machines)])
    waiting = {str(n): need(*what) for n, what in enumerate(wanted)}
    running: set[str] = set()
    now = 0.0
    while waiting or running:
        for key in list(waiting):
            place = room.place(key, waiting[key], now=now)
            if place:
                others = {device for other in running for device in room.places[other].devices}
                assert not others & set(place.devices)
                assert len({len(numbers) for numbers in place.nodes.values()}) <= 2
                running.add(key)
                del waiting[key]
        assert running, "nothing runs and nothing can"
        ended = chance.choice(sorted(running))
        running.remove(ended)
        room.free(ended)
        now += chance.random()
    assert not room.places


def test_busy_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    from waystage.engines.outcome import Outcome

    outcome = Outcome("r", done=["a", "b"], busy={"accelerators": (0.934, 8), "places on the CPU": (0.5, 2)})
    assert "busy: 93% of 8 accelerators, 50% of 2 places on the CPU" in outcome.text()


def test_processes_of_a_stage_take_a_slot_each() -> None:
    room = Room([Node(slots=3)])
    assert room.place("two", Resources(processes=2))
    assert room.place("also two", Resources(processes=2)) is None
    assert room.place("one", Resources())
    for key in ("two", "one"):
        room.free(key)
    assert room.place("eight", Resources(processes=8)), "more than there are: alone"
    assert room.place("one", Resources()) is None
    room.free("eight")
    assert room.place("one", Resources())
    assert Room([Node(slots=0)]).place("one", Resources()) is None


def test_machines_come_and_go() -> None:
    room = Room([Node(name="a", slots=1, devices=(0, 0))])
    assert room.place("one", need()) and room.place("cpu", need(0))
    room.join(Node(name="b", slots=2, devices=(0, 0)))
    assert (room.slots, room.total, room.width(4).count) == (3, 4, 4)
    assert room.place("wide", need(4, seconds=9.0)) is None  # so all are kept for it
    room.leave("a")
    assert (room.slots, room.total, room.width(4).count) == (2, 2, 2)
    assert room.free("one").node == room.free("cpu").node == "a"
    wide = room.place("wide", need(4))
    assert wide and wide.nodes == {"b": [0, 1]}
    room.leave("b")
    assert room.place("more", need()) is None and room.place("on a CPU", need(0)) is None
    room.free("wide")
    room.join(Node(name="c", slots=1, devices=(0,)))
    assert room.place("more", need()) == Place("c", (("c", 0),)) and room.place("on a CPU", need(0)) == Place("c")


@given(st.data())
@settings(max_examples=100)
def test_however_machines_come_and_go_no_place_is_given_twice(data: st.DataObject) -> None:
    room, count, running = Room([]), 0, dict[str, Place]()
    for step in range(40):
        what = data.draw(st.sampled_from(["join", "leave", "place", "place", "place", "free"]))
        if what == "join":
            count += 1
            room.join(Node(name=f"n{count}", slots=1, devices=(0,) * data.draw(st.integers(0, 3))))
        elif what == "leave" and room.nodes:
            room.leave(data.draw(st.sampled_from(sorted(room.nodes))))
        elif what == "free" and running:
            key = data.draw(st.sampled_from(sorted(running)))
            room.free(key)
            del running[key]
        elif what == "place":
            place = room.place(f"s{step}", need(data.draw(st.integers(0, 4))), now=float(step))
            if place:
                assert {node for node, _ in place.devices} <= room.nodes.keys() and place.node in room.nodes
                assert not any(set(place.devices) & set(other.devices) for other in running.values())
                running[f"s{step}"] = place
