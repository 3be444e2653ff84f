"""Figures as PNG and PDF: the SVG of a report, drawn by cairo, with its fonts inside. Optional: `waystage[figures]`."""

from __future__ import annotations

from typing import Any

from waystage.errors import InputError

DPI = 300  # of a PNG; an SVG unit is 1/96 inch, so a figure of 360 units is 3.75 inches wide
WITHOUT = "SVG figures need nothing (--format svg-figures, or --figure NAME --format svg)"


def png(svg: str) -> bytes:
    drawn: bytes = _cairosvg().svg2png(bytestring=svg.encode(), scale=DPI / 96, background_color="white")
    return drawn


def pdf(svg: str) -> bytes:
    drawn: bytes = _cairosvg().svg2pdf(bytestring=svg.encode())
    return drawn


def _cairosvg() -> Any:
    try:
        import cairosvg
    except ModuleNotFoundError:
        raise InputError(
            f"PNG and PDF figures need the package cairosvg. Type: pip install 'waystage[figures]'. {WITHOUT}"
        ) from None
    except OSError as error:  # the package is there, the library that it drives is not
        raise InputError(
            "PNG and PDF figures need the library cairo, which this machine lacks. Debian: apt-get install libcairo2; "
            f"macOS: brew install cairo. {WITHOUT}"
        ) from error
    return cairosvg
