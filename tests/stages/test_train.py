"""Stages as engines run them: folders in, folders out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file
from tests.stages import small

from waystage import forms
from waystage.errors import InputError
from waystage.forms import table
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Choice, Example, Passage, Similar, Span
from waystage.stages import Context, run

TAGS = {"task": "udpos", "form": "tags", "labels": ["N", "V"], "head": "udpos", "metric": "f1"}
NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stages")
    small.model(root / "model")
    small.stored(root / "tags", "tags", {"en": small.tags(200, 1)}, ("N", "V"))
    small.stored(root / "tags-dev", "tags", {"en": small.tags(30, 2), "de": small.tags(20, 3)}, ("N", "V"))
    small.stored(root / "pairs", "pairs", {"en": small.pairs(60, 1)}, ("no", "yes"))
    small.stored(root / "text", "masked", {"en": small.texts(30, 1)})
    return root


def _train(here: Path, name: str, members: list[tuple[dict[str, Any], str]], *, recipe: dict[str, Any], **more: Any):  # type: ignore[no-untyped-def]
    inputs: dict[str, Any] = {"tokens": [here / data / "tokens" for _, data in members]}
    if more.get("start"):
        inputs["start"] = more.pop("start")
    if dev := more.pop("dev", ""):
        inputs |= {"dev": [here / dev / "tokens"], "dev_rows": [here / dev / "rows"]}
    config = {
        "model": small.LOCAL, "members": [m for m, _ in members], "head_policy": "new", "seed": 1, "threads": 1,
        "precision": "fp32", "recipe": {"batch": 16, "learning_rate": 3e-3, **recipe}, **more,
    }  # fmt: skip
    out = here / name
    run("train", config, inputs, out, _context(here, name))
    return out


def _context(here: Path, name: str) -> Context:
    return Context(scratch=here / f"{name}-scratch", places={"model": str(here / "model")})


def _evaluate(here: Path, name: str, data: str, checkpoint: Path | None, **config: Any) -> tuple[Path, dict[str, Any]]:
    inputs: dict[str, Any] = {"tokens": here / data / "tokens", "rows": here / data / "rows"}
    if checkpoint:
        inputs["checkpoint"] = checkpoint
    said = {"model": small.LOCAL, "languages": ["de", "en"], "precision": "fp32", "threads": 1, **config}
    run("evaluate", said, inputs, here / name, _context(here, name))
    scores = json.loads((here / name / "scores.json").read_text())
    return here / name, {(s["language"], s["metric"]): s["value"] for s in scores}


def test_tagging_is_learned_and_evaluated_in_all_languages(here: Path) -> None:
    trained = _train(here, "learned", [(TAGS, "tags")], recipe={"epochs": 4, "eval_every": 25}, dev="tags-dev")
    out, scores = _evaluate(here, "learned-scores", "tags-dev", trained, **TAGS)
    assert scores["de", "token_accuracy"] > 95
    assert scores["en", "token_accuracy"] > 95
    table = pq.read_table(out / "predictions" / "de.parquet")
    assert table.column_names == ["id", "prediction"]
    assert len(table) == 20
    shown, again = _evaluate(here, "learned-logits", "tags-dev", trained, **TAGS, options={"logits": True})
    kept = pq.read_table(shown / "predictions" / "de.parquet").to_pylist()
    assert again == scores
    assert all([TAGS["labels"][w.index(max(w))] for w in row["logits"]] == row["prediction"] for row in kept)
    curve = pq.read_table(trained / "curve.parquet").to_pylist()
    looks = {row["step"] for row in curve if row["name"] == "udpos/de"}
    assert looks == {25, 50, 52}
    _, rough = _evaluate(here, "learned-bf16", "tags-dev", trained, **{**TAGS, "precision": "bf16"})
    assert abs(rough["de", "token_accuracy"] - scores["de", "token_accuracy"]) < 3


def test_without_any_dev_example_the_last_weights_are_kept(here: Path) -> None:
    small.stored(here / "no-tags", "tags", {"en": []}, ("N", "V"))
    out = _train(here, "no-dev", [(TAGS, "tags")], recipe={"steps": 4, "eval_every": 2}, dev="no-tags")
    said = json.loads((out / "training.json").read_text())
    assert (said["kept_step"], said["best"], said["looks"]) == (4, None, [])


def test_a_stage_of_no_steps_changes_no_bit(here: Path) -> None:
    nothing = _train(here, "nothing", [(TAGS, "tags")], recipe={"steps": 0})
    published = load_file(here / "model" / "model.safetensors")
    for name, tensor in load_file(nothing / "encoder.safetensors").items():
        assert torch.equal(tensor, published[f"roberta.{name}"]), name
    straight = _train(here, "straight", [(NLI, "pairs")], recipe={"steps": 5})
    after = _train(here, "after", [(NLI, "pairs")], recipe={"steps": 5}, start=nothing)
    for name in ("encoder.safetensors", "heads.safetensors", "curve.parquet"):
        assert (straight / name).read_bytes() == (after / name).read_bytes()


def test_members_can_share_a_head_and_replay_reaches_the_encoder(here: Path) -> None:
    other = {**NLI, "task": "anli"}
    mlm = {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}
    out = _train(
        here, "mixed", [(NLI, "pairs"), (other, "pairs"), (mlm, "text")], recipe={"steps": 12, "eval_every": 6},
        replay={"mlm": 0.4, "exponent": 0.3}, sampling={"by": "uniform"},
    )  # fmt: skip
    described = json.loads((out / "model.json").read_text())["heads"]
    assert described["nli"]["tasks"] == ["nli", "anli"]
    assert {name.split(".")[0] for name in load_file(out / "heads.safetensors")} == {"nli", "mlm"}
    tasks = set(pq.read_table(out / "curve.parquet").column("task").to_pylist())
    assert tasks == {"nli", "anli", "mlm"}
    with pytest.raises(InputError, match="replay is asked for"):
        _train(here, "no-text", [(NLI, "pairs")], recipe={"steps": 1}, replay={"mlm": 0.4})


def test_heads_are_new_unless_the_policy_keeps_them(here: Path) -> None:
    first = _train(here, "first", [(NLI, "pairs")], recipe={"steps": 3})
    xnli = {**NLI, "task": "xnli", "head": "xnli"}
    kept = _train(here, "kept", [(xnli, "pairs")], recipe={"steps": 0}, start=first, head_policy="keep")
    new = _train(here, "new", [(xnli, "pairs")], recipe={"steps": 0}, start=first)
    before = load_file(first / "heads.safetensors")["nli.out.weight"]
    assert torch.equal(load_file(kept / "heads.safetensors")["xnli.out.weight"], before)
    assert not torch.equal(load_file(new / "heads.safetensors")["xnli.out.weight"], before)
    with pytest.raises(InputError, match="no one head that fits 'udpos'"):
        _train(here, "unfit", [(TAGS, "tags")], recipe={"steps": 0}, start=first, head_policy="keep")


def test_what_cannot_be_says_so(here: Path) -> None:
    with pytest.raises(InputError, match="needs a trained head"):
        _evaluate(here, "untrained", "tags-dev", None, **TAGS)
    with pytest.raises(InputError, match="cannot share the head 'nli'"):
        _train(here, "clash", [(NLI, "pairs"), ({**TAGS, "head": "nli"}, "tags")], recipe={"steps": 1})
    turned = {**NLI, "task": "anli", "labels": ["yes", "no"]}
    with pytest.raises(InputError, match="its labels are yes, no, those of that one no, yes"):
        _train(here, "turned", [(NLI, "pairs"), (turned, "pairs")], recipe={"steps": 1})
    hidden = [replace(pair, label=None) for pair in small.pairs(9, 1)]  # type: ignore[type-var]
    small.stored(here / "hidden", "pairs", {"de": hidden}, ("no", "yes"))
    with pytest.raises(InputError, match="no example with a label"):
        _train(here, "unlabelled", [(NLI, "hidden")], recipe={"steps": 1})
    long = Encoded.load(here / "pairs" / "tokens" / "en")
    ids, ends = np.asarray(long.ids[:80]), np.array([0, 10, 80])
    replace(long, ids=ids, sequences=ends, units=np.arange(3), example=np.arange(2), labels=long.labels[:2]).save(
        here / "long" / "tokens" / "en"
    )
    with pytest.raises(InputError, match="70 tokens in 'en', but the model has positions for 64 only"):
        _train(here, "too-long", [(NLI, "long")], recipe={"steps": 1})
    replace(long, ids=ids + 1000).save(here / "strange" / "tokens" / "en")
    with pytest.raises(InputError, match="belongs to another model"):
        _train(here, "stranger", [(NLI, "strange")], recipe={"steps": 1})


def test_a_language_without_labels_or_without_examples_is_passed_over(here: Path) -> None:
    hidden = [replace(pair, label=None) for pair in small.pairs(9, 1)]  # type: ignore[type-var]
    some = {"de": hidden, "en": small.pairs(30, 2), "sw": []}
    small.stored(here / "holes", "pairs", some, ("no", "yes"))
    out = _train(here, "with-holes", [(NLI, "holes")], recipe={"steps": 2, "batch": 30})
    assert json.loads((out / "training.json").read_text())["units"] == 60, "en twice"
    _, scores = _evaluate(here, "with-holes-scores", "holes", out, **NLI)
    assert {language for language, _ in scores} == {"en"}


def test_heads_that_would_be_kept_under_one_name_are_refused(here: Path) -> None:
    both = [({**TAGS, "head": "a.b"}, "tags"), ({**NLI, "head": "a-b"}, "pairs")]
    with pytest.raises(InputError, match=r"heads 'a\.b' and 'a-b' differ only in"):
        _train(here, "alike", both, recipe={"steps": 1})


def test_a_task_may_have_any_name(here: Path) -> None:
    named = {**NLI, "task": "values", "head": "values"}
    out = _train(here, "any-name", [(named, "pairs")], recipe={"steps": 1})
    _, scores = _evaluate(here, "any-name-scores", "pairs", out, **named)
    assert ("en", "accuracy") in scores


def test_a_head_that_is_kept_means_the_same_whatever_the_order_of_its_labels(here: Path) -> None:
    first = _train(here, "in-order", [(NLI, "pairs")], recipe={"steps": 1})
    turned = {**NLI, "labels": ["yes", "no"]}
    kept = _train(here, "turned-round", [(turned, "pairs")], recipe={"steps": 0}, start=first, head_policy="keep")
    one, two = (load_file(folder / "heads.safetensors")["nli.out.weight"] for folder in (first, kept))
    assert torch.equal(one.flip(0), two)


def test_memory_that_does_not_suffice_halves_the_micro_batch(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from waystage.training import loop

    honest, asked = loop.train, []

    def short(job: loop.Job) -> loop.Trained:
        asked.append(job.micro_tokens)
        if job.micro_tokens > 2048:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 bytes")
        return honest(job)

    monkeypatch.setattr(loop, "train", short)
    _train(here, "short", [(NLI, "pairs")], recipe={"steps": 1})
    assert asked == [8192, 4096, 2048]


def test_a_micro_batch_that_was_halved_stays_so_after_a_kill(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory may suffice the next time, but another micro-batch would give other bits and lose all steps so far."""
    from waystage.training import loop

    class Killed(BaseException):
        pass

    honest = loop.step
    monkeypatch.setenv("WAYSTAGE_CHECKPOINT_SECONDS", "0")

    def short(job: loop.Job, weights: Any, adam: Any, rate: float, state: loop.State) -> None:
        if job.micro_tokens > 4096 and state.step == 4:  # after some checkpoints of its own
            raise RuntimeError("not enough memory")
        if job.micro_tokens == 4096 and state.step == 2 and dies:
            raise Killed
        honest(job, weights, adam, rate, state)

    def payload(out: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in out.iterdir()}

    dies = False
    monkeypatch.setattr(loop, "step", short)
    whole = payload(_train(here, "halved", [(NLI, "pairs")], recipe={"steps": 6}))
    dies = True
    with pytest.raises(Killed):
        _train(here, "halved-killed", [(NLI, "pairs")], recipe={"steps": 6})
    monkeypatch.setattr(loop, "step", honest)
    config, starts = [(NLI, "pairs")], []
    monkeypatch.setattr(loop, "resume", _noting(loop.resume, starts))
    assert payload(_train(here, "halved-killed", config, recipe={"steps": 6})) == whole
    assert starts == [(4096, 2)]


