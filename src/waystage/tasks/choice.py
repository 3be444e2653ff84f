"""Multiple choice in English: sentence completion, commonsense, reading, science."""

from typing import Any

from waystage.tasks.task import PARQUET, Columns, Files, Hub, Task

HELLASWAG = {"id": "ind", "group": "source_id", "context": "ctx", "options": "endings", "label": "label"}
HIDDEN = {"label": {"": None}}
SIQA: Columns = {"context": "context", "question": "question", "options": ("answerA", "answerB", "answerC")}
COSMOS: Columns = {
    "id": "id", "context": "context", "question": "question",
    "options": ("answer0", "answer1", "answer2", "answer3"), "label": "label",
}  # fmt: skip
SCIQ: Columns = {
    "context": "support", "question": "question",
    "options": ("correct_answer", "distractor1", "distractor2", "distractor3"),
}  # fmt: skip
LETTERS = {letter: i for i, letter in enumerate("ABCDE")}


def _choice(name: str, title: str, licence: str, **more: Any) -> Task:
    return Task(name=name, title=title, form="choice", metric="accuracy", licence=licence, **more)


TASKS = (
    _choice(
        "hellaswag", "HellaSwag", "MIT",
        hub=(
            Hub(repo="Rowan/hellaswag", columns=HELLASWAG, values=HIDDEN,
                rows={"train": 39_905, "dev": 10_042, "test": 10_003}),
            Hub(repo="Rowan/hellaswag", revision="refs/pr/7", columns=HELLASWAG, values=HIDDEN),
        ),
        files=(
            Files(path="hellaswag/hellaswag_{split}.jsonl", format="jsonl", values=HIDDEN,
                  columns={"id": "ind", "context": "ctx", "options": "endings", "label": "label"},
                  splits={"train": "train", "dev": "val", "test": "test"}),
            Files(path="hellaswag/val_text/hellaswag_val_full.txt", format="hellaswag_blocks", splits={"dev": "val"},
                  columns={"context": "ctx", "options": "endings", "label": "label"}),
        ),
    ),
    _choice(
        "siqa", "Social IQa", "CC BY 4.0", splits=("train", "dev"),
        hub=(
            Hub(repo="lighteval/siqa", columns={**SIQA, "label": "label"},
                values={"label": {"1": 0, "2": 1, "3": 2}}, splits={"train": "train", "dev": "validation"},
                rows={"train": 33_410, "dev": 1_954}),
        ),
        files=(
            Files(path="siqa/socialIQa_v1.4_{split}.jsonl", format="jsonl", columns={**SIQA, "label": "correct"},
                  values={"label": LETTERS}, splits={"train": "trn", "dev": "dev"}, rows={"dev": 1_954}),
            Files(path="siqa/socialIQa_v1.4/socialIQa_v1.4_{split}.jsonl", format="jsonl",
                  columns={**SIQA, "label": "correct"}, values={"label": LETTERS},
                  splits={"train": "trn", "dev": "dev"}),
        ),
    ),
    _choice(
        "cosmosqa", "Cosmos QA", "CC BY 4.0", splits=("train", "dev"),
        hub=(
            Hub(repo="allenai/cosmos_qa", columns=COSMOS, splits={"train": "train", "dev": "validation"},
                rows={"train": 25_262, "dev": 2_985}),
            Hub(repo="allenai/cosmos_qa", revision=PARQUET, columns=COSMOS,
                splits={"train": "train", "dev": "validation"}),
        ),
        files=(
            Files(path="cosmosqa/data/{split}.csv", format="csv", columns=COSMOS,
                  splits={"train": "train", "dev": "valid"}, rows={"train": 25_262, "dev": 2_985}),
        ),
    ),
    _choice(
        "commonsenseqa", "CommonsenseQA", "MIT", splits=("train", "dev"),
        hub=(
            Hub(repo="tau/commonsense_qa", values={"label": {**LETTERS, "": None}},
                columns={"id": "id", "context": "question", "options": "choices.text", "label": "answerKey"},
                splits={"train": "train", "dev": "validation"}, rows={"train": 9_741, "dev": 1_221}),
        ),
        files=(
            Files(path="commonsenseqa/{split}_rand_split.jsonl", format="jsonl", values={"label": LETTERS},
                  columns={"id": "id", "context": "question.stem", "options": "question.choices.text",
                           "label": "answerKey"}),
        ),
    ),
    _choice(
        "sciq", "SciQ (science exams)", "CC BY-NC 3.0", domain="science", non_commercial=True,
        hub=(Hub(repo="allenai/sciq", columns=SCIQ, reader="right_first", rows={"train": 11_679, "dev": 1_000}),),
        files=(
            Files(path="sciq/{split}.jsonl", format="jsonl", columns=SCIQ, reader="right_first",
                  splits={"train": "train", "dev": "valid", "test": "test"}),
        ),
    ),
)  # fmt: skip
