"""The kinds of stage, each with the version of its behaviour.

Raise a version when the same config and inputs would give another artifact (a mended bug, a changed default):
fingerprints of that kind, and of everything below it, change.
"""

from __future__ import annotations

VERSIONS = {
    "rows": 1,
    "tokens": 1,
    "train": 3,
    "evaluate": 2,
    "pretrain": 3,
    "translate": 2,
    "alter": 1,
    "merge": 1,
    "adopt": 1,
}
