"""CCG supertags. CCGbank needs a licence of the LDC, so a user points to a copy; the stand-in is named as one."""

from waystage.tasks.task import Files, Task

WORDS = {"words": "tokens", "tags": "tags"}

TASKS = (
    Task(
        name="ccg",
        title="CCG supertagging (CCGbank)",
        form="tags",
        metric="token_accuracy",
        licence="LDC2005T13 (user agreement, no redistribution)",
        redistributable=False,
        options={"labels": "from train", "most": 425},
        files=(
            Files(path="ccg/{split}.tsv", format="words", columns=WORDS),
            Files(path="ccgbank_1_1/data/AUTO/{split}/wsj_*.auto", format="ccgbank", columns=WORDS,
                  splits={"train": "[01][0-9]|02-21", "dev": "00", "test": "23"}),
        ),
        epochs=10,
    ),
)  # fmt: skip
