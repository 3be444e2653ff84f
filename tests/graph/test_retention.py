from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import pytest

from waystage.errors import InputError
from waystage.graph import retention
from waystage.graph.alive import STALE
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store

Simple = Callable[..., Stage]
Make = Callable[..., None]


def freed(store: Store, *keep: str, delete: bool = False) -> set[str]:
    return {f"{item.what} {item.name}" for item in retention.gc(store, keep or None, delete=delete)}


def test_drop_removes_the_artifact_and_keeps_its_manifest(store: Store, make: Make, simple: Simple) -> None:
    stage = simple("a")
    make(stage)
    before = store.manifest(stage.fingerprint)
    assert retention.drop(store, [stage.fingerprint]) == [stage.fingerprint]
    assert not store.has(stage.fingerprint) and not store.path(stage.fingerprint).exists()
    assert store.manifest(stage.fingerprint) == before
    assert list(store.manifests()) == [before]
    assert retention.drop(store, [stage.fingerprint]) == []
    make(stage)
    assert not store.dropped(stage.fingerprint).exists()


def test_how_a_training_went_outlives_its_checkpoint(store: Store, make: Make, simple: Simple) -> None:
    stage = simple("a")
    make(stage)
    assert store.find(stage.fingerprint, "curve.parquet") is None
    make(stage, replace=True, **{"curve.parquet": "steps and scores", "encoder.safetensors": "large"})
    retention.drop(store, [stage.fingerprint])
    found = store.find(stage.fingerprint, "curve.parquet")
    assert found is not None and found.read_bytes() == b"steps and scores"
    assert store.find(stage.fingerprint, "encoder.safetensors") is None
    found.write_bytes(b"steps and scorez")
    assert store.find(stage.fingerprint, "curve.parquet") is None  # what is left of it is damaged: then it is gone
    found.write_bytes(b"steps and scores")
    Plan([stage]).record(store, "study")
    assert freed(store) == set()
    make(stage)  # made again, it has curves of its own
    assert not store.remembered(stage.fingerprint).exists()
    make(stage, replace=True, **{"curve.parquet": "steps and scores"})
    retention.drop(store, [stage.fingerprint])
    (store.root / "plans" / "study.json").unlink()
    assert freed(store, delete=True) == {f"curves {stage.fingerprint}"}
    assert not store.remembered(stage.fingerprint).exists()


def test_drop_leaves_what_others_need_or_make(store: Store, make: Make, simple: Simple) -> None:
    a, b = simple("a"), simple("b")
    make(a)
    make(b)
    retention.claim(store, "other", [a.fingerprint])
    with store.lock(b.fingerprint):
        assert retention.drop(store, [a.fingerprint, b.fingerprint], run="mine") == []
    assert retention.drop(store, [a.fingerprint], run="other") == [a.fingerprint]  # its own claim does not count
    retention.release(store, "other")
    assert retention.drop(store, [b.fingerprint], run="mine") == [b.fingerprint]


def test_claims_of_the_dead_do_not_count(store: Store) -> None:
    retention.claim(store, "here", ["x"])
    retention.claim(store, "far", ["y"])
    path = store.root / "claims" / "far.json"
    path.write_text(json.dumps({"host": "far-away", "pid": 1, "born": 1, "needs": ["y"]}))
    assert retention.claimed(store) == {"x", "y"}
    old = time.time() - STALE - 10
    os.utime(path, (old, old))
    assert retention.claimed(store) == {"x"}
    assert not path.exists()
    path.write_text("")
    assert retention.claimed(store) == {"x"}, "a power cut took its content"
    assert not path.exists()


def test_a_heartbeat_keeps_a_claim(store: Store) -> None:
    retention.claim(store, "far", ["y"])
    path = store.root / "claims" / "far.json"
    os.utime(path, (1, 1))
    retention.renew(store, "far")
    assert path.stat().st_mtime > 1
    retention.release(store, "far")
    retention.renew(store, "far")
    assert retention.claimed(store) == set()


def test_gc_keeps_what_a_kept_study_needs(store: Store, make: Make, simple: Simple) -> None:
    shared, a, b, orphan = simple("shared"), simple("a"), simple("b"), simple("orphan")
    for stage in (shared, a, b, orphan):
        make(stage)
    Plan([simple("end a", shared, a)]).record(store, "one")
    Plan([simple("end b", shared, b)]).record(store, "two")
    assert freed(store) == {"artifact orphan"}
    assert freed(store, "one") == {"artifact orphan", "artifact b"}
    assert freed(store, "one", delete=True) == {"artifact orphan", "artifact b"}
    assert {entry.name for entry in store.ls()} == {"shared", "a"}
    assert freed(store, "one") == set()


def test_gc_says_without_doing_and_counts_bytes(store: Store, make: Make, simple: Simple) -> None:
    make(simple("a"), extra="12345")
    item = retention.gc(store)[0]
    assert item.size == len("made by a") + 5
    assert store.has(item.fingerprint)


def test_gc_of_a_misspelt_study_removes_nothing(store: Store, make: Make, simple: Simple) -> None:
    make(simple("a"))
    Plan([simple("a")]).record(store, "phang2020")
    with pytest.raises(InputError, match=r"no plan of 'phang2002'; it has: phang2020\. Nothing was removed"):
        retention.gc(store, ["phang2002"], delete=True)
    assert store.has(simple("a").fingerprint)


def test_gc_leaves_what_a_live_run_needs(store: Store, make: Make, simple: Simple) -> None:
    a = simple("a")
    make(a)
    retention.claim(store, "run", [a.fingerprint])
    assert freed(store, delete=True) == set()
    retention.release(store, "run")
    assert freed(store) == {"artifact a"}


def test_gc_clears_what_the_killed_left_but_not_what_goes_on(store: Store, make: Make, simple: Simple) -> None:
    dead, live, half, done, gone = (simple(name).fingerprint for name in ("dead", "live", "half", "done", "gone"))
    left = store.open(dead)
    for unfinished in (half, live, gone):
        store.scratch(unfinished)
    make(simple("done"))
    store.scratch(done)
    Plan([simple("done"), simple("half")]).record(store, "s")
    (store.root / "quarantine" / f"{dead}-1").mkdir(parents=True)
    with store.lock(live):
        working = store.open(live)
        found = freed(store, delete=True)
    assert found == {f"remains {left.name}", f"scratch {done}", f"scratch {gone}", f"quarantine {dead}-1"}
    assert working.exists() and not left.exists()
    assert {path.name for path in store.root.glob("scratch/*")} == {half, live}
    assert store.has(done)
