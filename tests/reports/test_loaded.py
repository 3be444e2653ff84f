"""Results in a notebook: what `waystage.load` gives displays itself."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest
from synthetic import results, study

import waystage
from waystage.errors import InputError, UnknownName
from waystage.loaded import Loaded
from waystage.reports import numbers
from waystage.results import REHEARSAL, Results


def loaded(found: Results) -> Loaded:
    return Loaded(**{field.name: getattr(found, field.name) for field in fields(found)})


def test_a_question_displays_its_answer_with_a_picture(whole: Results) -> None:
    mine = loaded(whole)
    shown = mine.question(1)
    (answer,) = shown.answers
    html = shown._repr_html_()
    for text in (answer["ask"], answer["verdict"]["word"], numbers.gain(answer["interval"]["estimate"])):
        assert text in html
    assert answer["sentence"] == str(shown)
    assert html.count("<svg") == 1
    ElementTree.fromstring(f"<div>{html}</div>")  # whole markup


def test_a_figure_displays_itself(whole: Results) -> None:
    mine = loaded(whole)
    assert mine.figure("gains")._repr_html_().startswith("<svg")
    with pytest.raises(UnknownName, match="did you mean 'gains'"):
        mine.figure("gainz")


def test_the_end_of_a_name_decides_what_is_written(whole: Results, tmp_path: Path) -> None:
    mine = loaded(whole)
    assert mine.report(tmp_path / "tables.tex").read_text().startswith("% needs")
    assert mine.report(tmp_path / "page").read_text().startswith("<!doctype html>")
    with pytest.raises(UnknownName, match="'doc'"):
        mine.report(tmp_path / "page.doc")


def test_a_bare_name_at_a_prompt_shows_what_was_found(whole: Results) -> None:
    mine = loaded(whole)
    assert repr(mine) == str(mine)
    assert repr(mine.question(1)) == mine.question(1).sentence


def test_what_is_not_there_is_said(whole: Results, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no question 3: the study asks 2, counted from 1 to 2"):
        loaded(whole).question(3)
    nothing = loaded(results(tmp_path, study(targets=("xnli",), languages=("en", "sw")), missing=lambda cell: True))
    assert "No answer yet" in nothing.question(1)._repr_html_()
    with pytest.raises(UnknownName, match="none yet, nothing is scored"):
        nothing.figure("gains")


def test_every_model_has_its_answer(tmp_path: Path) -> None:
    said = study(models=("xlm-roberta-base", "xlm-roberta-large"), targets=("xnli",), languages=("en", "sw"))
    shown = loaded(results(tmp_path, said, items=6)).question(2)
    assert [answer["model"] for answer in shown.answers] == list(said.models)
    assert shown._repr_html_().count("<svg") == 2


def test_a_rehearsal_says_so_wherever_it_is_shown(rehearsal: Results) -> None:
    mine = loaded(rehearsal)
    for html in (mine._repr_html_(), mine.figure("gains")._repr_html_(), mine.question(1)._repr_html_()):
        assert REHEARSAL in html.lower()


def test_text_of_a_study_is_no_markup(tmp_path: Path) -> None:
    asked = ({"ask": "<script>alert(1)</script>", "compare": ("mnli", "none")},)
    said = study(title="<img src=x>", targets=("xnli",), languages=("en", "sw"), question=asked)
    mine = loaded(results(tmp_path, said, items=4))
    for html in (mine._repr_html_(), mine.question(1)._repr_html_()):
        assert "<script" not in html
        assert "<img" not in html


def test_load_gives_it_and_writes_the_page(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('title = "t"\nmodels = ["xlm-roberta-base"]\ntargets = ["xnli"]\nlanguages = ["en", "sw"]\n'
                    'seeds = [1]\n[intermediate.none]\n[intermediate.mnli]\ntasks = ["mnli"]\n')  # fmt: skip
    mine = waystage.load(path, rehearsal=True, store=tmp_path / "store")
    assert isinstance(mine, waystage.Results)
    assert len(mine.scores) == 0
    assert "0 of" in str(mine)
    assert "artificial languages" in mine.report(tmp_path / "page.html").read_text(encoding="utf-8")
