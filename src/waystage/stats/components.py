"""Where does the spread over seeds come from: the intermediate checkpoint, or the training on the target?

Each target of a seed starts from the same intermediate checkpoint. What the targets of a seed share is the
checkpoint's; what they do not share is their own training (and, in small test sets, the items). A two-way analysis of
variance of seeds by targets, by moments; with few seeds the parts are rough, and a negative estimate is shown as zero.
More target seeds cannot buy off the checkpoint's part: an average over targets keeps all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from waystage.stats.average import Contrast


@dataclass(frozen=True)
class Components:
    """Standard deviations in points, of a single seed."""

    checkpoint: float  # shared by the targets of a seed
    target: float  # of one target's own training
    of_average: float  # of the average over the targets, as seen
    seeds: int
    targets: int


def components(found: Contrast) -> Components | None:
    """Of the differences of a contrast; None with fewer than two seeds or two targets."""
    seeds = found.seeds
    gains = np.array([[pair.per_seed[seed] for pair in found.pairs] for seed in seeds])
    n, targets = gains.shape
    if n < 2 or targets < 2:
        return None
    centred = gains - gains.mean(axis=0)
    by_seed = centred.mean(axis=1)
    own = float(((centred - by_seed[:, None]) ** 2).sum()) / ((n - 1) * (targets - 1))
    average = float((by_seed**2).sum()) / (n - 1)
    shared = max(0.0, average - own / targets)
    return Components(shared**0.5, own**0.5, average**0.5, n, targets)
