"""How good are the orders that the scheduler makes? Simulated clusters, with the planner and the scheduler that run.

    python benchmarks/cluster.py [--quick] [--out FOLDER]

The stages of the paper's study, and of one with ten times as many seeds, with times and memory from the plan. What is
not from the plan is drawn with a fixed seed: a fifth of the stages needs the memory of a larger model (25 to 70 GB), a
tenth of the trainings takes 2, 4 or 8 accelerators together, and each stage truly takes 80 to 120 % of what was
predicted. Accelerators come in machines of eight with 24, 40 or 80 GB: a half, a quarter and a quarter of the machines.
Where there are only eight, one machine has them in these shares.

The lower bound is the largest of: the longest chain of stages; all work over all accelerators; the work that needs at
least so much memory over the accelerators that have it; the work for CPUs over their places. No order can be faster,
and the best one may be slower than the bound.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from waystage.engines.frontier import Frontier
from waystage.engines.schedule import Node, Room, near
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.results import load
from waystage.study.estimate import estimate

STUDY = Path(__file__).parents[1] / "studies" / "phang2020.toml"
SIZES = (1, 8, 64, 512)
GB = 10**9
ERROR = 0.2
SLOTS = 16  # places for CPU stages on each machine


@dataclass(frozen=True)
class Outcome:
    stages: int
    devices: int
    makespan: float  # hours
    bound: float  # hours
    limit: str  # what the bound comes from
    ratio: float
    utilisation: float  # of the accelerators
    checkpoints: int  # the most that were there at once and could not go yet
    planning: float  # seconds that planning and scheduling took


def cluster(devices: int) -> list[Node]:
    if devices < 8:
        return [Node(name="0", slots=SLOTS, devices=(80 * GB,) * devices)]
    if devices == 8:
        return [Node(name="0", slots=SLOTS, devices=(24 * GB,) * 4 + (40 * GB,) * 2 + (80 * GB,) * 2)]
    sizes = (80, 24, 40, 24)
    return [Node(name=str(n), slots=SLOTS, devices=(sizes[n % 4] * GB,) * 8) for n in range(devices // 8)]


def needs(plan: Plan, seed: int = 0) -> dict[str, Resources]:
    """What is predicted for each stage; what differs between machines and models is drawn."""
    chance = random.Random(seed)
    found = {}
    for fingerprint, stage in plan.stages.items():
        cost = estimate(stage, {})
        need = Resources(devices=int(cost.device == "gpu"), memory=cost.memory, seconds=cost.seconds)
        if need.devices and chance.random() < 0.2:
            need = replace(need, memory=chance.randint(25, 70) * GB)
        if stage.kind == "train" and chance.random() < 0.1:
            wide = chance.choice((2, 4, 8))
            need = replace(need, devices=wide, memory=min(need.memory, 20 * GB), seconds=need.seconds / wide)
        found[fingerprint] = need
    return found


def fitted(need: Resources, room: Room) -> Resources:
    """On a machine with fewer accelerators the same work takes longer."""
    if not need.devices:
        return need
    width = room.width(need.devices)
    return replace(need, devices=width.count, seconds=need.seconds * need.devices / width.count,
                   memory=min(need.memory, width.largest))  # fmt: skip


def simulate(
    plan: Plan, room: Room, predicted: Mapping[str, Resources], true: Mapping[str, float]
) -> tuple[float, int]:
    """Seconds until the last stage ends, and the most checkpoints that waited for a reader at one time."""
    frontier = Frontier(plan, plan.stages, lambda stage: predicted[stage.fingerprint])
    now, most = 0.0, 0
    running: list[tuple[float, str]] = []
    readers = {fp: len(plan.dependents[fp]) for fp in plan.temporary}
    waiting = 0

    def take(fingerprint: str) -> bool:
        stage = plan.stages[fingerprint]
        if room.place(fingerprint, predicted[fingerprint], now=now, near=near(stage)) is None:
            return False
        heapq.heappush(running, (now + true[fingerprint], fingerprint))
        return True

    frontier.offer(take)
    while running:
        now, ended = heapq.heappop(running)
        room.free(ended)
        frontier.complete(ended)
        waiting += ended in readers
        for parent in plan.stages[ended].parents():
            if parent.fingerprint in readers:
                readers[parent.fingerprint] -= 1
                waiting -= not readers[parent.fingerprint]
        most = max(most, waiting)
        frontier.offer(take)
    assert not frontier.open, "stages were left over"
    return now, most


def bounds(plan: Plan, room: Room, predicted: Mapping[str, Resources], true: Mapping[str, float]) -> dict[str, float]:
    """Seconds below which no order can come, by reason."""
    path: dict[str, float] = {}
    for fingerprint, stage in plan.stages.items():
        above = (path[parent.fingerprint] for parent in stage.parents())
        path[fingerprint] = true[fingerprint] + max(above, default=0.0)
    found = {"longest chain": max(path.values())}
    sizes = [size for node in room.nodes.values() for size in node.devices]
    wide = [(need.memory, true[fp] * need.devices) for fp, need in predicted.items() if need.devices]
    floor = 0
    for size in sorted(set(sizes)):
        work = sum(seconds for memory, seconds in wide if memory > floor)
        name = "work / accelerators" if not floor else f"work / accelerators of {size // GB} GB or more"
        found[name] = work / sum(other >= size for other in sizes)
        floor = size
    found["work / CPU places"] = sum(true[fp] for fp, need in predicted.items() if not need.devices) / room.slots
    return found


def one(make: Callable[[], list[Stage]], devices: int) -> Outcome:
    began = time.process_time()
    plan = Plan(make())
    nodes = cluster(devices)
    drawn = needs(plan)
    room = Room(nodes)
    predicted = {fp: fitted(need, room) for fp, need in drawn.items()}
    chance = random.Random(1)
    true = {fp: need.seconds * chance.uniform(1 - ERROR, 1 + ERROR) for fp, need in predicted.items()}
    makespan, checkpoints = simulate(plan, Room(nodes), predicted, true)
    took = time.process_time() - began
    limit, bound = max(bounds(plan, Room(nodes), predicted, true).items(), key=lambda item: item[1])
    work = sum(true[fp] * need.devices for fp, need in predicted.items())
    return Outcome(len(plan), devices, makespan / 3600, bound / 3600, limit, makespan / bound,
                   work / (devices * makespan), checkpoints, took)  # fmt: skip


def study(times: int) -> Callable[[], list[Stage]]:
    seeds = len(load(STUDY).study.seeds) * times
    return lambda: list(load(STUDY, overrides=[f"seeds={list(range(1, seeds + 1))}"]).plan.wanted)


def figure(outcomes: list[Outcome]) -> str:
    """Hours over accelerators, with the lower bound, one panel per study: plain SVG."""
    import math

    wide, high, left, top = 380, 240, 56, 34
    sizes = sorted({o.stages for o in outcomes})
    hours = [h for o in outcomes for h in (o.makespan, o.bound)]
    low, most = math.floor(math.log10(min(hours))), math.ceil(math.log10(max(hours)))

    def at(o: Outcome, h: float, panel: int) -> tuple[float, float]:
        x = panel * wide + left + (math.log2(o.devices) / 9) * (wide - left - 24)
        return x, top + (most - math.log10(h)) / (most - low) * (high - top - 40)

    head = f'viewBox="0 0 {wide * len(sizes)} {high}" font-family="sans-serif" font-size="12"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {head}><rect width="100%" height="100%" fill="#fff"/>']
    for panel, size in enumerate(sizes):
        mine = [o for o in outcomes if o.stages == size]
        parts.append(f'<text x="{panel * wide + left}" y="18" font-weight="bold">{size:,} stages: hours</text>')
        for power in range(low, most + 1):
            y = top + (most - power) / (most - low) * (high - top - 40)
            parts.append(f'<path d="M{panel * wide + left} {y:.1f}H{(panel + 1) * wide - 20}" stroke="#ddd"/>')
            parts.append(f'<text x="{panel * wide + left - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:g}</text>')
        for colour, name, what in (("#999", "lower bound", "bound"), ("#1b6ca8", "simulated", "makespan")):
            points = [at(o, getattr(o, what), panel) for o in mine]
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="'
                         + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')  # fmt: skip
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
            x = panel * wide + wide - 110
            y = top + (12 if what == "makespan" else 28)
            parts.append(f'<text x="{x}" y="{y}" fill="{colour}">{name}</text>')
        for o in mine:
            x, _ = at(o, o.bound, panel)
            parts.append(f'<text x="{x:.1f}" y="{high - 22}" text-anchor="middle">{o.devices}</text>')
        middle = panel * wide + wide / 2 + 16
        parts.append(f'<text x="{middle:.0f}" y="{high - 6}" text-anchor="middle">accelerators</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the paper's study only")
    parser.add_argument("--out", type=Path, help="write cluster.json and cluster.svg here")
    said = parser.parse_args()
    outcomes = []
    print("| stages | accelerators | hours | lower bound | ratio | busy | checkpoints | planner, s | bound by |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    for times in (1,) if said.quick else (1, 10):
        for devices in SIZES:
            o = one(study(times), devices)
            outcomes.append(o)
            figures = f"{o.makespan:.2f} | {o.bound:.2f} | {o.ratio:.3f} | {o.utilisation:.0%} | {o.checkpoints}"
            print(f"| {o.stages:,} | {devices} | {figures} | {o.planning:.1f} | {o.limit} |", flush=True)
    if said.out:
        said.out.mkdir(parents=True, exist_ok=True)
        (said.out / "cluster.json").write_text(json.dumps([asdict(o) for o in outcomes], indent=1) + "\n")
        (said.out / "cluster.svg").write_text(figure(outcomes))


if __name__ == "__main__":
    main()
