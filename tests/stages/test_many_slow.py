"""Several processes: heads, families, what a fresh process reads back, and runs that go on with more or fewer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.models.test_families import COMMON, SPECIAL
from tests.stages import many, small
from tests.stages.test_many import LORA, MIXTURE, NLI, SEARCH, TAGS, alone, curve, here, train
from tests.stages.test_train import _examples

from waystage import forms

__all__ = ["here"]
pytestmark = pytest.mark.slow

HEADS: dict[str, tuple[str, dict[str, Any]]] = {
    "sequence": ("pairs", NLI),
    "option": ("choice", {"task": "c", "form": "choice", "labels": [], "head": "c", "options": {}}),
    "token": ("tags", TAGS),
    "span": ("spans", {"task": "s", "form": "spans", "labels": [], "head": "s", "options": {}}),
    "embed": ("paired", SEARCH),
    "vocabulary": ("text", {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}),
}
TUNINGS: dict[str, dict[str, Any]] = {"full": {}, "lora": {"adapter": LORA}}
SHOW = """
import numpy as np
from pathlib import Path
from waystage.training import loop, predict
honest = loop.train
def train(job):
    done = honest(job)
    member = job.members[0]
    found = predict.outputs(job.network, member.head, member.corpus.parts[-1], vocabulary=member.vocabulary)
    if job.network.ranks.first:
        np.save(job.scratch.with_suffix(".npy"), found)
    return done
loop.train = train
"""
RELOAD = """
import json, sys
from pathlib import Path
import numpy as np
from safetensors.torch import load_file
from waystage.forms import masked
from waystage.forms.encoded import Encoded, Head
from waystage.models import load
from waystage.models.heads import make
from waystage.training import predict
from waystage.training.network import Network, key
for out, tokens, model in json.loads(sys.argv[1]):
    out, places = Path(out), {"model": model}
    name = {"name": "local", "revision": "test"}
    backbone = load.backbone(name, places, start=out)
    (head, said), = json.loads((out / "model.json").read_text())["heads"].items()
    if said["kind"] == "vocabulary":
        made = load.vocabulary_head(backbone, Path(model), seed=1)
    else:
        made = make(Head(said["kind"], said["size"]), backbone, drop=0.0, seed=0)
    weights = load_file(out / "heads.safetensors")
    made.load_state_dict({k.removeprefix(f"{key(head)}."): v for k, v in weights.items()}, strict=True)
    vocabulary = masked.vocabulary(load.tokenizer(name, places)) if said["kind"] == "vocabulary" else None
    network = Network(backbone, {head: made})
    found = predict.outputs(network, head, Encoded.load(Path(tokens)), vocabulary=vocabulary)
    np.save(out.with_suffix(".again.npy"), found)
