"""Places where a test may kill the process, so that "survives a kill anywhere" is a tested sentence.

`WAYSTAGE_TEST_DIE_AT=before-rename` dies the first time that point is reached, `before-rename:3` the third time.
Without the variable `reach` does nothing.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

# Points of the store, in the order in which one stage passes them; other rooms may name their own.
STORE = (
    "lock-taken",
    "work-opened",
    "stage-finished",
    "payload-synced",
    "before-manifest",
    "manifest-written",
    "manifest-synced",
    "before-rename",
    "after-rename",
    "folder-synced",
    "scratch-removed",
    "before-unlock",
    "after-unlock",
)
DROP = ("before-drop", "drop-recorded", "drop-moved")
RECORD = ("text-written", "text-synced", "text-renamed")

_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    wanted = os.environ.get("WAYSTAGE_TEST_DIE_AT")
    if wanted is None:
        return
    name, _, count = wanted.partition(":")
    if name == point:
        _reached[point] += 1
        if _reached[point] == int(count or 1):
            os.kill(os.getpid(), signal.SIGKILL)
