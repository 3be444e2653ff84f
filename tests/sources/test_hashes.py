"""The book of hashes saves time, and is never believed against the file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from waystage.sources import hashes


def made(path: Path, text: str, *, age: float = 60.0) -> str:
    path.write_text(text)
    past = path.stat().st_mtime - age
    os.utime(path, (past, past))
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_old_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    digest = made(path, "one")
    assert hashes.sha256(path) == digest
    monkeypatch.setattr(hashes, "_SEEN", {})
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: pytest.fail("read again"))
    assert hashes.sha256(path) == digest


def test_a_change_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x"
    made(path, "one")
    first = hashes.sha256(path)
    made(path, "two", age=30.0)
    assert hashes.sha256(path) != first


def test_a_file_that_was_just_written_is_not_believed_to_stay(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("one")
    stat = path.stat()
    first = hashes.sha256(path)
    path.write_text("two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert hashes.sha256(path) != first


def test_a_book_that_is_damaged_or_cannot_be_written_costs_time_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = made(tmp_path / "x", "one")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/sha256.json").write_text("{{{")
    monkeypatch.setenv("WAYSTAGE_CACHE", str(tmp_path / "cache"))
    assert hashes.sha256(tmp_path / "x") == digest
    monkeypatch.setattr(hashes, "_SEEN", {})
    monkeypatch.setenv("WAYSTAGE_CACHE", str(tmp_path / "x" / "below a file"))
    assert hashes.sha256(tmp_path / "x") == digest


def test_several_files_have_one_hash_whatever_their_order() -> None:
    parts = [("a", "1"), ("b", "2")]
    assert hashes.together(parts) == hashes.together(parts[::-1])
    assert hashes.together(parts) != hashes.together([("a", "2"), ("b", "1")])