"""


@pytest.fixture(scope="module")
def forms_of(here: Path) -> Path:
    for form in ("choice", "spans"):
        made, labels, options = _examples(form)
        arrays = forms.get(form).encode(made, small.tokenizer(), labels=labels, max_length=40, **options)
        arrays.save(here / form / "tokens" / "en")
    return here


@pytest.mark.parametrize("size", [1, 2])
def test_a_fresh_process_computes_what_the_trained_model_did(forms_of: Path, size: int) -> None:
    stages = {
        f"{head}-{tuning}-{size}": train(forms_of, forms_of / f"{head}-{tuning}-{size}", {data: member}, **recipe)
        for head, (data, member) in HEADS.items()
        for tuning, recipe in TUNINGS.items()
    }
    for name, stage in stages.items():
        stage["inputs"].pop("dev", None), stage["inputs"].pop("dev_rows", None)
        stage["sharded"] = size > 1
        stage["how"]["scratch"] = str(forms_of / f"{name}.scratch")
        if "text" in str(stage["inputs"]):
            stage["config"].pop("replay")
    many.together(size, list(stages.values()), SHOW)
    said = [
        [str(forms_of / name), str(Path(stage["inputs"]["tokens"][0]) / "en"), str(forms_of / "model")]
        for name, stage in stages.items()
    ]
    subprocess.run([sys.executable, "-W", "error", "-c", RELOAD, json.dumps(said)], check=True)
    for name in stages:
        before = np.load(forms_of / f"{name}.npy")
        after = np.load((forms_of / name).with_suffix(".again.npy"))
        assert before.size and np.isfinite(before).all()
        if "lora" in name or "vocabulary" in name:  # products of other shapes: the table is whole, or cut
            np.testing.assert_allclose(after, before, atol=2e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(after, before, err_msg=name)


@pytest.fixture(scope="module")
def families(here: Path) -> Path:
    import torch
    from transformers import AutoConfig, AutoModel

    words = small.tokenizer()
    for name, special in SPECIAL.items():
        special_tokens = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
        shape = {**COMMON, **special, **special_tokens, "vocab_size": words.get_vocab_size()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            AutoModel.from_config(AutoConfig.for_model(name, **shape)).save_pretrained(here / name)
        words.save(str(here / name / "tokenizer.json"))
    return here


@pytest.mark.parametrize("tuning", TUNINGS)
def test_every_family_in_parts(families: Path, tuning: str) -> None:
    def stage(name: str, out: str) -> dict[str, Any]:
        made = train(families, families / f"{name}-{tuning}-{out}", {"pairs": NLI}, dropout=0.0, **TUNINGS[tuning])
        made["how"] |= {"places": {"model": str(families / name)}, "micro_tokens": 200}
        return made

    many.together(2, [{**stage(name, "parts"), "sharded": True} for name in SPECIAL])
    for name in SPECIAL:
        wanted, found = alone(stage(name, "alone")), families / f"{name}-{tuning}-parts"
        np.testing.assert_allclose(curve(found), curve(wanted), rtol=2e-6, atol=2e-6, err_msg=name)
        looks = [json.loads((one / "training.json").read_text())["looks"] for one in (found, wanted)]
        assert looks[0] == looks[1], name


DIE = """
from waystage.training import loop
honest = loop.step
def step(job, weights, adam, rate, state):
    if state.step == {at}:
        raise SystemExit(3)
    honest(job, weights, adam, rate, state)
loop.step = step
"""


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_run_goes_on_with_more_and_fewer_processes(here: Path, tuning: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYSTAGE_CHECKPOINT_SECONDS", "0")
    recipe: dict[str, Any] = {"members": MIXTURE, "select": "best", "patience": 5, "steps": 10, **TUNINGS[tuning]}
    wanted = alone(train(here, here / f"{tuning}-undisturbed", **recipe))
    stage = train(here, here / f"{tuning}-moved", **recipe)
    for at, (size, sharded) in {2: (1, False), 4: (2, True), 6: (4, True), 8: (2, False)}.items():
        with pytest.raises(AssertionError):
            many.together(size, [{**stage, "sharded": sharded}], DIE.format(at=at))
        states = sorted((here / f"{tuning}-moved-scratch").glob("state-*"))
        assert states[-1].name == f"state-{at:09d}"
        assert len(list(states[-1].glob("*.safetensors"))) == (size if sharded else 1)
    found = Path(stage["out"])
    many.together(1, [stage])
    np.testing.assert_allclose(curve(found), curve(wanted), rtol=1e-6, atol=1e-6)
    said = [json.loads((one / "training.json").read_text()) for one in (found, wanted)]
    assert said[0]["looks"] == said[1]["looks"]
    assert said[0]["kept_step"] == said[1]["kept_step"]


@pytest.mark.parametrize("size", [2, 4])
def test_a_killed_run_of_the_same_processes_ends_with_the_same_bytes(
    here: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout included: a share draws the same."""
    monkeypatch.setenv("WAYSTAGE_CHECKPOINT_SECONDS", "0")
    recipe: dict[str, Any] = {"members": MIXTURE, "dropout": 0.1, "select": "best", "patience": 5, "steps": 10}
    stages = [train(here, here / f"{name}-{size}", **recipe) for name in ("whole", "killed")]
    many.together(size, [{**stages[0], "sharded": True}])
    with pytest.raises(AssertionError):
        many.together(size, [{**stages[1], "sharded": True}], DIE.format(at=6))
    many.together(size, [{**stages[1], "sharded": True}])
    files = [path.name for path in Path(stages[0]["out"]).iterdir()]
    assert len(files) == 5
    for file in files:
        assert (here / f"killed-{size}" / file).read_bytes() == (here / f"whole-{size}" / file).read_bytes(), file


