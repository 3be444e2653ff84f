from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from synthetic import results, study

from waystage.reports import numbers
from waystage.reports.content import content
from waystage.reports.page import embedded, page, shade
from waystage.results import REHEARSAL, Results

EVIL = (
    '</script><script>alert(1)</script><img src=x onerror=alert(2)>" onload="alert(3) \'"`${alert(4)}'
    "{{ 7 * 7 }} <!-- \u2028\u2029 \u202egnp.exe\u2066 \x00\x07"
)


class Reader(HTMLParser):
    """Elements, the cells of each table by its caption, and the text of everything."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.script: list[str] = []
        self._table: list[list[str]] | None = None
        self._in: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in.append(tag)
        if tag == "table":
            self._table, self._caption = [], ""
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th") and self._table is not None:
            self._table[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass
        if tag == "table" and self._table is not None:
            self.tables[self._caption] = self._table
            self._table = None

    def handle_data(self, data: str) -> None:
        if self._in and self._in[-1] == "script":
            self.script.append(data)
        if self._table is not None and "caption" in self._in:
            self._caption += data
        elif self._table and self._table[-1] and ({"td", "th"} & set(self._in)):
            self._table[-1][-1] += data.strip()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Every text of the data is an attack, some of it 100 kB long."""
    said = study(title=f"Title {EVIL.replace(chr(0), '').replace(chr(7), '')}", targets=("xnli", "tatoeba"),
                 languages=("en", "ar"), question=({"ask": EVIL[:60], "compare": ("mnli", "none")},))  # fmt: skip
    return results(
        tmp_path_factory.mktemp("hostile"), said, items=4, spoil=lambda text: f"{EVIL} {text} {'long ' * 20_000}",
        left_out=(EVIL,), substitutions=(EVIL,),
    )  # fmt: skip


def test_numbers_of_the_page_are_those_of_the_json(running: Results) -> None:
    made = content(running)
    read = Reader(page(made))
    matrix = read.tables["Gain over none in points"]
    targets = matrix[0][1:]
    shown = {(row[0], target): cell for row in matrix[1:] for target, cell in zip(targets, row[1:], strict=True)}
    for row in made["gains"]["rows"]:
        said = numbers.gain(row["gain"]) + ("*" if row["star"] else "") + numbers.interval(row["low"], row["high"])
        assert shown.pop((row["intermediate"], row["target"])) == said
    assert set(shown.values()) == {"not in yet"}
    for block in made["by_language"]:
        table = read.tables[f"{block['target']}: gain over none by language"]
        column = next(n for n, head in enumerate(table[0]) if head.startswith(block["intermediate"]))
        rows = {row[0].split()[0]: row for row in table[1:]}
        for code, _, base, gain, *_ in block["cells"]:
            row = next(row for key, row in rows.items() if key.startswith(code))
            assert row[column] == numbers.gain(gain)
            if len(block["seeds"]) == 3:
                assert row[1] == numbers.score(base)
    for answer in made["answers"]:
        table = read.tables[f"Answer {answer['number']}, target by target"]
        for line, row in zip((*answer["targets"], *answer["variants"], *answer["items"]), table[1:], strict=True):
            assert row[5] == numbers.gain(line["interval"]["estimate"])


class Words(HTMLParser):
    """What is read on the page, without pictures, programs and the study's own file."""

    SKIPPED = frozenset({"script", "style", "svg", "pre", "code"})

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self._inside = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside += tag in self.SKIPPED

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in self.SKIPPED

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.text.append(data)


NUMBER = re.compile(r"[+-]?\d[\d,]*\.\d+")


