from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from waystage.errors import InputError, UnknownName
from waystage.graph.kinds import VERSIONS
from waystage.graph.stage import Resources, Stage

ROWS = Stage(
    kind="rows",
    name="rows mnli",
    config={"task": "mnli", "split": "train", "languages": ["en"], "limit": None},
)
TOKENS = Stage(
    kind="tokens",
    name="tokens mnli",
    config={"max_length": 256, "tokenizer": {"name": "standin-m", "revision": "0f"}},
    inputs={"rows": ROWS},
)
TRAIN = Stage(
    kind="train",
    name="train mnli seed 1",
    config={"seed": 1, "recipe": {"learning_rate": 1e-05, "epochs": 2}, "threads": 1},
    inputs={"tokens": (TOKENS,), "dev_rows": (ROWS,)},
)


def test_golden_fingerprints() -> None:
    """A change here means that every artifact of every user would be made again. Mean it, and say so in CHANGELOG."""
    assert ROWS.fingerprint == "9014b8e426fec6471a7097a43734f6905f4754619d4b4c8a5f45a234042d57e9"
    assert TOKENS.fingerprint == "7e170e857ea8eacf8a9bc15fcdc7ec6a493eb1be76b0eb757012f99cb05b82af"
    assert TRAIN.fingerprint == "7d1182299726f754dd6852810d3625be4c0f64e96e4ec2cce16d24945a6e81b7"


def test_fingerprint_is_the_hash_of_the_documented_text() -> None:
    text = (
        '{"config":{"max_length":256,"tokenizer":{"name":"standin-m","revision":"0f"}},'
        f'"inputs":{{"rows":"{ROWS.fingerprint}"}},"kind":"tokens","version":1}}'
    )
    assert TOKENS.fingerprint == hashlib.sha256(text.encode()).hexdigest()


def test_golden_versions() -> None:
    raised = {"train": 3, "evaluate": 2, "pretrain": 3, "translate": 2}
    assert {kind: version for kind, version in VERSIONS.items() if version != 1} == raised


@pytest.mark.parametrize(
    "change",
    [
        {"name": "another label"},
        {"places": {"model": "/somewhere"}},
        {"resources": Resources(devices=8, memory=1, threads=4, seconds=9.0)},
        {"temporary": True},
        {"config": {"task": "mnli", "limit": None, "languages": ("en",), "split": "train"}},
    ],
)
def test_how_and_where_it_runs_is_not_identity(change: dict[str, Any]) -> None:
    assert replace(ROWS, **change) == ROWS
    assert hash(replace(ROWS, **change)) == hash(ROWS)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "tokens"},
        {"version": 2},
        {"config": {}},
        {"config": {**ROWS.config, "limit": 1}},
        {"inputs": {"start": ROWS}},
        {"inputs": {"start": (ROWS,)}},
        {"inputs": {"other": ROWS}},
        {"inputs": {"start": replace(ROWS, version=2)}},
    ],
)
def test_what_may_change_the_result_is_identity(change: dict[str, Any]) -> None:
    assert replace(ROWS, **change) != ROWS


def test_each_change_gives_a_fingerprint_of_its_own() -> None:
    inputs = ({}, {"a": ROWS}, {"a": (ROWS,)}, {"a": (ROWS, TOKENS)}, {"a": (TOKENS, ROWS)}, {"b": ROWS}, {"a": ()})
    assert len({replace(ROWS, inputs=given).fingerprint for given in inputs}) == len(inputs)


def test_unknown_kinds_need_a_version() -> None:
    with pytest.raises(UnknownName, match=r"'trian' \(did you mean 'train', 'pretrain'\?\)"):
        Stage(kind="trian", name="x", config={})
    assert Stage(kind="mylab.distil", version=3, name="x", config={}).version == 3


def test_a_config_without_stable_form_is_refused_where_it_is_written() -> None:
    with pytest.raises(InputError, match=r"train stage 'train x': config\.recipe\.rate is nan"):
        Stage(kind="train", name="train x", config={"recipe": {"rate": float("nan")}})


def test_long_chains_need_no_recursion() -> None:
    stage = ROWS
    for number in range(5000):
        stage = Stage(kind="train", name=str(number), config={"n": number}, inputs={"start": stage})
    twin = replace(stage)
    assert stage == twin and "4999" in repr(stage)


def test_parents_come_in_order() -> None:
    assert list(TRAIN.parents()) == [TOKENS, ROWS]
