"""PAN-X (WikiANN): names of persons, organisations and places, tagged by rules from Wikipedia links."""

from waystage.tasks.benchmarks import XTREME_R
from waystage.tasks.task import Files, Hub, Task

IOB = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
WORDS = {"words": "tokens", "tags": "ner_tags"}
CLASSES = {"tags": {str(i): tag for i, tag in enumerate(IOB)}}
ENGLISH = {"train/en": 20_000, "dev/en": 10_000, "test/en": 10_000}
LANGUAGES = XTREME_R.languages["panx"]

TASKS = (
    Task(
        name="panx",
        title="PAN-X (NER)",
        form="tags",
        metric="f1",
        labels=IOB,
        languages=LANGUAGES,
        train_languages=LANGUAGES,
        licence="unknown (text of Wikipedia, CC BY-SA)",
        hub=(
            Hub(repo="unimelb-nlp/wikiann", config="{lg}", columns=WORDS, values=CLASSES, rows=ENGLISH),
            Hub(repo="google/xtreme", config="PAN-X.{lg}", columns=WORDS, values=CLASSES),
        ),
        files=(
            Files(path="panx/{split}-{lg}.tsv", format="words", columns={"words": "tokens", "tags": "tags"}),
            Files(
                path="panx_dataset/{lg}-{split}", format="prefixed_words", columns={"words": "tokens", "tags": "tags"}
            ),
            Files(path="panx/{lg}/{split}", format="prefixed_words", columns={"words": "tokens", "tags": "tags"}),
        ),
        epochs=10,
    ),
)
