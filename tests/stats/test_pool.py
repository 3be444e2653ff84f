"""Studies drawn from forty real trainings of one small cell, two arms (`benchmarks/pool.py`): rates of right and wrong.

Seeds are drawn without replacement, so an interval for all possible seeds covers the mean of the pool a little more
often than 95 %: by sqrt(1 - n / 40), which makes 97 of 95 with five seeds of normal spread.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from waystage.stats import languages, verdict
from waystage.stats.average import Contrast, Pair
from waystage.stats.power import power

FILE = Path(__file__).with_name("pool.npz")
DRAWS = 500

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="`python benchmarks/pool.py` has not written the pool")


@pytest.fixture(scope="module")
def pool() -> dict[str, pd.DataFrame]:
    """Arm -> F1, seeds by languages."""
    with np.load(FILE) as held:
        codes = [str(code) for code in held["languages"]]
        arms = {name.partition("/")[0] for name in held if "/" in name}
        scores = {
            arm: 100 * held[f"{arm}/over"].sum(axis=-1, dtype=float) / held[f"{arm}/under"].sum(axis=-1, dtype=float)
            for arm in sorted(arms)
        }
    return {arm: pd.DataFrame(table, columns=codes) for arm, table in scores.items()}


def compared(a: pd.DataFrame, b: pd.DataFrame) -> tuple[str, float, float]:
    """The word and the interval that a study of these seeds gets."""
    a, b = a.reset_index(drop=True), b.reset_index(drop=True)
    found = Contrast("a", "b", "standin-s", "en", (Pair("udpos", "f1", a, b),))
    interval = languages.these_languages(found)
    assert interval.low is not None and interval.high is not None
    return verdict.of(interval, seeds=len(a)).word, interval.low, interval.high


def test_the_pool_is_one_of_forty_seeds_that_differ(pool):
    assert set(pool) == {"none", "helped"}
    for table in pool.values():
        assert table.shape == (40, 6)
        assert table.nunique().min() > 20


@pytest.mark.parametrize("arm", ["none", "helped"])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_an_arm_against_itself_is_silent(pool, arm, seeds):
    rng, table = np.random.default_rng(seeds), pool[arm]
    words = []
    for _ in range(DRAWS):
        drawn = rng.permutation(len(table))[: 2 * seeds]
        words.append(compared(table.iloc[drawn[:seeds]], table.iloc[drawn[seeds:]])[0])
    wrong = np.mean([word in ("better", "worse") for word in words])
    assert wrong <= 0.06 + 3 * (0.05 * 0.95 / DRAWS) ** 0.5


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_planted_effect_is_found_as_often_as_theory_says(pool, seeds):
    """Language by language, so that large and small effects are among them; and never with the wrong sign."""
    rng, every = np.random.default_rng(seeds), pool["helped"] - pool["none"]
    for code in every.columns:
        effect, sd = float(every[code].mean()), float(every[code].std())
        words = []
        for _ in range(DRAWS // 4):
            drawn = rng.permutation(len(every))[:seeds]
            words.append(compared(pool["helped"].iloc[drawn][[code]], pool["none"].iloc[drawn][[code]])[0])
        right, wrong = ("better", "worse") if effect > 0 else ("worse", "better")
        found = np.mean([word == right for word in words])
        assert found == pytest.approx(power(effect, sd, seeds), abs=0.15), code
        assert np.mean([word == wrong for word in words]) <= 0.06, code


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_cover_the_mean_of_the_pool(pool, seeds):
    rng = np.random.default_rng(seeds)
    truth = float((pool["helped"] - pool["none"]).to_numpy().mean())
    inside = []
    for _ in range(DRAWS):
        drawn = rng.permutation(40)[:seeds]
        _, low, high = compared(pool["helped"].iloc[drawn], pool["none"].iloc[drawn])
        inside.append(low <= truth <= high)
    assert 0.93 - 0.02 <= np.mean(inside) <= 0.99
