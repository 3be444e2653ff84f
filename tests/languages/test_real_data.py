"""Codes and scripts against the files of public data sets, where they are at hand."""

import os
import unicodedata
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from waystage import languages

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / os.environ.get("WAYSTAGE_TEST_DATA", "../shared") / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="no reference data here")

SCRIPTS = {
    "LATIN": "Latn", "CYRILLIC": "Cyrl", "ARABIC": "Arab", "DEVANAGARI": "Deva", "BENGALI": "Beng", "CJK": "Hans",
    "HIRAGANA": "Jpan", "KATAKANA": "Jpan", "HANGUL": "Hang", "THAI": "Thai", "GREEK": "Grek", "HEBREW": "Hebr",
    "GEORGIAN": "Geor", "ETHIOPIC": "Ethi", "TAMIL": "Taml", "TELUGU": "Telu", "MALAYALAM": "Mlym", "MYANMAR": "Mymr",
    "KHMER": "Khmr", "GUJARATI": "Gujr", "GURMUKHI": "Guru", "LAO": "Laoo", "KANNADA": "Knda",
}  # fmt: skip


def files():
    """(how the data set calls the language, file) for every file of one language."""
    for path in sorted((DATA / "ntrex128").glob("newstest2019-*.txt")):
        yield path.name.split(".")[1], path
    for path in sorted((DATA / "tatoeba" / "v1").glob("tatoeba.*")):
        yield path.suffix[1:], path
    for folder in sorted((DATA / "ud").glob("UD_*")):
        for path in folder.glob("*-test.conllu"):
            yield folder.name[3:].split("-")[0], path
            yield path.name.split("_")[0], path
    for path in sorted((DATA / "uner").glob("*.iob2")):
        yield path.name.split("_")[0], path


def script_of(path: Path) -> str:
    with path.open(encoding="utf-8") as lines:
        text = "".join(line for line in islice(lines, 400) if not line.startswith("#"))[:20_000]
    if path.suffix in (".conllu", ".iob2"):
        text = "".join(line.split("\t")[1] for line in text.splitlines() if line.count("\t") >= 2)
    counts = Counter(SCRIPTS.get(unicodedata.name(c, "?").split()[0], "?") for c in text if c.isalpha())
    if counts["Jpan"] > 0.1 * counts.total():  # kana beside ideographs
        return "Jpan"
    return counts.most_common(1)[0][0]


def test_every_file_is_of_a_known_language_in_its_script():
    found = list(files())
    assert found
    wrong = [
        (said, path.name, script_of(path))
        for said, path in found
        if script_of(path) != languages.get(said).script and path.name != "sr_set-ud-test.iob2"
    ]
    assert wrong == []


def test_names_in_json_data_sets_are_known():
    said = [path.stem.split("-")[0] for path in (DATA / "tydiqa" / "goldp_dev").glob("*.jsonl")]
    said += [path.suffixes[0][1:] for path in (DATA / "xquad").glob("*.json")]
    said += [path.name for path in (DATA / "xcopa" / "data").iterdir()]
    assert len({languages.resolve(name) for name in said}) >= 20
