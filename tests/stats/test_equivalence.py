from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.stats.equivalence import judge
from waystage.stats.interval import from_t
from waystage.stats.seeds import mean

ESTIMATES = st.floats(-5, 5)
ERRORS = st.floats(0.01, 3)


def interval(estimate: float, se: float, df: float = 4):
    return from_t(estimate, se, df, method="t", n=5)


@settings(deadline=None)
@given(ESTIMATES, ERRORS, st.floats(0.1, 4))
def test_equivalence_is_the_90_percent_interval_inside_the_margin(estimate, se, margin):
    found = judge(interval(estimate, se), "equivalent", margin=margin)
    narrow = interval(estimate, se).at(0.90)
    assert (found.word == "equivalent") == (-margin < narrow.low and narrow.high < margin) or found.p == pytest.approx(
        0.05
    )


@settings(deadline=None)
@given(ESTIMATES, ERRORS)
def test_equivalent_is_never_worse(estimate, se):
    one = interval(estimate, se)
    if judge(one, "equivalent", margin=1.0).word == "equivalent":
        assert judge(one, "not worse", margin=1.0).word == "not worse"
        assert judge(one, "better", margin=1.0).word != "better"


def test_words():
    assert judge(interval(0.1, 0.1), "equivalent", margin=1.0).why == "the difference lies within ±1"
    assert judge(interval(2.0, 0.1), "better", margin=1.0).why == "better by more than 1"
    assert judge(interval(-2.0, 0.1), "not worse", margin=1.0).word == "not shown to be not worse"
    assert judge(mean([1.0]), "equivalent", margin=1.0).word == "no verdict"


def test_a_margin_is_needed():
    with pytest.raises(InputError, match="smallest difference that matters"):
        judge(interval(0, 1), "equivalent")
