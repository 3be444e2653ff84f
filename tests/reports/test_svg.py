from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waystage.reports import figures, svg

numbers = st.floats(-1e6, 1e6)
EVIL = '</svg><script>alert("x")</script>\x00 \ud800 &amp; \u202e gnp.exe'


@example(0.0, 5e-324)
@given(numbers, numbers)
def test_ticks_are_round_and_inside(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    found = svg.ticks(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert all(low - slack <= value <= high + slack for value in found)
    assert len(found) <= 7
    assert found == sorted(found)


@given(st.lists(numbers, min_size=1))
def test_an_axis_holds_all_its_values(values: list[float]) -> None:
    scale = svg.axis(values, 10, 350, zero=True)
    for value in [*values, 0.0]:
        assert 10 - 1e-6 <= scale(value) <= 350 + 1e-6


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (-0.01, "0"), (12.34, "12.3"), (5.0, "5"), (-3.26, "-3.3")])
def test_coordinates_are_short(value: float, said: str) -> None:
    assert svg.number(value) == said


def drawn() -> dict[str, str]:
    interval = {"estimate": 1.5, "low": -0.5, "high": 3.5}
    alone = {"estimate": 2.0, "low": None, "high": None}
    answer = {"a": EVIL, "b": "none", "interval": interval,
              "targets": [{"what": EVIL, "interval": interval}, {"what": "xnli", "interval": alone}]}  # fmt: skip
    cell = {"gain": -1.25, "low": -2.0, "high": -0.5, "star": True}
    note = "rehearsal, artificial languages"
    points = {EVIL: [(0.1, 2.0, EVIL, "sw"), (0.4, -1.0, "x", "ar")], "b": [(0.2, 0.0, "y", "")]}
    return {
        "answer": figures.answer(answer, note),
        "matrix": figures.matrix([EVIL], ["xnli", "gone"], {(EVIL, "xnli"): cell}, EVIL, note),
        "scatter": figures.scatter(
            points, title=EVIL, x=EVIL, y="gain", note=note, fit=[(0.1, 1, 0, 2), (0.4, 0, -1, 1)]
        ),
        "curves": figures.curves({EVIL: [[1, 2.0], [2, 3.0]], "b": [[1, 1.0]]}, title=EVIL, y=EVIL, note=note),
        "sizes": figures.sizes(
            [{"model": EVIL, "parameters": 3e8, **interval}, {"model": "b", "parameters": 6e8, **alone}],
            (1.0, 0.1),
            title=EVIL,
            note=note,
        ),
        "dots": figures.dots([(EVIL, 80.0, 60.0)], title=EVIL, names=("source", "others"), x="f1", note=note),
    }


@pytest.mark.parametrize("name", ["answer", "matrix", "scatter", "curves", "sizes", "dots"])
def test_a_figure_is_whole_xml_whatever_the_names_are(name: str) -> None:
    for picture in (drawn()[name], svg.standalone(drawn()[name])):
        root = ElementTree.fromstring(picture)
        assert not [e for e in root.iter() if e.tag.endswith("script")]
        texts = [e.text for e in root.iter() if e.tag.endswith("}text")]
        assert "rehearsal, artificial languages" in texts  # in the picture itself, not only in its caption
        assert "rehearsal, artificial languages" in root.attrib["aria-label"]


def test_the_same_data_give_the_same_bytes() -> None:
    assert drawn() == drawn()


def test_a_missing_interval_is_said_and_not_drawn() -> None:
    alone = {"estimate": 2.0, "low": None, "high": None}
    picture = figures.answer({"a": "a", "b": "b", "interval": alone, "targets": []}, "")
    assert "no interval" in picture
    assert 'class="bar"' not in picture


def test_a_note_fits_into_the_narrowest_figure() -> None:
    cell = {"gain": 1.0, "low": None, "high": None, "star": False}
    picture = figures.matrix(["a"], ["b"], {("a", "b"): cell}, "gain", "rehearsal, artificial languages")
    assert float(ElementTree.fromstring(picture).attrib["viewBox"].split()[2]) >= svg.NARROWEST


def test_a_part_of_a_rehearsals_figure_still_says_so() -> None:
    drawn = svg.figure("gain", "", height=200, note="rehearsal, artificial languages")
    found = ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    faint = [(float(t.attrib["x"]), float(t.attrib["y"])) for t in found if t.attrib.get("class") == "faint"]
    for left in range(0, 180, 10):  # half the width and a third of the height, wherever they are cut out
        for up in range(38, 170, 10):
            assert any(left - 100 < x < left + 120 and up < y < up + 68 for x, y in faint), (left, up)
    assert "faint" not in svg.figure("gain", "", height=200)
