"""Plots as text: small pure functions that give the same bytes for the same data, need no library and print well.

A figure is at most 360 units wide, so that its text is readable on a phone. Meaning never rests on colour alone: series
differ in shape or dash too, and every mark has a title.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 360
NARROWEST = 220  # holds the note of a rehearsal
SMALL = 5.6  # units per letter of the small text, on average

# Grey-safe and colour-blind safe: Okabe and Ito's colours, each with a shape and a dash of its own.
SHAPES = 8
STYLE = """
svg{font:12px system-ui,sans-serif;color:#1a1a1a;background:#fff}
.axis,.tick{stroke:#888;stroke-width:1;fill:none}.zero{stroke:#444;stroke-width:1;stroke-dasharray:3 3}
text{fill:#1a1a1a}text.small{font-size:11px;fill:#444}text.title{font-weight:600}text.over{font-size:11px}
text.under{font-size:11px;fill:#fff;stroke:#fff;stroke-width:4px}
text.note{font-size:11px;font-weight:700;fill:#8a3b00}text.faint{font-size:11px;fill:#8a3b00;opacity:.16}
.bar{stroke:#0b5394;stroke-width:2.5}.dot{fill:#0b5394}.main .bar{stroke-width:4}.band{fill:#0b5394;opacity:.15}
.fit{stroke:#0b5394;stroke-width:2;fill:none}.line{fill:none;stroke-width:1.6}
.s0{fill:#0072b2;stroke:#0072b2}.s1{fill:#a04f00;stroke:#a04f00}.s2{fill:#00735a;stroke:#00735a}
.s3{fill:#a03d78;stroke:#a03d78}.s4{fill:#555;stroke:#555}.s5{fill:#7a6a00;stroke:#7a6a00}
.s6{fill:#2b7cb0;stroke:#2b7cb0}.s7{fill:#222;stroke:#222}
.mark{fill-opacity:.75}.line,.hollow{fill:none}.s1.line{stroke-dasharray:6 3}.s2.line{stroke-dasharray:2 2}
.s3.line{stroke-dasharray:8 3 2 3}.s5.line{stroke-dasharray:1 3}.s6.line{stroke-dasharray:10 4}
"""
OVER = re.compile(r'<text([^>]*) class="over">([^<]*)</text>')


def number(value: float) -> str:
    """A coordinate: a tenth of a unit is enough."""
    return f"{round(value, 1) + 0:g}"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers inside the range."""
    span = high - low
    if span <= 1e-8 * max(1.0, abs(low), abs(high)):
        return [low]  # a point: labels could not tell its ends apart
    rough = span / most
    power = 10 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 10) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


@dataclass(frozen=True)
class Axis:
    """Values to units along one side of the plot."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def axis(values: Sequence[float], start: float, end: float, *, zero: bool = False, room: float = 0.05) -> Axis:
    """An axis that holds all values with some room, and zero where it is a reference."""
    found = [v for v in values if math.isfinite(v)] + ([0.0] if zero else [])
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    pad = (high - low) * room or abs(high) * room or 1.0
    return Axis(low - pad, high + pad, start, end)


def text(x: float, y: float, said: str, *, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    where = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{number(x)}" y="{number(y)}"{where}{named}>{safe(said)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}"/>'


def path(points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False, title: str = "") -> str:
    said = "L".join(f"{number(x)} {number(y)}" for x, y in points)
    inner = f"<title>{safe(title)}</title>" if title else ""
    return f'<path class="{kind}" d="M{said}{"Z" if closed else ""}">{inner}</path>'


def mark(x: float, y: float, series: int, title: str, *, size: float = 3.5, data: str = "") -> str:
    """A point in the shape of its series: circle, square, triangle, diamond, and the same again hollow."""
    shape, hollow = (series + series // SHAPES) % 4, (series // 4) % 2  # 32 looks before one comes again
    look = f'class="mark s{series % SHAPES}{" hollow" if hollow else ""}"{data}'
    a, b, s = number(x), number(y), size
    inner = f"<title>{safe(title)}</title>"
    if shape == 0:
        return f'<circle {look} cx="{a}" cy="{b}" r="{number(s)}">{inner}</circle>'
    corners = {
        1: [(-s, -s), (s, -s), (s, s), (-s, s)],
        2: [(0, -s * 1.2), (s * 1.1, s), (-s * 1.1, s)],
        3: [(0, -s * 1.3), (s * 1.3, 0), (0, s * 1.3), (-s * 1.3, 0)],
    }[shape]
    drawn = "L".join(f"{number(x + dx)} {number(y + dy)}" for dx, dy in corners)
    return f'<path {look} d="M{drawn}Z">{inner}</path>'


def bottom_axis(scale: Axis, y: float, name: str, *, at: Sequence[float] | None = None) -> str:
    values = ticks(scale.low, scale.high) if at is None else at
    parts = [line(scale.start, y, scale.end, y, "axis")]
    for value in values:
        x = scale(value)
        parts += [line(x, y, x, y + 4, "tick"), text(x, y + 16, label(value), anchor="middle", kind="small")]
    middle, room = (scale.start + scale.end) / 2, int((scale.end - scale.start) / SMALL)
    return "".join([*parts, text(middle, y + 31, short(name, room), anchor="middle", kind="small")])


def left_axis(scale: Axis, x: float, name: str) -> str:
    parts = [line(x, scale.start, x, scale.end, "axis")]
    for value in ticks(scale.low, scale.high):
        y = scale(value)
        parts += [line(x - 4, y, x, y, "tick"), text(x - 6, y + 4, label(value), anchor="end", kind="small")]
    return "".join([*parts, text(0, min(scale.start, scale.end) - 8, name, kind="small")])


def figure(title: str, body: str, *, width: float = WIDTH, height: float, note: str = "") -> str:
    """The whole picture: its title, and under it the note of a rehearsal, which cannot be cut off with a caption.

    The note is also all over the drawing, faintly, so that a part that is cut out still says it.
    """
    width = max(width, NARROWEST)
    head = [text(4, 14, short(title, int(width / 6.6)), kind="title")]
    if note:
        head.append(text(4, 29, note, kind="note"))
    top = 38 if note else 22
    name = f"{title}. {note}" if note else title
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height + top)}" role="img" '
        f'aria-label="{safe(name)}">{"".join(head)}<g transform="translate(0 {top})">{body}</g>'
        f"{everywhere(note, width, top, height) if note else ''}</svg>"
    )


def everywhere(note: str, width: float, top: float, height: float) -> str:
    """A text in rows over an area, every second row moved, so that whatever is larger than a row holds it."""
    each = len(note) * SMALL + 12
    rows = []
    for row in range(max(1, int((height - 4) // 34))):
        begin = 8 - (row % 2) * each / 2
        rows += [
            text(begin + each * n, top + 24 + 34 * row, note, kind="faint")
            for n in range(math.ceil((width - begin) / each))
        ]
    return f'<g aria-hidden="true" pointer-events="none">{"".join(rows)}</g>'


def short(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1] + "…"


def standalone(svg: str) -> str:
    """A picture that brings its own colours, for a file of its own."""
    head, body = svg.split(">", 1)
    width, height = head.split('viewBox="0 0 ')[1].split('"')[0].split()
    body = OVER.sub(r'<text\1 class="under">\2</text>\g<0>', body)  # few drawing programs know `paint-order`
    return f'{head} width="{width}" height="{height}"><style>{STYLE}</style>{body}\n'


def safe(said: str) -> str:
    """Text of data inside markup. Signs that no XML may hold are shown as the sign for "no such character"."""
    return escape("".join(c if c in "\t\n\r" or (c >= " " and not 0xD800 <= ord(c) < 0xE000) else "�" for c in said))
