"""Parallel sentences: for each English sentence, find its translation among all sentences of the other language."""

from waystage.tasks.benchmarks import XTREME_R
from waystage.tasks.task import Files, Hub, Task

ISO3 = {
    "af": "afr", "ar": "ara", "az": "aze", "bg": "bul", "bn": "ben", "de": "deu", "el": "ell", "es": "spa",
    "et": "est", "eu": "eus", "fa": "pes", "fi": "fin", "fr": "fra", "he": "heb", "hi": "hin", "hu": "hun",
    "id": "ind", "it": "ita", "ja": "jpn", "jv": "jav", "ka": "kat", "kk": "kaz", "ko": "kor", "lt": "lit",
    "ml": "mal", "mr": "mar", "nl": "nld", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sw": "swh",
    "ta": "tam", "te": "tel", "th": "tha", "tl": "tgl", "tr": "tur", "uk": "ukr", "ur": "urd", "vi": "vie",
    "zh": "cmn",
}  # fmt: skip
TEST = {"test": "test"}
PAIR = {"text": "1", "english": "2"}

TASKS = (
    Task(
        name="tatoeba",
        title="Tatoeba",
        form="retrieval",
        metric="accuracy",
        languages=XTREME_R.languages["tatoeba"],
        train_languages=(),
        splits=("test",),
        licence="CC BY 2.0 FR",
        options={"mode": "bitext"},
        hub=(
            Hub(
                repo="mteb/tatoeba-bitext-mining",
                config="{lg}-eng",
                revision="69e8f12da6e31d59addadda9a9c8a2e601a0e282",
                names=ISO3,
                columns={"text": "sentence1", "english": "sentence2"},
                splits=TEST,
                reader="bitext",
            ),
            Hub(
                repo="google/xtreme",
                config="tatoeba.{lg}",
                names=ISO3,
                columns={"text": "source_sentence", "english": "target_sentence"},
                splits={"test": "validation"},
                reader="bitext",
            ),
        ),
        files=(
            Files(
                path=("tatoeba/v1/tatoeba.{lg}-eng.{lg}", "tatoeba/v1/tatoeba.{lg}-eng.eng"), format="parallel_lines",
                names=ISO3, columns=PAIR, splits=TEST, reader="bitext",
            ),
            Files(
                path=("tatoeba/{lg}-en.{lg}", "tatoeba/{lg}-en.en"), format="parallel_lines",
                columns=PAIR, splits=TEST, hidden=("test",), reader="bitext",
            ),
        ),
        note="XTREME's files sort the English side, so they hide which sentence translates which",
    ),
)  # fmt: skip
