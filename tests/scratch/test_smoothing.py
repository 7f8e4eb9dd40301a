"""Simple, Holt and Holt-Winters smoothing: by hand, by their definitions, and against statsmodels' digits.

statsmodels is not a dependency: its results on the worked example were taken once from version 0.15.0, with the same
start ("known"), and typed in. The four-step forecasts are those of its ETSModel: ExponentialSmoothing of that version
has the season of step 4 one year too old.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch import smoothing
from learnloop.scratch.smoothing import Kind, State
from tests.scratch.checks import assert_autograd, assert_differences

KINDS: list[Kind] = ["additive", "multiplicative"]
RATE = st.floats(0, 1)


def torch_simple(y: torch.Tensor, alpha: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    forecasts = []
    for value in y:
        forecasts.append(level)
        level = level + alpha * (value - level)
    return torch.stack(forecasts)


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = smoothing.example()
    # 8, (8 + 8)/2, (12 + 8)/2, (6 + 10)/2, (10 + 8)/2
    np.testing.assert_array_equal(e["simple"][:5], [8, 8, 10, 8, 9])
    # level 8, trend 0; y = 8, then 12: level 10, trend 1; then 6: level 8.5, trend -0.25
    np.testing.assert_array_equal(e["holt"][:4], [8, 8, 11, 8.25])
    # means 9 and 13: trend 1, level 9 - 2.5, the line 7.5 8.5 9.5 10.5
    np.testing.assert_array_equal(e["additive_start"], [6.5, 1])
    np.testing.assert_array_equal(e["additive_first_season"], [0.5, 3.5, -3.5, -0.5])
    np.testing.assert_allclose(e["multiplicative_first_season"], [8 / 7.5, 12 / 8.5, 6 / 9.5, 10 / 10.5], atol=1e-15)
    # t = 4: 10.5 + 1 + 0.5 = 12, came 14: level 12.5, trend 1.5, season 1.5; t = 5: 14 + 3.5
    np.testing.assert_array_equal(e["additive_forecasts"][:6], [8, 12, 6, 10, 12, 17.5])
    assert (e["additive_levels"][4], e["additive_trends"][4], e["additive_seasons"][4]) == (12.5, 1.5, 1.5)
    # t = 4: 11.5 * 16/15; level (14 / (16/15) + 11.5) / 2, trend (level - 10.5 + 1) / 2
    np.testing.assert_allclose(e["multiplicative_forecasts"][4], 11.5 * 16 / 15, atol=1e-13)
    level, trend, season = (e[f"multiplicative_{part}"][4] for part in ("levels", "trends", "seasons"))
    np.testing.assert_allclose([level, trend, season], [12.3125, 1.40625, (14 / 11.5 + 16 / 15) / 2], atol=1e-13)


def test_the_worked_example_has_the_digits_of_statsmodels() -> None:
    e = smoothing.example()
    simple = [8, 8, 10, 8, 9, 11.5, 14.75, 10.875, 11.9375, 14.96875, 19.984375, 14.4921875]
    np.testing.assert_allclose(e["simple"], simple, atol=5e-9)
    holt = [8, 8, 11, 8.25, 9.3125, 13.015625, 18.11328125, 12.38378906]
    np.testing.assert_allclose(e["holt"], [*holt, 12.6730957, 16.6494751, 24.22529602, 16.20688248], atol=5e-8)
    additive = [15.2734375, 19.85742188, 14.74755859, 18.3963623]
    np.testing.assert_allclose(e["additive_forecasts"][8:], additive, atol=5e-8)
    np.testing.assert_allclose(e["additive_ahead"], [20.76620483, 24.44458008, 9.28237915, 16.88146973], atol=5e-9)
    multiplicative = [15.80777042, 21.46420369, 10.43192092, 17.86170528]
    np.testing.assert_allclose(e["multiplicative_forecasts"][8:], multiplicative, atol=5e-9)
    np.testing.assert_allclose(e["multiplicative_ahead"][:3], [21.84104275, 27.08437944, 9.81823143], atol=5e-9)


def test_other_rates_have_the_digits_of_statsmodels() -> None:
    """alpha, beta, gamma = 0.3, 0.2, 0.4: equal rates would not notice two that are swapped."""
    y = smoothing.example()["y"]
    wanted = {
        "additive": [16.34631168, 20.53543276, 13.89137154, 17.7199616],
        "multiplicative": [16.69651027, 22.50451811, 10.22694682, 16.91863729],
    }
    ahead = {
        "additive": [20.89738187, 25.58594207, 13.46345518],
        "multiplicative": [21.55694022, 28.32984031, 11.15940949],
    }
    for kind in KINDS:
        run = smoothing.holt_winters(y, 0.3, 0.2, 0.4, smoothing.first_state(y, 4, kind), kind)
        np.testing.assert_allclose(run.forecasts[8:], wanted[kind], atol=5e-8)
        np.testing.assert_allclose(smoothing.forecast(run.state, 3, kind), ahead[kind], atol=5e-9)


@pytest.mark.parametrize("time", [1, 2, 7])
def test_the_gradient_of_simple_smoothing_equals_torch_and_differences(time: int) -> None:
    rng = np.random.default_rng(time)
    y, dforecasts, alpha, level = rng.normal(size=time), rng.normal(size=time), np.array(0.3), np.array(0.7)
    dy, dalpha, dlevel = smoothing.simple_backward(dforecasts, y, float(alpha), float(level))
    gradients = [dy, np.array(dalpha), np.array(dlevel)]
    assert_differences(
        lambda y, alpha, level: smoothing.simple(y, float(alpha), float(level))[0],
        [y, alpha, level],
        dforecasts,
        gradients,
    )
    if time > 1:  # torch has no path from a first forecast to y and alpha
        assert_autograd(torch_simple, [y, alpha, level], dforecasts, gradients)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), time=st.integers(1, 12), alpha=RATE)
def test_simple_smoothing_is_a_sum_of_weights_that_fade_and_add_up_to_one(seed: int, time: int, alpha: float) -> None:
    """l_t = sum_k alpha (1 - alpha)^k y_(t-k) + (1 - alpha)^(t+1) l_(-1)."""
    y = np.random.default_rng(seed).normal(size=time)
    _, levels = smoothing.simple(y, alpha, level=0.7)
    weights = alpha * (1 - alpha) ** np.arange(time)
    rest = (1 - alpha) ** time
    np.testing.assert_allclose(levels[-1], weights @ y[::-1] + rest * 0.7, atol=1e-12)
    np.testing.assert_allclose(weights.sum() + rest, 1, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(alpha=RATE, beta=RATE, intercept=st.floats(-100, 100), slope=st.floats(-10, 10))
def test_holt_forecasts_a_straight_line_without_error(
    alpha: float, beta: float, intercept: float, slope: float
) -> None:
    y = intercept + slope * np.arange(1, 15)
    run = smoothing.holt(y[:10], alpha, beta, State(intercept, slope))
    assert run.forecasts.shape == (10,)
    np.testing.assert_allclose(run.forecasts, y[:10], atol=1e-10)
    np.testing.assert_allclose(smoothing.forecast(run.state, 4), y[10:], atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), m=st.integers(1, 5), alpha=RATE, beta=RATE, gamma=RATE)
def test_holt_winters_forecasts_a_line_with_a_season_without_error(
    seed: int, m: int, alpha: float, beta: float, gamma: float
) -> None:
    """Additive from its own first state, whatever the rates; multiplicative from the true one."""
    season = np.random.default_rng(seed).uniform(-2, 2, size=m)
    line, seasons = 10 + 0.5 * np.arange(4 * m), np.tile(season - season.mean(), 4)
    y = line + seasons
    run = smoothing.holt_winters(y[: 3 * m], alpha, beta, gamma, smoothing.first_state(y, m))
    np.testing.assert_allclose(run.forecasts, y[: 3 * m], atol=1e-10)
    np.testing.assert_allclose(smoothing.forecast(run.state, m), y[3 * m :], atol=1e-10)
    y = line * np.exp(seasons / 4)
    start = State(9.5, 0.5, np.exp(seasons[:m] / 4))
    run = smoothing.holt_winters(y[: 3 * m], alpha, beta, gamma, start, "multiplicative")
    np.testing.assert_allclose(run.forecasts, y[: 3 * m], atol=1e-9)
    np.testing.assert_allclose(smoothing.forecast(run.state, m, "multiplicative"), y[3 * m :], atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_season_is_forecast_as_it_was(kind: Kind) -> None:
    y = smoothing.example()["y"]
    start = smoothing.first_state(y, 4, kind)
    run = smoothing.holt_winters(y, 0.3, 0.2, 0.1, start, kind)
    np.testing.assert_allclose(run.forecasts[:4], y[:4], atol=1e-12)
    assert np.abs(run.forecasts[4:] - y[4:]).min() > 0.01


def test_winters_own_season_is_the_same_rule_with_gamma_times_one_minus_alpha() -> None:
    y, alpha, beta, g, m = smoothing.example()["y"], 0.3, 0.2, 0.4, 4
    start = smoothing.first_state(y, m)
    level, trend, season = start.level, start.trend, list(start.season)
    forecasts = []
    for t, value in enumerate(y):
        forecasts.append(level + trend + season[t])
        before = level
        level = alpha * (value - season[t]) + (1 - alpha) * (level + trend)
        trend = beta * (level - before) + (1 - beta) * trend
        season.append(g * (value - level) + (1 - g) * season[t])
    ours = smoothing.holt_winters(y, alpha, beta, g * (1 - alpha), start)
    np.testing.assert_allclose(ours.forecasts, forecasts, atol=1e-12)
    assert np.abs(smoothing.holt_winters(y, alpha, beta, g, start).forecasts - forecasts).max() > 0.1


def test_the_longer_forecast_repeats_the_last_season_along_the_trend() -> None:
    state = State(10.0, 1.0, np.array([2.0, -2.0]))
    np.testing.assert_array_equal(smoothing.forecast(state, 5), [13, 10, 15, 12, 17])
    np.testing.assert_array_equal(smoothing.forecast(state, 3, "multiplicative"), [22, -24, 26])
    np.testing.assert_array_equal(smoothing.forecast(State(10.0, 1.0), 2), [11, 12])


def test_series_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as error:
        smoothing.first_state(np.zeros(7), 4)
    assert str(error.value) == "b = (mean 2 - mean 1) / m: y is [7], m is 4; needs two seasons of m values"
    with pytest.raises(ValueError) as error:
        smoothing.holt_winters(np.ones(3), 0.1, 0.1, 0.1, State(1.0))
    wanted = (
        "yhat_t = (l_(t-1) + b_(t-1)) and s_(t-m): the season is [0], the least y is 1, additive; "
        "needs a season of 1 or more, and y > 0 if multiplicative"
    )
    assert str(error.value) == wanted
    with pytest.raises(ValueError, match="the least y is 0, multiplicative"):
        smoothing.holt_winters(np.arange(3.0), 0.1, 0.1, 0.1, State(1.0, 0.0, np.ones(2)), "multiplicative")
