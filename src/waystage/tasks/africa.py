"""MasakhaNER 2, MasakhaPOS and AfriQA: names, parts of speech and questions in African languages."""

from waystage.tasks.benchmarks import words
from waystage.tasks.task import Files, Hub, Task, or_converted
from waystage.tasks.udpos import UPOS

NAMES = {
    "bm": "bam", "bbj": "bbj", "ee": "ewe", "fon": "fon", "ha": "hau", "ig": "ibo", "rw": "kin", "lg": "lug",
    "luo": "luo", "mos": "mos", "ny": "nya", "pcm": "pcm", "sn": "sna", "sw": "swa", "tn": "tsn", "tw": "twi",
    "wo": "wol", "xh": "xho", "yo": "yor", "zu": "zul",
}  # fmt: skip
LANGUAGES = tuple(NAMES)
WORDS = {"words": "tokens", "tags": "tags"}
GOLD = {
    "id": "id", "context": "context", "question": "question_lang",
    "answers": "answer_pivot.text", "starts": "answer_pivot.answer_start",
}  # fmt: skip
PIVOT = {"en": "bem ha ig rw sw tw yo zu", "fr": "fon wo"}

TASKS = (
    Task(
        name="masakhaner2",
        title="MasakhaNER 2",
        form="tags",
        metric="f1",
        labels=words("O B-PER I-PER B-ORG I-ORG B-LOC I-LOC B-DATE I-DATE"),
        languages=LANGUAGES,
        train_languages=LANGUAGES,
        licence="CC BY-NC 4.0",
        non_commercial=True,
        hub=or_converted(Hub(repo="masakhane/masakhaner2", config="{lg}", names=NAMES,
                             columns={"words": "tokens", "tags": "ner_tags"})),
        files=(Files(path="masakhaner2/{lg}/{split}.txt", format="columns", columns=WORDS, names=NAMES),),
        epochs=10,
    ),
    Task(
        name="masakhapos",
        title="MasakhaPOS",
        form="tags",
        metric="token_accuracy",
        labels=UPOS,
        languages=LANGUAGES,
        train_languages=LANGUAGES,
        licence="CC BY-NC 4.0",
        non_commercial=True,
        hub=or_converted(Hub(repo="masakhane/masakhapos", config="{lg}", names=NAMES,
                             columns={"words": "tokens", "tags": "upos"})),
        files=(Files(path="masakhapos/{lg}/{split}.txt", format="columns", columns=WORDS, names=NAMES),),
        epochs=10,
    ),
    *(
        Task(
            name=f"afriqa_{pivot}",
            title=f"AfriQA (passages in {pivot})",
            form="spans",
            metric="f1",
            languages=words(asked),
            train_languages=words(asked),
            licence="CC BY-SA 4.0",
            files=(
                Files(
                    path=f"afriqa/gold_passages/{{lg}}/gold_span_passages.afriqa.{{lg}}.{pivot}.{{split}}.json",
                    format="jsonl", columns=GOLD, names={**NAMES, "bem": "bem"}, reader="squad_rows",
                ),
            ),
            max_length=384,
            batch=16,
            note="the question is in the language named, the passage in the pivot language",
        )
        for pivot, asked in PIVOT.items()
    ),
)  # fmt: skip
