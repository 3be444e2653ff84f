"""One gradient, however it is computed: against a padded transformers model, in parts, cut, interrupted, in bf16."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, XLMRobertaForSequenceClassification

from waystage.errors import StageError, TrainingDiverged
from waystage.forms import pairs, retrieval, similarity
from waystage.forms.encoded import Encoded, Head
from waystage.forms.ragged import offsets_of
from waystage.models import heads, load
from waystage.models.smoothing import Smoothing
from waystage.training import checkpoint, setup
from waystage.training.corpus import Corpus
from waystage.training.loop import Job, Member, Trained, train
from waystage.training.mixture import Mixture
from waystage.training.network import Network
from waystage.training.weights import Adam, idle_decay, linear_rate

VOCABULARY = 400


def _corpus(units: int = 96) -> Corpus:
    rng = np.random.default_rng(1)
    sizes = rng.integers(3, 40, units)
    ids = rng.integers(5, 200, int(sizes.sum())).astype(np.uint32)
    labels = (ids[offsets_of(sizes)[:-1]] % 3).astype(np.int32)
    return Corpus([Encoded(ids, offsets_of(sizes), np.arange(units + 1), np.arange(units), labels)], ["en"])


def _config(dropout: float) -> Any:
    return AutoConfig.for_model(
        "xlm-roberta", vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, num_labels=3,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
    )  # fmt: skip


def _job(folder: Path, *, steps: int = 20, dropout: float = 0.0, precision: str = "fp32", cut: bool = False) -> Job:
    backbone = load.fresh(_config(dropout), seed=1)
    if cut:
        backbone.cut(np.arange(200))
    network = Network(backbone, {"h": heads.make(Head("sequence", 3), backbone, drop=dropout, seed=1)})
    if precision == "bf16":
        setup.half(backbone)
    corpus = _corpus()
    return Job(
        network=network,
        members=(Member("nli", "h", pairs, corpus),),
        mixture=Mixture((len(corpus),), (1.0,), 16, 1, steps),
        recipe={"learning_rate": 1e-3, "batch": 16},
        seed=1,
        precision=precision,
        scratch=folder,
    )


def _padded_losses(job: Job) -> list[float]:
    """The same run as anybody would write it: a padded batch, torch's AdamW per parameter, the linear schedule."""
    model = XLMRobertaForSequenceClassification(_config(0.0))
    model.roberta.load_state_dict(job.network.backbone.model.state_dict(), strict=False)
    head = job.network.head("h")
    model.classifier.load_state_dict({
        "dense.weight": head.dense.weight, "dense.bias": head.dense.bias,
        "out_proj.weight": head.out.weight, "out_proj.bias": head.out.bias,
    })  # fmt: skip
    plain = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in model.named_parameters() if not (n.endswith("bias") or "LayerNorm" in n)]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, eps=1e-8)
    steps, corpus, losses = job.mixture.steps, job.members[0].corpus, []
    model.train()
    for step in range(steps):
        _, epoch, part = job.mixture.at(step)
        batch = corpus.gather(corpus.order(1, epoch)[part])
        there = np.arange(batch.lengths.max()) < batch.lengths[:, None]
        ids = np.ones(there.shape, np.int64)
        ids[there] = batch.ids
        assert batch.labels is not None
        out = model(
            input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(there.astype(np.int64)),
            labels=torch.from_numpy(batch.labels.astype(np.int64)),
        )  # fmt: skip
        out.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = linear_rate(step, steps, 1e-3, 0.1)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(out.loss.detach()))
    return losses


