"""TyDiQA-GoldP: questions that people asked in their own language. XTREME's test set is TyDiQA's dev set."""

from typing import Any

from waystage.tasks.benchmarks import TYDIQA
from waystage.tasks.squad import FLAT, NESTED
from waystage.tasks.task import Files, Hub, Task

LONG = {
    "ar": "arabic", "bn": "bengali", "en": "english", "fi": "finnish", "id": "indonesian", "ja": "japanese",
    "ko": "korean", "ru": "russian", "sw": "swahili", "te": "telugu", "th": "thai",
}  # fmt: skip
PREFIX = {"id": "{lg}-*"}
BYTES = {
    "id": "id", "group": "document_title", "context": "passage_text", "question": "question_text",
    "answers": "answers.text", "starts": "answers.start_byte",
}  # fmt: skip


def _json(path: str, **more: Any) -> Files:
    return Files(path=path, format="squad", columns=NESTED, reader="squad_rows", **more)


TASKS = (
    Task(
        name="tydiqa",
        title="TyDiQA-GoldP",
        form="spans",
        metric="f1",
        languages=TYDIQA,
        train_languages=TYDIQA,
        splits=("train", "test"),
        train_split="fit",
        select_on="held",
        licence="Apache-2.0",
        hub=(
            Hub(
                repo="google-research-datasets/tydiqa",
                config="secondary_task",
                columns=FLAT,
                where=PREFIX,
                names=LONG,
                languages=TYDIQA,
                splits={"train": "train", "test": "validation"},
                rows={"train/en": 3_696},
                reader="squad_rows",
            ),
        ),
        files=(
            _json("tydiqa/tydiqa-goldp-v1.1-{split}/tydiqa.goldp.{lg}.{split}.json",
                  splits={"train": "train", "test": "dev"}, languages=TYDIQA),
            _json("tydiqa/goldp_train/tydiqa.goldp.{lg}.train.json", splits={"train": "train"}),
            Files(path="tydiqa/goldp_dev/{lg}-dev.jsonl", format="jsonl", columns=BYTES, names=LONG,
                  splits={"test": "dev"}, reader="byte_spans"),
            _json("tydiqa/tydiqa-goldp-v1.1-{split}.json", where=PREFIX, names=LONG,
                  splits={"train": "train", "test": "dev"}, languages=TYDIQA),
        ),
        max_length=384,
        batch=16,
    ),
    Task(
        name="tydiqa_more",
        title="TyDiQA-GoldP in the languages that XTREME leaves out",
        form="spans",
        metric="f1",
        languages=("ja", "th"),
        train_on=("tydiqa",),
        splits=("test",),
        train_split="fit",
        select_on="held",
        licence="Apache-2.0",
        files=(
            Files(path="tydiqa/goldp_dev/{lg}-dev.jsonl", format="jsonl", columns=BYTES, names=LONG,
                  splits={"test": "dev"}, reader="byte_spans"),
        ),
        max_length=384,
        batch=16,
        note="not part of XTREME's TyDiQA, whose nine languages are `tydiqa`",
    ),
)  # fmt: skip
