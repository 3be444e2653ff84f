"""MLQA: aligned passages found in Wikipedia; context and question in the same language for zero-shot transfer."""

from waystage.tasks.benchmarks import MLQA
from waystage.tasks.squad import FLAT, NESTED
from waystage.tasks.task import Files, Hub, Task

DEV = {"en": 1_148, "ar": 517, "de": 512, "vi": 511, "es": 500, "zh": 504, "hi": 507}
TEST = {"en": 11_590, "ar": 5_335, "de": 4_517, "vi": 5_495, "es": 5_253, "zh": 5_137, "hi": 4_918}
ROWS = {f"{split}/{lg}": n for split, counts in (("dev", DEV), ("test", TEST)) for lg, n in counts.items()}

TASKS = (
    Task(
        name="mlqa",
        title="MLQA",
        form="spans",
        metric="f1",
        languages=MLQA,
        train_on=("squad",),
        splits=("dev", "test"),
        train_split="fit",
        select_on="held",
        licence="CC BY-SA 3.0",
        options={"scorer": "mlqa"},
        hub=(
            Hub(
                repo="facebook/mlqa",
                config="mlqa.{lg}.{lg}",
                columns=FLAT,
                splits={"dev": "validation", "test": "test"},
                reader="squad_rows",
                revision="397ed406c1a7902140303e7faf60fff35b58d285",
            ),
        ),
        files=(
            Files(
                path="mlqa/MLQA_V1/{split}/{split}-context-{lg}-question-{lg}.json",
                format="squad",
                columns=NESTED,
                reader="squad_rows",
                rows=ROWS,
            ),
        ),
        max_length=384,
        batch=16,
    ),
    Task(
        name="mlqa_train",
        title="MLQA translate-train (SQuAD machine-translated)",
        form="spans",
        metric="f1",
        languages=tuple(lg for lg in MLQA if lg != "en"),
        train_languages=tuple(lg for lg in MLQA if lg != "en"),
        splits=("train", "dev"),
        licence="CC BY-SA 3.0",
        derived_from=("squad:train", "squad:dev"),
        hub=(
            Hub(
                repo="facebook/mlqa",
                config="mlqa-translate-train.{lg}",
                columns=FLAT,
                splits={"train": "train", "dev": "validation"},
                reader="squad_rows",
                revision="397ed406c1a7902140303e7faf60fff35b58d285",
            ),
        ),
        files=(
            Files(
                path="mlqa/mlqa-translate-train/{lg}_squad-translate-train-{split}-v1.1.json",
                format="squad",
                columns=NESTED,
                reader="squad_rows",
            ),
        ),
        max_length=384,
        batch=16,
    ),
)
