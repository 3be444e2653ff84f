"""Which place a stage gets: a pure function of what it needs, what runs, and what the machines have.

`Frontier` says which stage is next, `Room` says where there is a place for it now. Engines and the simulator in
`benchmarks/cluster.py` ask the same two, so what is simulated is what runs.

- A stage goes to the smallest accelerator that is predicted to hold it: the large ones stay free for what needs them.
- One that needs several accelerators gets them inside one machine where it can, else on as few machines as do. While it
  waits, the places that come free first are kept for it; shorter work may fill them until then. Without that, a stream
  of small stages would keep a wide one waiting for ever.
- A stage that reads a checkpoint goes where this was made or last read, if that place is free.
- An estimate that no machine can meet does not block: the largest places have to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from waystage.graph.stage import Resources, Stage

UNKNOWN = 1 << 62  # bytes of an accelerator that does not say
SHARE = 0.9  # of a machine's memory may be spoken for by estimates
AGAIN = 0.05  # of a wide stage's time goes by before places are chosen for it anew
READS = ("checkpoint", "start")  # inputs that are worth staying close to


@dataclass(frozen=True, kw_only=True)
class Node:
    """A machine."""

    name: str = ""
    slots: int = 1  # stages side by side on its CPU
    memory: int = 0  # bytes for these; 0: not known, so not counted
    devices: tuple[int, ...] = ()  # bytes of each accelerator; 0: not known, so large enough


Device = tuple[str, int]  # node, number


@dataclass(frozen=True)
class Place:
    """Where a stage runs: on a machine's CPU, or on accelerators of one or several machines."""

    node: str
    devices: tuple[Device, ...] = ()

    @property
    def nodes(self) -> dict[str, list[int]]:
        """The numbers of the accelerators, by machine."""
        found: dict[str, list[int]] = {}
        for node, number in self.devices:
            found.setdefault(node, []).append(number)
        return found


@dataclass(frozen=True)
class Kept:
    """Accelerators that wait for a wide stage."""

    key: str
    devices: frozenset[Device]
    start: float  # when it is predicted to begin: what ends before may still use them


def size(need: Resources) -> tuple[int, int]:
    """Stages of one size fit into the same places, near enough: as many accelerators, memory within a factor of 2."""
    return need.devices, need.memory.bit_length()


def near(stage: Stage) -> str:
    """The fingerprint of the checkpoint that a stage reads; stages that share one had better share a process."""
    found = (stage.inputs.get(name) for name in READS)
    return next((given.fingerprint for given in found if isinstance(given, Stage)), "")


@dataclass(frozen=True)
class Width:
    """How a stage with several accelerators is laid out."""

    count: int
    nodes: int
    each: int  # of every machine; of the last perhaps fewer
    largest: int  # bytes that so many have at most, each

    def take(self, ways: list[list[Device]]) -> list[Device]:
        """From lists of accelerators, one per machine, the best first. Empty: there are too few."""
        if len(ways) < self.nodes:
            return []
        return [device for way in ways[: self.nodes] for device in way[: self.each]][: self.count]


