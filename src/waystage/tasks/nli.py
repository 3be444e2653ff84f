"""Natural language inference in English: MNLI, SNLI, ANLI, and their union under one head."""

from waystage.tasks.task import LEAVE_OUT, SAME, Files, Hub, Task
from waystage.tasks.xnli import LABELS

PAIR = {"first": "premise", "second": "hypothesis", "label": "label"}
STANFORD = {"first": "sentence1", "second": "sentence2", "label": "gold_label"}
NUMBERS = {"label": {**dict(zip("012", LABELS, strict=True)), "-1": LEAVE_OUT}}
LETTERS = {"label": {"e": "entailment", "n": "neutral", "c": "contradiction", "-": LEAVE_OUT}}
DASH = {"label": {"-": LEAVE_OUT}}
LINES = {"first": "1", "second": "2", "label": "3"}
ROUNDS = ("r1", "r2", "r3")

MNLI = Task(
    name="mnli",
    title="MNLI",
    form="pairs",
    metric="accuracy",
    labels=LABELS,
    splits=("train", "dev", "dev_mm"),
    licence="OANC terms and CC BY-SA 3.0 by genre",
    hub=(
        Hub(
            repo="nyu-mll/glue", config="mnli", columns=PAIR, values=NUMBERS,
            splits={"train": "train", "dev": "validation_matched", "dev_mm": "validation_mismatched"},
            rows={"train": 392_702, "dev": 9_815, "dev_mm": 9_832},
        ),
    ),
    files=(
        Files(path="multinli_1.0/multinli_1.0_{split}.jsonl", format="jsonl", columns=STANFORD,
              values={"label": {"-": LEAVE_OUT}},
              splits={"train": "train", "dev": "dev_matched", "dev_mm": "dev_mismatched"}),
        Files(path="MNLI/{split}.tsv", columns=STANFORD,
              splits={"train": "train", "dev": "dev_matched", "dev_mm": "dev_mismatched"}),
    ),
)  # fmt: skip

SNLI = Task(
    name="snli",
    title="SNLI",
    form="pairs",
    metric="accuracy",
    labels=LABELS,
    licence="CC BY-SA 4.0",
    hub=(
        Hub(repo="stanfordnlp/snli", columns=PAIR, values=NUMBERS,
            rows={"train": 550_152, "dev": 10_000, "test": 10_000}),
    ),
    files=(
        Files(path="snli_1.0/snli_1.0_{split}.jsonl", format="jsonl", columns=STANFORD, values=DASH),
        Files(
            path=("snli_devtest/s1.{split}", "snli_devtest/s2.{split}", "snli_devtest/labels.{split}"),
            format="parallel_lines", columns=LINES, splits={"dev": "dev", "test": "test"},
            rows={"dev": 9_842, "test": 9_824},
        ),
    ),
)  # fmt: skip


ANLI_ROUNDS = tuple(
    Task(
        name=f"anli_{r}",
        title=f"ANLI, round {r[1]}",
        form="pairs",
        metric="accuracy",
        labels=LABELS,
        licence="CC BY-NC 4.0",
        non_commercial=True,
        hub=(
            Hub(
                repo="facebook/anli", config="plain_text", columns={"id": "uid", **PAIR}, values=NUMBERS,
                splits={"train": f"train_{r}", "dev": f"dev_{r}", "test": f"test_{r}"},
            ),
        ),
        files=(
            Files(
                path=f"anli_v1.0/{r.upper()}/{{split}}.jsonl", format="jsonl", splits=SAME, values=LETTERS,
                columns={"id": "uid", "first": "context", "second": "hypothesis", "label": "label"},
            ),
        ),
    )
    for r in ROUNDS
)  # fmt: skip

ANLI = Task(
    name="anli",
    title="ANLI+ (SNLI, MNLI and ANLI rounds 1-3 under one head)",
    form="pairs",
    metric="accuracy",
    labels=LABELS,
    splits=("train", "dev"),
    licence="CC BY-NC 4.0 (ANLI), CC BY-SA (SNLI, MNLI)",
    non_commercial=True,
    members=("snli", "mnli", "anli_r1", "anli_r2", "anli_r3"),
)

TASKS = (MNLI, SNLI, *ANLI_ROUNDS, ANLI)
