"""Small invented trees in the official layout: gold, predictions, and the predictions' reference."""

import json
import random
from pathlib import Path

import pytest

from waystage.metrics import BENCHMARKS
from waystage.metrics.benchmarks import QA_TASKS, file_name
from waystage.metrics.checks import LABELS

WORDS = "Ana the river Köln 北京 البيت 1990, дом für «und» Σίσυφος".split()


def texts(task: str, draw: random.Random) -> tuple[str, str]:
    """One gold file and one prediction file, well-formed, partly right."""
    if task in ("xnli", "pawsx"):
        gold = [draw.choice(LABELS[task]) for _ in range(6)]
        return "\n".join(gold) + "\n", "\n".join([*gold[:4], LABELS[task][0], LABELS[task][1]]) + "\n"
    if task == "tatoeba":
        return "2\n0\n1\n3\n", "2\n1\n0\n3\n"
    if task == "xcopa":
        return '{"label": 0}\n{"label": 1}\n{"label": 1}\n', '{"label": 0}\n{"label": 1}\n{"label": 0}\n'
    if task in ("panx", "udpos"):
        gold = [[draw.choice(LABELS[task]) for _ in range(draw.randint(1, 5))] for _ in range(3)]
        found = [[tag if draw.random() < 0.7 else LABELS[task][0] for tag in sentence] for sentence in gold]
        return tuple("\n\n".join("\n".join(sentence) for sentence in side) + "\n" for side in (gold, found))
    if task == "bucc2018":
        return "de-1\ten-1\nde-2\ten-2\nde-3\ten-3\n", "de-1\ten-1\nde-3\ten-2\n"
    names = [f"q{n}" for n in range(4)]
    if task in QA_TASKS:
        gold = {name: " ".join(draw.choices(WORDS, k=draw.randint(1, 3))) for name in names}
        qas = [{"id": n, "question": "?", "answers": [{"text": t, "answer_start": 0}]} for n, t in gold.items()]
        data = {"data": [{"paragraphs": [{"context": "c", "qas": [qa]}]} for qa in qas], "version": "1.1"}
        found = {name: text if draw.random() < 0.5 else text + " x" for name, text in gold.items()}
        return json.dumps(data), json.dumps(found, ensure_ascii=False)
    gold = {name: [f"Q{n}"] for n, name in enumerate(names)}
    found = {name: [f"Q{n + 9}", f"Q{n}"] if n else [f"Q{n}"] for n, name in enumerate(names)}
    return json.dumps(gold), json.dumps(found, indent=1)


def write_tree(folder: Path, benchmark: str, only: str | None = None) -> tuple[Path, Path]:
    draw = random.Random(0)
    for task, languages in BENCHMARKS[benchmark].languages.items():
        if only not in (None, task):
            continue
        for language in languages:
            for side, text in zip(("gold", "predictions"), texts(task, draw), strict=True):
                path = folder / side / task / file_name(task, language)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="")
    return folder / "gold", folder / "predictions"


@pytest.fixture(params=sorted(BENCHMARKS))
def benchmark(request) -> str:
    return request.param


@pytest.fixture
def tree(tmp_path, benchmark) -> tuple[Path, Path]:
    """Gold folder, predictions folder."""
    return write_tree(tmp_path, benchmark)


@pytest.fixture
def pair(tmp_path):
    """Writes two texts (or bytes) and returns their paths: gold, predictions."""

    def write(gold: str | bytes, predictions: str | bytes) -> tuple[Path, Path]:
        paths = tmp_path / "gold.txt", tmp_path / "predictions.txt"
        for path, content in zip(paths, (gold, predictions), strict=True):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return paths

    return write


@pytest.fixture(scope="session")
def example_texts():
    return texts


@pytest.fixture(scope="session")
def invented_tree():
    return write_tree


@pytest.fixture(scope="session")
def damage():
    return mutate


def mutate(raw: bytes, draw: random.Random) -> bytes:
    """One of the ways in which files go wrong."""
    at = draw.randrange(len(raw) + 1)
    lines = raw.split(b"\n")
    noise = draw.choice(
        [b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n\n", b"\t", b'"', b"{", b"]", b",", b"NaN", b"\xed\xa0\x80"]
    )
    shuffled = lines[:]
    draw.shuffle(shuffled)
    wrong = [b"null", b"3", b'"text"', b"[]", b"{}", b"true", b'{"data": 1}', b'[{"paragraphs": 1}]', b'{"data": [[]]}']
    wrong += [
        b'[{"paragraphs": [{"qas": [{"id": [], "answers": []}]}]}]',
        b"1e999",
        b"-" * 9,
        b"[" * 99_999,
        b"9" * 9_999,
    ]
    return draw.choice(
        [
            raw[:at],
            raw[at:],
            raw[:at] + noise + raw[at:],
            raw[:at] + raw[at + draw.randint(1, 9) :],
            b"\n".join(shuffled),
            b"\n".join(lines * 3),
            raw.decode(errors="replace").encode("utf-16"),
            raw.decode(errors="replace").encode("latin-1", "replace"),
            raw.replace(b"\n", b"\r\n"),
            raw.replace(b"\t", b" "),
            raw.replace(b'"', b"'"),
            raw.replace(b"[", b"{"),
            raw.replace(b"q1", b"q2"),
            raw.replace(b"text", b"txet"),
            raw[:at] + b"x" * 300_000 + raw[at:],
            bytes(draw.randrange(256) for _ in range(50)),
            *wrong,
        ]
    )
