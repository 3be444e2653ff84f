"""The plots of a report: what is drawn, from the content alone."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from waystage.reports import numbers, svg
from waystage.reports.svg import Axis, axis, figure, line, mark, path, short, text

Point = tuple[float, float]


def answer(found: dict[str, Any], note: str) -> str:
    """The difference with its interval, over all and target by target, on one scale with a line at zero."""
    kind = found.get("kind", "difference")
    parts = [("all together", found["interval"]), *((t["what"], t["interval"]) for t in found["targets"])]
    if len(found["targets"]) == 1 or (kind == "trend" and found["targets"]):  # a slope is on no scale of points
        parts = parts[1:]
    known = [v for _, i in parts for v in (i["estimate"], i["low"], i["high"]) if v is not None]
    scale = axis(known, 12, svg.WIDTH - 12, zero=True)
    top, step = 4, 34
    base = top + step * len(parts)
    body = [line(scale(0), top, scale(0), base, "zero")]
    for number, (what, interval) in enumerate(parts):
        y = top + step * number
        said = f"{what}: {numbers.gain(interval['estimate'])} ({_interval(interval)})"
        row = [text(12, y + 12, short(said, 58), kind="over"), f"<title>{svg.safe(said)}</title>"]
        if interval["low"] is not None and interval["high"] is not None:
            row.append(line(scale(interval["low"]), y + 22, scale(interval["high"]), y + 22, "bar"))
        dot = f'<circle class="dot" cx="{svg.number(scale(interval["estimate"]))}" cy="{y + 22}" r="4.5"/>'
        main = ' class="main"' if number == 0 and what == "all together" else ""
        body.append(f"<g{main}>{''.join(row)}{dot}</g>")
    above = f"points by which {found['a']} is above {found['b']}"
    name = "change of the gap in points; below zero it is smaller" if kind == "gap" else above
    body.append(svg.bottom_axis(scale, base + 2, name))
    title = f"{found['a']} against {found['b']}: difference with its interval"
    return figure(title, "".join(body), height=base + 40, note=note)


def _interval(interval: dict[str, Any]) -> str:
    return numbers.interval(interval["low"], interval["high"])


def matrix(
    rows: list[str], columns: list[str], cells: dict[tuple[str, str], dict[str, Any]], title: str, note: str
) -> str:
    """The gain matrix for a paper: numbers with shades of grey for their size, a star where they are no chance."""
    left, wide, high, top = 104, 62, 24, 22
    largest = max(1.0, *(abs(cell["gain"]) for cell in cells.values()))  # small numbers stay pale
    body = [
        text(left + wide * n + wide / 2, top - 6, short(name, 10), anchor="middle", kind="small")
        for n, name in enumerate(columns)
    ]
    for i, row in enumerate(rows):
        y = top + high * i
        body.append(text(left - 6, y + 16, short(row, 16), anchor="end"))
        for j, column in enumerate(columns):
            cell = cells.get((row, column))
            if cell is None:
                continue
            x, star = left + wide * j, "*" if cell["star"] else ""
            shade = abs(cell["gain"]) / largest * 0.35
            said = f"{row}, {column}: {numbers.gain(cell['gain'])} ({_interval(cell)}){star}"
            body.append(
                f'<g><title>{svg.safe(said)}</title><rect x="{x}" y="{y}" width="{wide - 2}" height="{high - 2}" '
                f'fill="{"#0b5394" if cell["gain"] >= 0 else "#a04f00"}" fill-opacity="{shade:.2f}"/>'
                f"{text(x + wide / 2, y + 16, numbers.gain(cell['gain']) + star, anchor='middle')}</g>"
            )
    return figure(
        title, "".join(body), width=left + wide * len(columns) + 4, height=top + high * len(rows) + 4, note=note
    )


def scatter(
    series: dict[str, list[tuple[float, float, str, str]]],
    *,
    title: str,
    x: str,
    y: str,
    note: str,
    fit: list[tuple[float, float, float, float]] = (),  # type: ignore[assignment]
    zero: bool = True,
) -> str:
    """Points (x, y, what it is, language) in the shape of their series, with a fitted line and its band."""
    top, bottom, height = 24, 240, 280
    points = [point for found in series.values() for point in found]
    across = axis([p[0] for p in points], 44, svg.WIDTH - 10)
    up = axis([p[1] for p in points] + [v for _, _, low, high in fit for v in (low, high)], bottom, top, zero=zero)
    body = [svg.bottom_axis(across, bottom, x), svg.left_axis(up, 44, y)]
    if zero:
        body.append(line(across.start, up(0), across.end, up(0), "zero"))
    if fit:
        band = [(across(a), up(high)) for a, _, _, high in fit] + [
            (across(a), up(low)) for a, _, low, _ in reversed(fit)
        ]
        body.append(path(band, "band", closed=True))
    for number, found in enumerate(series.values()):
        body += [
            mark(across(a), up(b), number, said, data=f' data-code="{svg.safe(code)}"' if code else "")
            for a, b, said, code in found
        ]
    if fit:
        body.append(path([(across(a), up(b)) for a, b, _, _ in fit], "fit"))
    legend, deep = _legend(list(series), height)
    return figure(title, "".join([*body, legend]), height=height + deep, note=note)


def sizes(points: list[dict[str, Any]], fit: tuple[float, float], *, title: str, note: str) -> str:
    """An estimate with its interval for each size of model, on a logarithmic scale, and the line through them."""
    top, bottom, height = 24, 200, 240
    places = [math.log10(point["parameters"]) for point in points]
    across = axis(places, 48, svg.WIDTH - 14, room=0.12)
    known = [v for p in points for v in (p["estimate"], p["low"], p["high"]) if v is not None]
    up = axis(known, bottom, top, zero=True)
    body = [svg.left_axis(up, 48, "points"), line(across.start, up(0), across.end, up(0), "zero"),
            line(across.start, bottom, across.end, bottom, "axis"),
            text((48 + svg.WIDTH) / 2, bottom + 31, "parameters", anchor="middle", kind="small")]  # fmt: skip
    ends = (min(places), max(places))
    body.append(path([(across(x), up(fit[0] + fit[1] * x)) for x in ends], "fit"))
    for place, point in zip(places, points, strict=True):
        x = across(place)
        if point["low"] is not None:
            body.append(line(x, up(point["low"]), x, up(point["high"]), "bar"))
        said = f"{point['model']}: {numbers.gain(point['estimate'])} ({_interval(point)})"
        body += [
            mark(x, up(point["estimate"]), 0, said, size=4.5),
            text(x, bottom + 16, f"{point['parameters'] / 1e6:,.0f} M", anchor="middle", kind="small"),
        ]
    return figure(title, "".join(body), height=height, note=note)


def _legend(names: list[str], y: float, *, lines: bool = False) -> tuple[str, float]:
    """Two columns of names under a plot, with their shape or dash."""
    if len(names) < 2:
        return "", 0
    parts = []
    for n, name in enumerate(names):
        x, at = 12 + (n % 2) * svg.WIDTH / 2, y + 12 + 16 * (n // 2)
        sign = line(x, at - 4, x + 18, at - 4, f"line s{n % svg.SHAPES}") if lines else mark(x + 6, at - 4, n, name)
        parts += [sign, text(x + 24, at, short(name, 24), kind="small")]
    return "".join(parts), 16 * ((len(names) + 1) // 2) + 6


def curves(
    lines: dict[str, list[list[float]]],
    *,
    title: str,
    y: str,
    note: str,
    x: str = "steps",
    at: float | None = None,
    level: float | None = None,
) -> str:
    """Lines over steps or layers. `at` marks a place fixed beforehand, `level` a score that needs no model."""
    top, bottom, height = 24, 190, 230
    points = [point for line_ in lines.values() for point in line_]
    across = axis([p[0] for p in points], 48, svg.WIDTH - 10, room=0.02)
    up = axis([p[1] for p in points] + ([] if level is None else [level]), bottom, top)
    whole = [value for value in svg.ticks(across.low, across.high) if value == int(value)]  # no half steps or layers
    body = [svg.bottom_axis(across, bottom, x, at=whole), svg.left_axis(up, 48, y)]
    if at is not None:
        body += [line(across(at), top, across(at), bottom, "zero"), text(across(at) + 4, top + 8, "fixed", kind="over")]
    if level is not None:
        body += [
            line(across.start, up(level), across.end, up(level), "zero"),
            text(across.end, up(level) - 4, "characters only", anchor="end", kind="over"),
        ]
    for number, (name, found) in enumerate(lines.items()):
        drawn = [(across(a), up(b)) for a, b in found]
        body.append(path(drawn, f"line s{number % svg.SHAPES}", title=name))
    legend, deep = _legend(list(lines), height, lines=True)
    return figure(title, "".join([*body, legend]), height=height + deep, note=note)


def dots(
    rows: Iterable[tuple[str, float, float]],
    *,
    title: str,
    names: tuple[str, str],
    x: str,
    note: str,
    whole: bool = True,
) -> str:
    """Two values per row on one line: how far apart they are is what is seen. `whole`: the scale is 0 to 100."""
    found = list(rows)
    top, step = 4, 26
    base = top + step * len(found)
    ends = (12, svg.WIDTH - 12)
    scale = Axis(0, 100, *ends) if whole else axis([v for _, *both in found for v in both], *ends, zero=True)
    body = [] if whole else [line(scale(0), top, scale(0), base + 4, "zero")]
    for number, (what, first, second) in enumerate(found):
        y = top + step * number + 18
        said = f"{what}: {names[0]} {numbers.score(first)}, {names[1]} {numbers.score(second)}"
        body += [
            text(12, y - 7, short(what, 40), kind="over"),
            line(scale(first), y, scale(second), y, "tick"),
            mark(scale(first), y, 0, said),
            mark(scale(second), y, 1, said),
        ]
    body.append(svg.bottom_axis(scale, base + 4, x))
    legend, deep = _legend(list(names), base + 40)
    return figure(title, "".join([*body, legend]), height=base + 40 + deep, note=note)
