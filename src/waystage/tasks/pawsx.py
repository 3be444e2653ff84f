"""PAWS-X: adversarial paraphrase pairs, translated."""

from waystage.tasks.benchmarks import PAWSX
from waystage.tasks.task import Files, Hub, Task

PAIR = {"first": "sentence1", "second": "sentence2", "label": "label"}
ROWS = {"train": 49_401, "dev": 2_000, "test": 2_000}

TASKS = (
    Task(
        name="pawsx",
        title="PAWS-X",
        form="pairs",
        metric="accuracy",
        labels=("0", "1"),
        languages=PAWSX,
        train_languages=PAWSX,
        parallel=True,
        licence="free for any purpose (PAWS licence)",
        hub=(Hub(repo="google-research-datasets/paws-x", config="{lg}", columns={"item": "id", **PAIR}, rows=ROWS),),
        files=(
            Files(path="pawsx/{split}-{lg}.tsv", format="quoted_tsv", header=tuple(PAIR.values()), columns=PAIR),
            Files(
                path="x-final/{lg}/{split}.tsv",
                columns={"item": "id", **PAIR},
                splits={"train": "translated_train", "dev": "dev_2k", "test": "test_2k"},
                languages=("de", "es", "fr", "ja", "ko", "zh"),
            ),
            Files(
                path="x-final/en/{split}.tsv",
                columns={"item": "id", **PAIR},
                splits={"train": "train", "dev": "dev_2k", "test": "test_2k"},
                languages=("en",),
            ),
        ),
        epochs=5,
    ),
)
