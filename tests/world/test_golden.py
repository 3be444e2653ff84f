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
    ("mnli", "en", "train"): "016e89bce9d62dc5",
    ("anli_r1", "en", "train"): "06ea9d11fa82eab4",
    ("snli", "en", "dev"): "4874719dc3625647",
    ("xnli", "ar", "test"): "0aed7ccae6b99f76",
    ("qqp", "en", "train"): "6dd59e83d62918a7",
    ("pawsx", "ja", "test"): "620c626b82f8ecf4",
    ("udpos", "hi", "test"): "f7dc7e182090e788",
    ("panx", "sw", "test"): "94e31f82787042f2",
    ("ccg", "en", "train"): "5d9ab376eaebdfed",
    ("squad", "en", "train"): "935dbcf9724ddb5d",
    ("squad2", "en", "dev"): "8d72122bf058baa0",
    ("xquad", "th", "test"): "f5e580569c40a55c",
    ("tydiqa", "fi", "test"): "375a8e8167f44a0e",
    ("hellaswag", "en", "train"): "0377c60a956fca10",
    ("commonsenseqa", "en", "train"): "07ec17deaf6089a6",
    ("xcopa", "qu", "test"): "133dd2a6bd6cbd5d",
    ("stsb", "de", "test"): "3d7ea29e89f3f3ac",
    ("bucc", "ru", "test"): "45fb62363516eae5",
    ("tatoeba", "ka", "test"): "36ba567120a6941f",
    ("lareqa", "zh", "test"): "447b49cbb4c46774",
    ("mewslix", "ta", "test"): "8ca65bac4e58fffa",
    ("sib200", "ml", "test"): "d54896658bca65f2",
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
    assert VERSION == 3 and digest(World(0).text(language, n=60)) == TEXT[language]


@pytest.mark.parametrize(("task", "language", "split"), TASKS)
def test_examples_are_the_same_everywhere(task: str, language: str, split: str) -> None:
    assert digest(World(0).examples(task, language, split, 40)) == TASKS[task, language, split]


def test_other_seeds_give_other_bytes() -> None:
    assert digest(World(1).text("en", n=20)) != digest(World(0).text("en", n=20))
    assert digest(World(1).examples("xnli", "sw", "test", 20)) != digest(World(0).examples("xnli", "sw", "test", 20))
