"""Killed before each single change of the disk, one after the other, a run still ends with the same bits.

An audit hook sees every change before it happens. An exception that nobody catches leaves the disk as a kill would.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.test_loop import _job

from waystage.training.loop import Job, Trained, train

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
WRITES = os.O_WRONLY | os.O_RDWR


class Killed(BaseException):
    pass


@dataclass
class Watch:
    on: bool = False
    left: int = 0


_watch = Watch()


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _watch.on and (event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & WRITES)):
        _watch.left -= 1
        if _watch.left < 0:
            _watch.on = False
            raise Killed


@pytest.fixture(scope="module", autouse=True)
def hook() -> None:
    sys.addaudithook(_hook)  # for good: a hook cannot be taken away, only told to look elsewhere


@contextmanager
def _killed_before(change: int) -> Iterator[None]:
    _watch.on, _watch.left = True, change
    try:
        yield
    finally:
        _watch.on = False


def _run(folder: Path, *, steps: int = 5, rising: bool = False) -> Job:
    """Scores that jump about with the last bits of the weights, or rise with every step away from the first ones."""
    job = _job(folder, steps=steps, dropout=0.1)
    weight = job.network.head("h").out.weight
    first = weight.detach().double().clone()

    def dev() -> dict[str, float]:
        away = weight.detach().double() - first
        return {"nli/en": float(away.norm()) if rising else float(away.sum()) * 1e4 % 1.0}

    recipe = {**job.recipe, "eval_every": 1, "patience": 4, "select": "best"}
    return replace(job, recipe=recipe, dev=dev, checkpoint_seconds=0.0)


def _same(one: Trained, other: Trained) -> bool:
    return one.state == other.state and torch.equal(one.weights.master, other.weights.master)


@pytest.mark.slow
@pytest.mark.parametrize("rising", [False, True])
def test_killed_before_each_change_of_the_disk(tmp_path: Path, rising: bool) -> None:
    whole = train(_run(tmp_path / "whole", rising=rising))
    assert whole.step == 5 if rising else whole.step > 1  # which one depends on the last bits
    change, killed = 0, True
    while killed:
        folder, killed = tmp_path / str(change), False
        try:
            with _killed_before(change):
                train(_run(folder, rising=rising))
        except Killed:
            killed = True
        assert _same(train(_run(folder, rising=rising)), whole), f"killed before change {change}"
        assert not [*folder.glob("writing-*"), *folder.glob("removing-*")]
        change += 1
    assert change > 20


def test_killed_again_and_again(tmp_path: Path) -> None:
    whole, kills = train(_run(tmp_path / "whole", steps=12)), 0
    while True:
        try:
            with _killed_before(14):  # more than a step and its checkpoint take
                done = train(_run(tmp_path / "killed", steps=12))
            break
        except Killed:
            kills += 1
            assert kills < 50
    assert kills > 1
    assert _same(done, whole)
