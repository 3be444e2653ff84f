"""Every set, language and split of the reference data, counted a second time in the most naive way."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from waystage import languages, sources, tasks
from waystage.sources.notes import Notes

pytestmark = pytest.mark.slow


def read(root: Path, task: str, split: str, lg: str, *, pool: tuple[str, ...] = ()) -> tuple[list[Any], Notes]:
    it, notes = tasks.get(task), Notes()
    identity = sources.identify(it, str(root), split, (lg,))
    place = {"data": str(root)}
    return list(sources.read(it, identity, split, lg, place=place, notes=notes, languages=pool)), notes


def questions(path: Path) -> int:
    return path.read_text(encoding="utf-8").count('"question"')


def sentences(path: Path) -> int:
    """Blocks of lines that begin with a number and a tab."""
    return sum(bool(re.search(r"^1\t", block, re.M)) for block in path.read_text(encoding="utf-8").split("\n\n"))


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def counted(root: Path) -> Iterator[tuple[str, str, str, int]]:
    """(task, split, language, examples), from names of files and counts of lines, words and questions."""
    for path in sorted(root.glob("xquad/*.json")):
        yield "xquad", "test", path.name.split(".")[1], questions(path)
    yield "arcd", "train", "ar", questions(root / "arcd/arcd-train.json")
    yield "arcd", "dev", "ar", questions(root / "arcd/arcd-test.json")
    yield "drcd", "dev", "zh", questions(root / "drcd/DRCD_dev.json")
    yield "squad2", "dev", "en", questions(root / "squad2_cs224n/dev-v2.0.json")
    for path in sorted(root.glob("tydiqa/goldp_train/*.json")):
        yield "tydiqa", "train", path.name.split(".")[2], questions(path)
    for path in sorted(root.glob("tydiqa/goldp_dev/*.jsonl")):
        code = languages.resolve(path.name.split("-")[0].title())
        yield "tydiqa" if code in tasks.get("tydiqa").languages else "tydiqa_more", "test", code, lines(path)
    for path in sorted(root.glob("tatoeba/v1/*-eng.eng")):
        code = languages.resolve(path.name.split(".")[1].split("-")[0])
        yield "tatoeba", "test", code, 2 * lines(path)
    for path in sorted(root.glob("ntrex128/newstest2019-ref.*.txt")):
        yield "ntrex", "test", languages.resolve(path.name.split(".")[1]), 2 * lines(path)
    for path in sorted(root.glob("xcopa/data/*/*.jsonl")):
        split, code, _ = path.name.split(".")
        yield "xcopa", {"val": "dev"}.get(split, split), code, lines(path)
    for path in sorted(root.glob("pawsx/*.tsv")):
        yield "pawsx", "dev", path.stem.split("-")[1], lines(path)
    for split in ("dev", "test"):
        yield "kornli", split, "ko", lines(root / f"xnli/ko/xnli.{split}.ko.tsv") - 1
        yield "snli", split, "en", lines(root / f"snli_devtest/labels.{split}")
    for split, name in (("dev", "Val"), ("test", "Test")):
        with (root / f"farstail/{name}-word.csv").open(encoding="utf-8", newline="") as file:
            yield "farstail", split, "fa", sum(1 for _ in csv.reader(file, delimiter="\t")) - 1
    yield "siqa", "dev", "en", lines(root / "siqa/socialIQa_v1.4_dev.jsonl")
    yield "hellaswag", "train", "en", lines(root / "hellaswag/hellaswag_train.jsonl")
    yield "hellaswag", "dev", "en", lines(root / "hellaswag/val_text/hellaswag_val_full.txt") // 6
    pooled: dict[tuple[str, str], int] = {}
    for path in sorted(root.glob("ud/*/*.conllu")):
        key = path.name.split("_")[0], path.stem.split("-")[-1]
        pooled[key] = pooled.get(key, 0) + sentences(path)
    for (code, split), count in pooled.items():
        yield "udpos" if code in tasks.get("udpos").languages else "udpos_more", split, code, count
    for name in ("uner", "uner_pud", "uner_gsd"):
        treebanks = tasks.get(name).files[0].names
        for code, treebank in treebanks.items():
            for path in sorted(root.glob(f"uner/{treebank}-ud-*.iob2")):
                yield name, path.stem.split("-")[-1], code, sentences(path)


def test_every_set_language_and_split_has_as_many_examples_as_lines_say(real_data: Path) -> None:
    seen = set()
    for task, split, code, count in counted(real_data):
        found, notes = read(real_data, task, split, code)
        assert (task, split, code, len(found)) == (task, split, code, count)
        assert not notes.excluded and len({e.id for e in found}) == count
        seen.add((task, split, code))
    assert len(seen) > 250


def test_every_file_of_the_reference_data_is_read_by_some_task(real_data: Path) -> None:
    read_by: set[Path] = set()
    from waystage.errors import DataError
    from waystage.sources import folder

    for task in tasks.all_tasks():
        for split in task.splits:
            for code in dict.fromkeys((*task.languages, *task.train_languages)):
                try:
                    read_by.update(folder.find(real_data, task, split, code).paths)
                except DataError:
                    continue
    sets = {p.name for p in real_data.iterdir() if p.is_dir()} - {"typology", "tokenizers"}
    every = {
        path
        for name in sets
        for path in (real_data / name).rglob("*")
        if path.is_file() and "upstream_docs" not in path.parts
    }
    assert every - read_by == set()


def test_offsets_of_answers_are_right_but_for_six_of_arcd(real_data: Path) -> None:
    wrong = {}
    for task, split, code, _ in counted(real_data):
        if tasks.get(task).form == "spans":
            found, notes = read(real_data, task, split, code)
            remarks = notes.kept.get("answer is not at its offset")
            wrong[task] = wrong.get(task, 0) + (remarks.count if remarks else 0)
            bad = sum(
                any(not e.context.startswith(a, s) for a, s in zip(e.answers, e.starts, strict=True)) for e in found
            )
            assert bad == (remarks.count if remarks else 0)
    assert wrong == {"xquad": 0, "arcd": 6, "drcd": 0, "squad2": 0, "tydiqa": 0, "tydiqa_more": 0}


def test_parallel_sets_are_parallel(real_data: Path) -> None:
    english = [e.id for e in read(real_data, "xquad", "test", "en")[0]]
    clusters = [e.cluster for e in read(real_data, "xquad", "test", "en")[0]]
    for code in tasks.get("xquad").languages:
        found = read(real_data, "xquad", "test", code)[0]
        assert [e.id for e in found] == english
        assert len({e.cluster for e in found}) == len(set(clusters)) == 240
    labels = [e.label for e in read(real_data, "xcopa", "test", "et")[0]]
    for code in tasks.get("xcopa").languages:
        assert [e.label for e in read(real_data, "xcopa", "test", code)[0]] == labels


def test_labels_are_spread_as_the_raw_files_say(real_data: Path) -> None:
    raw = (real_data / "xnli/ko/xnli.test.ko.tsv").read_text(encoding="utf-8").splitlines()[1:]
    found = read(real_data, "kornli", "test", "ko")[0]
    assert [e.label for e in found] == [line.rsplit("\t", 1)[1] for line in raw]
    text = (real_data / "siqa/socialIQa_v1.4_dev.jsonl").read_text(encoding="utf-8")
    answers = [json.loads(line)["correct"] for line in text.splitlines()]
    assert ["ABC"[e.label] for e in read(real_data, "siqa", "dev", "en")[0]] == answers


def test_a_hundred_megabytes_take_seconds(real_data: Path, tmp_path: Path) -> None:
    """Processor seconds of this process, so that others on the machine do not matter; printed, and sane."""
    block = (real_data / "xnli/ko/xnli.test.ko.tsv").read_text(encoding="utf-8")
    head, _, body = block.partition("\n")
    target = tmp_path / "KorNLI/multinli.train.ko.tsv"
    target.parent.mkdir()
    target.write_text(head + "\n" + body * 100, encoding="utf-8")
    size = target.stat().st_size
    assert size > 100e6
    started = time.process_time()
    notes, it = Notes(), tasks.get("kornli")
    identity = sources.identify(it, str(tmp_path), "train", ("ko",))
    place = {"data": str(tmp_path)}
    count = sum(1 for _ in sources.read(it, identity, "train", "ko", place=place, notes=notes))
    print(f"{size / 1e6:.0f} MB, {count:,} rows: {time.process_time() - started:.1f} s")  # noqa: T201
    assert count == 100 * 5_010 == notes.rows


def test_hypotheses_of_one_premise_are_one_cluster(real_data: Path) -> None:
    found = read(real_data, "kornli", "test", "ko")[0]
    premises = {}
    for example in found:
        premises.setdefault(example.cluster, set()).add(example.first)
    assert len(premises) == 5_010 // 3 and all(len(said) == 1 for said in premises.values())


def test_cut_data_is_remarked_upon(real_data: Path, tmp_path: Path) -> None:
    rows = (real_data / "xnli/ko/xnli.dev.ko.tsv").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "xnli/ko").mkdir(parents=True)
    (tmp_path / "xnli/ko/xnli.dev.ko.tsv").write_text("".join(rows[:101]), encoding="utf-8")
    assert read(tmp_path, "kornli", "dev", "ko")[1].kept["not the official number of rows"].first == [
        "100 here, 2490 in the original"
    ]
