"""Running text for masked language modelling, for replay beside an intermediate task."""

from waystage.tasks.benchmarks import XTREME, XTREME_R
from waystage.tasks.task import Files, Hub, Task

LANGUAGES = tuple(sorted({lg for b in (XTREME, XTREME_R) for scored in b.languages.values() for lg in scored}))

TASKS = (
    Task(
        name="mlm",
        title="Running text (masked language modelling)",
        form="masked",
        metric="accuracy",
        languages=LANGUAGES,
        train_languages=LANGUAGES,
        splits=("train", "dev"),
        licence="CC BY-SA 4.0 (Wikipedia)",
        hub=(
            Hub(repo="wikimedia/wikipedia", config="20231101.{lg}", columns={"id": "id", "text": "text"},
                splits={"train": "train"}),
        ),
        files=(
            Files(path="text/{lg}.{split}.txt", format="parallel_lines", columns={"text": "1"}),
            Files(path="text/{lg}.txt", format="parallel_lines", columns={"text": "1"}, splits={"train": "train"}),
        ),
    ),
)  # fmt: skip
