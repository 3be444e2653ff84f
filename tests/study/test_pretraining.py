"""A small model from the world's text, or from one's own, that the rest of the house takes for any other."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from waystage.cli import app
from waystage.errors import InputError
from waystage.study.pretraining import Phase, own_text, pretrained, shape

TINY = ["--shape", "1x32", "--steps", "3", "--batch", "4", "--length", "32", "--documents", "40", "-q"]


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["pretrain", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_model_of_the_world_is_an_ordinary_checkpoint(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    out, store = tmp_path / "tiny", ["--store", str(tmp_path / "store")]
    said = run(str(out), *TINY, *store, "--languages", "en,sw", "--first", "2")
    assert f'models = ["{out}"]' in said
    model, info = AutoModelForMaskedLM.from_pretrained(out, output_loading_info=True)
    assert not info["missing_keys"] and model.config.num_hidden_layers == 1
    assert AutoTokenizer.from_pretrained(out).mask_token_id is not None
    deeper = tmp_path / "deeper"
    run(str(deeper), *TINY, *store, "--shape", "2x32", "--languages", "en", "--start", str(out))
    assert AutoModelForMaskedLM.from_pretrained(deeper).config.num_hidden_layers == 2


def test_own_text_takes_the_place_of_the_world(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    for code, line in (("de", "Der Hund sieht die Katze im Garten."), ("yo", "Ajá náà rí ológbò nínú ọgbà.")):
        (tmp_path / "text" / f"{code}.txt").write_text(f"{line}\n" * 30, encoding="utf-8")
    out = tmp_path / "own"
    run(str(out), *TINY, "--store", str(tmp_path / "store"), "--text", str(tmp_path / "text"), "--family", "llama")
    assert (out / "model.safetensors").exists()
    stage = pretrained(shape("1x32"), [Phase(languages=("de", "yo"), steps=1)], text=own_text([str(tmp_path / "text")]))
    other = pretrained(shape("1x32"), [Phase(languages=("de", "yo"), steps=1)])
    assert stage.fingerprint != other.fingerprint


def test_what_cannot_be_is_refused_in_words(tmp_path: Path) -> None:
    for said, words in (("4*128", "LAYERSxWIDTH"), ("0x64", "LAYERSxWIDTH"), ("2x50", "multiple of 32")):
        with pytest.raises(InputError, match=words):
            shape(said)
    with pytest.raises(InputError, match="lstm"):
        shape("2x32", "lstm")
    with pytest.raises(InputError, match="LANGUAGE=FILE"):
        own_text(["nowhere"])
    with pytest.raises(InputError, match="no text in 'oto'"):
        CliRunner().invoke(
            app, ["pretrain", str(tmp_path / "a"), "--languages", "oto", "--steps", "1"], catch_exceptions=False
        )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("x")
    with pytest.raises(InputError, match="not empty"):
        CliRunner().invoke(app, ["pretrain", str(tmp_path / "full")], catch_exceptions=False)


def test_own_text_is_read_to_its_end_unless_so_many_documents_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "de.txt").write_text("Der Hund sieht die Katze.\n" * 5, encoding="utf-8")
    text, phases = {"de": str(tmp_path / "de.txt")}, [Phase(languages=("de",), steps=1)]

    def rows(**more: object) -> dict[str, object]:
        tokens = pretrained(shape("1x32"), phases, **more).inputs["tokens"]  # type: ignore[arg-type]
        return tokens.inputs["rows"].config  # type: ignore[union-attr]

    assert "limit" not in rows(text=text) and rows(text=text, documents=3)["limit"] == 3
    assert rows()["limit"] == 40_000
