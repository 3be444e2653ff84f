"""Universal Dependencies parts of speech. XTREME pools every treebank of a language and fuses split words again."""

from waystage.tasks.benchmarks import XTREME_R, words
from waystage.tasks.task import Columns, Files, Hub, Task

UPOS = words("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X")
LANGUAGES = XTREME_R.languages["udpos"]
ENGLISH_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "bg": "Bulgarian", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese",
    "kk": "Kazakh", "ko": "Korean", "mr": "Marathi", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian",
    "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "ur": "Urdu",
    "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese",
}  # fmt: skip
RELEASES = {"": "ud-treebanks-v2.5", **dict.fromkeys(words("lt pl uk wo ro"), "ud-treebanks-v2.7")}  # XTREME-R has both
MORE = words("am bho bm br bxr cy fo ga mt myv pcm ug")
WORDS = {"words": "tokens", "tags": "tags"}


def treebanks(columns: Columns) -> tuple[Files, ...]:
    """Where the collection lies: unpacked as `ud`, or as its releases are called."""
    return tuple(
        Files(path=f"{folder}/UD_*/{{lg}}_*-ud-{{split}}.conllu", format="conllu", columns=columns, releases=RELEASES)
        for folder in ("ud", "ud-treebanks-v2.*")
    )


TASKS = (
    Task(
        name="udpos",
        title="UD-POS",
        form="tags",
        metric="f1",
        labels=UPOS,
        languages=LANGUAGES,
        train_languages=tuple(lg for lg in LANGUAGES if lg not in {"kk", "th", "tl", "yo"}),
        licence="by treebank, CC BY-SA 3.0/4.0 to CC BY-NC-SA",
        non_commercial=True,
        hub=(
            Hub(
                repo="google/xtreme",
                config="udpos.{lg}",
                names=ENGLISH_NAMES,
                languages=tuple(ENGLISH_NAMES),
                columns={"words": "tokens", "tags": "pos_tags"},
            ),
        ),
        files=(
            Files(path="udpos/{split}-{lg}.tsv", format="words", columns=WORDS, rows={"train/en": 21_253}),
            *treebanks(WORDS),
        ),
        epochs=10,
        note="the hub copy keeps split words apart, so its tokens differ from the benchmark's",
    ),
    Task(
        name="udpos_more",
        title="UD parts of speech in languages outside XTREME-R",
        form="tags",
        metric="f1",
        labels=UPOS,
        languages=MORE,
        train_languages=("bxr",),
        train_on=("udpos",),
        licence="by treebank, CC BY-SA 3.0/4.0",
        files=treebanks(WORDS),
        epochs=10,
    ),
)
