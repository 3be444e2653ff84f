"""Natural language inference in other languages than English, and in domains of its own."""

from typing import Any

from waystage.tasks.task import LEAVE_OUT, Files, Hub, Task
from waystage.tasks.xnli import LABELS

PAIR = {"first": "premise", "second": "hypothesis", "label": "label"}
CLUE = {"first": "sentence1", "second": "sentence2", "label": "label"}
OFFICIAL = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}
LETTERS = {"label": {"e": "entailment", "n": "neutral", "c": "contradiction"}}
TRAIN_DEV = {"train": "train", "dev": "dev"}


def _nli(name: str, title: str, language: str, licence: str, **more: Any) -> Task:
    return Task(
        name=name, title=title, form="pairs", metric="accuracy", labels=more.pop("labels", LABELS),
        languages=(language,), train_languages=(language,), licence=licence, **more,
    )  # fmt: skip


TASKS = (
    _nli(
        "ocnli", "OCNLI (written in Chinese)", "zh", "CC BY-NC-ND 2.0", non_commercial=True, redistributable=False,
        splits=("train", "dev"),
        hub=(
            # the order of the classes differs from XNLI's
            Hub(repo="clue/clue", config="ocnli", columns=CLUE, splits={"train": "train", "dev": "validation"},
                values={"label": {"0": "neutral", "1": "entailment", "2": "contradiction", "-1": LEAVE_OUT}}),
        ),
        files=(
            Files(path="ocnli/{split}.json", format="jsonl", columns=CLUE, values={"label": {"-": LEAVE_OUT}},
                  splits={"train": "train.50k", "dev": "dev"}),
        ),
    ),
    _nli(
        "cmnli", "CMNLI (MNLI and XNLI in Chinese)", "zh", "unknown", splits=("train", "dev"),
        derived_from=("mnli:train", "xnli:dev", "xnli:test"),
        hub=(
            Hub(repo="fenffef/cmnli", columns=CLUE, values={"label": {"-": LEAVE_OUT}},
                splits={"train": "train", "dev": "validation"}),
        ),
        files=(
            Files(path="cmnli/{split}.json", format="jsonl", columns=CLUE, values={"label": {"-": LEAVE_OUT}},
                  splits=TRAIN_DEV),
        ),
    ),
    _nli(
        "farstail", "FarsTail (Persian)", "fa", "Apache-2.0",
        files=(
            Files(path="farstail/{split}-word.csv", format="quoted_tsv", columns=PAIR, values=LETTERS,
                  splits={"train": "Train", "dev": "Val", "test": "Test"}, rows={"dev": 1_537, "test": 1_564}),
        ),
    ),
    _nli(
        "jnli", "JNLI (JGLUE, Japanese)", "ja", "CC BY-SA 4.0", splits=("train", "dev"),
        files=(
            Files(path="jglue/jnli-v1.1/{split}-v1.1.json", format="jsonl", columns=CLUE,
                  splits={"train": "train", "dev": "valid"}),
        ),
    ),
    _nli(
        "indonli", "IndoNLI (Indonesian)", "id", "CC BY-SA 4.0",
        files=(
            Files(path="indonli/{split}.jsonl", format="jsonl", columns=PAIR, values=LETTERS,
                  splits={"train": "train", "dev": "val", "test": "test_lay"}),
        ),
    ),
    _nli(
        "scitail", "SciTail (science)", "en", "Apache-2.0", domain="science", labels=("entails", "neutral"),
        hub=(Hub(repo="allenai/scitail", config="tsv_format", columns=PAIR),),
        files=(
            Files(path="SciTailV1.1/tsv_format/scitail_1.0_{split}.tsv", columns=PAIR,
                  header=("premise", "hypothesis", "label")),
        ),
    ),
    _nli(
        "mednli", "MedNLI (clinical notes)", "en", "PhysioNet credentialed access", domain="medicine",
        redistributable=False,
        files=(Files(path="mednli/mli_{split}_v1.jsonl", format="jsonl", columns=OFFICIAL),),
    ),
)  # fmt: skip
