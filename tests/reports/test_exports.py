from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from synthetic import results, study

from waystage.errors import InputError, UnknownName
from waystage.reports import figure, numbers, submission, tables, write, write_figure
from waystage.reports.content import content
from waystage.results import REHEARSAL, Results


def read(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_every_exported_row_of_a_rehearsal_says_so(rehearsal: Results, tmp_path: Path) -> None:
    folder = write(rehearsal, tmp_path / "tables", "csv")
    names = {path.stem for path in folder.iterdir()}
    assert {"scores", "gains", "answers", "by_language", "costs", "stages", "data"} <= names
    for path in folder.iterdir():
        rows = read(path)
        assert rows
        assert {row["note"] for row in rows} == {REHEARSAL}
        assert {row["language"] for row in rows if "language" in row} <= {"en*", "de*", "ar*", "sw*"}
    markdown = write(rehearsal, tmp_path / "r.md", "md").read_text(encoding="utf-8")
    rows = [line for line in markdown.splitlines() if line.startswith("| ") and not line.endswith("| note |")]
    assert rows
    assert all(REHEARSAL in row for row in rows)
    latex = write(rehearsal, tmp_path / "r.tex", "latex").read_text(encoding="utf-8")
    rows = [line for line in latex.splitlines() if line.endswith(r"\\") and not line.endswith(r"note \\")]
    assert rows
    assert all(REHEARSAL in row for row in rows)


def test_every_row_of_a_rehearsals_json_says_so(rehearsal: Results, whole: Results, tmp_path: Path) -> None:
    found = json.loads(write(rehearsal, tmp_path / "r.json", "json").read_text(encoding="utf-8"))
    rows = list(dicts_in_lists(found))
    assert len(rows) > 50 and all(row["rehearsal"] == REHEARSAL for row in rows)
    real = json.loads(write(whole, tmp_path / "w.json", "json").read_text(encoding="utf-8"))
    assert not any(row.get("rehearsal") for row in dicts_in_lists(real))


def dicts_in_lists(value: Any) -> Iterator[dict[str, Any]]:
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(value, list) and isinstance(one, dict):
            yield one
        yield from dicts_in_lists(one)


def test_one_task_from_the_world_makes_a_study_a_rehearsal(tmp_path: Path) -> None:
    mixed = results(tmp_path / "mixed", study(sources={"mnli": "world"}))
    assert mixed.rehearsal and set(mixed.scores["note"]) == {REHEARSAL}
    rows = read(write(mixed, tmp_path / "tables", "csv") / "gains.csv")
    assert rows and {row["note"] for row in rows} == {REHEARSAL}
    with pytest.raises(InputError, match="cannot be handed in"):
        submission.export(mixed, tmp_path / "out", arm="mnli", seed=1)


def test_a_real_study_carries_no_note(whole: Results, tmp_path: Path) -> None:
    for format in ("html", "md", "latex", "csv"):
        said = write(whole, tmp_path / f"r.{format}", format).read_text(encoding="utf-8")
        assert REHEARSAL not in said, format
        assert "sw*" not in said, format


def test_csv_keeps_numbers_whole_and_the_long_table_is_one_file(whole: Results, tmp_path: Path) -> None:
    made = json.loads(write(whole, tmp_path / "r.json", "json").read_text(encoding="utf-8"))
    long = read(write(whole, tmp_path / "scores.csv", "csv"))
    at = made["scores"]["columns"].index("value")
    assert [float(row["value"]) for row in long] == [row[at] for row in made["scores"]["rows"]]
    gains = read(write(whole, tmp_path / "all", "csv") / "gains.csv")
    assert [float(row["gain"]) for row in gains] == [row["gain"] for row in made["gains"]["rows"]]


def test_tables_of_all_formats_have_the_same_numbers(whole: Results, tmp_path: Path) -> None:
    made = content(whole, examples=False)
    markdown = write(whole, tmp_path / "r.md", "md").read_text(encoding="utf-8")
    latex = write(whole, tmp_path / "r.tex", "latex").read_text(encoding="utf-8")
    for row in made["gains"]["rows"]:
        cells = [numbers.score(row["score"]), numbers.score(row["baseline_score"]), numbers.gain(row["gain"])]
        assert " | ".join(cells) in markdown
        assert " & ".join(cells) in latex


def test_markdown_tables_are_whole_whatever_the_names_are(tmp_path: Path) -> None:
    said = study(title="a | b <script> *x* `y`", targets=("xnli",), languages=("en", "sw"), question=())
    markdown = write(results(tmp_path, said, items=4), tmp_path / "r.md", "md").read_text(encoding="utf-8")
    assert "<script>" not in markdown
    widths: set[int] = set()
    for line in markdown.splitlines():
        if line.startswith("|"):
            widths.add(line.count("|"))
        elif widths:
            assert len(widths) == 1
            widths = set()


def test_figures_are_files_of_their_own_with_the_numbers_of_the_json(rehearsal: Results, tmp_path: Path) -> None:
    folder = write(rehearsal, tmp_path / "figures", "svg-figures")
    names = {path.stem for path in folder.iterdir()}
    assert {"gains", "answer-1", "answer-2", "distance-mnli", "resource-class-squad", "transfer-xnli"} <= names
    for path in folder.iterdir():
        root = ElementTree.parse(path).getroot()
        assert REHEARSAL in [e.text for e in root.iter() if e.tag.endswith("}text")], path.name
    gains = (folder / "gains.svg").read_text(encoding="utf-8")
    for row in content(rehearsal, examples=False)["gains"]["rows"]:
        assert f">{numbers.gain(row['gain'])}{'*' if row['star'] else ''}<" in gains
    assert figure(rehearsal, "gains")._repr_html_() == gains
    with pytest.raises(UnknownName, match="did you mean 'gains'"):
        figure(rehearsal, "gain")


def cairo() -> None:
    try:
        import cairosvg  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"PNG AND PDF FIGURES ARE NOT TESTED: {error}")


