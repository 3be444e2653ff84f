"""SQuAD 1.1 and 2.0, and data sets in other languages that share their shape."""

from typing import Any

from waystage.tasks.task import Files, Hub, Task

NESTED = {
    "id": "id", "group": "title", "context": "context", "question": "question",
    "answers": "answers.text", "starts": "answers.answer_start",
}  # fmt: skip
FLAT = NESTED
TRAIN_DEV = {"train": "train", "dev": "validation"}


def _qa(name: str, title: str, licence: str, language: str = "en", **more: Any) -> Task:
    """A data set in SQuAD's shape, trained on and evaluated in one language."""
    return Task(
        name=name, title=title, form="spans", metric="f1", languages=(language,), train_languages=(language,),
        licence=licence, max_length=384, batch=16, **more,
    )  # fmt: skip


def _json(path: str, **more: Any) -> Files:
    return Files(path=path, format="squad", columns=NESTED, reader="squad_rows", **more)


def _hub(repo: str, config: str = "", **more: Any) -> Hub:
    return Hub(repo=repo, config=config, columns=FLAT, reader="squad_rows", **more)


TASKS = (
    _qa(
        "squad", "SQuAD 1.1", "CC BY-SA 4.0", splits=("train", "dev"),
        hub=(
            _hub("rajpurkar/squad", splits=TRAIN_DEV, rows={"train": 87_599, "dev": 10_570}),
            _hub("google/xtreme", "SQuAD", splits=TRAIN_DEV),
        ),
        files=(_json("squad/{split}-v1.1.json", rows={"train": 87_599, "dev": 10_570}),),
    ),
    _qa(
        "squad2", "SQuAD 2.0", "CC BY-SA 4.0", splits=("train", "dev"), derived_from=("squad:train", "squad:dev"),
        options={"unanswerable": True},
        hub=(_hub("rajpurkar/squad_v2", splits=TRAIN_DEV, rows={"train": 130_319, "dev": 11_873}),),
        files=(
            _json("squad2/{split}-v2.0.json"),
            _json("squad/{split}-v2.0.json"),
            _json("squad2_cs224n/{split}-v2.0.json", splits={"dev": "dev"}, rows={"dev": 6_078}),
        ),
    ),
    _qa(
        "arcd", "ARCD (Arabic)", "MIT", "ar", splits=("train", "dev"),
        hub=(_hub("hsseinmz/arcd", "plain_text", splits=TRAIN_DEV, rows={"train": 693, "dev": 702}),),
        files=(
            _json("arcd/arcd-{split}.json", splits={"train": "train", "dev": "test"}, rows={"train": 693, "dev": 702}),
        ),
    ),
    _qa(
        "drcd", "DRCD (traditional Chinese)", "CC BY-SA 3.0", "zh",
        files=(_json("drcd/DRCD_{split}.json", splits={"train": "training", "dev": "dev", "test": "test"}),),
    ),
    _qa(
        "cmrc", "CMRC 2018 (simplified Chinese)", "CC BY-SA 4.0", "zh", splits=("train", "dev"),
        hub=(_hub("hfl/cmrc2018", splits=TRAIN_DEV, rows={"train": 10_142, "dev": 3_219}),),
        files=(_json("cmrc2018/squad-style-data/cmrc2018_{split}.json"),),
    ),
    _qa(
        "korquad", "KorQuAD 1.0 (Korean)", "CC BY-ND 2.0 KR", "ko", splits=("train", "dev"), redistributable=False,
        hub=(_hub("KorQuAD/squad_kor_v1", splits=TRAIN_DEV, rows={"train": 60_407, "dev": 5_774}),),
        files=(_json("korquad/KorQuAD_v1.0_{split}.json"),),
    ),
    _qa(
        "jsquad", "JSQuAD (JGLUE, Japanese)", "CC BY-SA 4.0", "ja", splits=("train", "dev"),
        files=(_json("jglue/jsquad-v1.1/{split}-v1.1.json", splits={"train": "train", "dev": "valid"}),),
    ),
    _qa(
        "pquad", "PQuAD (Persian)", "CC BY-SA 4.0", "fa", options={"unanswerable": True},
        files=(_json("pquad/{split}.json", splits={"train": "train", "dev": "validation", "test": "test"}),),
    ),
)  # fmt: skip