def _noting(resume: Any, starts: list[tuple[int, int]]) -> Any:
    def noted(job: Any, weights: Any) -> Any:
        state = resume(job, weights)
        starts.append((job.micro_tokens, state.step))
        return state

    return noted


def test_search_is_trained_on_pairs(here: Path) -> None:

    texts = [e.text for e in small.texts(40, 9)]  # type: ignore[attr-defined]
    passages = [Passage(id=f"q{i}", text=t.split()[0], query=True, gold=(f"c{i}",)) for i, t in enumerate(texts)]
    passages += [Passage(id=f"c{i}", text=t, query=False) for i, t in enumerate(texts)]
    small.stored(here / "single", "retrieval", {"en": list(passages)})
    encoded = forms.get("retrieval").encode(passages, small.tokenizer(), labels=(), max_length=40, paired=True)
    encoded.save(here / "paired" / "tokens" / "en")
    lareqa = {
        "task": "lareqa",
        "form": "retrieval",
        "labels": [],
        "head": "lareqa",
        "options": {"mode": "pool", "k": 20},
    }
    out = _train(here, "search", [(lareqa, "paired")], recipe={"steps": 20, "batch": 8})
    losses = [r["value"] for r in pq.read_table(out / "curve.parquet").to_pylist() if r["name"] == "loss"]
    assert sum(losses[-5:]) < sum(losses[:5])
    with pytest.raises(InputError, match="paired"):
        _train(here, "unpaired", [(lareqa, "single")], recipe={"steps": 1})


