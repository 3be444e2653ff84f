"""An estimate with what is known about its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass, replace

from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class Interval:
    """`low` and `high` are None where no honest interval exists; `note` then says why."""

    estimate: float
    low: float | None
    high: float | None
    df: float | None  # of the t distribution behind the interval; None: no interval
    method: str
    n: int  # independent units behind it: seeds, clusters of items, families
    note: str = ""
    se: float | None = None
    p: float | None = None  # two-sided, against zero
    level: float = 0.95

    @property
    def half(self) -> float | None:
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def at(self, level: float) -> Interval:
        """The same estimate at another level, as equivalence tests need it."""
        if self.se is None or self.df is None:
            return replace(self, level=level)
        half = float(stdtrit(self.df, 0.5 + level / 2)) * self.se
        return replace(self, low=self.estimate - half, high=self.estimate + half, level=level)

    def above(self, threshold: float) -> float | None:
        """One-sided p of "not above the threshold": small means above."""
        if self.se is None or self.df is None:
            return None
        if self.se == 0:
            return 0.0 if self.estimate > threshold else 1.0
        return float(stdtr(self.df, -(self.estimate - threshold) / self.se))

    def below(self, threshold: float) -> float | None:
        over = self.above(threshold)
        return None if over is None else 1.0 - over

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.estimate:+.2f} (no interval: {self.note})"
        return f"{self.estimate:+.2f} ({self.level * 100:g} % interval {self.low:+.2f} to {self.high:+.2f})"


def from_t(
    estimate: float, se: float, df: float, *, method: str, n: int, note: str = "", level: float = 0.95
) -> Interval:
    """estimate ± t × se, with the two-sided p against zero."""
    bare = Interval(estimate, None, None, df, method, n, note, se, level=level)
    over, under = bare.above(0.0), bare.below(0.0)
    assert over is not None and under is not None
    p = 1.0 if estimate == se == 0 else min(1.0, 2 * min(over, under))  # exactly nothing speaks against nothing
    return replace(bare.at(level), p=p)


def without(estimate: float, *, method: str, n: int, why: str, level: float = 0.95) -> Interval:
    """An estimate alone, and why it stands alone."""
    return Interval(estimate, None, None, None, method, n, why, level=level)
