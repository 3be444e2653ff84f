"""XNLI: natural language inference, human-translated dev and test in 15 languages, machine-translated train."""

from waystage.tasks.benchmarks import XNLI
from waystage.tasks.task import Files, Hub, Task

LABELS = ("entailment", "neutral", "contradiction")
PAIR = {"first": "premise", "second": "hypothesis", "label": "label"}
OFFICIAL = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}
MT = {"first": "premise", "second": "hypo", "label": "label"}
ROWS = {"train": 392_702, "dev": 2_490, "test": 5_010}
BLOCKS = {"dev": 3, "test": 3}  # three hypotheses for each premise
SPELLED = {"label": {"contradictory": "contradiction"}}

TASKS = (
    Task(
        name="xnli",
        title="XNLI",
        form="pairs",
        metric="accuracy",
        labels=LABELS,
        languages=XNLI,
        train_languages=XNLI,
        parallel=True,
        licence="CC BY-NC 4.0",
        non_commercial=True,
        derived_from=("mnli:train",),
        hub=(
            Hub(
                repo="facebook/xnli",
                config="{lg}",
                columns=PAIR,
                values={"label": dict(zip("012", LABELS, strict=True))},
                rows=ROWS,
                blocks=BLOCKS,
            ),
        ),
        files=(
            Files(
                path="xnli/{split}-{lg}.tsv",
                format="quoted_tsv",
                header=tuple(PAIR.values()),
                columns=PAIR,
                rows=ROWS,
                blocks=BLOCKS,
            ),
            Files(
                path="XNLI-1.0/xnli.{split}.tsv",
                columns={**OFFICIAL, "item": "pairID"},
                where={"language": "{lg}"},
                values=SPELLED,
                splits={"dev": "dev", "test": "test"},
                rows=ROWS,
                blocks=BLOCKS,
            ),
            Files(
                path="XNLI-MT-1.0/multinli/multinli.train.{lg}.tsv",
                columns=MT,
                values=SPELLED,
                splits={"train": "train"},
            ),
        ),
        epochs=2,
    ),
    Task(
        name="kornli",
        title="KorNLI (XNLI and MNLI in Korean)",
        form="pairs",
        metric="accuracy",
        labels=LABELS,
        languages=("ko",),
        train_languages=("ko",),
        licence="CC BY-SA 4.0",
        derived_from=("mnli:train", "snli:train", "xnli:dev", "xnli:test"),
        files=(
            Files(
                path="xnli/ko/xnli.{split}.ko.tsv",
                columns=OFFICIAL,
                splits={"dev": "dev", "test": "test"},
                rows={"dev": 2_490, "test": 5_010},
                blocks=BLOCKS,
            ),
            Files(
                path="KorNLI/xnli.{split}.ko.tsv",
                columns=OFFICIAL,
                splits={"dev": "dev", "test": "test"},
                blocks=BLOCKS,
            ),
            Files(
                path=("KorNLI/multinli.train.ko.tsv*", "KorNLI/snli_1.0_train.ko.tsv*"),
                columns=OFFICIAL,
                splits={"train": "train"},
                rows={"train": 392_702 + 550_152},
            ),
        ),
    ),
)
