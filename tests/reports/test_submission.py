"""From a folder in XTREME's layout, test labels hidden, to a submission that the validator finds nothing wrong with."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import waystage
from waystage.engines import get
from waystage.engines.run import execute
from waystage.errors import InputError
from waystage.graph.plan import Plan
from waystage.metrics import validate_tree
from waystage.reports.submission import export, official
from waystage.results import Results

CODES = ("en", "de")


def download(root: Path) -> Path:
    """XNLI, POS, Tatoeba and XQuAD as XTREME's script leaves them: a dozen rows each, test labels hidden."""
    labels = ["entailment", "neutral", "contradiction"]
    pairs = [(f'A "quoted" man {i} sleeps .', f"Somebody {i % 4} sleeps .", labels[i % 3]) for i in range(24)]
    (root / "xnli").mkdir(parents=True)
    (root / "udpos").mkdir()
    (root / "tatoeba").mkdir()
    tagged = [(f"Word{i} runs fast .".split(), "NOUN VERB ADV PUNCT".split()) for i in range(12)]
    for name, rows in (("train-en", pairs), ("dev-en", pairs[:6])):
        with (root / "xnli" / f"{name}.tsv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t").writerows(rows)
    for name in ("train-en", "dev-en"):
        text = "\n".join("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) for words, tags in tagged)
        (root / "udpos" / f"{name}.tsv").write_text(text, encoding="utf-8")
    for code in CODES:
        with (root / "xnli" / f"test-{code}.tsv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter="\t").writerows(pair[:2] for pair in pairs[:7])
        text = "\n".join("".join(f"{w}\n" for w in words) for words, _ in tagged[:5])
        (root / "udpos" / f"test-{code}.tsv").write_text(text, encoding="utf-8")
    (root / "tatoeba" / "de-en.de").write_text("".join(f"Satz {i}\n" for i in range(9)), encoding="utf-8")
    (root / "tatoeba" / "de-en.en").write_text("".join(f"Sentence {i}\n" for i in range(9)), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def done(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    data = download(tmp_path_factory.mktemp("download"))
    study = waystage.Study(
        title="To be handed in", source=str(data), models=[str(small_model)], targets=["xnli", "udpos", "tatoeba"],
        languages=list(CODES), seeds=[1, 2], precision="fp32", intermediate={"none": {}},
        recipe={"steps": 2, "batch": 4, "max_length": 32},
    )  # fmt: skip
    results = waystage.load(study, store=tmp_path_factory.mktemp("store"))
    outcome = execute(Plan(results.plan.wanted), results.store, get("inline")(jobs=1))
    assert outcome.ok, outcome.text()
    return results


def test_answers_to_dev_data_are_no_submission(done: Results, tmp_path: Path) -> None:
    """They would be written as the answers to the tests."""
    study = done.study.model_copy(update={"evaluate_on": "dev", "targets": ("xnli",)})
    with pytest.raises(InputError, match=r"scored on dev .* a submission answers the tests"):
        export(waystage.load(study, store=done.store), tmp_path / "out", seed=1)


def test_what_is_written_is_what_the_validator_wants(done: Results, tmp_path: Path) -> None:
    written = export(done, tmp_path, arm="none", seed=1)
    assert {str(p.relative_to(tmp_path)) for p in written} == {
        "xnli/test-en.tsv", "xnli/test-de.tsv", "udpos/test-en.tsv", "udpos/test-de.tsv", "tatoeba/test-de.tsv",
    }  # fmt: skip
    problems = validate_tree(tmp_path, "xtreme", done.study.source, tasks=["xnli", "udpos", "tatoeba"])
    said = [p for p in problems if "no such file" not in p.message and "no reference" not in p.message]
    assert said == []
    assert len((tmp_path / "xnli" / "test-de.tsv").read_text().splitlines()) == 7
    indices = (tmp_path / "tatoeba" / "test-de.tsv").read_text().split()
    assert len(indices) == 9 and all(0 <= int(i) < 9 for i in indices)


def test_hidden_labels_give_no_score(done: Results) -> None:
    assert len(done.scores) == 0
    assert done.done[0] == done.done[1]


def test_a_choice_that_is_open_must_be_made(done: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the study has seeds 1, 2: say which, such as --seed 1$"):
        export(done, tmp_path, arm="none")
    with pytest.raises(InputError, match=r"the study has no arm 'nome' \(did you mean 'none'\?\)"):
        export(done, tmp_path, arm="nome", seed=1)


def test_a_rehearsal_cannot_be_handed_in(done: Results, tmp_path: Path) -> None:
    world = waystage.load(done.study.model_copy(update={"source": "world"}), store=tmp_path / "store")
    with pytest.raises(InputError, match="its languages are artificial"):
        export(world, tmp_path, arm="none", seed=1)
    assert not list(tmp_path.glob("*.tsv"))


def test_two_arms_never_share_a_folder(done: Results, tmp_path: Path) -> None:
    export(done, tmp_path, arm="none", seed=1)
    export(done, tmp_path, arm="none", seed=1)
    (tmp_path / "panx").mkdir()
    (tmp_path / "panx" / "test-sw.tsv").write_text("O\n")
    with pytest.raises(InputError, match=r"holds 1 files that this export would not write, such as panx/test-sw.tsv"):
        export(done, tmp_path, arm="none", seed=1)


def test_targets_that_nobody_takes_files_of_stay_out() -> None:
    assert official("bucc") and official("xcopa") and not official("lareqa") and not official("sciq")
