"""The page in a real browser, from disk, with the network shut. `WAYSTAGE_CHROMIUM` may name the browser's program,
`WAYSTAGE_AXE` the file axe.min.js (npm install axe-core), `WAYSTAGE_PICTURES` a folder to keep screenshots in."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from test_page import EVIL
from test_page import hostile as hostile  # the same attacks, now where they could run

from waystage.reports import write
from waystage.results import Results


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Browser]:
    if not browser.find():
        said = "NO BROWSER, the page is not tested: apt-get install chromium, or name one in WAYSTAGE_CHROMIUM"
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(said, stacklevel=1)
        pytest.skip(said)
    with browser.running(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def html(whole: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(whole, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def html_of_rehearsal(rehearsal: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(rehearsal, tmp_path_factory.mktemp("page") / "rehearsal.html")


def keep(page: browser.Page, tmp_path: Path, name: str) -> Path:
    folder = Path(os.environ.get("WAYSTAGE_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return page.picture(folder / name)


@pytest.mark.parametrize("width", [1440, 390])
def test_it_opens_without_a_request_or_a_complaint(
    chromium: browser.Browser, html: Path, width: int, tmp_path: Path
) -> None:
    page = browser.Page(chromium, html, width=width)
    assert page.complaints() == []
    assert page.requests() == []
    assert page.run("document.documentElement.scrollWidth") <= width  # only tables scroll sideways, inside themselves
    assert keep(page, tmp_path, f"page-{width}.png").stat().st_size > 50_000


def test_a_cell_of_the_matrix_opens_its_languages(chromium: browser.Browser, html: Path) -> None:
    page = browser.Page(chromium, html)
    took = page.run("""(() => { const t = performance.now();
        document.querySelector('[data-arm=squad][data-target=xquad]').click(); return performance.now() - t; })()""")
    assert took is not None
    assert page.run("document.querySelector('#cell h3').textContent") == "squad on xquad, language by language"
    assert page.run("document.activeElement.textContent") == "squad on xquad, language by language"
    shown = page.run(
        "[...document.querySelectorAll('#cell tbody tr')].map(r => [r.cells[0].textContent, r.cells[3].textContent])"
    )
    table = page.run("""(() => { const t = [...document.querySelectorAll('.by-language')]
        .find(t => t.caption.textContent.startsWith('xquad')); const column = [...t.tHead.rows[0].cells]
        .findIndex(c => c.textContent === 'squad');
        return [...t.tBodies[0].rows].map(r => [r.cells[0].textContent, r.cells[column].textContent]); })()""")
    assert sorted(map(tuple, shown)) == sorted(map(tuple, table))
    gains = [float(gain) for _, gain in shown]
    assert gains == sorted(gains, reverse=True)
    page.run("document.querySelector('#cell button').click()")
    assert page.run("document.querySelector('#cell').hidden")
    assert page.run("document.activeElement.dataset.arm") == "squad"  # back to where one came from


def column(page: browser.Page, number: int) -> list[str]:
    rows = "[...document.querySelector('.by-language').tBodies[0].rows].filter(r => !r.hidden)"
    return list(page.run(f"{rows}.map(r => r.cells[{number}].textContent)"))


def test_languages_sort_and_filter(chromium: browser.Browser, html: Path) -> None:
    page = browser.Page(chromium, html)
    click = "document.querySelectorAll('.by-language thead th')[{}].querySelector('button').click()"
    page.run(click.format(2))
    first = [float(x) for x in column(page, 2)]
    assert first == sorted(first, reverse=True)
    assert page.run("document.querySelectorAll('.by-language thead th')[2].getAttribute('aria-sort')") == "descending"
    page.run(click.format(2))
    assert [float(x) for x in column(page, 2)] == sorted(first)
    page.run(click.format(0))
    assert column(page, 0) == sorted(column(page, 0))
    page.run("""(() => { const c = document.querySelector('#controls'); c.elements.family.value = 'Indo-European';
        c.elements.family.dispatchEvent(new Event('change')); })()""")
    assert {name.split()[0] for name in column(page, 0)} == {"de", "en", "hi", "ru"}
    assert page.run("document.querySelector('#count').textContent") == "4 languages"
    page.run("""(() => { const c = document.querySelector('#controls'); c.elements.target.selectedIndex = 2;
        c.elements.target.dispatchEvent(new Event('change')); })()""")
    assert page.run("[...document.querySelectorAll('details.target')].filter(d => !d.hidden).length") == 1


def test_examples_of_two_arms_stand_side_by_side(chromium: browser.Browser, html: Path) -> None:
    page = browser.Page(chromium, html)
    page.run("""(() => { const f = document.querySelector('#pick'); f.elements.language.value = 'ar';
        f.elements.language.dispatchEvent(new Event('change')); f.elements.second.value = 'squad';
        f.elements.second.dispatchEvent(new Event('change')); })()""")
    assert page.run("document.querySelectorAll('#shown article').length") == 6
    assert page.run("document.querySelectorAll('#shown .two > div').length") == 12
    said = page.run("document.querySelector('#shown .two').textContent")
    assert "none:" in said
    assert "squad:" in said
    # Arabic runs from right to left, whatever its box does
    assert page.run("getComputedStyle(document.querySelector('#shown dd')).direction") == "rtl"


def test_dark_and_light(chromium: browser.Browser, html: Path, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    page = browser.Page(chromium, html)
    assert page.run(colour) == "rgb(255, 255, 255)"
    page.run("document.querySelector('.theme').click()")
    assert page.run(colour) == "rgb(21, 24, 28)"
    assert page.run("document.querySelector('.theme').textContent") == "Light page"
    keep(page, tmp_path, "page-dark.png")
    page.run("localStorage.clear()")
    assert browser.Page(chromium, html, dark=True).run(colour) == "rgb(21, 24, 28)"


def test_the_keyboard_is_enough(chromium: browser.Browser, html: Path) -> None:
    page = browser.Page(chromium, html)
    page.key("Tab", 9)
    assert page.run("document.activeElement.className") == "skip"
    for _ in range(60):
        page.key("Tab", 9)
        if page.run("document.activeElement.dataset.cell !== undefined"):
            break
    page.key("Enter", 13, "\r")
    assert page.run("document.querySelector('#cell').hidden") is False
    page.run("document.querySelector('#answers summary').focus()")
    page.key("Enter", 13, "\r")
    assert page.run("document.querySelector('#answers details').open") is False


def test_without_its_script_tables_and_plots_remain(chromium: browser.Browser, html: Path, tmp_path: Path) -> None:
    page = browser.Page(chromium, html, script=False)
    keep(page, tmp_path, "page-no-script.png")
    text = page.call("DOM.getOuterHTML", nodeId=page.call("DOM.getDocument")["root"]["nodeId"])["outerHTML"]
    assert text.count("<svg") > 5
    assert 'id="controls" class="controls" hidden' in text
    assert page.complaints() == []


def test_it_prints(chromium: browser.Browser, html: Path, tmp_path: Path) -> None:
    printed = browser.Page(chromium, html).pdf()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 50_000


def test_attacks_run_nothing(chromium: browser.Browser, hostile: Results, tmp_path: Path) -> None:
    path = write(hostile, tmp_path / "hostile.html")
    page = browser.Page(chromium, path)
    assert page.complaints() == []  # neither a dialog nor a refused script: nothing was there to refuse
    assert page.requests() == []
    assert [e for e in chromium.events if e.get("method") == "Page.javascriptDialogOpening"] == []
    page.run("document.querySelector('[data-cell]').click()")
    for element in ("img", "iframe", "script[src]"):
        assert page.run(f"document.querySelectorAll('{element}').length") == 0
    assert page.run("document.querySelector('#shown dd').textContent").startswith(EVIL[:40])
    assert page.run("document.documentElement.scrollWidth") <= 1440
    keep(page, tmp_path, "page-hostile.png")
    assert page.complaints() == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("which", ["html", "html_of_rehearsal"])
def test_axe_finds_no_serious_violation(
    chromium: browser.Browser, which: str, dark: bool, request: pytest.FixtureRequest
) -> None:
    axe = os.environ.get("WAYSTAGE_AXE")
    if not axe:
        pytest.skip("WAYSTAGE_AXE does not name axe.min.js (npm install axe-core): accessibility is not checked by it")
    page = browser.Page(chromium, request.getfixturevalue(which), dark=dark)
    page.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.run("document.querySelector('[data-cell]').click()")
    page.run(Path(axe).read_text(encoding="utf-8") + ";0")
    found = page.run("axe.run().then(r => JSON.stringify(r.violations))")
    serious = [
        (v["id"], v["help"], [n["html"][:200] for n in v["nodes"][:3]])
        for v in json.loads(found)
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []
