from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from waystage.stats.average import Contrast, Pair
from waystage.stats.languages import new_language, these_languages


def contrast_of(table: pd.DataFrame, *more: pd.DataFrame) -> Contrast:
    pairs = tuple(Pair(f"t{i}", "f1", one, one * 0) for i, one in enumerate((table, *more)))
    return Contrast("a", "b", "model", "en", pairs)


def test_with_quiet_seeds_it_is_the_t_test_of_family_means():
    families = {"de": "ie", "hi": "ie", "ar": "af", "sw": "nc", "tr": "tu", "zh": "st"}
    row = dict(zip(families, (1.0, 3.0, 2.5, -1.0, 0.5, 4.0), strict=True))
    table = pd.DataFrame([row] * 4)
    found = new_language(contrast_of(table), families=families)
    expected = stats.ttest_1samp([2.0, 2.5, -1.0, 0.5, 4.0], 0)
    assert (found.estimate, found.p) == (pytest.approx(1.6), pytest.approx(expected.pvalue))
    assert (found.n, found.df) == (5, pytest.approx(4))


def test_relatives_are_no_further_witnesses():
    families = {"de": "ie", "ar": "af", "sw": "nc", "tr": "tu"}
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(1, 1, (3, 4)), columns=list(families))
    crowded = table.assign(**{f"x{i}": table["de"] for i in range(20)})
    more = families | {f"x{i}": "ie" for i in range(20)}
    assert new_language(contrast_of(crowded), families=more) == new_language(contrast_of(table), families=families)
    assert these_languages(contrast_of(crowded)).estimate != these_languages(contrast_of(table)).estimate


def test_the_table_of_languages_knows_the_families():
    table = pd.DataFrame(np.random.default_rng(1).normal(1, 1, (3, 5)), columns=["de", "hi", "sw", "tr", "zh"])
    assert new_language(contrast_of(table)).n == 4


@pytest.mark.parametrize("families", [{"de": "ie", "hi": "ie"}, {"de": "ie", "sw": "nc"}])
def test_one_or_two_families_say_nothing(families):
    table = pd.DataFrame(np.random.default_rng(1).normal(1, 1, (3, 2)), columns=list(families))
    found = new_language(contrast_of(table), families=families)
    assert found.low is None
    assert "too few families" in found.note


def test_one_seed_says_nothing():
    table = pd.DataFrame(np.ones((1, 4)), columns=list("wxyz"))
    assert new_language(contrast_of(table), families={c: c for c in "wxyz"}).low is None


def test_names_are_imported_when_used():
    """Reports import the package; scipy is paid for when something is computed."""
    code = "import sys, waystage.stats; sys.exit('scipy' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    import waystage.stats

    assert all(hasattr(waystage.stats, name) for name in waystage.stats.__all__)
    with pytest.raises(AttributeError):
        waystage.stats.nothing
