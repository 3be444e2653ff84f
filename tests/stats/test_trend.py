from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from waystage.errors import InputError
from waystage.stats import scaling
from waystage.stats.simulation import FAMILIES_15, FAMILIES_36
from waystage.stats.trend import rank_correlation, trend

CODES = tuple(FAMILIES_36)


def column(draw: int) -> dict[str, float]:
    return dict(zip(CODES, np.random.default_rng(draw).normal(0, 1, len(CODES)), strict=True))


def test_slopes_are_least_squares():
    distance, text = column(1), column(2)
    gains = {code: 2 - 3 * distance[code] + 0.5 * text[code] + 0.1 * noise for code, noise in column(3).items()}
    found = trend(gains, {"distance": distance, "text": text}, FAMILIES_36)
    x = np.column_stack([np.ones(len(CODES)), *([v[c] for c in CODES] for v in (distance, text))])
    beta = np.linalg.lstsq(x, np.array([gains[code] for code in CODES]), rcond=None)[0]
    for slope, expected, values in zip(found.slopes, beta[1:], (distance, text), strict=True):
        assert slope.interval.estimate == pytest.approx(expected * np.std(list(values.values()), ddof=1))
    assert found.slopes[0].interval.high < 0
    assert found.explained > 0.99
    assert (found.languages, found.families) == (len(CODES), 10)


def test_every_language_its_own_family_is_the_usual_robust_error():
    distance = column(1)
    gains = {code: distance[code] + noise for code, noise in column(3).items()}
    found = trend(gains, {"distance": distance}, {code: code for code in CODES}).slopes[0].interval
    x = np.column_stack([np.ones(len(CODES)), stats.zscore([distance[code] for code in CODES], ddof=1)])
    hat = x @ np.linalg.inv(x.T @ x) @ x.T
    rest = (np.eye(len(CODES)) - hat) @ np.array([gains[code] for code in CODES])
    meat = x.T @ np.diag(rest**2 / (1 - np.diag(hat))) @ x
    expected = (np.linalg.inv(x.T @ x) @ meat @ np.linalg.inv(x.T @ x))[1, 1] ** 0.5
    assert found.se == pytest.approx(expected)


def test_tangled_predictors_are_marked():
    distance = column(1)
    nearly = {code: distance[code] + 0.1 * noise for code, noise in column(2).items()}
    found = trend(column(3), {"distance": distance, "text": nearly}, FAMILIES_36)
    correlation = np.corrcoef(list(distance.values()), list(nearly.values()))[0, 1]
    assert found.slopes[0].inflation == pytest.approx(1 / (1 - correlation**2))
    assert "tangled" in found.slopes[0].note
    assert trend(column(3), {"distance": distance}, FAMILIES_36).slopes[0].inflation == pytest.approx(1)


def test_languages_without_a_value_are_named_not_imputed():
    distance: dict[str, float | None] = {**column(1), "l3": None}
    found = trend(column(2), {"distance": distance}, FAMILIES_36)
    assert found.left_out == ("l3",)
    assert found.languages == len(CODES) - 1


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(InputError, match="the same in all"):
        trend(column(1), {"constant": dict.fromkeys(CODES, 1.0)}, FAMILIES_36)
    with pytest.raises(InputError, match="say the same"):
        trend(column(1), {"a": column(2), "b": column(2)}, FAMILIES_36)
    with pytest.raises(InputError, match="too few"):
        trend({"l1": 1.0, "l2": 2.0}, {"a": column(2)}, FAMILIES_36)


def test_few_families_get_no_interval():
    families = {code: "ab"[i % 2] for i, code in enumerate(CODES)}
    found = trend(column(1), {"a": column(2)}, families).slopes[0].interval
    assert found.low is None
    assert "2 families" in found.note


def test_rank_correlation():
    codes = tuple(FAMILIES_15)
    x = dict(zip(codes, range(15), strict=True))
    y = {code: value**3 for code, value in x.items()}
    assert rank_correlation(y, x, FAMILIES_15).estimate == pytest.approx(1)
    noisy = {
        code: value + 6 * noise
        for (code, value), noise in zip(x.items(), np.random.default_rng(0).normal(size=15), strict=True)
    }
    found = rank_correlation(noisy, x, FAMILIES_15)
    assert found.estimate == pytest.approx(stats.spearmanr(list(x.values()), [noisy[c] for c in codes]).statistic)
    assert -1 < found.low < found.estimate < found.high < 1


def test_scaling_agrees_with_a_regression():
    values = {1e9: 1.0, 3e9: 1.4, 7e9: 2.2, 70e9: 3.0}
    found = scaling.fit(values)
    expected = stats.linregress(np.log10(list(values)), list(values.values()))
    assert (found.slope.estimate, found.slope.se) == (pytest.approx(expected.slope), pytest.approx(expected.stderr))
    inside, beyond = found.predict(7e9), found.predict(400e9)
    assert beyond.half > inside.half
    assert beyond.note == "outside the sizes that were run"


def test_three_sizes_say_how_little_they_say():
    found = scaling.fit({7e9: 1.0, 13e9: 2.0, 70e9: 3.1})
    assert found.slope.df == 1
    assert "one degree of freedom" in found.note
    assert found.slope.half > 10 * found.slope.se


def test_two_sizes_have_no_interval_and_one_has_no_trend():
    found = scaling.fit({7e9: 1.0, 70e9: 3.0})
    assert found.slope.estimate == pytest.approx(2.0)
    assert found.slope.low is None
    assert found.predict(13e9).low is None
    with pytest.raises(InputError, match="two sizes"):
        scaling.fit({7e9: 1.0})


def test_gains_that_are_all_alike_explain_nothing_and_stop_nothing():
    codes = list(FAMILIES_15)
    found = trend(dict.fromkeys(codes, 0.0), {"distance": {c: float(i) for i, c in enumerate(codes)}}, FAMILIES_15)
    assert found.explained == 0.0
    assert found.slopes[0].interval.estimate == 0.0
