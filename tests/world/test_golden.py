"""The same bytes on any machine and Python version. A change here is a new version of the world."""

import hashlib

import pytest

from waystage.world import VERSION, World

TEXT = {
    "en": "c9498d09535dff3f",
    "de": "b7374743fbfe4703",
    "ru": "f8cc1383adfed34e",
    "tr": "884e6fc713305c58",
    "ar": "a3db7e2df836709d",
    "zh": "b929713e7df693bb",
    "ja": "7c46f4814da67c5b",
    "ko": "99ff11a2520e9f4c",
    "hi": "b9a8d3a548a27cb5",
    "th": "8345760ee28a9ef2",
    "sw": "a2347d9d8d392587",
    "yo": "044b6343ad44fefd",
}
TASKS = {
    ("mnli", "en", "train"): "ea35493cabfbdedd",
    ("anli_r1", "en", "train"): "a7ec71e5f9fef440",
    ("snli", "en", "dev"): "296d499d4844351f",
    ("xnli", "ar", "test"): "fdfd5d4b1bc3d3c9",
    ("qqp", "en", "train"): "66d22199ddf70e80",
    ("pawsx", "ja", "test"): "c5a1e1ee15f1d368",
    ("udpos", "hi", "test"): "32b0cd7da96af3a9",
    ("panx", "sw", "test"): "1d2e61fbff228508",
    ("ccg", "en", "train"): "4bde243d651db24c",
    ("squad", "en", "train"): "146668b1d2925e44",
    ("squad2", "en", "dev"): "962f1bd67606d43f",
    ("xquad", "th", "test"): "f85308d502ea319d",
    ("tydiqa", "fi", "test"): "3fe2ae4c46f92843",
    ("hellaswag", "en", "train"): "36da5518d942b3a5",
    ("commonsenseqa", "en", "train"): "3926723baa9d7c40",
    ("xcopa", "qu", "test"): "edefec23d2c4bd67",
    ("stsb", "de", "test"): "1582ce5df98bc154",
    ("bucc", "ru", "test"): "07a9c2dc708f195a",
    ("tatoeba", "ka", "test"): "c35bbfc76185d151",
    ("lareqa", "zh", "test"): "55f075b44974d995",
    ("mewslix", "ta", "test"): "00e7531b3be376be",
    ("sib200", "ml", "test"): "33df0acf02441a3c",
    ("mlm", "ko", "train"): "2a7bb01dcf376918",
}


def digest(parts: object) -> str:
    whole = hashlib.sha256()
    for part in parts:  # type: ignore[attr-defined]
        whole.update(repr(part).encode() if not isinstance(part, str) else part.encode())
        whole.update(b"\n")
    return whole.hexdigest()[:16]


@pytest.mark.parametrize("language", TEXT)
def test_text_is_the_same_everywhere(language: str) -> None:
    assert VERSION == 4 and digest(World(0).text(language, n=60)) == TEXT[language]


@pytest.mark.parametrize(("task", "language", "split"), TASKS)
def test_examples_are_the_same_everywhere(task: str, language: str, split: str) -> None:
    assert digest(World(0).examples(task, language, split, 40)) == TASKS[task, language, split]


def test_other_seeds_give_other_bytes() -> None:
    assert digest(World(1).text("en", n=20)) != digest(World(0).text("en", n=20))
    assert digest(World(1).examples("xnli", "sw", "test", 20)) != digest(World(0).examples("xnli", "sw", "test", 20))