@pytest.mark.parametrize("tuning", TUNINGS)
def test_parts_in_bf16_stay_near_one_process(here: Path, tuning: str) -> None:
    recipe: dict[str, Any] = {"members": {"pairs": NLI}, "precision": "bf16", **TUNINGS[tuning]}
    stages = [train(here, here / f"{tuning}-bf16-{number}", **recipe) for number in range(2)]
    many.together(2, [stages[0], {**stages[1], "sharded": True}])
    wanted = curve(alone(train(here, here / f"{tuning}-bf16-alone", **recipe)))
    for stage in stages:
        np.testing.assert_allclose(curve(Path(stage["out"])), wanted, atol=0.02)


HUNGRY = """
from waystage.training import loop
honest = loop.step
def step(job, weights, adam, rate, state):
    if state.step == 3 and rank == 1 and job.micro_tokens > 600:
        raise RuntimeError("out of memory")
    honest(job, weights, adam, rate, state)
loop.step = step
"""


def test_out_of_memory_in_one_process_is_known_to_all_when_they_start_again(here: Path) -> None:
    stage = train(here, here / "hungry", {"pairs": NLI})
    stage["how"] |= {"micro_tokens": 1200}
    with pytest.raises(AssertionError, match="StartAgain: out of memory: starting again with micro-batches of 600"):
        many.together(2, [{**stage, "sharded": True}], HUNGRY)
    many.together(2, [{**stage, "sharded": True}], HUNGRY)
    wanted = alone(train(here, here / "fed", {"pairs": NLI}))
    np.testing.assert_allclose(curve(here / "hungry"), curve(wanted), rtol=1e-6, atol=1e-6)


def test_pretraining_and_evaluating_an_adapter_in_two_processes(here: Path) -> None:
    shape = {"family": "xlm-r", "layers": 2, "hidden": 32, "heads": 2, "intermediate": 64, "positions": 64}
    config = {
        "shape": shape, "tokenizer": small.LOCAL, "seed": 3, "threads": 1, "precision": "fp32",
        "recipe": {"steps": 8, "batch": 8, "learning_rate": 1e-3, "dropout": 0.0},
    }  # fmt: skip
    places = {"places": {"model": str(here / "model")}}

    def pretrained(name: str) -> dict[str, Any]:
        return many.stage("pretrain", config, {"tokens": here / "text" / "tokens"}, here / name, **places)

    adapted = alone(train(here, here / "adapted", {"pairs": NLI}, adapter=LORA))
    options = {"options": {"logits": True}, "languages": ["de", "en"], "precision": "fp32", "threads": 1}
    data = {name: here / "pairs-dev" / name for name in ("rows", "tokens")}

    def evaluated(name: str) -> dict[str, Any]:
        asked = {"model": small.LOCAL, **NLI, **options}
        return many.stage("evaluate", asked, {**data, "checkpoint": adapted}, here / name, **places)

    two = [pretrained("pretrained"), {**pretrained("pretrained-parts"), "sharded": True}]
    many.together(2, [*two, {**evaluated("evaluated-parts"), "sharded": True}])
    wanted = curve(alone(pretrained("pretrained-alone")))
    for stage in two:
        np.testing.assert_allclose(curve(Path(stage["out"])), wanted, rtol=1e-6, atol=1e-6)
    one = alone(evaluated("evaluated-alone"))
    for file in ("predictions/de.parquet", "predictions/en.parquet", "scores.json"):
        assert (here / "evaluated-parts" / file).read_bytes() == (one / file).read_bytes()
