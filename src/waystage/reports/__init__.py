"""What a researcher looks at, and shows to others: one page, the same tables as files, a summary in the terminal.

Everything shown comes from one plain structure, `content.content(results)`; the page, Markdown, LaTeX, CSV and terminal
text are views of it, and `--format json` is it. Nothing here computes statistics (`waystage.stats` does) or changes the
store.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waystage.reports.beside import compare as compare
    from waystage.reports.exports import FORMATS as FORMATS
    from waystage.reports.exports import ending as ending
    from waystage.reports.exports import figure as figure
    from waystage.reports.exports import write as write
    from waystage.reports.exports import write_figure as write_figure
    from waystage.reports.terminal import summary as summary
    from waystage.reports.terminal import text as text

_WHERE = {
    "FORMATS": "exports",
    "compare": "beside",
    "ending": "exports",
    "figure": "exports",
    "summary": "terminal",
    "text": "terminal",
    "write": "exports",
    "write_figure": "exports",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
