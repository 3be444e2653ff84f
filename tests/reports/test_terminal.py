from __future__ import annotations

import json
from pathlib import Path

from synthetic import results, rewrite, study

from waystage.reports import numbers, summary, text, words
from waystage.reports.content import content
from waystage.results import Results


def test_the_summary_is_ten_lines_that_say_what_and_how_sure(whole: Results) -> None:
    said = summary(whole, page="report.html")
    lines = said.splitlines()
    assert len(lines) <= 10
    assert lines[0] == whole.study.title
    assert "3 arms (none, mnli, squad) of xlm-roberta-base" in said
    assert "34 of 34 evaluations" in said
    for answer in content(whole, examples=False)["answers"]:
        assert numbers.gain(answer["interval"]["estimate"]) in said
        assert numbers.interval(answer["interval"]["low"], answer["interval"]["high"]) in said
        assert answer["verdict"]["word"] in said
    assert lines[-1].endswith("report.html")


def test_a_summary_of_many_questions_stays_short(tmp_path: Path) -> None:
    asked = tuple({"ask": f"Question {n}?", "compare": ("mnli", "none")} for n in range(9))
    said = summary(
        results(tmp_path, study(targets=("xnli",), languages=("en", "sw"), question=asked), items=4), page="x"
    )
    assert len(said.splitlines()) <= 10
    assert "6 more answers on the page" in said
    assert "Of 9 answers:" in said


def test_a_rehearsal_says_so_first_and_last(rehearsal: Results) -> None:
    said = summary(rehearsal)
    assert "rehearsal, artificial languages" in said.splitlines()[0]
    assert said.endswith("says nothing about real languages.")
    assert "sw*" in said
    tables = text(rehearsal)
    assert tables.count("(rehearsal, artificial languages)") >= 3


def test_what_is_missing_is_named(running: Results) -> None:
    said = summary(running)
    assert "30 of 34 evaluations; not in yet: " in said
    assert "udpos after mnli" in said
    assert "1 combination cannot exist" in said


def test_what_was_answered_and_could_not_be_scored_is_named(tmp_path: Path) -> None:
    """As on XTREME's own files, whose test labels are hidden: all evaluations are in, and there is no score."""
    said = results(tmp_path, study(targets=("xnli",), languages=("en", "sw", "tr")), items=4)
    for cell in said.plan.cells:
        path = said.store.path(cell.evaluate.fingerprint) / "scores.json"
        kept = [one for one in json.loads(path.read_text()) if one["language"] == "en"]
        rewrite(said.store, cell.evaluate.fingerprint, "scores.json", json.dumps(kept))
    assert "answered, but without labels to score: xnli (2 languages)" in summary(said)
    assert "without labels to score" in text(said)


def test_the_terminal_has_the_numbers_of_the_json(running: Results) -> None:
    shown = text(running, width=200)
    for row in content(running, examples=False)["gains"]["rows"]:
        line = next(x for x in shown.splitlines() if x.split()[:2] == [row["intermediate"], row["target"]])
        assert numbers.gain(row["gain"]) in line
    assert "Evaluations that are not in yet" in shown


def test_markup_in_names_is_text(tmp_path: Path) -> None:
    said = study(title="[bold]x[/bold]", targets=("xnli",), languages=("en", "sw"),
                 question=({"ask": "[red]y[/red]", "compare": ("mnli", "none")},))  # fmt: skip
    shown = text(results(tmp_path, said, items=4))
    assert "[bold]x[/bold]" in shown
    assert "[red]y[/red]" in shown


def test_a_verdict_that_holm_takes_back_is_not_left_alone() -> None:
    """Whoever reads the first lines alone must not take it for a finding."""
    warned = ["'worse' does not hold for 2 questions at once: p = 0.0962 after Holm"]
    answers = [
        {"answered": True, "number": number, "verdict": {"word": "worse"}, "warnings": warned[:number - 1]}
        for number in (1, 2)
    ]  # fmt: skip
    said = words.caveats({"answers": answers, "rehearsal": False})
    assert said == ["The verdict of answer 2 does not hold once all questions are counted (Holm)"]
    assert words.caveats({"answers": answers[:1], "rehearsal": False}) == []
