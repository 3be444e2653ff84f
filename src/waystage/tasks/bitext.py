"""Parallel test sets read as search: for each English sentence find its translation."""

from waystage.tasks.task import Files, Task

NTREX = {
    "af": "afr", "am": "amh", "ar": "arb", "bg": "bul", "bn": "ben", "cy": "cym", "de": "deu", "el": "ell",
    "es": "spa", "et": "est", "eu": "eus", "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra", "ga": "gle",
    "ha": "hau", "he": "heb", "hi": "hin", "hu": "hun", "id": "ind", "ig": "ibo", "it": "ita", "ja": "jpn",
    "ka": "kat", "kk": "kaz", "km": "khm", "ko": "kor", "ky": "kir", "lt": "lit", "mn": "mon", "mr": "mar",
    "mt": "mlt", "my": "mya", "nl": "nld", "nso": "nso", "om": "orm", "pl": "pol", "pt": "por", "ro": "ron",
    "ru": "rus", "sn": "sna-Latn", "so": "som", "ss": "ssw", "sw": "swa", "ta": "tam", "te": "tel", "th": "tha",
    "ti": "tir", "tl": "fil", "tn": "tsn", "tr": "tur", "ug": "uig", "uk": "ukr", "ur": "urd", "ve": "ven",
    "vi": "vie", "wo": "wol", "xh": "xho", "yo": "yor", "zh": "zho-CN", "zu": "zul",
}  # fmt: skip
FLORES = {
    "af": "afr_Latn", "am": "amh_Ethi", "ar": "arb_Arab", "az": "azj_Latn", "bg": "bul_Cyrl", "bn": "ben_Beng",
    "de": "deu_Latn", "el": "ell_Grek", "en": "eng_Latn", "es": "spa_Latn", "et": "est_Latn", "eu": "eus_Latn",
    "fa": "pes_Arab", "fi": "fin_Latn", "fr": "fra_Latn", "gn": "grn_Latn", "gu": "guj_Gujr", "ha": "hau_Latn",
    "he": "heb_Hebr", "hi": "hin_Deva", "ht": "hat_Latn", "hu": "hun_Latn", "id": "ind_Latn", "ig": "ibo_Latn",
    "it": "ita_Latn", "ja": "jpn_Jpan", "jv": "jav_Latn", "ka": "kat_Geor", "kk": "kaz_Cyrl", "ko": "kor_Hang",
    "lt": "lit_Latn", "ml": "mal_Mlym", "mr": "mar_Deva", "ms": "zsm_Latn", "my": "mya_Mymr", "nl": "nld_Latn",
    "pa": "pan_Guru", "pl": "pol_Latn", "pt": "por_Latn", "qu": "quy_Latn", "ro": "ron_Latn", "ru": "rus_Cyrl",
    "sw": "swh_Latn", "ta": "tam_Taml", "te": "tel_Telu", "th": "tha_Thai", "tl": "tgl_Latn", "tr": "tur_Latn",
    "uk": "ukr_Cyrl", "ur": "urd_Arab", "vi": "vie_Latn", "wo": "wol_Latn", "yo": "yor_Latn", "zh": "zho_Hans",
}  # fmt: skip
FROM_ENGLISH = {lg: name for lg, name in FLORES.items() if lg != "en"}


def _search(name: str, title: str, names: dict[str, str], foreign: str, english: str) -> Task:
    return Task(
        name=name,
        title=title,
        form="retrieval",
        metric="accuracy",
        languages=tuple(names),
        train_languages=(),
        splits=("test",),
        parallel=True,
        licence="CC BY-SA 4.0",
        options={"mode": "bitext"},
        files=(
            Files(
                path=(foreign, english),
                format="parallel_lines",
                names=names,
                columns={"text": "1", "english": "2"},
                splits={"test": "devtest"},
                reader="bitext",
            ),
        ),
    )


TASKS = (
    _search(
        "ntrex",
        "NTREX-128",
        NTREX,
        "ntrex128/newstest2019-ref.{lg}.txt",
        "ntrex128/newstest2019-src.eng.txt",
    ),
    _search(
        "flores",
        "FLORES-200 devtest",
        FROM_ENGLISH,
        "flores200_dataset/{split}/{lg}.{split}",
        "flores200_dataset/{split}/eng_Latn.{split}",
    ),
)