@pytest.mark.parametrize("mode", ["bitext", "pool", "margin"])
def test_search_needs_no_training(here: Path, mode: str) -> None:
    texts = [e.text for e in small.texts(12, 9)]  # type: ignore[attr-defined]
    passages = {
        code: [Passage(id=f"{code}-q{i}", text=t, query=True, gold=(f"{code}-c{i}",)) for i, t in enumerate(texts)]
        + [Passage(id=f"{code}-c{i}", text=t, query=False) for i, t in enumerate(texts)]
        for code in ("de", "fr")
    }
    data = f"search-{mode}"
    small.stored(here / data, "retrieval", dict(passages))
    asked = {
        "task": "tatoeba",
        "form": "retrieval",
        "labels": [],
        "options": {"mode": mode, "k": 20},
        "layer": 1,
        "sweep": True,
    }
    out, scores = _evaluate(here, f"{data}-scores", data, None, **asked)
    best = {"bitext": "accuracy", "pool": "map@20", "margin": "f1"}[mode]
    found = next(v for (code, name), v in scores.items() if code == "de" and name.startswith(best))
    assert found > (40 if mode == "pool" else 99), "the same text is the nearest one"
    assert pq.read_table(out / "predictions" / "fr.parquet").num_rows >= 12
    sweep = json.loads((out / "sweep.json").read_text())
    assert {row["layer"] for row in sweep} == {0, 1, 2}
    same = {(row["language"], row["metric"]): row["value"] for row in sweep if row["layer"] == 1}
    assert same == scores