@pytest.mark.parametrize("steps", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_equals_a_padded_run_step_by_step(tmp_path: Path, steps: int) -> None:
    job = _job(tmp_path, steps=steps)
    wanted = _padded_losses(job)
    found = train(job).state.losses
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_micro_batches_do_not_change_the_run(tmp_path: Path) -> None:
    whole = train(_job(tmp_path / "a"))
    split = train(replace(_job(tmp_path / "b"), micro_tokens=60))
    np.testing.assert_allclose(split.state.losses, whole.state.losses, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_contrast_is_one_of_the_whole_batch_however_it_is_cut(tmp_path: Path, dropout: float) -> None:
    """In parts each query is still judged against all answers of the batch; dropout is that of the parts."""

    def run(name: str, micro: int) -> Trained:
        job = _job(tmp_path / name, dropout=dropout)
        rng = np.random.default_rng(1)
        sizes = rng.integers(3, 40, 192)
        ids = rng.integers(5, 200, int(sizes.sum())).astype(np.uint32)
        units = np.arange(0, 193, 2)
        corpus = Corpus([Encoded(ids, offsets_of(sizes), units, np.arange(96), np.arange(96) % 60)], ["en"])
        network = Network(
            job.network.backbone, {"h": heads.make(Head("embed", 0), job.network.backbone, drop=0, seed=1)}
        )
        return train(
            replace(job, network=network, members=(Member("search", "h", retrieval, corpus),), micro_tokens=micro)
        )

    whole, split = run("a", 10_000), run("b", 60)
    assert whole.state.losses[-1] < whole.state.losses[0]
    if dropout == 0:
        np.testing.assert_allclose(split.state.losses, whole.state.losses, atol=1e-4)
    else:
        assert split.state.losses != whole.state.losses
        np.testing.assert_allclose(np.mean(split.state.losses), np.mean(whole.state.losses), rtol=0.1)


def _read_twice(folder: Path, dropout: float = 0.0, **recipe: float) -> Job:
    job = _job(folder, dropout=dropout)
    job.network.backbone.smoothing.share = recipe.get("smoothing", 0.0)
    return replace(job, recipe={**job.recipe, **recipe})


def test_smoothing_moves_the_readings_of_a_training_and_no_others(tmp_path: Path) -> None:
    job = _read_twice(tmp_path, smoothing=0.3)
    network, batch = job.network, job.members[0].corpus.gather(np.arange(8))
    network.eval()
    assert torch.equal(network(batch, "h"), network(batch, "h"))
    network.train()
    network.backbone.noise.seed(3)
    first = network(batch, "h")
    assert not torch.equal(first, network(batch, "h"))
    network.backbone.noise.seed(3)
    assert torch.equal(first, network(batch, "h"))
    with network.backbone.smoothing.paused():
        plain = network(batch, "h")
    network.eval()
    assert torch.allclose(plain, network(batch, "h"))


def test_the_noise_is_a_share_of_each_vector(tmp_path: Path) -> None:
    backbone = _read_twice(tmp_path, smoothing=0.5).network.backbone.train()
    with backbone.smoothing.paused():
        plain = backbone.embedding(torch.arange(2, 300))
    moved = backbone.embedding(torch.arange(2, 300)) - plain
    assert (moved.pow(2).mean() / plain.pow(2).mean()).sqrt().item() == pytest.approx(0.5, rel=0.05)


def test_a_second_reading_is_pulled_to_the_first(tmp_path: Path) -> None:
    job = _read_twice(tmp_path, smoothing=0.5, consistency=2.0)
    network, batch = job.network.train(), job.members[0].corpus.gather(np.arange(8))
    network.backbone.noise.seed(3)
    total, count = network.loss(batch, "h", pairs, consistency=2.0)
    network.backbone.noise.seed(3)
    second = network(batch, "h")
    with network.backbone.smoothing.paused():
        first = network(batch, "h")
    targets = network.targets(batch)
    labelled, _ = pairs.loss(first, targets)
    assert count == 8
    assert total.item() == pytest.approx((labelled + 2.0 * pairs.apart(first, second, targets)).item(), rel=1e-5)
    assert total > labelled


def test_both_readings_can_be_computed_again(tmp_path: Path) -> None:
    said = {"dropout": 0.1, "smoothing": 0.2, "consistency": 5.0}
    kept, forgotten = _read_twice(tmp_path / "a", **said), _read_twice(tmp_path / "b", **said)
    forgotten.network.backbone.forget_activations()
    assert torch.equal(train(kept).weights.flat(), train(forgotten).weights.flat())


def test_reading_twice_needs_no_more_memory_at_once_and_resumes_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    said = {"dropout": 0.1, "smoothing": 0.2, "consistency": 1.0}
    whole = train(_read_twice(tmp_path / "a", **said))
    assert whole.state.losses != train(_read_twice(tmp_path / "b", dropout=0.1)).state.losses
    sizes: list[int] = []
    real = Network.loss

    def noted(self: Network, batch: Any, *rest: Any, **more: Any) -> Any:
        sizes.append(len(batch.ids))
        return real(self, batch, *rest, **more)

    monkeypatch.setattr(Network, "loss", noted)
    small = replace(_read_twice(tmp_path / "c", smoothing=0.0, consistency=1.0), micro_tokens=200)
    parts = train(small).state.losses
    assert max(sizes) <= 100
    monkeypatch.undo()
    alone = train(_read_twice(tmp_path / "d", consistency=1.0)).state.losses
    assert parts == pytest.approx(alone, abs=1e-5)
    from waystage.training import loop

    real_step, count = loop.step, 0

    def step(job: Job, weights: Any, *rest: Any) -> None:
        nonlocal count
        real_step(job, weights, *rest)
        count += 1
        if count == 7:
            rest[-1].seconds = 90.0
            loop.save(job, weights, rest[-1])
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "step", step)
    with pytest.raises(KeyboardInterrupt):
        train(_read_twice(tmp_path / "e", **said))
    again = train(_read_twice(tmp_path / "e", **said))
    assert again.facts["resumed_at"] == 7 and again.facts["earlier_seconds"] == 90.0
    assert "earlier_seconds" not in whole.facts
    assert torch.equal(again.weights.flat(), whole.weights.flat())


def test_two_readings_of_vectors_do_not_depend_on_how_a_batch_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Two texts and how alike they are, with a change of the words that is the same in every part."""
    monkeypatch.setattr(
        Smoothing, "_smoothed", lambda self, table, _, vectors: vectors.flip(-1) * 3 if self.share else None
    )

    def run(name: str, micro: int, **recipe: float) -> list[float]:
        job = _read_twice(tmp_path / name, **recipe)
        rng = np.random.default_rng(1)
        sizes = rng.integers(3, 40, 192)
        ids, scores = rng.integers(5, 200, int(sizes.sum())).astype(np.uint32), rng.random(96).astype(np.float32)
        corpus = Corpus([Encoded(ids, offsets_of(sizes), np.arange(0, 193, 2), np.arange(96), scores)], ["en"])
        embed = heads.make(Head("embed", 0), job.network.backbone, drop=0, seed=1)
        network = Network(job.network.backbone, {"h": embed})
        member = Member("alike", "h", similarity, corpus)
        return train(replace(job, network=network, members=(member,), micro_tokens=micro)).state.losses

    whole = run("a", 10_000, smoothing=0.1, consistency=5.0)
    np.testing.assert_allclose(run("b", 120, smoothing=0.1, consistency=5.0), whole, atol=1e-4)
    assert not np.allclose(run("c", 120, smoothing=0.1), whole, atol=1e-2)


def test_a_cut_embedding_table_does_not_change_the_run(tmp_path: Path) -> None:
    plain, cut = _job(tmp_path / "a"), _job(tmp_path / "b", cut=True)
    before = plain.network.backbone.embedding.weight.detach().clone()
    one, two = train(plain), train(cut)
    np.testing.assert_allclose(two.state.losses, one.state.losses, atol=1e-6)
    decayed = idle_decay(Adam(1e-3), 20, 0.1, 20)
    table = one.weights.named()["backbone.model.embeddings.word_embeddings.weight"]
    whole = cut.network.backbone.whole_table(before, cut.network.backbone.embedding.weight.detach(), decayed)
    torch.testing.assert_close(whole, table, atol=2e-6, rtol=1e-5)


def test_bf16_stays_near(tmp_path: Path) -> None:
    exact = train(_job(tmp_path / "a")).state.losses
    rough = train(_job(tmp_path / "b", precision="bf16")).state.losses
    np.testing.assert_allclose(rough, exact, atol=0.05)
    assert rough != exact


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_interrupted_run_ends_with_the_same_bits(tmp_path: Path, precision: str) -> None:
    whole = train(_job(tmp_path / "whole", dropout=0.1, precision=precision))
    told: list[int] = []

    def stop(said: dict[str, Any]) -> None:
        told.append(said["step"])

    def dev() -> dict[str, float]:
        raise Interrupted

    broken = replace(
        _job(tmp_path / "broken", dropout=0.1, precision=precision),
        checkpoint_seconds=0.0, recipe={"learning_rate": 1e-3, "batch": 16, "eval_every": 13}, dev=dev, progress=stop,
    )  # fmt: skip
    with pytest.raises(Interrupted):
        train(broken)
    again = _job(tmp_path / "broken", dropout=0.1, precision=precision)
    done = train(again)
    assert done.facts["resumed_at"] == 12
    assert done.state.losses == whole.state.losses
    assert torch.equal(done.weights.master, whole.weights.master)


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    whole = train(_job(tmp_path / "whole", dropout=0.1))
    train(replace(_job(tmp_path / "other", dropout=0.1), checkpoint_seconds=0.0))
    newest = sorted((tmp_path / "other").glob("state-*"))[-1] / "tensors.safetensors"
    data = bytearray(newest.read_bytes())
    data[-5] ^= 1
    newest.write_bytes(data)
    said: list[str] = []
    done = train(replace(_job(tmp_path / "other", dropout=0.1), log=said.append))
    assert "damaged" in said[0]
    assert done.facts["resumed_at"] == 18
    assert torch.equal(done.weights.master, whole.weights.master)


@pytest.mark.parametrize("what", ["best-*.safetensors", "state-*/state.json", "nothing there"])
def test_damaged_best_weights_and_facts_are_gone_back_from(tmp_path: Path, what: str) -> None:
    def job(name: str) -> Job:
        made = _job(tmp_path / name, steps=6, dropout=0.1)
        weight = made.network.head("h").out.weight
        first = weight.detach().clone()
        recipe = {**made.recipe, "eval_every": 1, "select": "best"}  # every look is better than the one before
        return replace(
            made, recipe=recipe, dev=lambda: {"x": float((weight.detach() - first).norm())}, checkpoint_seconds=0.0
        )

    whole = train(job("whole"))
    train(job("other"))
    checkpoint.clear(tmp_path / "other")
    spoken = json.loads((tmp_path / "other" / "state-000000005" / "state.json").read_text())
    best = tmp_path / "other" / spoken["best_file"]
    assert best.exists()
    if what == "nothing there":
        best.unlink()
    else:
        path = best if what.startswith("best") else tmp_path / "other" / "state-000000005" / "state.json"
        data = bytearray(path.read_bytes())
        at = -5 if what.startswith("best") else data.index(b'"units": ') + 9
        data[at] ^= 1  # another weight, or another digit
        path.write_bytes(data)
    if what.startswith("best"):
        with pytest.raises(StageError, match="damaged"):
            checkpoint.load_best(tmp_path / "other", spoken["best_file"], [(0, 1)])
    said: list[str] = []
    done = train(replace(job("other"), log=said.append))
    assert "state-000000005 is damaged" in said[0]
    assert done.state == whole.state
    assert torch.equal(done.weights.master, whole.weights.master)


def test_patience_stops_and_the_best_weights_are_kept(tmp_path: Path) -> None:
    values = iter([0.1, 0.5, 0.4, 0.3, 0.2, 0.1])
    weights: list[torch.Tensor] = []
    job = _job(tmp_path, steps=60)

    def dev() -> dict[str, float]:
        weights.append(job.network.head("h").out.weight.detach().clone())
        return {"nli/en": next(values)}

    recipe = {"learning_rate": 1e-3, "batch": 16, "eval_every": 5, "patience": 3, "select": "best"}
    done = train(replace(job, recipe=recipe, dev=dev))
    assert (done.state.step, done.step) == (25, 10)
    assert torch.equal(done.weights.named()["heads.h.out.weight"], weights[1])


def test_without_a_look_at_the_source_patience_does_not_end_a_run(tmp_path: Path) -> None:
    recipe = {"learning_rate": 1e-3, "batch": 16, "eval_every": 1, "patience": 2, "select": "best"}
    done = train(replace(_job(tmp_path, steps=5), recipe=recipe, dev=lambda: {"target-dev nli/de": 1.0}))
    assert (done.state.step, done.step) == (5, 5)


def test_a_diverging_run_says_where_and_what_to_try(tmp_path: Path) -> None:
    job = replace(_job(tmp_path), recipe={"learning_rate": 1e6, "batch": 16, "warmup": 0.0})
    with pytest.raises(TrainingDiverged, match=r"step \d+.*en:\d+.*lower learning_rate"):
        train(job)


def test_a_damaged_older_checkpoint_is_passed_over_when_the_best_weights_are_tidied(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, 1, {"x": torch.zeros(1)}, {"best_file": "best-000000001.safetensors"})
    checkpoint.save(tmp_path, 2, {"x": torch.zeros(1)}, {"best_file": "best-000000002.safetensors"})
    names = [checkpoint.save_best(tmp_path, step, torch.zeros(2)) for step in (1, 2, 3)]
    (tmp_path / "state-000000001" / "state.json").write_text("{")
    checkpoint.forget_best(tmp_path, names[2])
    assert sorted(path.name for path in tmp_path.glob("best-*")) == names[1:]


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [linear_rate(step, 20, 1.0, 0.1) for step in range(20)]
    assert rates[:3] == [0.0, 0.5, 1.0]
    assert rates[-1] == pytest.approx(1 / 18)