def leaves(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    else:
        yield value


def test_every_number_of_the_page_stands_in_the_json(running: Results, tmp_path: Path) -> None:
    from waystage.reports import write

    known: set[str] = set()
    for leaf in leaves(json.loads(write(running, tmp_path / "r.json", "json").read_text(encoding="utf-8"))):
        if isinstance(leaf, str):
            known.update(NUMBER.findall(leaf))
        elif isinstance(leaf, int | float):
            for form in (numbers.score, numbers.gain, numbers.p_value, numbers.span, numbers.size):
                known.update(NUMBER.findall(form(leaf)))
    shown = NUMBER.findall("\n".join(Words(write(running, tmp_path / "r.html").read_text(encoding="utf-8")).text))
    assert len(shown) > 200
    assert [number for number in shown if number not in known] == []


def test_hostile_text_is_text_and_nothing_else(hostile: Results) -> None:
    html = page(content(hostile))
    read = Reader(html)
    names = [name for name, _ in read.elements]
    assert names.count("script") == 2
    assert not {"img", "iframe", "object", "embed", "link", "base", "form action"} & set(names)
    assert not [a for _, a in read.elements for key in a if key.startswith("on")]
    assert not [v for _, a in read.elements for v in a.values() if v and v.strip().lower().startswith("javascript:")]
    assert "49" not in re.findall(r"<h1>(.*?)</h1>", html, re.DOTALL)[0]  # the template runs once, on no text of data
    assert "\x00" not in html
    assert "alert(1)" in html  # it is shown
    data = json.loads(read.script[0])
    field = data["examples"][0]["items"][0]["fields"][0][1]
    assert field.startswith(EVIL[:40])
    assert field.endswith("more characters)")
    assert len(html.encode()) < 500_000


def test_the_page_asks_for_nothing(whole: Results, hostile: Results) -> None:
    for results_ in (whole, hostile):
        read = Reader(page(content(results_)))
        for name, attributes in read.elements:
            assert not {"src", "srcset", "data", "poster", "background", "action"} & set(attributes), name
            if "href" in attributes:
                assert str(attributes["href"]).startswith("#")
        assert "url(" not in page(content(results_)).split("</style>")[0]


def test_only_the_page_s_own_script_may_run(whole: Results) -> None:
    import base64
    import hashlib

    read = Reader(page(content(whole)))
    policy = next(str(a["content"]) for n, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    own = base64.b64encode(hashlib.sha256(read.script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{own}'" in policy
    assert "default-src 'none'" in policy


def test_every_caption_and_figure_of_a_rehearsal_says_so(rehearsal: Results) -> None:
    read = Reader(page(content(rehearsal)))
    assert read.tables
    assert all(REHEARSAL in caption for caption in read.tables)
    pictures = [a["aria-label"] for name, a in read.elements if name == "svg"]
    assert pictures
    assert all(REHEARSAL in str(label) for label in pictures)
    assert "stand-in for Swahili" in page(content(rehearsal))


def test_a_real_page_has_no_banner(whole: Results) -> None:
    assert 'class="banner"' not in page(content(whole))


def test_a_page_before_anything_has_run(tmp_path: Path) -> None:
    html = page(content(results(tmp_path, missing=lambda cell: True)))
    assert html.count("<strong>not answerable yet</strong>") == 2
    assert "0 of 34 evaluations are in" in html


def test_a_page_of_one_seed_says_that_there_is_no_interval(tmp_path: Path) -> None:
    html = page(content(results(tmp_path, study(seeds=(7,), targets=("xnli",), languages=("en", "sw")), items=4)))
    assert "no interval: " in html
    assert "1 seed: no interval, no verdict" in html


def test_several_models_and_source_languages_are_told_apart(tmp_path: Path) -> None:
    said = study(
        models=("xlm-roberta-base", "xlm-roberta-large"), targets=("xnli",), languages=("en", "sw", "de"),
        source_languages=("en", "de"), seeds=(1, 2, 3),
    )  # fmt: skip
    made = content(results(tmp_path, said, items=6))
    for model in said.models:
        assert all(f"{model}, {code}: Choosing the best of 2 arms" in page(made) for code in ("en", "de"))
    assert all(f"question 1, from {code}: " in page(made) for code in ("en", "de"))
    assert "<small>xlm-roberta-large</small> <small>from de</small></th><td>high- minus low-resource" in page(made)
    said = study(models=said.models, targets=("xnli",), languages=("en", "sw"))
    made = content(results(tmp_path / "one", said, items=6))
    read = Reader(page(made))
    assert made["scaling"][0]["slope"]["estimate"] == pytest.approx(
        (made["answers"][1]["interval"]["estimate"] - made["answers"][0]["interval"]["estimate"])
        / math.log10(559_890_432 / 277_453_056), rel=0.02,
    )  # fmt: skip
    assert "two sizes: every line fits" in page(made)
    for model in said.models:
        assert f"Gain over none in points, {model}" in read.tables
        assert f"xnli, {model}: gain over none by language" in read.tables


def test_source_languages_are_an_axis_of_everything_trained(tmp_path: Path) -> None:
    said = study(
        source_languages=("en", "zh"), targets=("xnli", "tatoeba"), languages=("en", "zh", "sw"), rehearsal=True
    )
    made = content(results(tmp_path, said, items=6))
    assert {(r["target"], r["source_language"]) for r in made["gains"]["rows"]} >= {
        ("xnli", "en"), ("xnli", "zh"), ("tatoeba", "en")
    }  # fmt: skip
    assert {a["source_language"] for a in made["answers"]} == {"en", "zh"}
    read = Reader(page(made))
    captions = " / ".join(read.tables)
    assert "Gain over none in points, zh*" in captions
    gap = next(g for g in made["gaps"] if g["source_language"] == "zh" and g["gap"].startswith("zh"))
    cells = {g["source_language"]: g for g in made["transfer"] if g["intermediate"] == gap["intermediate"]}
    assert cells["zh"]["gap"] == pytest.approx(gap["gap_a"])


def test_a_search_has_no_transfer_gap_whatever_the_source(tmp_path: Path) -> None:
    """Tatoeba scores Chinese, and nothing Chinese was trained on."""
    said = study(source_languages=("zh",), targets=("xnli", "tatoeba"), languages=("zh", "de", "sw"))
    made = content(results(tmp_path, said, items=6), examples=False)
    assert {row["target"] for row in made["transfer"]} == {"xnli"}
    assert {tuple(row["targets"]) for row in made["gaps"] if row["gap"] == "zh minus the others"} == {("xnli",)}


def test_json_cannot_leave_its_element() -> None:
    text = embedded({"a": "</script><!--\u2028\u2029&"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!--\u2028\u2029&"}


@pytest.mark.parametrize(("value", "name"), [(0.0, "z"), (10.0, "p5"), (-10.0, "n5"), (3.9, "p2"), (None, "none")])
def test_shades(value: float | None, name: str) -> None:
    assert shade(value, 10.0) == name
