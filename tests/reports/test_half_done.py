"""Odd moments and odd shapes of a study: half a seed, a failed training, several models, crossed seeds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import results, rewrite, study

from waystage.reports import beside, summary, text, write
from waystage.reports.content import content
from waystage.results import Results


def _by_language(found: Results, arm: str, done: set[tuple[int, str]]) -> Results:
    """The arm with a stage of its own for each language, of which these seeds and languages are done."""
    cells = []
    for cell in found.plan.cells:
        codes = [code for code in cell.languages if (cell.seed, code) in done]
        own = [replace(cell, languages=(code,)) for code in codes] if cell.intermediate == arm else [cell]
        cells += own
    return replace(found, plan=replace(found.plan, cells=tuple(cells)))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Results:
    said = study(targets=("xnli", "udpos"), languages=("en", "de", "sw", "tr"))
    return results(tmp_path_factory.mktemp("small"), said, items=6)


def test_a_seed_that_lacks_languages_waits_and_stops_no_report(small: Results, tmp_path: Path) -> None:
    codes = ("en", "de", "sw", "tr")
    done = {(seed, code) for seed in (1, 2) for code in codes} | {(3, "en"), (3, "de")}
    found = _by_language(small, "mnli", done)
    made = content(found, examples=False)
    assert "xnli after mnli (xlm-roberta-base, en): only de, en of seed 3 so far" in made["gains"]["waiting"]
    cells = {(r["intermediate"], r["target"]): r["n"] for r in made["gains"]["rows"]}
    assert cells["mnli", "xnli"] == 2 and cells["squad", "xnli"] == 3
    assert "only de, en of seed 3" in write(found, tmp_path / "r.html").read_text(encoding="utf-8")
    both = beside.compare(found, small)
    assert any("first: xnli after mnli" in line for line in both["apart"])


def test_seeds_without_a_language_in_common_stop_no_report(small: Results) -> None:
    found = _by_language(small, "mnli", {(1, "en"), (1, "de"), (2, "sw")})
    made = content(found, examples=False)
    of = ("mnli", "xnli")  # udpos has no sw
    assert of not in {(row["intermediate"], row["target"]) for row in made["gains"]["rows"]}
    assert of not in {(row["intermediate"], row["target"]) for row in made["transfer"]}


def test_a_score_that_is_no_number_waits_and_stops_no_report(tmp_path: Path) -> None:
    found = results(tmp_path, study(targets=("xnli", "udpos"), languages=("en", "de", "sw")), items=4)
    cell = next(c for c in found.plan.cells if (c.intermediate, c.target, c.seed) == ("mnli", "xnli", 2))
    path = found.store.path(cell.evaluate.fingerprint) / "scores.json"
    scores = json.loads(path.read_text())
    for score in scores:
        score["value"] = float("nan") if score["language"] == "de" else score["value"]
    odd = json.dumps([*scores, {**scores[0], "metric": "other", "value": float("nan")}])
    rewrite(found.store, cell.evaluate.fingerprint, "scores.json", odd)
    written = write(found, tmp_path / "all.json", "json").read_text(encoding="utf-8")
    made = json.loads(written)
    assert "NaN" not in written
    assert "xnli after mnli (xlm-roberta-base, en): no number in de of seed 2" in made["gains"]["waiting"]
    assert {(r["intermediate"], r["target"]): r["n"] for r in made["gains"]["rows"]}["mnli", "xnli"] == 2


def test_a_training_that_diverged_is_named_with_the_answer(tmp_path: Path) -> None:
    from waystage.engines import status
    from waystage.graph.files import write_text
    from waystage.reports import asking

    lost = ("mnli", 3)
    found = results(tmp_path, study(targets=("xnli", "udpos"), languages=("en", "de", "sw")), items=4,
                    missing=lambda cell: (cell.intermediate, cell.seed) == lost)  # fmt: skip
    cell = next(c for c in found.plan.cells if (c.intermediate, c.seed) == lost)
    stage = cell.evaluate.inputs["checkpoint"].inputs["start"]
    row = status.Row(stage.name, "train", 1.0, status="failed", note="training diverged at step 9")
    rows = {stage.fingerprint: row}
    path = status.folder(found.store, "20260301-080000-aaaa") / "state.json"
    write_text(path, status.State("20260301-080000-aaaa", rows, status="failed").dump())
    first, second = asking.answers(found)
    said = "failed, and in no average: xnli, udpos after mnli, seed 3: training diverged at step 9"
    assert said in first["warnings"] and said in second["warnings"]
    assert said in text(found, width=200)


def test_questions_in_the_terminal_say_of_what_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from waystage.commands import studies

    said = study(models=("xlm-roberta-base", "xlm-roberta-large"), source_languages=("en", "zh"), targets=("xnli",),
                 languages=("en", "de", "zh", "sw"))  # fmt: skip
    found = results(tmp_path, said, items=4)
    monkeypatch.setattr(studies, "load", lambda *_, **__: found)
    common = {"overrides": None, "store": tmp_path, "rehearsal": False, "full": False}
    studies.questions(tmp_path / "s.toml", json=True, **common)
    told = json.loads(capsys.readouterr().out)
    studies.questions(tmp_path / "s.toml", json=False, **common)
    printed = capsys.readouterr().out
    assert len(told["answers"]) == 8
    for answer in told["answers"]:
        assert f"{answer['number']}. {answer['ask']} ({answer['of']})" in printed
        assert answer["sentence"] in printed
        assert all(f"! {warning}" in printed for warning in answer["warnings"])
        assert all(f"{line['what']}: {line['metric']}" in printed for line in answer["targets"])
    assert "mnli against none (from en)" in summary(replace(found, study=said.model_copy(
        update={"question": said.question[:1], "models": ("xlm-roberta-base",)})))  # fmt: skip
    pair = beside.compare(found, found)
    assert "model" in [column.name for column in beside.tables(pair)[1].columns]
    assert len({plot.name for plot in beside.plots(pair)}) == 4


def test_crossed_seeds_are_counted_as_both(tmp_path: Path) -> None:
    said = study(targets=("xnli",), languages=("en", "de"), seeds=(1, 2, 3))
    found = results(tmp_path, said, items=4)
    crossed = replace(found, study=said.model_copy(update={"seeds": (7,), "intermediate_seeds": (1, 2, 3)}))
    made = content(crossed, examples=False)
    assert "3 intermediate seeds x 1 target seed" in summary(crossed)
    from waystage.reports.page import page

    assert "no interval, no verdict" not in page(made)


def test_predictions_are_handed_in_of_crossed_seeds_and_of_every_source(tmp_path: Path) -> None:
    from waystage.errors import InputError
    from waystage.reports.submission import export

    said = study(targets=("xnli", "tatoeba"), languages=("en", "de", "zh"), source_languages=("en", "zh"))
    found = results(tmp_path / "s", said, items=4)
    asked = {"arm": "mnli", "seed": 2, "source_language": "zh"}
    written = {path.parent.name for path in export(found, tmp_path / "zh", **asked)}
    assert written == {"xnli", "tatoeba"}  # nothing is trained for the search, whatever the source
    cells = tuple(replace(cell, seed=5, intermediate_seed=5) for cell in found.plan.cells)
    of_one = replace(found, study=said.model_copy(update={"intermediate_seeds": (5,)}),
                     plan=replace(found.plan, cells=cells))  # fmt: skip
    again = export(of_one, tmp_path / "crossed", **asked)
    for path in again:
        assert path.read_text() == (tmp_path / "zh" / path.relative_to(tmp_path / "crossed")).read_text()
    several = replace(found, study=said.model_copy(update={"intermediate_seeds": (5, 6)}))
    with pytest.raises(InputError, match=r"say which, such as --set intermediate_seeds=\[5\]"):
        export(several, tmp_path / "x", **asked)