def ink(path: Path, colour: tuple[int, int, int]) -> int:
    """How many pixels have this colour."""
    from PIL import Image

    picture = Image.open(path).convert("RGB")
    return sum(picture.getpixel((x, y)) == colour for x in range(picture.width) for y in range(picture.height))


def test_pictures_for_papers_have_their_fonts_and_a_rehearsal_its_mark_in_the_pixels(
    whole: Results, rehearsal: Results, tmp_path: Path
) -> None:
    cairo()
    note = (138, 59, 0)
    assert ink(write_figure(rehearsal, "gains", tmp_path / "a.png", "png"), note) > 500
    real = write_figure(whole, "gains", tmp_path / "b.png", "png")
    assert ink(real, note) == 0
    assert ink(real, (26, 26, 26)) > 500  # the text is there
    printed = write_figure(whole, "answer-1", tmp_path / "c.pdf", "pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert b"/FontFile" in printed or b"/FontDescriptor" in printed


def test_pdf_figures_are_those_of_the_svg(whole: Results, tmp_path: Path) -> None:
    cairo()
    said = study(targets=("xnli",), languages=("en", "sw"), seeds=(1, 2))
    found = results(tmp_path, said, items=4)
    drawn = {path.stem for path in write(found, tmp_path / "pdf", "pdf-figures").iterdir()}
    assert drawn == {path.stem for path in write(found, tmp_path / "svg", "svg-figures").iterdir()}
    assert {"gains", "answer-1"} <= drawn


def test_without_cairo_it_says_what_to_type(whole: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(InputError, match=r"pip install 'waystage\[figures\]'"):
        write_figure(whole, "gains", tmp_path / "a.pdf", "pdf")
    with pytest.raises(UnknownName, match="There are: svg, png, pdf"):
        write_figure(whole, "gains", tmp_path / "a.gif", "gif")


def test_no_text_of_a_figure_is_wider_than_it(tmp_path: Path) -> None:
    arm = "an-arm-with-a-name-that-somebody-thought-was-a-good-idea-then"
    said = study(targets=("xnli",), languages=("en", "sw"), seeds=(1, 2), question=({"compare": (arm, "none")},),
                 intermediate={"none": {}, arm: {"tasks": ("mnli",)}})  # fmt: skip
    for path in write(results(tmp_path, said, items=4), tmp_path / "svg", "svg-figures").iterdir():
        root = ElementTree.parse(path).getroot()
        width = float(root.attrib["width"])
        for element in root.iter():
            if element.tag.endswith("}text"):
                assert len(element.text or "") * 5.2 <= width, (path.name, element.text)


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)"])
def test_a_spreadsheet_runs_nothing(text: str) -> None:
    from waystage.reports.exports import as_csv

    table = tables.Table("t", "t", (tables.Column("a"), tables.Column("b", "gain")), ((text, -1.5),))
    assert as_csv(table) == f"a,b\n'{text},-1.5\n"


def test_latex_signs_are_text() -> None:
    from waystage.reports.exports import _tex

    assert _tex("50 % of a_b & {c} #1 $x$ ~ ^ \\") == (
        r"50 \% of a\_b \& \{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )


def test_an_unknown_format_names_the_known_ones(whole: Results, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'htlm' \(did you mean 'html'"):
        write(whole, tmp_path / "x", "htlm")


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "+0.00"), (-0.001, "+0.00"), (-0.005001, "-0.01"), (1.005, "+1.00"), (None, "–")]
)
def test_gains_have_a_sign_and_zero_is_never_negative(value: float | None, said: str) -> None:
    assert numbers.gain(value) == said


def test_before_anything_is_scored_a_table_is_a_header_and_figures_are_refused(tmp_path: Path) -> None:
    nothing = results(tmp_path / "new", missing=lambda cell: True)
    lines = write(nothing, tmp_path / "new.csv", "csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 and lines[0].startswith("model,intermediate,target")
    with pytest.raises(InputError, match="no figure yet"):
        write(nothing, tmp_path / "figures", "svg-figures")
