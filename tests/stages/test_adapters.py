"""LoRA as a recipe: what is kept, what a chain of stages makes of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from tests.stages import small

from waystage.errors import InputError, UnknownName
from waystage.stages import Context, run

NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}
TAGS = {"task": "udpos", "form": "tags", "labels": ["N", "V"], "head": "udpos", "metric": "f1"}
LORA = {"kind": "lora", "rank": 4, "alpha": 8.0, "targets": "all-linear", "dropout": 0.0}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("adapters")
    small.model(root / "model", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    small.stored(root / "pairs", "pairs", {"en": small.pairs(60, 1)}, ("no", "yes"))
    small.stored(root / "tags", "tags", {"en": small.tags(200, 1)}, ("N", "V"))
    small.stored(root / "tags-dev", "tags", {"en": small.tags(30, 2), "de": small.tags(20, 3)}, ("N", "V"))
    return root


def train(
    here: Path, name: str, member: dict[str, Any], data: str, *, start: Path | None = None, **recipe: Any
) -> Path:
    precision, device = recipe.pop("precision", "fp32"), recipe.pop("device", "cpu")
    config = {
        "model": small.LOCAL, "members": [member], "head_policy": "new", "seed": 1, "threads": 1,
        "precision": precision, "recipe": {"batch": 16, "learning_rate": 1e-2, **recipe},
    }  # fmt: skip
    inputs: dict[str, Any] = {"tokens": [here / data / "tokens"]} | ({"start": start} if start else {})
    context = Context(scratch=here / f"{name}-scratch", places={"model": str(here / "model")}, device=device)
    run("train", config, inputs, here / name, context)
    return here / name


def evaluate(here: Path, name: str, checkpoint: Path, task: dict[str, Any], data: str) -> tuple[dict[str, Any], float]:
    """The predictions, and the first score."""
    config = {"model": small.LOCAL, "languages": ["en"], "precision": "fp32", "threads": 1, **task}
    inputs: dict[str, Any] = {"tokens": here / data / "tokens", "rows": here / data / "rows", "checkpoint": checkpoint}
    context = Context(scratch=here / "scratch", places={"model": str(here / "model")})
    run("evaluate", config, inputs, here / name, context)
    table = pq.read_table(here / name / "predictions" / "en.parquet").to_pydict()
    return table, json.loads((here / name / "scores.json").read_text())[0]["value"]


def logits(here: Path, name: str, checkpoint: Path) -> np.ndarray:
    table, _ = evaluate(here, name, checkpoint, SHOWN, "pairs")
    return np.array(table["logits"])


SHOWN = {**NLI, "options": {"logits": True}}


def test_an_adapter_learns_and_only_it_and_the_head_are_kept(here: Path) -> None:
    out = train(here, "learned", TAGS, "tags", epochs=16, learning_rate=3e-2, adapter=LORA | {"rank": 16})
    assert {path.name for path in out.iterdir()} == {
        "adapters", "heads.safetensors", "model.json", "curve.parquet", "training.json",
    }  # fmt: skip
    _, score = evaluate(here, "learned-scores", out, TAGS, "tags-dev")
    head_only = train(here, "head-only", TAGS, "tags", epochs=16, learning_rate=3e-2, adapter=LORA | {"alpha": 1e-6})
    _, frozen = evaluate(here, "head-only-scores", head_only, TAGS, "tags-dev")
    assert score > 95
    assert frozen < score, "the head alone does not do it"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft asks for it
def test_peft_itself_reads_what_is_kept(here: Path) -> None:
    from peft import PeftModel
    from transformers import XLMRobertaModel

    from waystage.models import load

    out = train(here, "read", NLI, "pairs", steps=4, adapter=LORA)
    places = {"model": str(here / "model")}
    ours = load.backbone(small.LOCAL, places, start=out).eval()
    base = XLMRobertaModel.from_pretrained(here / "model", add_pooling_layer=False)
    theirs = PeftModel.from_pretrained(base, out / "adapters" / "0").eval()
    ids = torch.arange(3, 20)
    from waystage.models.packed import stream

    with torch.no_grad():
        found = ours(stream(ids.numpy(), np.array([17])))[:17]
        wanted = theirs(input_ids=ids[None], attention_mask=torch.ones(1, 17)).last_hidden_state[0]
        plain = load.backbone(small.LOCAL, places).eval()(stream(ids.numpy(), np.array([17])))[:17]
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(found, plain, atol=1e-3)


@pytest.mark.parametrize("chain", ["continue", "merge", "stack"])
def test_a_chain_of_no_steps_computes_what_the_stage_before_did(here: Path, chain: str) -> None:
    first = train(here, f"first-{chain}", SHOWN, "pairs", steps=6, adapter=LORA)
    second = train(here, f"second-{chain}", SHOWN, "pairs", start=first, steps=6, adapter=LORA | {"chain": chain})
    third = train(here, f"third-{chain}", SHOWN, "pairs", start=second, steps=0, adapter=LORA | {"chain": chain})
    states = [link["state"] for link in json.loads((third / "model.json").read_text())["adapters"]]
    assert states == {
        "continue": ["live"], "merge": ["merged", "merged", "live"], "stack": ["frozen", "frozen", "live"],
    }[chain]  # fmt: skip
    (third / "heads.safetensors").write_bytes((second / "heads.safetensors").read_bytes())
    before = logits(here, f"before-{chain}", second)
    after = logits(here, f"after-{chain}", third)
    np.testing.assert_allclose(after, before, atol=2e-6)
    other = logits(here, f"other-{chain}", first)
    assert np.abs(other - before).max() > 5e-4


@pytest.mark.parametrize(
    "targets", [("attention", "all-linear"), ("all-linear", "attention"), ("all-linear", ["query"])]
)
def test_adapters_of_other_targets_stand_on_each_other(here: Path, targets: tuple[Any, Any]) -> None:
    below, above = targets
    name = f"{below}-{above}"
    first = train(here, f"below-{name}", SHOWN, "pairs", steps=6, adapter=LORA | {"targets": below})
    stacked = LORA | {"targets": above, "rank": 2, "chain": "stack"}
    idle = train(here, f"idle-{name}", SHOWN, "pairs", start=first, steps=0, adapter=stacked)
    (idle / "heads.safetensors").write_bytes((first / "heads.safetensors").read_bytes())
    before = logits(here, f"before-{name}", first)
    np.testing.assert_allclose(logits(here, f"idle-scores-{name}", idle), before, atol=2e-6)
    taught = train(here, f"above-{name}", SHOWN, "pairs", start=first, steps=6, adapter=stacked)
    went = train(here, f"on-{name}", SHOWN, "pairs", start=taught, steps=0, adapter=stacked | {"chain": "continue"})
    (went / "heads.safetensors").write_bytes((taught / "heads.safetensors").read_bytes())
    after = logits(here, f"taught-scores-{name}", taught)
    assert np.abs(after - before).max() > 5e-4
    np.testing.assert_allclose(logits(here, f"on-scores-{name}", went), after, atol=2e-6)


def test_full_tuning_and_adapters_can_follow_each_other(here: Path) -> None:
    lora = train(here, "lora", SHOWN, "pairs", steps=6, adapter=LORA)
    whole = train(here, "whole", SHOWN, "pairs", start=lora, steps=0)
    (whole / "heads.safetensors").write_bytes((lora / "heads.safetensors").read_bytes())
    assert not (whole / "adapters").exists()
    one = logits(here, "lora-scores", lora)
    two = logits(here, "whole-scores", whole)
    np.testing.assert_allclose(two, one, atol=2e-6)

    tuned = train(here, "tuned", SHOWN, "pairs", steps=6)
    over = train(here, "over", SHOWN, "pairs", start=tuned, steps=0, adapter=LORA)
    again = train(here, "again", SHOWN, "pairs", start=over, steps=0, adapter=LORA)
    (again / "heads.safetensors").write_bytes((tuned / "heads.safetensors").read_bytes())
    assert (again / "encoder.safetensors").read_bytes() == (tuned / "encoder.safetensors").read_bytes()
    one = logits(here, "tuned-scores", tuned)
    two = logits(here, "again-scores", again)
    np.testing.assert_allclose(two, one, atol=2e-6)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_killed_run_ends_with_the_same_bytes(here: Path, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from waystage.training import loop

    class Killed(BaseException):
        pass

    recipe = {"steps": 8, "adapter": LORA | {"dropout": 0.1, "chain": "stack"}, "precision": precision}
    first = train(here, f"{precision}-first", NLI, "pairs", steps=3, adapter=LORA, precision=precision)
    whole = train(here, f"{precision}-whole", NLI, "pairs", start=first, **recipe)
    monkeypatch.setenv("WAYSTAGE_CHECKPOINT_SECONDS", "0")
    honest = loop.step

    def dies(job: loop.Job, weights: Any, adam: Any, rate: float, state: loop.State) -> None:
        if state.step == 5:
            raise Killed
        honest(job, weights, adam, rate, state)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(loop, "step", dies)
        train(here, f"{precision}-killed", NLI, "pairs", start=first, **recipe)
    again = train(here, f"{precision}-killed", NLI, "pairs", start=first, **recipe)
    files = [path.relative_to(whole) for path in whole.rglob("*") if path.is_file()]
    assert len(files) == 8
    for file in files:
        assert (again / file).read_bytes() == (whole / file).read_bytes(), file


def test_bf16_stays_near_and_keeps_the_adapter_in_fp32(here: Path) -> None:
    adapter = LORA | {"targets": ["query", "value"]}
    exact = train(here, "exact", NLI, "pairs", steps=8, dropout=0.0, adapter=adapter)
    rough = train(here, "rough", NLI, "pairs", steps=8, dropout=0.0, adapter=adapter, precision="bf16")
    curves = [
        [r["value"] for r in pq.read_table(o / "curve.parquet").to_pylist() if r["name"] == "loss"]
        for o in (exact, rough)
    ]
    np.testing.assert_allclose(*curves, atol=0.05)
    kept = load_file(rough / "adapters" / "0" / "adapter_model.safetensors")
    assert len(kept) == 2 * 2 * 2
    for tensor in kept.values():
        assert tensor.dtype == torch.float32
        assert not torch.equal(tensor.bfloat16().float(), tensor), "trained in fp32, not in bf16"


def test_what_cannot_be_is_refused_in_words(here: Path) -> None:
    first = train(here, "rank-4", NLI, "pairs", steps=0, adapter=LORA)
    with pytest.raises(InputError, match=r"rank 4.*cannot be continued as rank 8.*chain"):
        train(here, "rank-8", NLI, "pairs", start=first, steps=0, adapter=LORA | {"rank": 8, "chain": "continue"})
    with pytest.raises(UnknownName, match=r"'quary'.*did you mean 'query'"):
        train(here, "typo", NLI, "pairs", steps=0, adapter=LORA | {"targets": ["quary"]})
    four = LORA | {"kind": "qlora"}
    with pytest.raises(InputError, match=r"4 bits.*'cpu'.*kind = \"lora\""):
        train(here, "on-cpu", NLI, "pairs", steps=0, adapter=four)
    with pytest.raises(InputError, match=r"merge.*4 bits"):
        train(here, "merged", NLI, "pairs", start=first, steps=0, adapter=four | {"chain": "merge"})
    with pytest.raises(InputError, match="lora adapter and this one asks for qlora"):
        train(here, "mixed", NLI, "pairs", start=first, steps=0, adapter=four | {"chain": "stack"})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_qlora_learns_on_cuda(here: Path) -> None:
    pytest.importorskip("bitsandbytes")
    out = train(
        here, "qlora", TAGS, "tags", epochs=4, precision="bf16", device="cuda", adapter=LORA | {"kind": "qlora"}
    )
    assert json.loads((out / "model.json").read_text())["adapters"][0]["kind"] == "qlora"
    curve = [r["value"] for r in pq.read_table(out / "curve.parquet").to_pylist() if r["name"] == "loss"]
    assert sum(curve[-4:]) < sum(curve[:4]) / 2
