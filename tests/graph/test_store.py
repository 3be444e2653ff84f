from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from waystage.errors import StoreError
from waystage.graph import manifest
from waystage.graph.stage import Stage
from waystage.graph.store import Corrupt, Store, default_root, equality

STAGE = Stage(kind="rows", name="rows", config={})
FP = STAGE.fingerprint
DATA = "deep/er/data.txt"


def test_a_file_is_looked_at_before_it_is_read(store: Store, make: Callable[..., None]) -> None:
    assert store.find(FP, "scores.json") is None
    make(STAGE, **{"scores.json": "[37.5]"})
    found = store.find(FP, "scores.json")
    assert found is not None and found.read_text() == "[37.5]"
    assert store.find(FP, "other.json") is None
    found.write_text("[97.5]")
    with pytest.raises(Corrupt, match="Run the study again"):
        store.find(FP, "scores.json")
    assert store.find(FP, "scores.json") is None  # set aside: not there until it is made anew
    make(STAGE, **{"scores.json": "[37.5]"})
    found.unlink()
    with pytest.raises(Corrupt, match="is missing"):
        store.find(FP, "scores.json")


def test_an_artifact_is_absent_then_whole(store: Store, make: Callable[..., None]) -> None:
    assert not store.has(FP)
    make(STAGE, extra="x")
    assert store.has(FP)
    assert store.verify(FP) == []
    assert store.use(FP) == store.root / "artifacts" / FP[:2] / FP
    assert (store.path(FP) / DATA).read_text() == "made by rows"
    assert list((store.root / "tmp").iterdir()) == []


def test_the_manifest_says_what_the_files_are(store: Store, make: Callable[..., None]) -> None:
    make(STAGE, extra="abc")
    record = store.manifest(FP)
    assert [file["path"] for file in record["files"]] == [DATA, "extra"]
    assert record["files"][1]["size"] == 3
    assert record["files"][1]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert record["fingerprint"] == FP
    assert record["stage"] == {"kind": "rows", "name": "rows"}


def test_no_folder_is_made_by_looking(store: Store) -> None:
    assert not store.has(FP) and list(store.ls()) == [] and store.verify(FP) == ["there is no artifact"]
    with pytest.raises(StoreError, match="no artifact"):
        store.manifest(FP)
    assert not store.root.exists()


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [change, truncate, Path.unlink])
@pytest.mark.parametrize("file", [DATA, "extra", "manifest.json"])
def test_damage_to_any_file_is_noticed_before_use(
    store: Store, make: Callable[..., None], damage: Callable[[Path], None], file: str
) -> None:
    make(STAGE, extra="some text")
    damage(store.path(FP) / file)
    if store.has(FP):
        assert len(store.verify(FP, deep=False)) == 1
    with pytest.raises(Corrupt) as caught:
        store.use(FP)
    assert caught.value.fingerprint == FP
    if (file, damage) != ("manifest.json", Path.unlink):  # without a manifest it was not an artifact
        assert file in str(caught.value)
        assert (store.root / "quarantine" / f"{FP}-1").is_dir()
        assert not store.path(FP).exists()
    make(STAGE, extra="some text")
    assert store.use(FP)


