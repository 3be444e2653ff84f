"""What stands beside the numbers: claims with verdicts, marks of cells, licences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import results, study
from test_page import Reader

from waystage.reports import numbers
from waystage.reports.content import content
from waystage.reports.page import page
from waystage.results import Results
from waystage.study.leaks import Mark


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Results:
    said = study(targets=("xnli", "tatoeba"), languages=("en", "de", "sw"))
    return results(tmp_path_factory.mktemp("small"), said, items=6)


def test_measured_claims_stand_on_the_page_with_their_numbers(small: Results) -> None:
    made = content(small, examples=False)
    measured = [c for c in made["claims"] if c["tested"] and not c["structural"]]
    assert measured
    rows = Reader(page(made)).tables["Claims that this study measures"][1:]
    for claim, row in zip(measured, rows, strict=True):
        assert claim["text"] in row[0]
        assert claim["word"] in row[0]
        assert row[1:4] == [
            numbers.score(claim["published"]), numbers.gain(claim["measured"]),
            numbers.interval(claim["low"], claim["high"]),
        ]  # fmt: skip
    untested = [c for c in made["claims"] if not c["tested"]]
    assert f"{len(untested)} claims that this study says nothing about" in page(made)


def test_a_rehearsal_judges_no_claim_and_shows_no_published_number(rehearsal: Results) -> None:
    made = content(rehearsal, examples=False)
    assert {c["word"] for c in made["claims"] if not c["structural"]} == {"not tested"}
    html = page(made)
    assert "no claim is judged here" in html
    assert "published" not in [head for table in Reader(html).tables.values() for head in table[0]]


def test_marked_cells_are_marked_and_explained(small: Results) -> None:
    cells = [
        replace(cell, marks=(Mark("same training data", "mnli:train -> xnli:train"),))
        if (cell.intermediate, cell.target) == ("mnli", "xnli") else cell
        for cell in small.plan.cells
    ]  # fmt: skip
    html = page(content(replace(small, plan=replace(small.plan, cells=tuple(cells))), examples=False))
    matrix = Reader(html).tables["Gain over none in points"]
    marked = [(row[0], matrix[0][n]) for row in matrix[1:] for n, cell in enumerate(row) if "†" in cell]
    assert marked == [("mnli", "xnli")]
    assert "mnli:train -&gt; xnli:train" in html
    assert "†" not in page(content(small, examples=False)).split("<script")[0]


def test_an_arm_that_is_no_zero_shot_transfer_says_so(small: Results) -> None:
    cells = [
        replace(cell, protocol="8 shots, not zero-shot") if cell.intermediate == "squad" else cell
        for cell in small.plan.cells
    ]
    found = content(replace(small, plan=replace(small.plan, cells=tuple(cells))), examples=False)["marks"]
    assert {(m["intermediate"], m["mark"]) for m in found} == {("squad", "8 shots, not zero-shot")}


def test_licences_that_forbid_something_are_named(small: Results, rehearsal: Results, tmp_path: Path) -> None:
    found = {x["task"]: x["forbids"] for x in content(small, examples=False)["licences"]}
    assert "no commercial use" in found["xnli"]
    assert f"xnli ({found['xnli']})" in page(content(small, examples=False))
    assert content(rehearsal, examples=False)["licences"] == []  # its data are artificial
    mixed = replace(small, study=small.study.model_copy(update={"sources": {"mnli": "world"}}))
    assert mixed.rehearsal and "xnli" in {x["task"] for x in content(mixed, examples=False)["licences"]}
