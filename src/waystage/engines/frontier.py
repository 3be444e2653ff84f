"""Which stages may start now: those whose inputs are complete, the longest chain of work first.

One exception: what ends a chain comes right behind the checkpoint that it reads. It finds it warm, and the checkpoint
of a target can go: longest-first alone would train all targets before it evaluated one, and fill the disk with them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable

from waystage.engines.schedule import near, size
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage


class Frontier:
    def __init__(self, plan: Plan, run: Iterable[str], resources: Callable[[Stage], Resources]):
        self.plan = plan
        self.find = resources
        self.open: dict[str, set[str]] = {}  # not complete -> those of its inputs that are not complete either
        self._order = {fingerprint: number for number, fingerprint in enumerate(plan.stages)}
        self._path: dict[str, float] = {}  # seconds until the end of the longest chain that begins with the stage
        self._ready: dict[
            tuple[int, int], list[tuple[tuple[float, int], int, str]]
        ] = {}  # a heap for each size of stages
        self._queued: set[str] = set()  # what is in a heap
        self.add(run)

    def resources(self, fingerprint: str) -> Resources:
        return self.find(self.plan.stages[fingerprint])

    def add(self, fingerprints: Iterable[str]) -> None:
        """Stages to run, at the beginning or again; their inputs are complete or are among them."""
        chosen = sorted((fp for fp in fingerprints if fp not in self.open), key=self._order.__getitem__)
        for fingerprint in reversed(chosen):
            below = (self._path.get(reader, 0.0) for reader in self.plan.dependents[fingerprint])
            self._path[fingerprint] = self.resources(fingerprint).seconds + max(below, default=0.0)
        for fingerprint in chosen:
            self.wait(fingerprint)
            if not self.open[fingerprint]:
                self.push(fingerprint)

    def wait(self, fingerprint: str) -> None:
        """(Re)compute what the stage waits for."""
        parents = self.plan.stages[fingerprint].parents()
        self.open[fingerprint] = {parent.fingerprint for parent in parents if parent.fingerprint in self.open}

    def push(self, fingerprint: str) -> None:
        if fingerprint in self._queued:
            return
        self._queued.add(fingerprint)
        item = (self._rank(fingerprint), self._order[fingerprint], fingerprint)
        heapq.heappush(self._ready.setdefault(size(self.resources(fingerprint)), []), item)

    def _rank(self, fingerprint: str) -> tuple[float, int]:
        """The smallest is the first."""
        path = self._path[fingerprint]
        if self.plan.dependents[fingerprint]:
            return -path, self._order[fingerprint]
        checkpoint = near(self.plan.stages[fingerprint])
        return -max(path, self._path.get(checkpoint, 0.0)), self._order.get(checkpoint, self._order[fingerprint])

    def offer(self, take: Callable[[str], bool]) -> None:
        """Offer ready stages, the first first: one that `take` refuses holds up only those of its size."""
        full: set[tuple[int, int]] = set()
        while heads := [(heap[0], which) for which, heap in self._ready.items() if heap and which not in full]:
            _, which = min(heads)
            fingerprint = heapq.heappop(self._ready[which])[2]
            self._queued.remove(fingerprint)
            if self.open.get(fingerprint) != set():
                continue  # given up with an input, or waiting for one again, which brings it back
            if not take(fingerprint):
                self.push(fingerprint)
                full.add(which)

    def unfold(self, take: Callable[[str], bool], *, but: Collection[str]) -> None:
        """Offer everything that is not complete, inputs first, until `take` refuses."""
        for fingerprint in self.order(but):
            if not take(fingerprint):
                return

    def order(self, but: Collection[str] = ()) -> list[str]:
        """What is not complete, inputs first, else the longest chain of work first."""

        def soon(fingerprints: Iterable[str]) -> list[str]:
            return sorted(fingerprints, key=lambda fp: (self._rank(fp), self._order[fp]))

        found: dict[str, None] = {}
        above = soon(self.open.keys() - but)[::-1]
        while above:  # the end of a chain ranks with its checkpoint, before other things that it reads
            missing = soon(one for one in self.open[above[-1]] if one not in found and one not in but)
            if missing:
                above += missing[::-1]
            else:
                found[above.pop()] = None
        return list(found)

    @property
    def idle(self) -> bool:
        return not any(self._ready.values())

    def complete(self, fingerprint: str) -> None:
        del self.open[fingerprint]
        for reader in self.plan.dependents[fingerprint]:
            if fingerprint in self.open.get(reader, ()):
                self.open[reader].remove(fingerprint)
                if not self.open[reader]:
                    self.push(reader)

    def cut(self, fingerprint: str) -> list[str]:
        """The stage failed: give up on it and on all that hangs on it. Returns the latter."""
        del self.open[fingerprint]
        lost, below = [], [fingerprint]
        while below:
            for reader in self.plan.dependents[below.pop()]:
                if reader in self.open:
                    del self.open[reader]
                    lost.append(reader)
                    below.append(reader)
        return lost
