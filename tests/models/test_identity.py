"""What a local model is: its content, in one file or in the parts of a large checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from waystage.errors import InputError
from waystage.models.identity import identity


def made(folder: Path, **files: str) -> str:
    folder.mkdir()
    for name, text in {"config.json": "{}", "tokenizer.json": "{}", **files}.items():
        (folder / name).write_text(text)
    return str(folder)


def test_a_large_checkpoint_is_the_content_of_all_its_parts(tmp_path: Path) -> None:
    one, two = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    first = identity(made(tmp_path / "a", **{one: "x", two: "y"}))
    assert first == identity(made(tmp_path / "b", **{one: "x", two: "y", "model.safetensors.index.json": "{}"}))
    assert first != identity(made(tmp_path / "c", **{one: "x", two: "z"}))
    assert first["name"] == "local"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model\.safetensors is missing; only safetensors"):
        identity(made(tmp_path / "a"))
    whole = Path(made(tmp_path / "b", **{"model.safetensors": "x"}))
    (whole / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"tokenizer\.json is missing$"):
        identity(str(whole))
