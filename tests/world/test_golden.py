"""The same bytes on any machine and Python version. A change here is a new version of the world."""

import hashlib

import pytest

from waystage.world import VERSION, World

TEXT = {
    "en": "9edf11f11fd3b013",
    "de": "e69af64546e359c9",
    "ru": "c43a92475323646f",
    "tr": "b645d0779cfbbbf3",
    "ar": "dab09eb98196a5a1",
    "zh": "f524883c666d6dcd",
    "ja": "e1f67b75a1d54397",
    "ko": "f9d57b1112d63118",
    "hi": "06e46873ee90834c",
    "th": "e1f7675a41daecc5",
    "sw": "462ce6598b87e90f",
    "yo": "eab69f8f71fedd07",
}
TASKS = {
    ("mnli", "en", "train"): "f7c2eaaa3520f160",
    ("anli_r1", "en", "train"): "4d456f7327200277",
    ("snli", "en", "dev"): "cf9801e65e705e4c",
    ("xnli", "ar", "test"): "a856c23ab2e0a3ef",
    ("qqp", "en", "train"): "c02b324bc9cea392",
    ("pawsx", "ja", "test"): "50134fde7eec1dbf",
    ("udpos", "hi", "test"): "1086367898d90398",
    ("panx", "sw", "test"): "53428d6b57bc7148",
    ("ccg", "en", "train"): "ed241909c9db5959",
    ("squad", "en", "train"): "ee3b95acf57e7181",
    ("squad2", "en", "dev"): "04af594915235a8c",
    ("xquad", "th", "test"): "9716cfba1871b18a",
    ("tydiqa", "fi", "test"): "4811518d753c56bd",
    ("hellaswag", "en", "train"): "64e1c386785bc980",
    ("commonsenseqa", "en", "train"): "07ec17deaf6089a6",
    ("xcopa", "qu", "test"): "6285679054f965ff",
    ("stsb", "de", "test"): "fa799f3537339e98",
    ("bucc", "ru", "test"): "7cf8a92b50bf0181",
    ("tatoeba", "ka", "test"): "653d354ea49a72af",
    ("lareqa", "zh", "test"): "473c92a4a538eb05",
    ("mewslix", "ta", "test"): "2f5d580a8589d5ff",
    ("sib200", "ml", "test"): "435e5627d165cc76",
    ("mlm", "ko", "train"): "f6670d09b3f4da6b",
}


def digest(parts: object) -> str:
    whole = hashlib.sha256()
    for part in parts:  # type: ignore[attr-defined]
        whole.update(repr(part).encode() if not isinstance(part, str) else part.encode())
        whole.update(b"\n")
    return whole.hexdigest()[:16]


@pytest.mark.parametrize("language", TEXT)
def test_text_is_the_same_everywhere(language: str) -> None:
    assert VERSION == 2 and digest(World(0).text(language, n=60)) == TEXT[language]


@pytest.mark.parametrize(("task", "language", "split"), TASKS)
def test_examples_are_the_same_everywhere(task: str, language: str, split: str) -> None:
    assert digest(World(0).examples(task, language, split, 40)) == TASKS[task, language, split]


def test_other_seeds_give_other_bytes() -> None:
    assert digest(World(1).text("en", n=20)) != digest(World(0).text("en", n=20))
    assert digest(World(1).examples("xnli", "sw", "test", 20)) != digest(World(0).examples("xnli", "sw", "test", 20))
