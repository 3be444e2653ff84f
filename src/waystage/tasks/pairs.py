"""Paraphrases, graded similarity, and topics: other things that one or two sentences can be asked."""

from dataclasses import replace

from waystage.tasks.benchmarks import words
from waystage.tasks.task import Files, Hub, Task

QUESTIONS = {"first": "question1", "second": "question2", "label": "label"}
SENTENCES = {"first": "sentence1", "second": "sentence2"}
STSB_LANGUAGES = words("de en es fr it nl pl pt ru zh")

STSB = Task(
    name="stsb",
    title="STS-B",
    form="similarity",
    metric="spearman",
    languages=STSB_LANGUAGES,
    train_languages=STSB_LANGUAGES,
    parallel=True,
    licence="CC BY-SA 4.0 (translations by machine)",
    options={"scale": 5.0},
    hub=(
        Hub(
            repo="mteb/stsbenchmark-sts", columns={**SENTENCES, "score": "score"}, languages=("en",),
            rows={"train": 5_749, "dev": 1_500},
        ),
        Hub(
            repo="PhilipMay/stsb_multi_mt", config="{lg}", columns={**SENTENCES, "score": "similarity_score"},
            splits={"train": "train", "dev": "dev", "test": "test"}, rows={"train": 5_749, "dev": 1_500},
        ),
    ),
    files=(
        Files(
            path="stsb_multi_mt/data/stsb-{lg}-{split}.csv", format="csv",
            header=("sentence1", "sentence2", "score"), columns={**SENTENCES, "score": "score"},
        ),
        Files(path="STS-B/{split}.tsv", columns={**SENTENCES, "score": "score"}, languages=("en",)),
    ),
)  # fmt: skip

TASKS = (
    Task(
        name="qqp",
        title="QQP",
        form="pairs",
        metric="accuracy",
        labels=("0", "1"),
        splits=("train", "dev"),
        licence="Quora terms (no commercial use)",
        non_commercial=True,
        redistributable=False,
        hub=(
            Hub(
                repo="nyu-mll/glue", config="qqp", columns=QUESTIONS, splits={"train": "train", "dev": "validation"},
                rows={"train": 363_846, "dev": 40_430},
            ),
        ),
        files=(Files(path="QQP/{split}.tsv", columns={**QUESTIONS, "label": "is_duplicate"}),),
    ),
    STSB,
    replace(
        STSB, name="stsb_bi", title="STS-B, each text read by itself", options={**STSB.options, "bi": True},
        derived_from=("stsb:train", "stsb:dev", "stsb:test"),
    ),
)  # fmt: skip
