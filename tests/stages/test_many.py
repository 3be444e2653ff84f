"""One stage in several processes: the result of one process, to float noise; what it predicts, to the last byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from tests.stages import many, small

from waystage import forms
from waystage.forms.examples import Example, Passage
from waystage.stages import Context, run
from waystage.training import checkpoint
from waystage.training.corpus import Batch
from waystage.training.ranks import Ranks, share
from waystage.training.sharding import spans

LORA = {"kind": "lora", "rank": 4, "alpha": 8.0, "targets": "all-linear", "dropout": 0.0}
NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}
TAGS = {"task": "udpos", "form": "tags", "labels": ["N", "V"], "head": "udpos", "metric": "f1"}
MLM = {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}


SEARCH = {"task": "lareqa", "form": "retrieval", "labels": [], "head": "lareqa", "options": {"mode": "pool", "k": 20}}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    small.model(root / "model", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    small.stored(root / "pairs", "pairs", {"en": small.pairs(60, 1)}, ("no", "yes"))
    small.stored(root / "pairs-dev", "pairs", {"en": small.pairs(24, 2), "de": small.pairs(17, 3)}, ("no", "yes"))
    small.stored(root / "tags", "tags", {"en": small.tags(60, 1)}, ("N", "V"))
    small.stored(root / "tags-many", "tags", {"en": small.tags(900, 5), "de": small.tags(1, 6)}, ("N", "V"))
    small.stored(root / "text", "masked", {"en": small.texts(40, 2), "de": small.texts(10, 3)})
    texts = [e.text for e in small.texts(40, 9)]  # type: ignore[attr-defined]
    passages: list[Example] = [
        Passage(id=f"q{i}", text=t.split()[0], query=True, gold=(f"c{i}",)) for i, t in enumerate(texts)
    ]
    passages += [Passage(id=f"c{i}", text=t, query=False) for i, t in enumerate(texts)]
    small.stored(root / "single", "retrieval", {"en": passages, "de": passages[:20] + passages[40:]})
    encoded = forms.get("retrieval").encode(passages, small.tokenizer(), labels=(), max_length=40, paired=True)
    encoded.save(root / "paired" / "tokens" / "en")
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
    if "pairs" in members:
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
    "contrast": {"members": {"paired": SEARCH}},
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
    alone(train(here, here / "tagger", {"tags": TAGS}))
    for name in EVALUATED:
        stages += [{**evaluate(here, name, f"{name}-{n}"), "sharded": bool(n)} for n in range(2)]
    many.together(2, stages)
    return {Path(stage["out"]).name: Path(stage["out"]) for stage in stages}


EVALUATED: dict[str, dict[str, Any]] = {
    "tags-many": {**TAGS, "languages": ["de", "en"]},
    "single": {**SEARCH, "languages": ["de", "en"], "layer": 1, "sweep": True},
}


def evaluate(here: Path, name: str, out: str) -> dict[str, Any]:
    config = {"model": small.LOCAL, "precision": "fp32", "threads": 1, **EVALUATED[name]}
    inputs = {"tokens": here / name / "tokens", "rows": here / name / "rows"}
    if name == "tags-many":
        inputs["checkpoint"] = here / "tagger"
    return many.stage("evaluate", config, inputs, here / out, places={"model": str(here / "model")})


def test_two_processes_in_short(here: Path) -> None:
    stages = [train(here, here / f"short-{number}", **KINDS["lora"]) for number in range(2)]
    many.together(2, [{**stages[0]}, {**stages[1], "sharded": True}])
    for stage in stages:
        same(Path(stage["out"]), here / "lora-alone", train(here, here / "lora-alone", **KINDS["lora"]))


LONGER = """
from waystage.models.smoothing import Smoothing
Smoothing._smoothed = lambda self, table, _, vectors: vectors.flip(-1) * 3 if self.share and table.training else None
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", range(len(HOWS)))
def test_two_processes_read_twice_as_one_does(here: Path, monkeypatch: pytest.MonkeyPatch, how: int) -> None:
    """With a change of the vectors that does not hang on how a batch is cut, in the place of noise."""
    from waystage.models.smoothing import Smoothing

    recipe = {"members": MIXTURE, "smoothing": 0.1, "consistency": 50.0}
    stage = train(here, here / f"twice-{how}", **recipe)
    stage["how"] |= {name: value for name, value in HOWS[how].items() if name != "sharded"}
    many.together(2, [{**stage, "sharded": HOWS[how].get("sharded", False)}], LONGER)
    longer: dict[str, Any] = {"Smoothing": Smoothing}
    with monkeypatch.context() as patched:
        patched.setattr(Smoothing, "_smoothed", Smoothing._smoothed)  # put back afterwards
        exec(LONGER, longer)
        same(here / f"twice-{how}", here / "twice-alone", train(here, here / "twice-alone", **recipe))
    once = alone(train(here, here / f"once-{how}", members=MIXTURE))
    assert not np.allclose(curve(once), curve(here / "twice-alone"), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("how", range(len(HOWS)))
@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_learn_what_one_does(here: Path, done: dict[str, Path], kind: str, how: int) -> None:
    out = here / f"{kind}-alone"
    same(done[f"{kind}-{how}"], out, train(here, out, **KINDS[kind]))


def same(found: Path, out: Path, stage: dict[str, Any]) -> None:
    """As one process does it, in `out`, where that is done already."""
    wanted = out if out.exists() else alone(stage)
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in wanted.iterdir())
    for name, noise in (("loss", 1e-6), ("gradient_norm", 1e-5), ("learning_rate", 0.0)):
        np.testing.assert_allclose(curve(found, name), curve(wanted, name), rtol=noise, atol=noise)
    said = [json.loads((one / "training.json").read_text()) for one in (found, wanted)]
    assert said[0]["looks"] == said[1]["looks"]  # the same predictions at every look
    assert said[0] == {**said[1], "best": said[0]["best"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", EVALUATED)
def test_two_processes_predict_to_the_last_byte_what_one_does(here: Path, done: dict[str, Path], name: str) -> None:
    wanted = alone(evaluate(here, name, f"{name}-alone"))
    files = sorted(path.relative_to(wanted) for path in wanted.rglob("*") if path.is_file())
    assert len(files) >= 3
    for number in range(2):
        found = done[f"{name}-{number}"]
        assert sorted(path.relative_to(found) for path in found.rglob("*") if path.is_file()) == files
        for file in files:
            assert (found / file).read_bytes() == (wanted / file).read_bytes(), file


@given(
    shapes=st.lists(st.lists(st.integers(1, 7), min_size=0, max_size=2), min_size=1, max_size=6),
    writers=st.integers(1, 5), readers=st.integers(1, 5), parts=st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_any_number_of_processes_reads_what_any_other_wrote(
    tmp_path_factory: pytest.TempPathFactory, shapes: list[list[int]], writers: int, readers: int, parts: bool
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    parameters = [torch.nn.Parameter(torch.zeros(shape)) for shape in shapes]
    every = torch.arange(float(sum(p.numel() for p in parameters)))
    files = []
    for rank in range(writers if parts else 1):
        mine = spans(parameters, rank, writers) if parts else [(0, len(every))]
        flat = torch.cat([every[a:b] for a, b in mine])
        files.append(folder / f"{rank}.safetensors")
        save_file({"x": flat, "y": -flat} | ({"spans": torch.tensor(mine)} if parts else {}), files[-1])
    for rank in range(readers):
        wanted = spans(parameters, rank, readers)
        found = checkpoint.read(files, wanted, ["x", "y"])
        assert torch.equal(found["x"], torch.cat([every[a:b] for a, b in wanted]))
        assert torch.equal(found["y"], -found["x"])
    whole = checkpoint.read(files, [(0, len(every))], ["x"])["x"]
    assert torch.equal(whole, every)


@given(
    tokens=st.lists(st.integers(1, 50), min_size=1, max_size=30), size=st.integers(1, 8),
    budget=st.integers(1, 200), sharded=st.booleans(),
)  # fmt: skip
def test_shares_are_the_batch_and_all_make_equally_many_passes(
    tokens: list[int], size: int, budget: int, sharded: bool
) -> None:
    lengths = np.array(tokens)
    batch = Batch(
        ids=np.arange(lengths.sum()), lengths=lengths, units=np.arange(len(tokens) + 1), labels=np.arange(len(tokens)),
        where=None, types=None, word_start=None,
    )  # fmt: skip
    shares = [share(batch, "sequence", budget, Ranks(rank, size, sharded)) for rank in range(size)]
    parts = [part for one in shares for part in one.parts]
    assert np.array_equal(np.concatenate([part.ids for part in parts]), batch.ids)
    assert [int(label) for part in parts for label in (part.labels if part.labels is not None else ())] == list(
        range(len(tokens))
    )
    numbers = [number for one in shares for number, _, counts in one.passes if counts]
    assert numbers == list(range(len(parts))), "dropout is drawn by the number of the part"
    assert shares[0].sequences == [sum(len(part.lengths) for part in one.parts) for one in shares]
    if sharded:
        assert len({len(list(one.passes)) for one in shares}) == 1
    heaviest = max(sum(len(part.ids) for part in one.parts) for one in shares)
    assert heaviest <= lengths.sum() / size + lengths.max()
