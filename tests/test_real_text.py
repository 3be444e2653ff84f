"""On real text, from real files, with a model made here in a minute: it learns, and a whole study of it holds."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests import realtext

import waystage
from waystage import metrics, sources, tasks
from waystage.engines import get
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.results import Results

pytestmark = pytest.mark.slow


def run(study: waystage.Study, store: Path) -> Results:
    results = waystage.load(study, store=store)
    outcome = execute(Plan(results.plan.wanted), results.store, get("inline")(jobs=1))
    assert outcome.ok, outcome.text()
    return results


def tagged(split: str, language: str) -> list[Any]:
    it, root = tasks.get("udpos"), str(realtext.shared())
    identity = sources.identify(it, root, split, (language,))
    return list(sources.read(it, identity, split, language, place={"data": root}, notes=sources.Notes()))


def most_frequent_tags(trained: Iterable[Any], tested: Iterable[Any]) -> float:
    """Accuracy of giving every word its most frequent tag, and unknown words the most frequent of all."""
    of_word: dict[str, Counter[str]] = defaultdict(Counter)
    for row in trained:
        for word, tag in zip(row.words, row.tags, strict=True):
            of_word[word][tag] += 1
            of_word[""][tag] += 1
    pairs = [pair for row in tested for pair in zip(row.words, row.tags, strict=True)]
    right = sum(of_word[word if word in of_word else ""].most_common(1)[0][0] == tag for word, tag in pairs)
    return 100 * right / len(pairs)


def one_tag_for_all(tested: Iterable[Any]) -> float:
    tags = Counter(tag for row in tested for tag in row.tags)
    return 100 * tags.most_common(1)[0][1] / tags.total()


def test_tagging_beats_the_most_frequent_tag_of_each_word(tmp_path: Path) -> None:
    """A language model of half a million words of English, then 3,555 tagged sentences. Scored on 1,200 others."""
    root = realtext.shared()
    english = [
        *realtext.texts("udpos", "en", ["train"]), *realtext.texts("tydiqa", "en", ["train"]),
        *realtext.texts("squad2", "en", ["dev"]),
    ]  # fmt: skip
    model = realtext.checkpoint(
        tmp_path / "model", {"en": english}, pieces=3000, length=64,
        # next words teach a model of this size far more per minute than masked ones
        shape={"family": "llama", "layers": 2, "hidden": 160, "heads": 5, "intermediate": 480, "positions": 256},
        recipe={"steps": 350, "batch": 32, "learning_rate": 3e-3},
    )  # fmt: skip
    study = waystage.Study(
        title="Tagging English", source=str(root), models=[str(model)], targets=["udpos"], languages=["en"], seeds=[1],
        precision="fp32", intermediate={"none": {}},
        recipe={"epochs": 6, "batch": 16, "learning_rate": 1e-3, "dropout": 0.1, "max_length": 128, "eval_every": 400,
                "eval_examples": 200},
    )  # fmt: skip
    results = run(study, tmp_path / "store")
    scores = results.scores.set_index("metric").value
    simple = most_frequent_tags(tagged("train", "en"), tagged("test", "en"))
    print(f"most frequent tag {simple:.2f}, model {scores['token_accuracy']:.2f}")  # noqa: T201
    assert 82 < simple < 83
    assert scores["token_accuracy"] > simple + 3


LANGUAGES = ("de", "es", "fi", "fr", "id", "nl", "pt", "ro")
STUDY = """
title = "Does reading help, on real text?"
source = "{data}"
models = ["{model}"]
targets = ["udpos", "tatoeba"]
languages = [{languages}]
seeds = [1, 2]
precision = "fp32"

[intermediate]
none = {{}}
qa = {{ tasks = ["tydiqa"], recipe = {{ steps = 40, batch = 8, max_length = 128 }} }}

[recipe]
steps = 150
batch = 32
learning_rate = 2e-3
dropout = 0.0
max_length = 96
eval_every = 75
eval_examples = 100

[[question]]
ask = "Does English reading comprehension help tagging elsewhere?"
compare = ["qa", "none"]
targets = ["udpos"]
"""


def waystage_says(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "waystage", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_study_over_real_files_in_nine_languages(tmp_path: Path) -> None:
    """Every part is real: text, tasks, files, commands, report. The model is tiny, so the scores are low."""
    root = realtext.shared()
    said = {lg: [*realtext.texts("ntrex", lg), *realtext.texts("udpos", lg, ["dev"])] for lg in LANGUAGES}
    said["en"] = realtext.texts("udpos", "en", ["train"])
    model = realtext.checkpoint(
        tmp_path / "model", said, pieces=4000, length=64,
        shape={"family": "llama", "layers": 2, "hidden": 128, "heads": 4, "intermediate": 384, "positions": 160},
        recipe={"steps": 150, "batch": 32, "learning_rate": 3e-3},
    )  # fmt: skip
    path, store = tmp_path / "study.toml", str(tmp_path / "store")
    quoted = ", ".join(f'"{lg}"' for lg in ("en", *LANGUAGES))
    path.write_text(STUDY.format(data=root, model=model, languages=quoted))
    waystage_says("run", str(path), "--engine", "inline", "--store", store, "--quiet")
    assert "0 stages done" in waystage_says("run", str(path), "--engine", "inline", "--store", store)

    results = waystage.load(path, store=store)
    scores = results.scores
    keys = ["target", "metric", "intermediate", "language", "seed"]
    scores = scores[scores.variant == ""].set_index(keys).value.sort_index()
    tagging = scores["udpos", "token_accuracy"].groupby(["intermediate", "language"]).mean().unstack()
    search = scores["tatoeba", "accuracy"].groupby(["intermediate", "language"]).mean().unstack()
    print(f"{tagging.round(1).to_string()}\n{search.round(1).to_string()}")  # noqa: T201
    assert set(tagging.columns) == {"en", *LANGUAGES} and set(search.columns) == set(LANGUAGES)
    assert set(tagging.index) == set(search.index) == {"none", "qa"}
    always_one = {lg: one_tag_for_all(tagged("test", lg)) for lg in tagging.columns}
    assert (tagging["en"] > 2 * always_one["en"]).all()
    assert tagging[list(LANGUAGES)].mean(axis=1).min() > sum(always_one[lg] for lg in LANGUAGES) / len(LANGUAGES)
    assert search.mean(axis=1).min() > 0.3, "chance is one in a thousand"

    page = Path(waystage_says("report", str(path), "--store", store, "--out", str(tmp_path / "page.html")).split()[-1])
    assert "Does English reading comprehension help tagging elsewhere?" in page.read_text(encoding="utf-8")
    out = tmp_path / "predictions"
    waystage_says("export", str(path), "--arm", "qa", "--seed", "2", "--store", store, "--out", str(out))
    gold = tmp_path / "gold.tsv"
    gold.write_text(
        "\n".join("".join(f"{tag}\n" for tag in row.tags) for row in tagged("test", "fi")), encoding="utf-8"
    )
    official = metrics.score_files("udpos", "fi", gold, out / "udpos/test-fi.tsv")
    assert official["f1"] == scores["udpos", "f1", "qa", "fi", 2]
    wrong = {problem.path.name for problem in metrics.validate_tree(out, "xtreme", tasks=["udpos", "tatoeba"])}
    assert not wrong & {f"test-{lg}.tsv" for lg in LANGUAGES}, "other languages are missing, these are whole"
