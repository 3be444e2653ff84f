"""Every bad study gives exit code 2, no traceback, and a message from which a newcomer can mend the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from waystage.errors import StudyError
from waystage.study import load

FOLDER = Path(__file__).parent.parent / "bad_studies"
FILES = sorted(p for p in FOLDER.glob("*.toml") if p.name != "cycle-b.toml")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_message(path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    said = str(caught.value).replace(str(FOLDER) + "/", "")
    assert said == path.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")


def test_every_message_has_its_file() -> None:
    assert {p.stem for p in FILES} == {p.stem for p in FOLDER.glob("*.txt")}
    assert len(FILES) >= 20


def test_ten_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text('title = "x"\n' + "# padding\n" * 1_000_000)
    with pytest.raises(StudyError, match=r"10,000,012 bytes; a study file has at most 1,000,000"):
        load(path)


def test_no_such_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").touch()
    with pytest.raises(StudyError, match=r"there is no such file; in that folder: other\.toml"):
        load(tmp_path / "study.toml")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"is a folder"):
        load(tmp_path)


def test_deep_nesting(tmp_path: Path) -> None:
    path = tmp_path / "deep.toml"
    path.write_text("title = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(StudyError, match=r"too deeply|not valid TOML"):
        load(path)
