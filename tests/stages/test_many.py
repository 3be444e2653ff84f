"""One stage in several processes: the result of one process, to float noise; what it predicts, to the last byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.stages import many, small

from waystage.stages import Context, run

LORA = {"kind": "lora", "rank": 4, "alpha": 8.0, "targets": "all-linear", "dropout": 0.0}
NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}
TAGS = {"task": "udpos", "form": "tags", "labels": ["N", "V"], "head": "udpos", "metric": "f1"}
MLM = {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    small.model(root / "model", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    small.stored(root / "pairs", "pairs", {"en": small.pairs(60, 1)}, ("no", "yes"))
    small.stored(root / "pairs-dev", "pairs", {"en": small.pairs(24, 2), "de": small.pairs(17, 3)}, ("no", "yes"))
    small.stored(root / "tags", "tags", {"en": small.tags(60, 1)}, ("N", "V"))
    small.stored(root / "text", "masked", {"en": small.texts(40, 2), "de": small.texts(10, 3)})
    return root


def train(here: Path, out: Path, members: dict[str, dict[str, Any]], **recipe: Any) -> dict[str, Any]:
    """`members`: the folder of their data -> the member."""
    config = {
        "model": small.LOCAL, "members": list(members.values()), "head_policy": "new", "seed": 1, "threads": 1,
        "precision": recipe.pop("precision", "fp32"),
        "recipe": {"batch": 12, "learning_rate": 3e-3, "steps": 8, "eval_every": 3, **recipe},
    }  # fmt: skip
    if "text" in members:
        config["replay"] = {"mlm": 0.4}
    inputs: dict[str, Any] = {"tokens": [here / name / "tokens" for name in members]}
    inputs |= {"dev": [here / "pairs-dev" / "tokens"], "dev_rows": [here / "pairs-dev" / "rows"]}
    return many.stage("train", config, inputs, out, places={"model": str(here / "model")})


def alone(stage: dict[str, Any]) -> Path:
    out = Path(stage["out"])
    out.mkdir(parents=True)
    inputs: Any = {n: [Path(p) for p in g] if isinstance(g, list) else Path(g) for n, g in stage["inputs"].items()}
    context = Context(scratch=out.with_name(f"{out.name}-scratch"), **stage["how"])
    run(stage["kind"], stage["config"], inputs, out, context)
    return out


def curve(out: Path, name: str = "loss") -> np.ndarray:
    return np.array([row["value"] for row in pq.read_table(out / "curve.parquet").to_pylist() if row["name"] == name])


MIXTURE = {"pairs": NLI, "text": MLM}
KINDS: dict[str, Any] = {
    "full": {"members": MIXTURE, "select": "best", "patience": 5},
    "lora": {"members": {"pairs": NLI}, "adapter": LORA},
    "frozen": {"members": {"pairs": NLI}, "freeze": 1},
}
HOWS = [{}, {"sharded": True}, {"sharded": True, "checkpointing": True, "micro_tokens": 128}]


@pytest.fixture(scope="module")
def done(here: Path) -> dict[str, Path]:
    """Everything that two processes do in the tests below, in one go."""
    stages = []
    for kind, recipe in KINDS.items():
        for number, how in enumerate(HOWS):
            stage = train(here, here / f"{kind}-{number}", **recipe)
            stages.append({**stage, "sharded": how.get("sharded", False)})
            stages[-1]["how"] |= {name: value for name, value in how.items() if name != "sharded"}
    many.together(2, stages)
    return {Path(stage["out"]).name: Path(stage["out"]) for stage in stages}


@pytest.mark.parametrize("how", range(len(HOWS)))
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_learn_what_one_does(here: Path, done: dict[str, Path], kind: str, how: int) -> None:
    out = here / f"{kind}-alone"
    wanted = out if out.exists() else alone(train(here, out, **KINDS[kind]))
    found = done[f"{kind}-{how}"]
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in wanted.iterdir())
    for name, noise in (("loss", 1e-6), ("gradient_norm", 1e-5), ("learning_rate", 0.0)):
        np.testing.assert_allclose(curve(found, name), curve(wanted, name), rtol=noise, atol=noise)
    said = [json.loads((one / "training.json").read_text()) for one in (found, wanted)]
    assert said[0]["looks"] == said[1]["looks"]  # the same predictions at every look
    assert said[0] == {**said[1], "best": said[0]["best"]}