class Room:
    """The places of some machines, and who has them."""

    def __init__(self, nodes: Iterable[Node]):
        self.nodes: dict[str, Node] = {}
        self.total = self.slots = 0
        self.accelerated = False  # ever: a stage for an accelerator does not go to a CPU because these went
        self.places: dict[str, Place] = {}
        self._size: dict[Device, int] = {}
        self._devices: dict[str, list[Device]] = {}  # of machines that have some, the smallest first
        self._free: dict[int, dict[str, set[int]]] = {}  # size -> node -> numbers
        self._idle: dict[str, int] = {}
        self._ends: dict[Device, float] = {}  # of those in use: when they are predicted to be free
        self._used: dict[str, int] = {}  # slots
        self._spoken: dict[str, int] = {}  # memory
        self._takes: dict[str, Resources] = {}
        self._kept: dict[tuple[int, int], Kept] = {}  # one for each size of stages
        self._last: dict[str, Device] = {}  # checkpoint -> where it was made or last read
        self._until: dict[Device, float] = {}  # kept for a wide stage: until when others may use it
        self._widths: dict[int, Width] = {}
        for node in nodes:
            self.join(node)

    def join(self, node: Node) -> None:
        """One more machine, under a name that none had before."""
        self.nodes[node.name] = node
        self.total += len(node.devices)
        self.slots += node.slots
        self._used[node.name] = self._spoken[node.name] = 0
        for number, size in enumerate(node.devices):
            self._size[node.name, number] = size or UNKNOWN
            self._free.setdefault(size or UNKNOWN, {}).setdefault(node.name, set()).add(number)
        if node.devices:
            self.accelerated = True
            mine = ((node.name, number) for number in range(len(node.devices)))
            self._devices[node.name] = sorted(mine, key=lambda device: (self._size[device], device))
            self._idle[node.name] = len(node.devices)
        self._widths.clear()

    def leave(self, name: str) -> None:
        """The machine is gone. What ran there keeps its place until `free`, which then frees nothing."""
        node = self.nodes.pop(name)
        self.total -= len(node.devices)
        self.slots -= node.slots
        for which in [which for which, kept in self._kept.items() if any(of == name for of, _ in kept.devices)]:
            self._keep(which, None)
        for device in self._devices.pop(name, []):
            self._free[self._size.pop(device)].pop(name, None)
            self._ends.pop(device, None)
        self._last = {key: device for key, device in self._last.items() if device[0] != name}
        self._idle.pop(name, None)
        del self._used[name], self._spoken[name]
        self._widths.clear()

    def place(self, key: str, need: Resources, *, now: float = 0.0, near: str = "") -> Place | None:
        """A place for the stage `key` now, or None: not now. It has the place until `free(key)`."""
        if not need.devices or not self.accelerated:
            return self._slot(key, need)
        if not self.total:
            return None  # those that there were may come back
        which = size(need)
        kept = self._kept.get(which)
        waits = kept is not None and kept.key == key and now < kept.start
        if not waits:
            self._keep(which, None)
        width = self.width(need.devices)
        needed = min(need.memory, width.largest)
        end = now + need.seconds
        if width.count == 1:
            devices = self._one(needed, end, near)
        else:
            devices = self._several(width, needed, end, kept.devices if waits and kept else frozenset())
            if not devices and not waits:
                self._await(key, need, width, now)
        if not devices:
            return None
        self._keep(which, None)
        for device in devices:
            self._free[self._size[device]][device[0]].discard(device[1])
            self._idle[device[0]] -= 1
            self._ends[device] = end
        self._last[key] = self._last[near] = devices[0]
        self.places[key] = Place(devices[0][0], tuple(devices))
        return self.places[key]

    def free(self, key: str) -> Place:
        place = self.places.pop(key)
        for device in (device for device in place.devices if device in self._ends):
            del self._ends[device]
            self._free[self._size[device]][device[0]].add(device[1])
            self._idle[device[0]] += 1
        if not place.devices:
            need = self._takes.pop(key)
            if place.node not in self.nodes:
                return place
            self._used[place.node] -= min(need.processes, self.nodes[place.node].slots)
            self._spoken[place.node] -= need.memory
        return place

    def forget(self, key: str) -> None:
        """The stage will not come: nothing is kept for it."""
        for which in [which for which, kept in self._kept.items() if kept.key == key]:
            self._keep(which, None)

    def width(self, devices: int) -> Width:
        """What a stage that asks for so many accelerators gets here: so many, or the most that machines give evenly."""
        if devices not in self._widths:
            sizes = [sorted((self._size[d] for d in mine), reverse=True) for mine in self._devices.values()]
            widest = max(map(len, sizes))
            for count in range(min(devices, self.total), 0, -1):
                nodes = -(-count // widest)
                each = -(-count // nodes)
                able = sorted((found[each - 1] for found in sizes if len(found) >= each), reverse=True)
                if len(able) >= nodes:
                    self._widths[devices] = Width(count, nodes, each, able[nodes - 1])
                    break
        return self._widths[devices]

    # On a CPU

    def _slot(self, key: str, need: Resources) -> Place | None:
        free = [node for node in self.nodes.values() if self._fits(node, need) and self._holds(node, need)]
        if not free:
            return None
        node = min(free, key=lambda node: self._used[node.name] / node.slots)
        self._used[node.name] += min(need.processes, node.slots)
        self._spoken[node.name] += need.memory
        self._takes[key] = need
        self.places[key] = Place(node.name)
        return self.places[key]

    def _fits(self, node: Node, need: Resources) -> bool:
        """A slot for each process; one with more processes than there are slots takes all of them."""
        return 0 < node.slots >= self._used[node.name] + min(need.processes, node.slots)

    def _holds(self, node: Node, need: Resources) -> bool:
        alone = not self._used[node.name]
        return alone or not node.memory or self._spoken[node.name] + need.memory <= SHARE * node.memory

    # On accelerators

    def _one(self, needed: int, end: float, near: str) -> list[Device]:
        last = self._last.get(near) if near else None
        if last and last not in self._ends and self._size[last] >= needed and self._open(last, end):
            return [last]
        for size in sorted(size for size in self._free if size >= needed):
            # the fullest machine first: empty ones stay whole for what needs several
            for name, numbers in sorted(self._free[size].items(), key=lambda item: (len(item[1]), item[0])):
                for number in sorted(numbers):
                    if self._open((name, number), end):
                        return [(name, number)]
        return []

    def _several(self, width: Width, needed: int, end: float, kept: frozenset[Device]) -> list[Device]:
        """`kept`: accelerators that wait for this very stage."""
        ways = []
        for name, idle in self._idle.items():
            if idle < width.each:
                continue
            mine = self._of(name, needed)
            free = [d for d in mine if d not in self._ends and (d in kept or self._open(d, end))]
            if len(free) >= width.each:
                ways.append(free)
        ways.sort(key=len)  # the tightest fit: fewest left over
        return width.take(ways)

    def _await(self, key: str, need: Resources, width: Width, now: float) -> None:
        """Nothing is free together: keep what will be first, until then."""
        ways = []
        for name in self._devices:
            mine = [d for d in self._of(name, min(need.memory, width.largest)) if d not in self._until]
            mine.sort(key=lambda d: self._ends.get(d, now))
            if len(mine) >= width.each:
                ways.append(mine[: width.each])
        ways.sort(key=lambda way: self._ends.get(way[-1], now))
        if devices := width.take(ways):
            start = max(now + AGAIN * need.seconds, *(self._ends.get(d, now) for d in devices))
            self._keep(size(need), Kept(key, frozenset(devices), start))

    def _keep(self, which: tuple[int, int], kept: Kept | None) -> None:
        before = self._kept.pop(which, None)
        for device in before.devices if before else ():
            del self._until[device]
        if kept:
            self._kept[which] = kept
            self._until.update(dict.fromkeys(kept.devices, kept.start))

    def _open(self, device: Device, end: float) -> bool:
        return self._until.get(device, UNKNOWN) >= end

    def _of(self, name: str, needed: int) -> list[Device]:
        """Its accelerators that are large enough, the smallest first."""
        mine = self._devices[name]
        return mine if self._size[mine[0]] >= needed else [d for d in mine if self._size[d] >= needed]
