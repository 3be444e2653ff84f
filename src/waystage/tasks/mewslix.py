"""Mewsli-X: find the entity that a mention in the news means, among candidates described in 50 languages."""

from waystage.tasks.benchmarks import MEWSLIX
from waystage.tasks.task import PARQUET, Files, Hub, Task

TASKS = (
    Task(
        name="mewslix",
        title="Mewsli-X",
        form="retrieval",
        metric="map@20",
        languages=MEWSLIX,
        licence="unknown (text of Wikipedia and Wikinews, CC BY-SA and CC BY)",
        options={"mode": "pool", "k": 20},
        hub=(
            Hub(
                repo="izhx/mewsli-x", config="{lg}", splits={"dev": "validation", "test": "test"}, languages=MEWSLIX,
                reader="mewslix_mentions",
            ),
            # on the main branch the two large files are packed with tar
            Hub(
                repo="izhx/mewsli-x", config="wikipedia_pairs", revision=PARQUET, splits={"train": "train"},
                languages=("en",), reader="mewslix_pairs",
            ),
            Hub(
                repo="izhx/mewsli-x", config="candidate_entities", revision=PARQUET, languages=("candidates",),
                splits={"dev": "test", "test": "test"}, reader="mewslix_mentions",
            ),
        ),
        files=(
            Files(
                path=("mewslix/wikinews_mentions/{split}-{lg}.jsonl", "mewslix/wikinews_labels/{split}-{lg}.json"),
                format="mewslix", splits={"dev": "dev", "test": "test"}, reader="mewslix_mentions",
            ),
            Files(path="mewslix/wikipedia_pairs-{split}.jsonl", format="jsonl", splits={"train": "train"},
                  languages=("en",), reader="mewslix_pairs"),
        ),
        max_length=64,
        epochs=2,
        batch=64,
        note="a million candidates: `mewslix/candidate_set_entities.jsonl` beside the mentions",
    ),
)  # fmt: skip
