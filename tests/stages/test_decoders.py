"""Decoders of four families through every form, looking back only or both ways, tuned whole or by an adapter."""

from __future__ import annotations

import json
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from tests.stages import small

from waystage import forms
from waystage.errors import InputError
from waystage.forms import table
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Choice, Example, Passage, Similar, Span
from waystage.graph.stage import Stage
from waystage.graph.store import Store
from waystage.models import load
from waystage.models.packed import stream
from waystage.stages import Context, run
from waystage.stages.train import _read_to_the_end

LORA = {"kind": "lora", "rank": 4, "alpha": 8.0, "targets": "all-linear", "dropout": 0.0}
FORMS = ("pairs", "choice", "spans", "tags", "similarity", "bi", "retrieval")


def examples(form: str) -> tuple[str, list[Example], tuple[str, ...], dict[str, Any]]:
    """(form, examples, labels, options)"""
    texts = [e.text for e in small.texts(32, 3)]  # type: ignore[attr-defined]
    made: list[Example]
    if form == "pairs":
        return "pairs", small.pairs(32, 1), ("no", "yes"), {}
    if form == "tags":
        return "tags", small.tags(32, 1), ("N", "V"), {"label_piece": "last"}
    if form == "choice":
        made = [
            Choice(id=str(i), context=t, options=(t.split()[0], small.WORDS[i % 9]), label=0)
            for i, t in enumerate(texts)
        ]
        return "choice", made, (), {}
    if form == "spans":
        words = [t.split()[-1] for t in texts]
        made = [
            Span(id=str(i), context=t, question=w, answers=(w,), starts=(t.rindex(w),))
            for i, (t, w) in enumerate(zip(texts, words, strict=True))
        ]
        return "spans", made, (), {}
    if form == "retrieval":
        made = [Passage(id=f"q{i}", text=t.split()[0], query=True, gold=(f"c{i}",)) for i, t in enumerate(texts)]
        made += [Passage(id=f"c{i}", text=t, query=False) for i, t in enumerate(texts)]
        return "retrieval", made, (), {"mode": "pool", "k": 20}
    made = [Similar(id=str(i), first=t, second=t[:9], score=float(i % 6)) for i, t in enumerate(texts)]
    return "similarity", made, (), {"scale": 5.0, "bi": form == "bi"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("decoders")
    for family in small.DECODERS:
        small.decoder(root / family, family)
    for name in FORMS:
        form, made, labels, options = examples(name)
        (root / name / "rows").mkdir(parents=True)
        table.write(root / name / "rows" / "en.parquet", made)
        module = forms.get(form)
        module.encode(made, small.tokenizer(), labels=labels, max_length=40, **options).save(
            root / name / "tokens" / "en"
        )
        if form == "retrieval":
            paired = module.encode(made, small.tokenizer(), labels=(), max_length=40, paired=True)
            paired.save(root / name / "paired" / "en")
    small.stored(root / "text", "masked", {"en": small.texts(30, 1)})
    return root


def through(here: Path, family: str, name: str, attention: str, adapter: dict[str, Any] | None) -> list[float]:
    """Trains and evaluates; gives the losses."""
    form, _, labels, options = examples(name)
    task = {"task": f"own-{name}", "form": form, "labels": list(labels), "head": name, "options": options}
    model = small.LOCAL | ({"attention": attention} if attention != "causal" else {})
    tag = f"{family}-{name}-{attention}-{adapter is None}"
    common = {"model": model, "threads": 1, "precision": "fp32"}
    recipe: dict[str, Any] = {"batch": 8, "steps": 16, "learning_rate": 3e-3}
    if adapter:
        recipe |= {"adapter": adapter, "learning_rate": 1e-2}
    config = {**common, "members": [task], "head_policy": "new", "seed": 1, "recipe": recipe}
    context = Context(scratch=here / f"{tag}-scratch", places={"model": str(here / family)})
    tokens = here / name / ("paired" if form == "retrieval" else "tokens")
    run("train", config, {"tokens": [tokens]}, here / tag, context)
    inputs = {"tokens": here / name / "tokens", "rows": here / name / "rows", "checkpoint": here / tag}
    asked = {**common, **task, "languages": ["en"], **({"layer": 1} if form == "retrieval" else {})}
    run("evaluate", asked, inputs, here / f"{tag}-scores", context)
    assert json.loads((here / f"{tag}-scores" / "scores.json").read_text())
    answers = pq.read_table(here / f"{tag}-scores" / "predictions" / "en.parquet")
    assert answers.num_rows >= 32
    return [r["value"] for r in pq.read_table(here / tag / "curve.parquet").to_pylist() if r["name"] == "loss"]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_with_an_adapter_and_attention_both_ways(here: Path, name: str) -> None:
    losses = through(here, "llama", name, "bidirectional", LORA)
    assert sum(losses[-4:]) < sum(losses[:4])


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [None, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("attention", ["causal", "bidirectional"])
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("family", small.DECODERS)
def test_every_family_through_every_form(
    here: Path, family: str, name: str, attention: str, adapter: dict[str, Any] | None
) -> None:
    losses = through(here, family, name, attention, adapter)
    assert sum(losses[-4:]) < sum(losses[:4])


@pytest.mark.parametrize("family", small.DECODERS)
def test_only_both_ways_does_a_token_see_what_follows(here: Path, family: str) -> None:
    first = np.array([0, 7, 8, 9, 10, 11])
    other = np.array([0, 7, 8, 9, 10, 25])
    for attention in ("causal", "bidirectional"):
        model = small.LOCAL | {"attention": attention}
        backbone = load.backbone(model, {"model": str(here / family)}).eval()
        with torch.no_grad():
            one, two = (backbone(stream(ids, np.array([6])))[:5] for ids in (first, other))
        assert torch.equal(one, two) == (attention == "causal")


def test_both_ways_equals_transformers_with_a_full_mask(here: Path) -> None:
    from transformers import LlamaModel

    model = small.LOCAL | {"attention": "bidirectional"}
    ours = load.backbone(model, {"model": str(here / "llama")}).eval()
    theirs = LlamaModel.from_pretrained(here / "llama", attn_implementation="eager").eval()
    ids = np.arange(3, 20)
    full = torch.zeros(1, 1, 17, 17)  # added to the scores: nothing is hidden
    with torch.no_grad():
        found = ours(stream(ids, np.array([17])))[:17]
        wanted = theirs(input_ids=torch.from_numpy(ids)[None], attention_mask=full).last_hidden_state[0]
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)


def test_what_cannot_be_is_refused(here: Path) -> None:
    small.model(here / "encoder")
    with pytest.raises(InputError, match="is for decoders"):
        load.backbone(small.LOCAL | {"attention": "bidirectional"}, {"model": str(here / "encoder")})
    mlm = {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}
    config = {
        "model": small.LOCAL | {"attention": "bidirectional"}, "members": [mlm], "seed": 1, "threads": 1,
        "precision": "fp32", "recipe": {"steps": 1},
    }  # fmt: skip
    context = Context(scratch=here / "no", places={"model": str(here / "llama")})
    with pytest.raises(InputError, match="next token"):
        run("train", config, {"tokens": [here / "text" / "tokens"]}, here / "no-out", context)


def test_a_decoder_is_asked_for_the_next_token_also_where_its_tokenizer_has_a_mask(here: Path) -> None:
    mlm = {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}
    config = {
        "model": small.LOCAL, "members": [mlm], "seed": 1, "threads": 1, "precision": "fp32",
        "recipe": {"steps": 1, "batch": 100, "dropout": 0.0},
    }  # fmt: skip
    context = Context(scratch=here / "next", places={"model": str(here / "llama")})
    run("train", config, {"tokens": [here / "text" / "tokens"]}, here / "next-out", context)

    from transformers import AutoModelForCausalLM

    theirs = AutoModelForCausalLM.from_pretrained(here / "llama", attn_implementation="eager").eval()
    text = Encoded.load(here / "text" / "tokens" / "en")
    losses = []
    with torch.no_grad():
        for a, b in pairwise(text.sequences.tolist()):
            ids = torch.from_numpy(text.ids[a:b].astype(np.int64))[None]
            losses.append(theirs(input_ids=ids, labels=ids).loss * (b - a - 1))
    wanted = sum(losses) / (len(text.ids) - len(losses))
    curve = pq.read_table(here / "next-out" / "curve.parquet").to_pylist()
    assert next(row["value"] for row in curve if row["name"] == "loss") == pytest.approx(float(wanted), rel=1e-4)


def test_words_of_a_model_that_the_plan_took_for_an_encoder_are_refused(tmp_path: Path) -> None:
    """Its tokens have labels at the first piece, where a decoder has not read the word."""
    store = Store(tmp_path)
    for options, refused in ({}, True), ({"label_piece": "first"}, True), ({"label_piece": "last"}, False):
        stage = Stage(
            kind="tokens", name="tokens", config={"form": "tags", **({"options": options} if options else {})}
        )
        told = {key: getattr(stage, key) for key in ("kind", "name", "version", "config", "inputs")}
        store.commit(stage.fingerprint, store.open(stage.fingerprint), {"stage": told})
        with pytest.raises(InputError, match="did not know that 'org/new' is a decoder") if refused else nullcontext():
            _read_to_the_end("udpos", store.path(stage.fingerprint), "org/new")
