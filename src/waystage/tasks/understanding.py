"""Further targets: topics, reading with options, story endings, pronouns, inference in further languages."""

from waystage.tasks.benchmarks import words
from waystage.tasks.bitext import FLORES
from waystage.tasks.task import Columns, Files, Hub, Task
from waystage.tasks.xnli import LABELS

PAIR = {"first": "premise", "second": "hypothesis", "label": "label"}
AMERICAS = {
    "ay": "aym", "bzd": "bzd", "cni": "cni", "gn": "gn", "hch": "hch", "nah": "nah", "oto": "oto", "qu": "quy",
    "shp": "shp", "tar": "tar",
}  # fmt: skip
INDIC = words("as bn gu hi kn ml mr or pa ta te")
STORIES = words("ar en es eu hi id my ru sw te zh")
STORY: Columns = {
    "id": "InputStoryid",
    "context": tuple(f"InputSentence{i}" for i in range(1, 5)),
    "options": ("RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2"),
    "label": "AnswerRightEnding",
}
TOPICS = words("science/technology travel politics sports health entertainment geography")
ONE_TWO = {"label": {"1": 0, "2": 1}}

TASKS = (
    Task(
        name="sib200",
        title="SIB-200",
        form="pairs",
        metric="accuracy",
        labels=TOPICS,
        languages=tuple(FLORES),
        train_languages=tuple(FLORES),
        parallel=True,
        licence="CC BY-SA 4.0",
        derived_from=("flores:test",),
        hub=(Hub(repo="Davlan/sib200", config="{lg}", names=FLORES,
                 columns={"item": "index_id", "first": "text", "label": "category"}),),
        files=(Files(path="sib200/{lg}/{split}.tsv", names=FLORES,
                     columns={"item": "index_id", "first": "text", "label": "category"}),),
    ),
    Task(
        name="belebele",
        title="Belebele",
        form="choice",
        metric="accuracy",
        languages=tuple(FLORES),
        train_on=("siqa",),
        splits=("test",),
        parallel=True,
        licence="CC BY-SA 4.0",
        derived_from=("flores:test",),
        hub=(
            Hub(
                repo="facebook/belebele", config="{lg}", names=FLORES, splits={"test": "test"}, rows={"test": 900},
                columns={"group": "link", "context": "flores_passage", "question": "question",
                         "options": ("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4"),
                         "label": "correct_answer_num"},
                values={"label": {"1": 0, "2": 1, "3": 2, "4": 3}},
            ),
        ),
        files=(
            Files(
                path="belebele/{lg}.jsonl", format="jsonl", names=FLORES, splits={"test": "test"},
                columns={"group": "link", "context": "flores_passage", "question": "question",
                         "options": ("mc_answer1", "mc_answer2", "mc_answer3", "mc_answer4"),
                         "label": "correct_answer_num"},
                values={"label": {"1": 0, "2": 1, "3": 2, "4": 3}},
            ),
        ),
        max_length=384,
    ),
    Task(
        name="americasnli",
        title="AmericasNLI",
        form="pairs",
        metric="accuracy",
        labels=LABELS,
        languages=tuple(AMERICAS),
        train_on=("mnli",),
        splits=("dev", "test"),
        parallel=True,
        licence="CC BY-SA 4.0",
        derived_from=("xnli:dev", "xnli:test"),
        hub=(Hub(repo="nala-cub/americas_nli", config="{lg}", names=AMERICAS, columns=PAIR,
                 splits={"dev": "validation", "test": "test"}),),
        files=(Files(path="americasnli/{split}/{lg}.tsv", names=AMERICAS, columns=PAIR,
                     splits={"dev": "dev", "test": "test"}),),
    ),
    Task(
        name="indicxnli",
        title="IndicXNLI (machine-translated)",
        form="pairs",
        metric="accuracy",
        labels=LABELS,
        languages=INDIC,
        train_languages=INDIC,
        parallel=True,
        licence="CC BY-NC 4.0",
        non_commercial=True,
        derived_from=("mnli:train", "xnli:dev", "xnli:test"),
        hub=(Hub(repo="Divyanshu/indicxnli", config="{lg}", columns=PAIR,
                 values={"label": dict(zip("012", LABELS, strict=True))}),),
        files=(Files(path="indicxnli/{split}/xnli_{lg}.json", format="jsonl", columns=PAIR,
                     splits={"train": "train", "dev": "dev", "test": "test"}),),
    ),
    Task(
        name="xstorycloze",
        title="XStoryCloze",
        form="choice",
        metric="accuracy",
        languages=STORIES,
        train_languages=STORIES,
        splits=("train", "test"),
        train_split="fit",
        select_on="held",
        parallel=True,
        licence="CC BY-SA 4.0",
        hub=(Hub(repo="juletxara/xstory_cloze", config="{lg}", columns=STORY, values=ONE_TWO,
                 splits={"train": "train", "test": "eval"}, rows={"train": 360, "test": 1_511}),),
        files=(Files(path="xstorycloze/spring2016.val.{lg}.tsv.split_20_80_{split}.tsv", columns=STORY, values=ONE_TWO,
                     splits={"train": "train", "test": "eval"}),),
    ),
    Task(
        name="xwinograd",
        title="XWinograd",
        form="choice",
        metric="accuracy",
        languages=words("en fr ja pt ru zh"),
        train_on=("siqa",),
        splits=("test",),
        licence="CC BY 4.0",
        hub=(Hub(repo="Muennighoff/xwinograd", config="{lg}", splits={"test": "test"}, values=ONE_TWO,
                 columns={"context": "sentence", "options": ("option1", "option2"), "label": "answer"}),),
        files=(Files(path="xwinograd/{lg}.jsonl", format="jsonl", splits={"test": "test"}, values=ONE_TWO,
                     columns={"context": "sentence", "options": ("option1", "option2"), "label": "answer"}),),
    ),
    Task(
        name="pubmedqa",
        title="PubMedQA (yes, no, maybe)",
        form="pairs",
        metric="accuracy",
        labels=("yes", "no", "maybe"),
        splits=("train",),
        train_split="fit",
        select_on="held",
        domain="medicine",
        licence="MIT",
        hub=(Hub(repo="qiaojin/PubMedQA", config="pqa_labeled", splits={"train": "train"}, rows={"train": 1_000},
                 columns={"id": "pubid", "first": "question", "second": "long_answer", "label": "final_decision"}),),
        files=(Files(path="pubmedqa/{split}.jsonl", format="jsonl", splits={"train": "train"},
                     columns={"id": "pubid", "first": "question", "second": "long_answer",
                              "label": "final_decision"}),),
    ),
)  # fmt: skip
