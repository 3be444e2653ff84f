"""What several rooms' tests need: a model trained for seconds, made here and now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("calm", deadline=None)  # on a busy machine a slow example is no fault
settings.load_profile("calm")

LANGUAGES = ("en", "de", "tr", "zh")


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint like any other: two layers of 32, a tokenizer of its own, forty steps on the world's text."""
    from waystage import stages
    from waystage.world.tokenizer import train_tokenizer

    folder = tmp_path_factory.mktemp("model")
    train_tokenizer(folder, codes=LANGUAGES, size=1500, total=300)
    places = {"model": str(folder)}
    rows, tokens, out = folder / "rows", folder / "tokens", folder / "checkpoint"

    def stage(kind: str, config: dict[str, object], inputs: dict[str, Path | list[Path]], to: Path) -> None:
        to.mkdir()
        stages.run(kind, config, inputs, to, stages.Context(scratch=folder / f"scratch-{kind}", places=places))

    source = {"kind": "world", "seed": 0, "version": 1}
    stage("rows", {"task": "mlm", "form": "masked", "split": "train", "languages": list(LANGUAGES), "source": source,
                   "limit": 60}, {}, rows)  # fmt: skip
    tokenizer = {"name": "local", "revision": "-"}
    stage("tokens", {"task": "mlm", "form": "masked", "labels": [], "tokenizer": tokenizer, "max_length": 64},
          {"rows": rows}, tokens)  # fmt: skip
    shape = {"family": "xlm-r", "layers": 2, "hidden": 32, "heads": 2, "intermediate": 64}
    stage("pretrain", {"shape": shape, "tokenizer": tokenizer, "recipe": {"steps": 40, "batch": 16}, "seed": 0,
                       "threads": 1, "precision": "fp32"}, {"tokens": tokens}, out)  # fmt: skip
    assert json.loads((out / "config.json").read_text())["model_type"] == "xlm-roberta"
    return out