def test_a_sweep_takes_the_threshold_of_dev_and_leaves_no_vectors(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from waystage.training import predict

    kept: list[Path | None] = []
    room = predict._room
    monkeypatch.setattr(predict, "_room", lambda shape, file, ranks: kept.append(file) or room(shape, file, ranks))
    texts = [e.text for e in small.texts(20, 9)]  # type: ignore[attr-defined]
    for name, few in (("mined", slice(0, 20)), ("mined-dev", slice(0, 4))):  # of dev half is no translation
        gold = [i for i in range(20)[few] if name == "mined" or i % 2]
        sides = [Passage(id=f"q{i}", text=texts[i][:-2], query=True, gold=(f"c{i}",) if i in gold else ())
                 for i in range(20)[few]]  # fmt: skip
        sides += [Passage(id=f"c{i}", text=texts[i], query=False) for i in range(20)[few]]
        small.stored(here / name, "retrieval", {"de": list(sides)})
    said = {
        "model": small.LOCAL, "languages": ["de"], "precision": "fp32", "threads": 1, "task": "bucc", "labels": [],
        "form": "retrieval", "options": {"mode": "margin"}, "layer": 1, "sweep": True, "sweep_threshold": "dev",
    }  # fmt: skip
    inputs: dict[str, Any] = {f"{part}{n}": here / f"mined{d}" / n for part, d in (("", ""), ("dev_", "-dev"))
                              for n in ("rows", "tokens")}  # fmt: skip
    context = _context(here, "mined-scores")
    run("evaluate", said, inputs, here / "mined-scores", context)
    scores = {s["metric"]: s["value"] for s in json.loads((here / "mined-scores" / "scores.json").read_text())}
    swept = json.loads((here / "mined-scores" / "sweep.json").read_text())
    assert {row["metric"]: row["value"] for row in swept if row["layer"] == 1} == scores
    assert scores["f1"] < scores["f1/oracle"], "the threshold is not that of the test itself"
    assert {file.parent.name for file in kept if file} == {"de", "de dev"}
    assert not (context.scratch / "sweep").exists()


def _examples(form: str) -> tuple[list[Example], tuple[str, ...], dict[str, Any]]:
    texts = [e.text for e in small.texts(40, 3)]  # type: ignore[attr-defined]
    if form == "choice":
        return (
            [
                Choice(id=str(i), context=t, options=(t.split()[0], *small.WORDS[: 1 + i % 3]), label=i % 2)
                for i, t in enumerate(texts)
            ],
            (),
            {},
        )
    if form == "spans":
        words = [t.split()[-1] for t in texts]
        return (
            [
                Span(id=str(i), context=t, question=w, answers=(w,), starts=(t.rindex(w),))
                for i, (t, w) in enumerate(zip(texts, words, strict=True))
            ],
            (),
            {},
        )
    options = {"scale": 5.0, "bi": form == "bi"}
    return [Similar(id=str(i), first=t, second=t, score=float(i % 6)) for i, t in enumerate(texts)], (), options


@pytest.mark.parametrize("form", ["choice", "spans", "similarity", "bi"])
def test_every_other_form_goes_through_all_stages(here: Path, form: str) -> None:
    name = "similarity" if form == "bi" else form
    made, labels, options = _examples(form)
    data = here / f"form-{form}"
    (data / "rows").mkdir(parents=True)
    table.write(data / "rows" / "en.parquet", made)
    arrays = forms.get(name).encode(made, small.tokenizer(), labels=labels, max_length=40, **options)
    arrays.save(data / "tokens" / "en")
    said = {"task": f"own-{form}", "form": name, "labels": list(labels), "head": form, "options": options}
    trained = _train(here, f"trained-{form}", [(said, data.name)], recipe={"steps": 15})
    losses = [r["value"] for r in pq.read_table(trained / "curve.parquet").to_pylist() if r["name"] == "loss"]
    assert sum(losses[-4:]) < sum(losses[:4])
    out, scores = _evaluate(here, f"scores-{form}", data.name, trained, **said)
    assert scores
    assert pq.read_table(out / "predictions" / "en.parquet").num_rows == len(made)


def test_a_stage_with_nothing_to_train_or_to_compare_is_refused(here: Path) -> None:
    alike = [Similar(id=f"s{i}", first=e.text, second=e.text, score=5.0) for i, e in enumerate(small.texts(12, 4))]  # type: ignore[attr-defined]
    table.write(here / "alike.parquet", alike, form="similarity")
    made = forms.get("similarity").encode(alike, small.tokenizer(), labels=(), max_length=40, bi=True)
    made.save(here / "alike" / "tokens" / "en")
    sts = {"task": "sts", "form": "similarity", "labels": [], "head": "sts", "options": {"bi": True}}
    with pytest.raises(InputError, match="freeze = 2 leaves nothing to train"):
        _train(here, "all-frozen", [(sts, "alike")], recipe={"steps": 2, "freeze": 2})
    _train(here, "one-frozen", [(sts, "alike")], recipe={"steps": 2, "freeze": 1})
    equal = {"steps": 1, "consistency": 1.0, "dropout": 0.0}
    with pytest.raises(InputError, match="compares a reading with itself"):
        _train(here, "equal", [(sts, "alike")], recipe=equal)
    lora = {"kind": "lora", "rank": 2, "alpha": 4.0, "targets": "all-linear", "dropout": 0.1}
    _train(here, "apart", [(sts, "alike")], recipe={**equal, "adapter": lora})
    lareqa = {"task": "lareqa", "form": "retrieval", "labels": [], "head": "lareqa", "options": {"mode": "pool"}}
    with pytest.raises(InputError, match="'lareqa' is a search"):
        _train(here, "searched", [(lareqa, "alike")], recipe={"steps": 1, "consistency": 1.0})


def test_a_text_becomes_a_vector_by_its_mean_or_by_one_token(here: Path) -> None:
    texts = [e.text for e in small.texts(12, 9)]  # type: ignore[attr-defined]
    sides = [Passage(id=f"q{i}", text=t, query=True, gold=(f"c{i}",)) for i, t in enumerate(texts)]
    sides += [Passage(id=f"c{i}", text=f"{t} ka", query=False) for i, t in enumerate(texts)]
    small.stored(here / "pooled", "retrieval", {"de": list(sides)})
    asked: dict[str, Any] = {"task": "tatoeba", "form": "retrieval", "labels": [], "options": {"mode": "bitext"}}
    found = {}
    for how in ("mean", "first", "last"):
        said = {**asked, "layer": 2, "pooling": how, "sweep": True}
        out, _ = _evaluate(here, f"pooled-{how}", "pooled", None, **said)
        found[how] = pq.read_table(out / "predictions" / "de.parquet").column("scores").to_pylist()
        scores = json.loads((out / "scores.json").read_text())
        swept = json.loads((out / "sweep.json").read_text())
        assert {s["metric"]: s["value"] for s in swept if s["layer"] == 2} == {s["metric"]: s["value"] for s in scores}
    assert found["mean"] != found["first"] != found["last"] != found["mean"]
    with pytest.raises(InputError, match="by mean, first, last"):
        _evaluate(here, "pooled-no", "pooled", None, **asked, layer=1, pooling="max")
    with pytest.raises(InputError, match="layer is 3, but the model has layers 0"):
        _evaluate(here, "pooled-deep", "pooled", None, **asked, layer=3)
