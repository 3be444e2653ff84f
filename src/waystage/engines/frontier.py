"""Which stages may start now: those whose inputs are complete, the longest chain of work first."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage


class Frontier:
    def __init__(self, plan: Plan, run: Iterable[str], resources: Callable[[Stage], Resources]):
        self.plan = plan
        self.find = resources
        self.open: dict[str, set[str]] = {}  # not complete -> those of its inputs that are not complete either
        self._order = {fingerprint: number for number, fingerprint in enumerate(plan.stages)}
        self._path: dict[str, float] = {}  # seconds until the end of the longest chain that begins with the stage
        self._ready: dict[int, list[tuple[float, int, str]]] = {}  # a heap for each number of devices
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
        item = (-self._path[fingerprint], self._order[fingerprint], fingerprint)
        heapq.heappush(self._ready.setdefault(self.resources(fingerprint).devices, []), item)

    def offer(self, take: Callable[[str], bool]) -> None:
        """Offer ready stages until `take` refuses: one that is too large for now holds up only those of its size."""
        for heap in list(self._ready.values()):
            while heap:
                fingerprint = heapq.heappop(heap)[2]
                self._queued.remove(fingerprint)
                if self.open.get(fingerprint) != set():
                    continue  # given up with an input, or waiting for one again, which brings it back
                if not take(fingerprint):
                    self.push(fingerprint)
                    break

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
