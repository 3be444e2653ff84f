"""Scoring speed: `score_files` against the way the official evaluator works, on the same files, one after the other.

    python benchmarks/score.py [--examples 1000000] [--rounds 3] [--only ner|qa|mlqa|mine]

The peer of NER is the `seqeval` package where it can be imported, else the algorithm it documents, written plainly
below; the peer of QA is the published rule, one example at a time. Both peers read their files as the official
evaluator does. The scores must be equal to the last digit. Mining's peer holds the whole table of similarities; both
must find the same pairs. Times are CPU seconds, medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import string
import sys
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from waystage.metrics import Neighbours, candidates, mutual_nearest, score_files, unit

Peer = Callable[[Path, Path], dict[str, float]]


def plain_entities(sentences: list[list[str]]) -> Iterator[tuple[str, int, int]]:
    """The documented walk over neighbouring tags, one Python step per tag."""
    tags = [tag for sentence in sentences for tag in [*sentence, "O"]]
    before, kind, begin = "O", "", 0
    for i, tag in enumerate([*tags, "O"]):
        letter, name = tag[0], tag.split("-")[-1]
        if end_of_span(before, letter, kind, name):
            yield kind, begin, i - 1
        if start_of_span(before, letter, kind, name):
            begin = i
        before, kind = letter, name


def end_of_span(before: str, letter: str, kind: str, name: str) -> bool:
    if before in ("E", "S"):
        return True
    if before in ("B", "I") and letter in ("B", "S", "O"):
        return True
    return before not in ("O", ".") and kind != name


def start_of_span(before: str, letter: str, kind: str, name: str) -> bool:
    if letter in ("B", "S"):
        return True
    if before in ("E", "S", "O") and letter in ("E", "I"):
        return True
    return letter not in ("O", ".") and kind != name


def plain_read_tags(path: Path) -> list[list[str]]:
    sentences: list[list[str]] = []
    current: list[str] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            tag = line.strip()
            if tag:
                current.append(tag)
            else:
                sentences.append(current)
                current = []
    return [*sentences, current] if current else sentences


def plain_ner(gold: Path, predictions: Path) -> dict[str, float]:
    """Kind to the peer: spans are extracted once, not once per function."""
    wanted = set(plain_entities(plain_read_tags(gold)))
    found = set(plain_entities(plain_read_tags(predictions)))
    right = len(wanted & found)
    p = right / len(found) if found else 0
    r = right / len(wanted) if wanted else 0
    f1 = 2 * p * r / (p + r) if p + r > 0 else 0
    return {"f1": f1 * 100, "precision": p * 100, "recall": r * 100}


def seqeval_ner(gold: Path, predictions: Path) -> dict[str, float]:
    from seqeval.metrics import f1_score, precision_score, recall_score

    pair = plain_read_tags(gold), plain_read_tags(predictions)
    functions = {"f1": f1_score, "precision": precision_score, "recall": recall_score}
    return {name: float(function(*pair)) * 100 for name, function in functions.items()}


MARKS = set(string.punctuation)
ALL_MARKS = {c for c in map(chr, range(sys.maxunicode)) if unicodedata.category(c)[0] == "P"} | MARKS
GERMAN = r"\b(ein|eine|einen|einem|eines|einer|der|die|das|den|dem|des)\b"


def plain_qa(marks: set[str], articles: str) -> Peer:
    def normalize(text: str) -> str:
        text = "".join(c for c in text.lower() if c not in marks)
        return " ".join(re.sub(articles, " ", text).split())

    def f1(prediction: str, gold: str) -> float:
        p, g = normalize(prediction).split(), normalize(gold).split()
        same = sum((Counter(p) & Counter(g)).values())
        if same == 0:
            return 0
        precision, recall = same / len(p), same / len(g)
        return (2 * precision * recall) / (precision + recall)

    def score(gold: Path, predictions: Path) -> dict[str, float]:
        with gold.open(encoding="utf-8") as file:
            data = json.load(file)["data"]
        with predictions.open(encoding="utf-8") as file:
            answers = json.load(file)
        total, exact, overlap = 0, 0, 0.0
        for article in data:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    total += 1
                    if question["id"] not in answers:
                        continue
                    prediction = answers[question["id"]]
                    golds = [answer["text"] for answer in question["answers"]]
                    exact += max(normalize(prediction) == normalize(gold) for gold in golds)
                    overlap += max(f1(prediction, gold) for gold in golds)
        return {"exact_match": 100.0 * exact / total, "f1": 100.0 * overlap / total}

    return score


def make_tags(folder: Path, sentences: int) -> tuple[Path, Path]:
    draw = random.Random(1)
    kinds = ("PER", "ORG", "LOC")
    gold, predictions = [], []
    for _ in range(sentences):
        tags: list[str] = []
        while len(tags) < 8:
            if draw.random() < 0.6:
                tags.append("O")
            else:
                kind = draw.choice(kinds)
                tags += [f"B-{kind}", *[f"I-{kind}"] * draw.randrange(3)]
        guess = [draw.choice(("O", "B-PER", "I-LOC")) if draw.random() < 0.15 else tag for tag in tags]
        gold.append("\n".join(tags))
        predictions.append("\n".join(guess))
    return _write(folder, "gold.tsv", "\n\n".join(gold)), _write(folder, "found.tsv", "\n\n".join(predictions))


def make_answers(folder: Path, questions: int) -> tuple[Path, Path]:
    draw = random.Random(2)
    words = ["the", "a", "der", "die", "Straße", "Ärzte", "Haus,", "1990", "«Zeit»", "New", "York", "U.S.", "москва"]
    words += ["".join(draw.choices(string.ascii_letters, k=draw.randint(3, 9))) for _ in range(30_000)]

    def text() -> str:
        return " ".join(draw.choices(words, k=draw.randint(1, 5)))

    articles, answers = [], {}
    for number in range(questions):
        gold = text()
        answers[f"q{number}"] = gold if draw.random() < 0.4 else f"{gold} {text()}" if draw.random() < 0.5 else text()
        question = {"id": f"q{number}", "question": "?", "answers": [{"text": gold, "answer_start": 0}]}
        articles.append({"paragraphs": [{"context": "", "qas": [question]}]})
    dumped = json.dumps({"data": articles}, ensure_ascii=False), json.dumps(answers, ensure_ascii=False)
    return _write(folder, "gold.json", dumped[0]), _write(folder, "found.json", dumped[1])


def _write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text + "\n", encoding="utf-8", newline="\n")
    return folder / name


def plain_mining(x: Any, y: Any) -> Any:
    """The four nearest of both sides from one table that is as large as it is wide."""
    import numpy as np

    table = x @ y.T
    sides = []
    for similarity in (table, table.T):
        some = np.argpartition(similarity, -4, axis=1)[:, -4:]
        values = np.take_along_axis(similarity, some, 1)
        order = np.argsort(-values, axis=1, kind="stable")
        sides.append(Neighbours(np.take_along_axis(values, order, 1), np.take_along_axis(some, order, 1)))
    return candidates(*sides)


def compare_mining(rows: int, width: int, rounds: int) -> None:
    import numpy as np

    draw = np.random.default_rng(3)
    x = unit(draw.normal(size=(rows, width)).astype(np.float32))
    y = unit(x[draw.permutation(rows)] + draw.normal(size=(rows, width), scale=0.1).astype(np.float32))
    theirs, ours = [], []
    for _ in range(rounds):
        start = time.process_time()
        expected = plain_mining(x, y)
        theirs.append(time.process_time() - start)
        start = time.process_time()
        found = candidates(*mutual_nearest(x, y, 4))
        ours.append(time.process_time() - start)
        if set(zip(found.source, found.target, strict=True)) != set(zip(expected.source, expected.target, strict=True)):
            sys.exit("mining: other pairs than from the whole table")
    report(f"mining, {rows:,} x {rows:,} x {width}", "whole table", theirs, ours, "equal pairs")


def timed(call: Callable[[], dict[str, float]]) -> tuple[float, dict[str, float]]:
    start = time.process_time()
    scores = call()
    return time.process_time() - start, scores


def compare(title: str, peer_name: str, peer: Peer, task: str, files: tuple[Path, Path], rounds: int) -> None:
    theirs, ours = [], []
    for _ in range(rounds):
        seconds, expected = timed(lambda: peer(*files))
        theirs.append(seconds)
        seconds, scores = timed(lambda: score_files(task, "de", *files))
        ours.append(seconds)
        if scores != expected:
            sys.exit(f"{title}: {scores} is not {expected}")
    report(title, peer_name, theirs, ours, "equal scores")


def report(title: str, peer_name: str, theirs: list[float], ours: list[float], equal: str) -> None:
    a, b = statistics.median(theirs), statistics.median(ours)
    print(f"{title:<34} {peer_name:<24} {a:8.2f} s   waystage {b:7.2f} s   {a / b:6.1f} x   {equal}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("ner", "qa", "mlqa", "mine"))
    options = parser.parse_args()
    n, rounds = options.examples, options.rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.only in (None, "ner"):
            try:
                import seqeval  # noqa: F401

                peer_name, peer = "seqeval package", seqeval_ner
            except ImportError:
                peer_name, peer = "reimplemented seqeval", plain_ner
            compare(f"NER, {n:,} sentences", peer_name, peer, "panx", make_tags(folder, n), rounds)
        if options.only in (None, "qa", "mlqa"):
            files = make_answers(folder, n)
            if options.only != "mlqa":
                squad = plain_qa(MARKS, r"\b(a|an|the)\b")
                compare(f"XQuAD, {n:,} questions", "reimplemented rule", squad, "xquad", files, rounds)
            if options.only != "qa":
                mlqa = plain_qa(ALL_MARKS, GERMAN)
                compare(f"MLQA (de), {n:,} questions", "reimplemented rule", mlqa, "mlqa", files, rounds)
    if options.only in (None, "mine"):
        compare_mining(min(n, 12_000), 64, rounds)


if __name__ == "__main__":
    main()
