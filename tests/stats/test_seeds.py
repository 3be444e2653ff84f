from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from waystage.stats import seeds

VALUES = st.lists(st.floats(-100, 100).map(lambda v: round(v, 3)), min_size=2, max_size=9)


@settings(deadline=None)
@given(VALUES)
def test_paired_agrees_with_scipy(values):
    found = seeds.mean(values)
    if len(set(values)) == 1:
        assert found.low is None or values[0] == 0
        return
    expected = stats.ttest_1samp(values, 0.0)
    low, high = expected.confidence_interval(0.95)
    assert found.low == pytest.approx(low, abs=1e-6)
    assert found.high == pytest.approx(high, abs=1e-6)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)


def test_welch_agrees_with_scipy():
    a, b = [71.2, 70.1, 72.9, 71.5], [69.0, 70.5, 66.0]
    expected = stats.ttest_ind(a, b, equal_var=False)
    found = seeds.unpaired(a, b)
    assert (found.p, found.df) == (pytest.approx(expected.pvalue), pytest.approx(expected.df))
    assert found.low == pytest.approx(expected.confidence_interval().low)


def test_pairing_uses_shared_seeds_and_cancels_what_they_share():
    a, b = {1: 60.0, 2: 70.0, 3: 80.0, 9: 0.0}, {1: 59.0, 2: 69.1, 3: 78.9}
    found = seeds.paired(a, b)
    assert found.n == 3
    assert found.half < 0.3
    assert seeds.unpaired(list(a.values())[:3], list(b.values())).half > 20


def test_against_a_fixed_baseline():
    found = seeds.against([31.0, 33.0, 35.0], 30.0)
    assert found.estimate == pytest.approx(3.0)
    assert found.p == pytest.approx(stats.ttest_1samp([31.0, 33.0, 35.0], 30.0).pvalue)


def test_one_seed_has_no_interval_and_says_why():
    found = seeds.mean([3.0])
    assert (found.low, found.high, found.p) == (None, None, None)
    assert "another seed" in found.note
    assert "no interval" in str(found)
    assert seeds.unpaired([1.0, 2.0, 3.0], [4.0]).low is None


def test_two_seeds_have_a_wide_interval_and_a_note():
    found = seeds.mean([1.0, 2.0])
    assert found.half == pytest.approx(12.706 * 0.5, rel=1e-3)
    assert found.note == seeds.TWO_SEEDS


def test_equal_results_do_not_make_a_zero_width_interval():
    found = seeds.mean([1.5, 1.5, 1.5])
    assert found.low is None
    assert "cannot be estimated" in found.note
    assert seeds.mean([0.0, 0.0]).high == 0
    assert seeds.unpaired([1.0, 1.0], [0.0, 0.0]).low is None


@settings(deadline=None)
@given(st.lists(st.floats(-10, 10).map(lambda v: round(v, 2)), min_size=1, max_size=7))
def test_sign_flips_agree_with_enumeration(values):
    total = abs(sum(values))
    sums = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    found = seeds.sign_flip(values)
    assert found.p == pytest.approx(sum(s >= total - 1e-9 for s in sums) / len(sums))
    assert found.p >= found.smallest


def test_three_seeds_cannot_reach_significance_by_signs_and_six_can():
    assert seeds.sign_flip([5.0, 5.1, 5.2]).p == 0.25
    assert "cannot be below 0.25" in str(seeds.sign_flip([5.0, 5.1, 5.2]))
    assert seeds.sign_flip([5.0, 5.1, 5.2, 5.3, 5.4, 5.5]).p == pytest.approx(2 / 64)


def test_many_seeds_are_sampled():
    rng = np.random.default_rng(1)
    found = seeds.sign_flip(rng.normal(0, 1, 30))
    assert not found.exact
    assert seeds.sign_flip(rng.normal(3, 1, 30)).p < 0.001
