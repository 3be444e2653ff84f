"""BUCC 2018: find the few pairs of translations hidden in two large collections of sentences."""

from waystage.tasks.benchmarks import BUCC
from waystage.tasks.task import Files, Hub, Task

TASKS = (
    Task(
        name="bucc",
        title="BUCC 2018",
        form="retrieval",
        metric="f1",
        languages=BUCC,
        train_languages=(),
        splits=("dev", "test"),
        licence="unknown (terms of the BUCC 2018 shared task)",
        redistributable=False,
        options={"mode": "margin"},
        hub=(
            Hub(
                repo="mteb/BUCC",
                config="{lg}-en",
                revision="414572247440f0ccacf7eb0bb70a31533a0e5443",
                splits={"test": "test"},
                columns={"text": "sentence1", "english": "sentence2", "gold": "gold"},
                reader="bucc_rows",
            ),
        ),
        files=(
            Files(
                path=(
                    "bucc2018/{lg}-en.{split}.{lg}",
                    "bucc2018/{lg}-en.{split}.en",
                    "bucc2018/{lg}-en.{split}.gold",
                ),
                format="bucc",
                reader="bucc",
            ),
        ),
        note="copies with the gold pairs only have no distractors and cannot give this score",
    ),
)
