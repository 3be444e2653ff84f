"""COPA and XCOPA: which of two sentences is the cause or the effect of a third one."""

from collections.abc import Mapping
from typing import Any

from waystage.tasks.benchmarks import XCOPA
from waystage.tasks.task import Columns, Files, Hub, Task

COLUMNS: Columns = {
    "item": "idx", "context": "premise", "question": "question", "options": ("choice1", "choice2"), "label": "label",
}  # fmt: skip
ASK: Mapping[str, Mapping[str, Any]] = {
    "question": {"cause": "What was the cause?", "effect": "What was the effect?"},
    "label": {"-1": None},
}
VAL = {"train": "train", "dev": "val", "test": "test"}

TASKS = (
    Task(
        name="xcopa",
        title="XCOPA",
        form="choice",
        metric="accuracy",
        languages=XCOPA,
        train_on=("siqa", "copa"),
        splits=("dev", "test"),
        parallel=True,
        licence="CC BY 4.0",
        derived_from=("copa:dev", "copa:test"),
        hub=(
            Hub(
                repo="cambridgeltl/xcopa", config="{lg}", columns=COLUMNS, values=ASK, rows={"dev": 100, "test": 500},
                splits={"dev": "validation", "test": "test"},
            ),
        ),
        files=(
            Files(path="xcopa/{split}-{lg}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL,
                  hidden=("test",)),
            Files(path="xcopa/{split}.{lg}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL),
            Files(path="xcopa/data/{lg}/{split}.{lg}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL,
                  rows={"dev": 100, "test": 500}),
        ),
        note="the question (cause or effect) is asked in English in every language",
    ),
    Task(
        name="copa",
        title="COPA (English)",
        form="choice",
        metric="accuracy",
        licence="BSD 2-Clause",
        hub=(Hub(repo="aps/super_glue", config="copa", columns=COLUMNS, values=ASK, rows={"train": 400, "dev": 100}),),
        files=(
            Files(path="xcopa/{split}-{lg}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL,
                  hidden=("test",)),
            Files(path="xcopa/{split}.{lg}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL,
                  hidden=("test",)),
            Files(path="COPA/{split}.jsonl", format="jsonl", columns=COLUMNS, values=ASK, splits=VAL,
                  hidden=("test",)),
        ),
    ),
)  # fmt: skip