def test_damage_that_keeps_size_and_time_is_noticed_by_a_new_process(store: Store, make: Callable[..., None]) -> None:
    make(STAGE)
    path = store.path(FP) / DATA
    times = path.stat()
    change(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    again = Store(store.root)
    assert again.verify(FP, deep=False) == []
    assert "sha256" in again.verify(FP)[0]
    # and by the one that made it, which remembers the change time too
    assert "sha256" in store.verify(FP)[0]


def test_a_whole_file_is_hashed_once_in_a_process(
    store: Store, make: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(STAGE)
    hashed: list[Path] = []
    monkeypatch.setattr("waystage.graph.store.sha256", lambda path: hashed.append(path) or manifest.sha256(path))
    store.use(FP)
    assert hashed == []  # it was hashed when it was made
    other = Store(store.root)
    other.use(FP)
    other.use(FP)
    assert hashed == [store.path(FP) / DATA]


def test_a_copied_store_is_whole_and_cheap_after_one_look(
    store: Store, make: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(STAGE)
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)  # new time stamps
    assert Store(tmp_path / "copy").verify(FP, deep=False) == []
    monkeypatch.setattr("waystage.graph.store.sha256", lambda path: pytest.fail("hashed again"))
    assert Store(tmp_path / "copy").verify(FP, deep=False) == []


def test_a_copied_store_may_be_on_a_disk_that_is_only_read(
    store: Store, make: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(STAGE)
    shutil.copytree(store.root, tmp_path / "copy", copy_function=shutil.copyfile)

    def refused(*given: object, **how: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("waystage.graph.store.os.utime", refused)
    assert Store(tmp_path / "copy").use(FP) == tmp_path / "copy" / store.path(FP).relative_to(store.root)


def test_a_second_quarantine_does_not_overwrite_the_first(store: Store, make: Callable[..., None]) -> None:
    for _ in range(2):
        make(STAGE)
        change(store.path(FP) / DATA)
        assert "corrupt" in (store.quarantine(FP) or "")
    assert {path.name for path in (store.root / "quarantine").iterdir()} == {f"{FP}-1", f"{FP}-2"}


def test_quarantine_leaves_what_is_whole_or_being_made(store: Store, make: Callable[..., None]) -> None:
    assert store.quarantine(FP) is None
    make(STAGE)
    assert store.quarantine(FP) is None
    change(store.path(FP) / DATA)
    with store.lock(FP):
        assert store.quarantine(FP) is None
    assert store.path(FP).exists()


def test_a_stage_may_not_write_a_manifest_or_links(store: Store) -> None:
    folder = store.open(FP)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match="belongs to the store"):
        store.commit(FP, folder, {})
    for target in ("/etc/passwd", "/etc"):
        folder = store.open(FP)
        (folder / "link").symlink_to(target)
        with pytest.raises(StoreError, match="is a link"):
            store.commit(FP, folder, {})
    assert not store.has(FP)


def test_open_removes_what_killed_tries_left(store: Store) -> None:
    first = store.open(FP)
    other = store.open("f" * 64)
    second = store.open(FP)
    assert not first.exists() and second.exists() and other.exists()


def test_scratch_survives_until_the_stage_is_complete(store: Store, make: Callable[..., None]) -> None:
    (store.scratch(FP) / "step").write_text("3")
    assert (store.scratch(FP) / "step").read_text() == "3"
    make(STAGE)
    assert not (store.root / "scratch" / FP).exists()


def test_the_later_of_two_who_made_the_same_gives_way(store: Store, make: Callable[..., None]) -> None:
    folder = store.open(FP)
    (folder / "mine").write_text("later")
    folder.rename(folder.with_name("elsewhere"))  # out of reach of the other's clean-up, as with a lost lease
    make(STAGE)
    store.commit(FP, folder.with_name("elsewhere"), {})
    assert not (store.path(FP) / "mine").exists()
    assert not folder.with_name("elsewhere").exists()
    assert store.verify(FP) == []


def test_replace_puts_the_new_in_place_of_the_old(store: Store, make: Callable[..., None]) -> None:
    make(STAGE, old="1")
    make(STAGE, replace=True, new="1")
    assert (store.path(FP) / "new").exists() and not (store.path(FP) / "old").exists()


def test_ls_lists_and_marks_damage(store: Store, make: Callable[..., None]) -> None:
    make(STAGE)
    other = Stage(kind="rows", name="other", config={"x": 1})
    make(other)
    change(store.path(other.fingerprint) / "manifest.json")
    found = {entry.fingerprint: (entry.kind, entry.name, entry.size) for entry in store.ls()}
    assert [record["fingerprint"] for record in store.manifests()] == [FP]
    assert found == {FP: ("rows", "rows", 12), other.fingerprint: ("?", "damaged manifest", 0)}


def test_equality_counts_payload_as_it_is_on_disk(store: Store, make: Callable[..., None], tmp_path: Path) -> None:
    make(STAGE, extra="x")
    other = Store(tmp_path / "other")
    make(STAGE, other, extra="x")
    assert [item[1] for item in equality(store, [FP])] == [DATA, "extra"]
    assert equality(store, [FP]) == equality(other, [FP])  # although times and manifests differ
    change(other.path(FP) / DATA)
    assert equality(store, [FP]) != equality(other, [FP])


def test_shared_is_a_property_of_the_folder(tmp_path: Path) -> None:
    assert not Store(tmp_path / "s").shared
    Store(tmp_path / "s", shared=True)
    assert Store(tmp_path / "s").shared


def test_default_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYSTAGE_STORE", "/a/b")
    assert default_root() == Path("/a/b")
    monkeypatch.delenv("WAYSTAGE_STORE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/data")
    assert default_root() == Path("/data/waystage")
