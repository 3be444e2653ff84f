"""On which line of a TOML file a key stands, so that an error can point at it. The parsing itself is tomllib's."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(
    r"""\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=\s*(.*)$"""
)
_PART = re.compile(r'"([^"]*)"|\'([^\']*)\'|([A-Za-z0-9_-]+)')


def key_lines(text: str) -> dict[Path, int]:
    """{("intermediate", "mnli", "tasks"): 12, ...}; array tables get an index, [[question]] -> ("question", 0)."""
    lines: dict[Path, int] = {}
    here: Path = ()
    counts: dict[Path, int] = {}
    depth, quote = 0, ""  # inside a value that goes on over several lines
    for number, line in enumerate(text.splitlines(), 1):
        if depth or quote:
            depth, quote = _balance(line, depth, quote)
            continue
        header = _HEADER.match(line)
        if header:
            path = _parts(header[2])
            if header[1] == "[[":
                counts[path] = counts.get(path, -1) + 1
                path = (*path, counts[path])
            elif path and path[:-1] in counts:
                path = (*path[:-1], counts[path[:-1]], path[-1])
            here = path
            lines.setdefault(here, number)
            continue
        key = _KEY.match(line)
        if key:
            path = (*here, *_parts(key[1]))
            for end in range(len(here) + 1, len(path) + 1):
                lines.setdefault(path[:end], number)
            for inner in re.finditer(r"([A-Za-z0-9_-]+)\s*=", key[2]) if key[2].startswith("{") else ():
                lines.setdefault((*path, inner[1]), number)
            depth, quote = _balance(key[2], 0, "")
    return lines


def line_of(path: Path, lines: dict[Path, int]) -> int | None:
    """The line of a key, or of the nearest table around it that the file names."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


def _parts(dotted: str) -> Path:
    return tuple(next(g for g in match.groups() if g is not None) for match in _PART.finditer(dotted))


def _balance(text: str, depth: int, quote: str) -> tuple[int, str]:
    """Open brackets and an open multi-line string after this piece of text."""
    at = 0
    while at < len(text):
        three, one = text[at : at + 3], text[at]
        if quote:
            if three == quote:
                quote, at = "", at + 3
                continue
            at += 2 if one == "\\" and quote == '"""' else 1
            continue
        if three in ('"""', "'''"):
            quote, at = three, at + 3
            continue
        if one in "\"'":
            end = at + 1
            while end < len(text) and text[end] != one:
                end += 2 if text[end] == "\\" and one == '"' else 1
            at = end + 1
            continue
        if one == "#":
            break
        depth += (one in "[{") - (one in "]}")
        at += 1
    return max(depth, 0), quote
