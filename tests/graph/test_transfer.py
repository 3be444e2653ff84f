from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from waystage.errors import InputError, StoreError
from waystage.graph import manifest, record, retention, transfer
from waystage.graph.plan import Plan
from waystage.graph.stage import Stage
from waystage.graph.store import Store, equality


def make(store: Store, number: int, content: bytes = b"") -> Stage:
    stage = Stage(kind="train", name=f"train {number}", config={"number": number, "rate": 1e-5})
    folder = store.open(stage.fingerprint)
    (folder / "data").mkdir()
    (folder / "data" / "big.bin").write_bytes(content or os.urandom(1000) * 50)
    (folder / "small.txt").write_text(f"{number}")
    told = {key: getattr(stage, key) for key in ("kind", "name", "version", "config")}
    store.commit(stage.fingerprint, folder, {"stage": {**told, "inputs": {}}})
    return stage


@pytest.fixture
def home(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def away(tmp_path: Path) -> Store:
    return Store(tmp_path / "away")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"file://{tmp_path}/far"


def files(store: Store) -> list[tuple[str, str, str]]:
    assert all(store.verify(one, deep=False) == [] for one in store.fingerprints())
    return equality(store, store.fingerprints())


def test_there_and_back(home: Store, away: Store, url: str) -> None:
    stages = [make(home, number) for number in range(3)]
    Plan(stages).record(home, "mine")
    first = transfer.push(home, url, home.fingerprints())
    assert len(first.sent) == 3 and first.bytes == sum(entry.size for entry in home.ls())
    second = transfer.push(home, url, home.fingerprints())
    assert (second.sent, len(second.there), second.bytes) == ([], 3, 0)
    assert len(transfer.pull(away, url).sent) == 3
    assert files(away) == files(home)
    assert [home.manifest(s.fingerprint) == away.manifest(s.fingerprint) for s in stages] == [True] * 3
    found = record.load(away, "mine")
    assert found and len(found.stages) == 3
    assert transfer.pull(away, url).sent == []


def test_a_far_store_of_files_is_a_store(home: Store, url: str, tmp_path: Path) -> None:
    make(home, 1)
    transfer.push(home, url, home.fingerprints())
    assert files(Store(tmp_path / "far")) == files(home)


def test_other_kinds_of_places(home: Store, away: Store) -> None:
    make(home, 1)
    transfer.push(home, "memory://bucket/place", home.fingerprints())
    transfer.pull(away, "memory://bucket/place")
    assert files(away) == files(home)


@pytest.mark.parametrize("end", [".tar", ".tar.gz"])
def test_packed_into_one_file(home: Store, away: Store, tmp_path: Path, end: str) -> None:
    stages = [make(home, number) for number in range(3)]
    Plan(stages[:2]).record(home, "two")
    packed = tmp_path / f"two{end}"
    transfer.pack(home, packed, transfer.chosen(home, ["two"]))
    assert list(tmp_path.glob(".*")) == []
    with tarfile.open(packed) as tar:
        names = tar.getnames()
    assert [name for name in names if name.endswith("small.txt")] and not any(n.startswith(("/", "..")) for n in names)
    transfer.pull(away, str(packed))
    assert {f for f, _, _ in files(away)} == {stage.fingerprint for stage in stages[:2]}
    with pytest.raises(InputError, match="no plan of 'three'; it has: two"):
        transfer.chosen(home, ["three"])
    with pytest.raises(InputError, match=r"is called NAME\.tar or"):
        transfer.pack(home, tmp_path / "x.zip", [])


@pytest.mark.parametrize("way", ["push", "pull"])
def test_a_different_artifact_is_never_overwritten(home: Store, away: Store, url: str, way: str) -> None:
    make(home, 1, b"mine")
    make(away, 1, b"theirs")
    transfer.push(away, url, away.fingerprints())
    before = files(home)
    with pytest.raises(StoreError, match=r"different content \(data/big.bin\).*Nothing was overwritten"):
        transfer.push(home, url, home.fingerprints()) if way == "push" else transfer.pull(home, url)
    assert files(home) == before and files(Store(url.removeprefix("file://"))) == files(away)


def test_an_interrupted_push_goes_on(home: Store, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(home, 1)
    whole = transfer._Far.put
    names: list[str] = []

    def breaks(self: Any, source: Path, name: str, item: dict[str, Any]) -> int:
        names.append(name)
        if len(names) == 2:
            raise KeyboardInterrupt
        return whole(self, source, name, item)

    monkeypatch.setattr(transfer._Far, "put", breaks)
    with pytest.raises(KeyboardInterrupt):
        transfer.push(home, url, home.fingerprints())
    assert list(Store(url.removeprefix("file://")).fingerprints()) == []  # no manifest: not there
    monkeypatch.setattr(transfer._Far, "put", whole)
    assert transfer.push(home, url, home.fingerprints()).bytes == len("1")  # the large file had arrived


@pytest.mark.parametrize("damage", ["cut", "wrong"])
def test_an_interrupted_pull_goes_on(home: Store, away: Store, url: str, damage: str) -> None:
    stage = make(home, 1)
    transfer.push(home, url, home.fingerprints())
    source = home.path(stage.fingerprint) / "data" / "big.bin"
    part = away.root / "tmp" / f"{stage.fingerprint}-pull" / "data" / "big.bin"
    part.parent.mkdir(parents=True)
    part.write_bytes(source.read_bytes()[:30_000] if damage == "cut" else b"x" * 30_000)
    (part.parent / "leftover").write_text("of another version")
    moved = transfer.pull(away, url)
    assert moved.bytes == (20_001 if damage == "cut" else 50_001)
    assert files(away) == files(home) and list((away.root / "tmp").iterdir()) == []


def test_damage_on_the_way_is_noticed(home: Store, away: Store, url: str, tmp_path: Path) -> None:
    stage = make(home, 1)
    transfer.push(home, url, home.fingerprints())
    far = Store(tmp_path / "far").path(stage.fingerprint)
    (far / "data" / "big.bin").write_bytes(b"y" * 50_000)
    with pytest.raises(StoreError, match="is not what its manifest says"):
        transfer.pull(away, url)
    assert list(away.fingerprints()) == []
    (home.path(stage.fingerprint) / "small.txt").write_text("2")
    with pytest.raises(StoreError, match="is damaged here"):
        transfer.push(home, f"{url}2", home.fingerprints())


def test_damaged_artifacts_do_not_keep_the_others_away(home: Store, away: Store, url: str, tmp_path: Path) -> None:
    stages = [make(home, number) for number in range(5)]
    Plan(stages).record(home, "mine")
    transfer.push(home, url, home.fingerprints())
    spoilt, cut, lost, *whole = (Store(tmp_path / "far").path(stage.fingerprint) for stage in stages)
    (spoilt / "small.txt").write_text("?")
    (cut / manifest.NAME).write_bytes((cut / manifest.NAME).read_bytes()[:100])
    (lost / "small.txt").unlink()
    with pytest.raises(StoreError) as error:
        transfer.pull(away, url)
    said = str(error.value)
    assert said.startswith("2 artifacts fetched, 0 were here, 3 not fetched:\n  - ")
    for folder, why in (spoilt, "is not what its manifest says"), (cut, "is damaged"), (lost, "is not there"):
        assert any(folder.name in line and why in line for line in said.splitlines())
    assert set(away.fingerprints()) == {folder.name for folder in whole} and record.load(away, "mine")


@pytest.mark.parametrize("trick", ["path", "stage", "fingerprint", "json", "nothing"])
def test_a_manifest_that_lies_is_refused(home: Store, away: Store, url: str, tmp_path: Path, trick: str) -> None:
    stage = make(home, 1)
    transfer.push(home, url, home.fingerprints())
    path = Store(tmp_path / "far").path(stage.fingerprint) / manifest.NAME
    body = json.loads(path.read_text())
    del body["check"]
    if trick == "path":
        body["files"][0]["path"] = "../../../outside"
    elif trick == "stage":
        body["stage"]["config"]["number"] = 2
    elif trick == "nothing":
        del body["stage"]
    path.write_text("{" if trick == "json" else manifest.dump(body))
    if trick == "fingerprint":
        other = Store(tmp_path / "far").path("0" * 64)
        other.parent.mkdir()
        shutil.move(path.parent, other)
    with pytest.raises(StoreError):
        transfer.pull(away, url)
    assert list(away.fingerprints()) == [] and not (tmp_path / "outside").exists()


@pytest.mark.parametrize("end", [".tar", ".tar.gz"])
@pytest.mark.parametrize("damage", ["cut", "header"])
def test_a_damaged_packed_store_is_not_a_smaller_one(
    home: Store, away: Store, tmp_path: Path, end: str, damage: str
) -> None:
    for number in range(3):
        make(home, number)
    packed = tmp_path / f"all{end}"
    transfer.pack(home, packed, home.fingerprints())
    content = gzip.decompress(packed.read_bytes()) if end == ".tar.gz" else packed.read_bytes()
    if damage == "header":
        with tarfile.open(packed) as tar:
            where = tar.getmembers()[2].offset
        content = content[:where] + b"?" + content[where + 1 :]
    content = gzip.compress(content) if end == ".tar.gz" else content
    packed.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    with pytest.raises(InputError, match="no whole packed store"):
        transfer.pull(away, str(packed))
    assert list(away.fingerprints()) == []


def test_places_that_cannot_be_opened(home: Store, tmp_path: Path) -> None:
    for place in ("nonsense://x", str(tmp_path / "none.tar")):
        with pytest.raises(InputError, match=place.rpartition("/")[2] or place):
            transfer.pull(home, place)
    (tmp_path / "junk.tar").write_text("junk")
    with pytest.raises(InputError, match="no whole packed store"):
        transfer.pull(home, str(tmp_path / "junk.tar"))
    with pytest.raises(InputError, match="waystage store pack"):
        transfer.push(home, str(tmp_path / "new.tar"), [])


def test_notes_on_dropped_checkpoints_travel_too(home: Store, away: Store, url: str, tmp_path: Path) -> None:
    stages = [make(home, number) for number in range(3)]
    Plan(stages[:2]).record(home, "two")
    for stage in stages:
        home.remove(stage.fingerprint)
        folder = home.open(stage.fingerprint)
        (folder / "curve.parquet").write_text(f"curve {stage.name}")
        (folder / "training.json").write_text("")
        told = {key: getattr(stage, key) for key in ("kind", "name", "version", "config")}
        home.commit(stage.fingerprint, folder, {"stage": {**told, "inputs": {}}})
    first, second, other = (stage.fingerprint for stage in stages)
    assert retention.drop(home, [second, other]) == [second, other]
    assert transfer.push(home, url, transfer.chosen(home, ["two"])).notes == [second]
    assert transfer.push(home, url, transfer.chosen(home, ["two"])).notes == []
    transfer.pack(home, tmp_path / "all.tar", transfer.chosen(home, None))
    for place, wanted in (url, {second}), (str(tmp_path / "all.tar"), {other}):
        assert set(transfer.pull(away, place).notes) == wanted and transfer.pull(away, place).notes == []
    assert list(away.fingerprints()) == [first]
    for fingerprint in (second, other):
        assert away.manifest(fingerprint) == home.manifest(fingerprint)
        for name in retention.KEPT:
            kept, mine = away.find(fingerprint, name), home.find(fingerprint, name)
            assert kept and mine and kept.read_bytes() == mine.read_bytes()


def test_a_manifest_that_came_in_part_is_sent_again(home: Store, away: Store, url: str, tmp_path: Path) -> None:
    stage = make(home, 1)
    transfer.push(home, url, home.fingerprints())
    Plan([stage]).record(home, "mine")
    torn = Store(tmp_path / "far").path(stage.fingerprint) / manifest.NAME
    for content in (b"", torn.read_bytes()[:50]):
        torn.write_bytes(content)
        assert transfer.push(home, url, home.fingerprints()).sent == [stage.fingerprint]
    plan = tmp_path / "far" / "plans" / "mine.json"
    plan.write_bytes(plan.read_bytes()[:50])
    assert transfer.pull(away, url).sent == [stage.fingerprint] and files(away) == files(home)
    assert record.load(away, "mine") is None


def test_places_with_odd_names_and_empty_files(home: Store, away: Store, tmp_path: Path) -> None:
    stage = Stage(kind="rows", name="rows", config={})
    folder = home.open(stage.fingerprint)
    (folder / "empty").write_text("")
    told = {key: getattr(stage, key) for key in ("kind", "name", "version", "config")}
    home.commit(stage.fingerprint, folder, {"stage": {**told, "inputs": {}}})
    Plan([stage]).record(home, "mine")
    place = str(tmp_path / "[old] 50% *")
    transfer.push(home, place, home.fingerprints())
    assert transfer.pull(away, place).sent == [stage.fingerprint]
    assert files(away) == files(home) and record.load(away, "mine")


def test_a_place_without_artifacts_is_not_an_empty_store(away: Store, tmp_path: Path) -> None:
    for place in (str(tmp_path / "mistyped"), str(tmp_path)):
        with pytest.raises(InputError, match="no artifact is there"):
            transfer.pull(away, place)
