"""Universal NER: names in Universal Dependencies treebanks, one treebank per language and task."""

from waystage.tasks.panx import IOB
from waystage.tasks.task import Files, Task

# the treebanks were annotated with a fourth kind of name before the first release
OTHER = {"tags": {"B-O": "O", "B-OTH": "O", "I-OTH": "O"}}
TREEBANKS = {
    "uner": {
        "en": "en_ewt", "ceb": "ceb_gja", "da": "da_ddt", "de": "de_pud", "hr": "hr_set", "pt": "pt_bosque",
        "ru": "ru_pud", "sk": "sk_snk", "sr": "sr_set", "sv": "sv_talbanken", "tl": "tl_trg", "zh": "zh_gsdsimp",
    },
    "uner_pud": {"de": "de_pud", "en": "en_pud", "pt": "pt_pud", "ru": "ru_pud", "sv": "sv_pud", "zh": "zh_pud"},
    "uner_gsd": {"zh": "zh_gsd"},
}  # fmt: skip
TITLES = {"uner": "Universal NER", "uner_pud": "Universal NER (PUD)", "uner_gsd": "Universal NER (traditional Chinese)"}

TASKS = tuple(
    Task(
        name=name,
        title=TITLES[name],
        form="tags",
        metric="f1",
        labels=IOB,
        languages=tuple(treebanks),
        train_languages=("en",),
        train_on=() if name == "uner" else ("uner",),
        splits=("train", "dev", "test") if name == "uner" else ("test",),
        parallel=name == "uner_pud",
        derived_from=() if name == "uner" else ("uner:test",),  # German and Russian PUD, Chinese GSD are in both
        licence="CC BY-SA 4.0 (Tagalog CC BY-NC-SA 4.0)",
        non_commercial=name == "uner",
        files=(
            Files(
                path="uner/{lg}-ud-{split}.iob2",
                format="iob2",
                names=treebanks,
                columns={"words": "tokens", "tags": "tags"},
                values=OTHER,
            ),
        ),
        epochs=10,
    )
    for name, treebanks in TREEBANKS.items()
)
