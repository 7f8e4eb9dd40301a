"""There and back again for every transform; autocorrelation and AR against NumPy, SciPy, torch and statsmodels' digits.

statsmodels is not a dependency: its results on the worked example were taken once from version 0.15.0 and typed in.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from scipy.linalg import solve_toeplitz

from learnloop.scratch import timeseries
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SERIES = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=40).map(np.array)


def assert_back(back: Array, y: Array) -> None:
    """Equal to rounding: each of the n sums may lose one unit in the last place of the largest value."""
    assert back.shape == y.shape
    np.testing.assert_allclose(back, y, rtol=0, atol=2 * len(y) * np.finfo(float).eps * max(1e-300, np.abs(y).max()))


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = timeseries.example()
    np.testing.assert_array_equal(e["d"], [0, 5, -2, 5, 0, 5, -2])
    np.testing.assert_array_equal(e["seasonal"], [8, 8, 8, 8])
    # means 3.5 and 17; sum (t - 3.5) y = 78, sum (t - 3.5)^2 = 42: slope 13/7, intercept 17 - 6.5
    np.testing.assert_allclose(e["trend"], [10.5, 13 / 7], atol=1e-13)
    np.testing.assert_allclose(e["x"][:3], [0.5, -19 / 14, 25 / 14], atol=1e-13)
    # away from the mean: -6 -6 -1 -3 2 2 7 5; squares 164, products one apart 92, two apart 40, three apart -7
    np.testing.assert_allclose(e["r"], [1, 92 / 164, 40 / 164, -7 / 164], atol=1e-15)
    r1, r2 = 92 / 164, 40 / 164
    np.testing.assert_allclose(e["partial"][1:3], [r1, (r2 - r1**2) / (1 - r1**2)], atol=1e-14)
    # y_t against y_(t-1): means 125/7 and 114/7, products 7 * 2132 - 114 * 125, squares 7 * 1992 - 114^2
    phi = (7 * 2132 - 114 * 125) / (7 * 1992 - 114**2)
    c = (125 - phi * 114) / 7
    np.testing.assert_allclose(e["phi"], [c, phi], atol=1e-12)
    np.testing.assert_allclose(e["forecast"], [c + phi * 22, c + phi * (c + phi * 22)], atol=1e-12)
    for back in ("back", "seasonal_back", "retrended"):
        np.testing.assert_allclose(e[back], e["y"], atol=1e-13)


def test_the_worked_example_has_the_digits_of_statsmodels() -> None:
    e = timeseries.example()
    np.testing.assert_allclose(e["r"], [1, 0.56097561, 0.24390244, -0.04268293], atol=5e-9)
    np.testing.assert_allclose(e["partial"], [1, 0.56097561, -0.10329861, -0.2001374], atol=5e-8)
    np.testing.assert_allclose(e["phi"], [6.27848101, 0.71097046], atol=5e-9)
    np.testing.assert_allclose(timeseries.ar_fit(e["y"], 2), [4.69550313, -0.06412583, 1.02702158], atol=5e-9)
    np.testing.assert_allclose(e["forecast"], [21.91983122, 21.86283359], atol=5e-9)


@settings(max_examples=25, deadline=None)
@given(y=SERIES, lag=st.integers(1, 12))
def test_undoing_a_difference_gives_the_series_back(y: Array, lag: int) -> None:
    lag = min(lag, len(y) - 1)
    d, first = timeseries.difference(y, lag)
    assert d.shape == (len(y) - lag,) and first.shape == (lag,)
    assert_back(timeseries.undifference(d, first), y)


@settings(max_examples=25, deadline=None)
@given(y=SERIES)
def test_a_seasonal_and_a_plain_difference_are_undone_in_turned_order(y: Array) -> None:
    seasonal, year = timeseries.difference(np.tile(y, 2), lag=4)
    d, first = timeseries.difference(seasonal)
    back = timeseries.undifference(timeseries.undifference(d, first), year)
    assert_back(back, np.tile(y, 2))


@settings(max_examples=25, deadline=None)
@given(y=SERIES)
def test_the_exponential_undoes_the_logarithm(y: Array) -> None:
    positive = np.abs(y) + 1e-3
    # ln y up to 14 is rounded to eps * 14 at most, and e^x turns that into as large a share of y
    np.testing.assert_allclose(np.exp(timeseries.log(positive)), positive, rtol=1e-14)


@settings(max_examples=25, deadline=None)
@given(y=SERIES)
def test_detrending_leaves_nothing_of_a_line_and_is_undone(y: Array) -> None:
    x, trend = timeseries.detrend(y)
    assert_back(timeseries.retrend(x, trend), y)
    scale = max(1.0, np.abs(y).max())
    np.testing.assert_allclose(x, signal.detrend(y), atol=1e-11 * scale)
    assert abs(x.sum()) < 1e-10 * scale and abs(x @ np.arange(len(y))) < 1e-9 * scale


def test_what_each_transform_is_for() -> None:
    """A difference flattens a line, two a parabola; a seasonal one removes a season; logs even a growing season out."""
    t = np.arange(24.0)
    season = np.tile([1.0, -1.0, 2.0, -2.0], 6)
    np.testing.assert_allclose(timeseries.difference(3 + 2 * t)[0], 2, atol=1e-12)
    twice = timeseries.difference(timeseries.difference(t**2)[0])[0]
    np.testing.assert_allclose(twice, 2, atol=1e-12)
    np.testing.assert_allclose(timeseries.difference(season, 4)[0], 0, atol=1e-12)
    growing = 100 * 1.05**t * np.exp(season / 10)
    np.testing.assert_allclose(timeseries.difference(timeseries.log(growing), 4)[0], 4 * np.log(1.05), atol=1e-12)


def test_a_difference_is_numpys_and_torchs_and_pandas_without_the_missing_values() -> None:
    import pandas

    y = np.random.default_rng(0).normal(size=9)
    np.testing.assert_array_equal(timeseries.difference(y)[0], torch.diff(torch64(y)).numpy())
    np.testing.assert_array_equal(timeseries.difference(y, 3)[0], pandas.Series(y).diff(3).to_numpy()[3:])


@pytest.mark.parametrize("time, lag", [(2, 1), (5, 1), (9, 4), (5, 4)])
def test_the_gradients_of_a_difference_and_of_detrending(time: int, lag: int) -> None:
    rng = np.random.default_rng(time)
    y, dd, dx = rng.normal(size=time), rng.normal(size=time - lag), rng.normal(size=time)
    gradient = [timeseries.difference_backward(dd, lag)]
    assert_differences(lambda y: timeseries.difference(y, lag)[0], [y], dd, gradient)
    assert_autograd(lambda y: y[lag:] - y[:-lag], [y], dd, gradient)
    assert_differences(lambda y: timeseries.detrend(y)[0], [y], dx, [timeseries.detrend(dx)[0]])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), time=st.integers(4, 40), lags=st.integers(0, 3))
def test_autocorrelation_is_numpys_correlate_and_stays_within_one(seed: int, time: int, lags: int) -> None:
    y = np.random.default_rng(seed).normal(loc=3, size=time)
    r = timeseries.autocorrelation(y, lags)
    full = np.correlate(y - y.mean(), y - y.mean(), "full")[time - 1 :]
    np.testing.assert_allclose(r, (full / full[0])[: lags + 1], atol=1e-12)
    assert r[0] == 1 and np.abs(r).max() <= 1 + 1e-12
    np.testing.assert_allclose(timeseries.autocorrelation(5 - 2 * y, lags), r, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lags=st.integers(1, 6))
def test_partial_autocorrelation_is_the_last_yule_walker_coefficient_of_each_order(seed: int, lags: int) -> None:
    r = timeseries.autocorrelation(np.random.default_rng(seed).normal(size=20), lags)
    partial = timeseries.partial_autocorrelation(r)
    last = [solve_toeplitz(r[:k], r[1 : k + 1])[-1] for k in range(1, lags + 1)]
    np.testing.assert_allclose(partial, [1, *last], atol=1e-10)


def test_the_correlations_of_an_ar_process_show_its_order() -> None:
    """AR(1) with phi = 0.8: r_k falls as 0.8^k, the partial ones stop after lag 1. 4 / sqrt(n) is 4 standard errors."""
    rng = np.random.default_rng(0)
    y = np.zeros(20_000)
    for t in range(1, len(y)):
        y[t] = 0.8 * y[t - 1] + rng.normal()
    r = timeseries.autocorrelation(y, 4)
    np.testing.assert_allclose(r, 0.8 ** np.arange(5), atol=0.05)
    partial = timeseries.partial_autocorrelation(r)
    assert abs(partial[1] - 0.8) < 0.03 and np.abs(partial[2:]).max() < 4 / np.sqrt(len(y))
    np.testing.assert_allclose(timeseries.ar_fit(y, 2), [0, 0.8, 0], atol=4 / np.sqrt(len(y)))


@pytest.mark.parametrize("order", [1, 3])
def test_ar_by_least_squares_equals_torch_and_leaves_no_slope(order: int) -> None:
    y = np.random.default_rng(order).normal(size=15)
    rows = torch64(np.array([[1.0, *y[t - order : t][::-1]] for t in range(order, 15)]))
    phi = timeseries.ar_fit(y, order)
    wanted = torch.linalg.lstsq(rows, torch64(y[order:, None])).solution[:, 0]
    np.testing.assert_allclose(phi, wanted.numpy(), atol=1e-9)
    at = torch64(phi).requires_grad_()
    ((torch64(y[order:]) - rows @ at) ** 2).sum().backward()
    assert at.grad is not None
    np.testing.assert_allclose(at.grad.numpy(), 0, atol=1e-10)


def test_ar_finds_the_rule_of_a_series_without_noise_and_goes_on_with_it() -> None:
    y = [1.0, 2.0]
    for _ in range(12):
        y.append(1 + 0.5 * y[-1] - 0.3 * y[-2])
    phi = timeseries.ar_fit(np.array(y[:10]), 2)
    np.testing.assert_allclose(phi, [1, 0.5, -0.3], atol=1e-9)
    np.testing.assert_allclose(timeseries.ar_forecast(np.array(y[:10]), phi, 4), y[10:], atol=1e-9)
    assert timeseries.ar_forecast(np.array(y), phi, 0).shape == (0,)


def test_series_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as error:
        timeseries.difference(np.zeros(4), lag=4)
    assert str(error.value) == "d_t = y_t - y_(t-lag): y is [4], lag is 4; needs 1 <= lag < 4"
    with pytest.raises(ValueError, match="lag is 0; needs 1 <= lag < 4"):
        timeseries.difference(np.zeros(4), lag=0)
    with pytest.raises(ValueError) as error:
        timeseries.log(np.array([2.0, 0.0, -1.0]))
    assert str(error.value) == "x_t = ln y_t: y_1 is 0; needs y_t > 0 for every t"
    with pytest.raises(ValueError) as error:
        timeseries.detrend(np.zeros(1))
    assert str(error.value) == "x_t = y_t - (a + b t): y is [1]; a line needs 2 values"
    wanted = "r_k: y is [3], lags is 3; needs lags < 3 and values that differ"
    for y, lags in ((np.arange(3.0), 3), (np.full(3, 0.1), 1)):
        with pytest.raises(ValueError) as error:
            timeseries.autocorrelation(y, lags)
        assert str(error.value) == wanted.replace("lags is 3", f"lags is {lags}")
    with pytest.raises(ValueError) as error:
        timeseries.ar_fit(np.zeros(4), 2)
    wanted = "y_t = c + phi_1 y_(t-1) + ...: y is [4], order is 2; the 3 coefficients need 5 values"
    assert str(error.value) == wanted
