from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from waystage.stats.power import detectable, power


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_power_without_an_effect_is_the_level(seeds):
    assert power(0.0, 1.0, seeds) == pytest.approx(0.05, abs=5e-4)


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 5), (1.5, 5), (2.0, 3)])
def test_power_agrees_with_the_noncentral_t(effect, seeds):
    df, limit, shift = seeds - 1, stats.t.ppf(0.975, seeds - 1), effect * seeds**0.5
    assert power(effect, 1.0, seeds) == pytest.approx(
        stats.nct.sf(limit, df, shift) + stats.nct.cdf(-limit, df, shift), abs=2e-3
    )


def test_the_detectable_effect_is_detected():
    found = detectable([0.5, -0.3, 0.4, 0.1], 5)
    assert power(found.effect, np.std([0.5, -0.3, 0.4, 0.1], ddof=1), 5) == pytest.approx(0.8)
    assert found.cautious > found.effect
    assert "5 seeds find a difference of" in str(found)
    assert detectable([0.5, -0.3, 0.4, 0.1], 10).effect < found.effect


@pytest.mark.parametrize(
    ("differences", "options", "why"),
    [
        ([1.0, 2.0], {}, "run a pilot (2 stored"),
        ([1.0, 2.0, 4.0], {"rehearsal": True}, "rehearsal"),
        ([1.0] * 3, {}, "not differ"),
    ],
)
def test_without_real_runs_it_is_unknown(differences, options, why):
    found = detectable(differences, 5, **options)
    assert found.effect is None
    assert str(found).startswith("unknown: run a pilot")
    assert why in str(found)


def test_what_differs_by_the_order_of_a_sum_does_not_differ():
    assert "do not differ" in detectable([5.0, 5.0 + 1e-12, 5.0], 3).why
