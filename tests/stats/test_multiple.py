from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from waystage.stats.multiple import benjamini_hochberg, holm

P = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@settings(deadline=None)
@given(P)
def test_benjamini_hochberg_agrees_with_scipy(values):
    assert benjamini_hochberg(values) == pytest.approx(list(false_discovery_control(values)))


@settings(deadline=None)
@given(P)
def test_holm_lies_between_raw_and_bonferroni(values):
    for raw, adjusted, q in zip(values, holm(values), benjamini_hochberg(values), strict=True):
        assert raw <= adjusted <= min(1.0, raw * len(values)) + 1e-12
        assert q <= adjusted + 1e-12


def test_by_hand_and_without_p():
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([None]) == [None]
    assert benjamini_hochberg([]) == []
