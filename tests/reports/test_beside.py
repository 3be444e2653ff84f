from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic import results, study

from waystage.errors import InputError
from waystage.reports import beside
from waystage.reports.content import content
from waystage.results import REHEARSAL, Results


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Another model, one target less, fewer languages, one arm more."""
    said = study(title="A larger model", models=("xlm-roberta-large",), targets=("xnli", "tatoeba"), arms=4,
                 languages=("en", "de", "sw"), seeds=(1, 2, 3, 4))  # fmt: skip
    return results(tmp_path_factory.mktemp("larger"), said)


def test_only_what_both_have_is_compared(whole: Results, larger: Results) -> None:
    found = beside.compare(whole, larger)
    assert {(row["intermediate"], row["target"]) for row in found["rows"]} == {
        (arm, target) for arm in ("mnli", "squad") for target in ("xnli", "tatoeba")
    }
    for row in found["rows"]:
        assert set(row["languages"]) <= {"en", "de", "sw"}
        assert row["difference"]["estimate"] == pytest.approx(row["second"]["estimate"] - row["first"]["estimate"])
        assert (row["first"]["n"], row["second"]["n"]) == (3, 4)
    assert "target udpos: only in the first" in found["apart"]
    assert "arm qqp: only in the second" in found["apart"]


def test_gains_are_those_of_each_study_in_the_shared_languages(whole: Results, larger: Results) -> None:
    row = next(r for r in beside.compare(whole, larger)["rows"] if (r["intermediate"], r["target"]) == ("mnli", "xnli"))
    for side, made in (("first", content(whole, examples=False)), ("second", content(larger, examples=False))):
        block = next(b for b in made["by_language"] if (b["intermediate"], b["target"]) == ("mnli", "xnli"))
        gains = [cell[3] for cell in block["cells"] if cell[0] in row["languages"]]
        assert row[side]["estimate"] == pytest.approx(sum(gains) / len(gains))


def test_a_study_beside_itself_does_not_differ(whole: Results) -> None:
    for row in beside.compare(whole, whole)["rows"]:
        assert {row["difference"][key] for key in ("estimate", "low", "high")} == {0}


def test_what_a_shared_baseline_gave_cancels_seed_by_seed(whole: Results, tmp_path: Path) -> None:
    other = results(tmp_path, study(title="Another recipe of one arm"))
    scores = other.scores
    squad = scores["intermediate"] == "squad"
    scores.loc[squad, "value"] += 3.0
    scores.loc[squad, "stage"] = "anew " + scores.loc[squad, "stage"]
    object.__setattr__(other, "scores", scores)
    rows = [row for row in beside.compare(whole, other)["rows"] if row["intermediate"] == "squad"]
    assert rows
    for row in rows:
        difference = row["difference"]
        assert difference["estimate"] == pytest.approx(3.0)
        assert difference["method"] == "paired t over seeds"


def test_all_formats_have_the_rows(whole: Results, larger: Results, tmp_path: Path) -> None:
    made = json.loads(beside.write(whole, larger, tmp_path / "c.json", "json").read_text(encoding="utf-8"))
    folder = beside.write(whole, larger, tmp_path / "c", "csv")
    rows = list(csv.DictReader((folder / "gains.csv").read_text(encoding="utf-8").splitlines()))
    assert [float(row["difference"]) for row in rows] == [row["difference"]["estimate"] for row in made["rows"]]
    html = beside.write(whole, larger, tmp_path / "c.html").read_text(encoding="utf-8")
    for format in ("md", "latex"):
        text = beside.write(whole, larger, tmp_path / f"c.{format}", format).read_text(encoding="utf-8")
        assert "A larger model" in text
        assert all(f"{row['difference']['estimate']:+.2f}" in text for row in made["rows"])
    assert "A larger model" in html
    assert "<script" not in html
    for plot in beside.plots(made):
        ElementTree.fromstring(plot.svg)


def test_a_rehearsal_is_not_beside_a_run(whole: Results, rehearsal: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a rehearsal in artificial languages and the other study is not"):
        beside.compare(whole, rehearsal)
    html = beside.write(rehearsal, rehearsal, tmp_path / "c.html").read_text(encoding="utf-8")
    assert html.count(REHEARSAL) >= 4


def test_an_arm_that_is_another_one_under_the_same_name_is_named(whole: Results, tmp_path: Path) -> None:
    arms = {"none": {}, "mnli": {"tasks": ("mnli",), "replay": {"mlm": 0.25}}, "squad": {"tasks": ("squad",)}}
    other = results(tmp_path, study(intermediate=arms, recipe={"batch": 16}), items=6)
    apart = beside.compare(whole, other)["apart"]
    assert 'arm mnli: `replay` is not said in the first, {"mlm": 0.25} in the second' in apart
    assert '`recipe` is not said in the first, {"batch": 16} in the second' in apart
    assert not any("squad" in said for said in apart)


def test_gains_are_subtracted_in_the_languages_that_both_arms_have(whole: Results, tmp_path: Path) -> None:
    """The arm of the second study has no training data in two languages, the baseline has all."""
    said = study(targets=("xnli",))
    other = results(tmp_path, said, items=6)
    frame = other.scores
    lacks = (frame["intermediate"] == "mnli") & frame["language"].isin(["ru", "sw"])
    other.__dict__["scores"] = frame[~lacks].reset_index(drop=True)
    row = next(row for row in beside.compare(whole, other)["rows"] if row["intermediate"] == "mnli")
    assert sorted(row["languages"]) == ["ar", "de", "en", "hi", "tr", "zh"]
    mine = whole.scores[whole.scores["headline"] & whole.scores["language"].isin(row["languages"])]
    means = mine[mine["target"] == "xnli"].groupby("intermediate")["value"].mean()
    assert row["first"]["estimate"] == pytest.approx(means["mnli"] - means["none"])


def test_dev_scores_are_not_beside_test_scores(whole: Results, tmp_path: Path) -> None:
    other = results(tmp_path, study(targets=("xnli",), evaluate_on="dev"), items=6)
    with pytest.raises(InputError, match=r"is scored on test and .* on dev: scores on other data are not compared"):
        beside.compare(whole, other)


def test_nothing_in_common_is_said(whole: Results, tmp_path: Path) -> None:
    other = results(tmp_path, study(targets=("pawsx",), languages=("en", "de"), seeds=(1,)), items=4)
    with pytest.raises(InputError, match="have no arm, target and language in common"):
        beside.compare(whole, other)
    nothing = results(tmp_path / "x", missing=lambda cell: True)
    with pytest.raises(InputError, match="finish their runs"):
        beside.compare(whole, nothing)
