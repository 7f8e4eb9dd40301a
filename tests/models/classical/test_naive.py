"""The benchmarks of forecasting: their equations by hand, M4's test of a season, an AR against its known parameters."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from learnloop.models.classical.autoregression import AR, yule_walker
from learnloop.models.classical.forecast import Forecast
from learnloop.models.classical.naive import Drift, Naive, SeasonalNaive
from learnloop.models.classical.naive2 import Naive2, is_seasonal, seasonal_indices

Z = NormalDist().inv_cdf(0.95)


def same(found: np.ndarray, wanted: list[float]) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_naive_repeats_the_last_value_and_widens_with_the_root_of_the_step() -> None:
    found = Naive().forecast(np.array([1.0, 3.0, 2.0, 4.0]), 3, 1, [0.9])
    s = np.sqrt((4 + 1 + 4) / 3)
    same(found.mean, [4, 4, 4])
    same(found.upper[0.9] - found.mean, [Z * s, Z * s * 2**0.5, Z * s * 3**0.5])
    same(found.mean - found.lower[0.9], list(found.upper[0.9] - found.mean))


def test_seasonal_naive_repeats_the_last_season_and_widens_with_each() -> None:
    found = SeasonalNaive().forecast(np.array([1.0, 5.0, 2.0, 8.0]), 5, 2, [0.9])
    s = np.sqrt((1 + 9) / 2)
    same(found.mean, [2, 8, 2, 8, 2])
    same(found.upper[0.9] - found.mean, [Z * s * k**0.5 for k in (1, 1, 2, 2, 3)])


def test_drift_goes_on_along_the_line_from_the_first_to_the_last_value() -> None:
    found = Drift().forecast(np.array([1.0, 2.0, 5.0, 7.0]), 2, 1, [0.9])
    s = np.sqrt((1 + 1 + 0) / 2)  # differences 1, 3, 2 about their mean 2; one parameter
    same(found.mean, [9, 11])
    same(found.upper[0.9] - found.mean, [Z * s * (1 * (1 + 1 / 3)) ** 0.5, Z * s * (2 * (1 + 2 / 3)) ** 0.5])


def test_indices_of_a_product_of_trend_and_season_are_the_season() -> None:
    season = np.array([0.5, 1.5, 1.2, 0.8])
    y = 10 * np.tile(season, 6)
    np.testing.assert_allclose(seasonal_indices(y, 4, "multiplicative"), season)
    np.testing.assert_allclose(seasonal_indices(np.tile([-1.0, 3.0, -2.0], 5), 3, "additive"), [-1, 3, -2])


def test_indices_belong_to_the_phase_of_the_first_value_whatever_the_length() -> None:
    season = np.array([0.4, 1.6, 1.0])
    for length in (9, 10, 11):
        np.testing.assert_allclose(seasonal_indices(np.resize(season, length), 3, "multiplicative"), season)


def test_a_season_is_found_where_there_is_one_and_needs_three_rounds() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=120)
    assert is_seasonal(noise + 3 * np.sin(np.arange(120) * 2 * np.pi / 12), 12)
    assert not is_seasonal(noise, 12)
    assert not is_seasonal(np.tile(np.arange(12.0), 3)[:35], 12)
    assert is_seasonal(np.tile(np.arange(12.0), 3), 12)


def test_noise_is_called_seasonal_in_a_tenth_of_series() -> None:
    rng = np.random.default_rng(1)
    share = np.mean([is_seasonal(rng.normal(size=1200), 12) for _ in range(1000)])
    assert 0.06 < share < 0.14  # 10 % by design, +- 4 standard errors; in short series r is biased and it is less


def test_naive2_goes_on_with_level_times_season() -> None:
    season = np.array([0.5, 1.5, 1.2, 0.8])
    y = 10 * np.tile(season, 6)[:23]
    found = Naive2().forecast(y, 5, 4, [0.9])
    np.testing.assert_allclose(found.mean, 10 * season[[3, 0, 1, 2, 3]])


def test_naive2_without_a_season_is_naive() -> None:
    y = np.random.default_rng(0).normal(10, 1, 40)
    for level, bound in Naive().forecast(y, 4, 1, [0.9]).upper.items():
        np.testing.assert_array_equal(Naive2().forecast(y, 4, 12, [0.9]).upper[level], bound)


def test_naive2_says_that_it_took_an_additive_season_below_zero() -> None:
    y = np.tile([-2.0, 0.0, 2.0], 10)
    found = Naive2().forecast(y, 3, 3)
    np.testing.assert_allclose(found.mean, [-2, 0, 2], atol=1e-12)
    assert found.note == "The series has values of zero or below: Naive2 took an additive season."


def simulated(phi: list[float], n: int, mean: float = 0.0) -> np.ndarray:
    rng, y = np.random.default_rng(0), np.zeros(n + 200)
    noise = rng.normal(size=n + 200)
    for t in range(len(phi), len(y)):
        y[t] = sum(p * y[t - k - 1] for k, p in enumerate(phi)) + noise[t]
    return y[200:] + mean


def test_yule_walker_finds_order_parameters_and_noise_of_a_simulated_process() -> None:
    phi, noise = yule_walker(simulated([0.6, -0.5], 20_000), 10)
    assert len(phi) >= 2  # AIC takes a spare order at times
    wanted = [0.6, -0.5, *np.zeros(len(phi) - 2)]
    np.testing.assert_allclose(phi, wanted, atol=0.03)  # four standard errors of 1 / sqrt(n)
    assert noise == pytest.approx(1, abs=0.05)


def test_ar_forecasts_return_to_the_mean_and_their_spread_to_that_of_the_series() -> None:
    y = simulated([0.8], 5000, mean=50)
    found = AR().forecast(y, 200, 1, [0.9])
    assert found.mean[0] == pytest.approx(50 + 0.8 * (y[-1] - 50), abs=0.2)
    assert found.mean[-1] == pytest.approx(y.mean(), abs=1e-3)
    half = (found.upper[0.9] - found.lower[0.9]) / 2 / Z
    assert half[0] == pytest.approx(1, abs=0.03)
    assert half[-1] == pytest.approx(1 / (1 - 0.8**2) ** 0.5, abs=0.1)


def test_ar_sees_a_season_that_is_longer_than_its_usual_orders() -> None:
    rng = np.random.default_rng(0)
    y = np.tile(rng.normal(size=48), 6) + rng.normal(0, 0.1, 288)  # no shorter lag tells anything
    found: Forecast = AR().forecast(y, 48, 48)
    assert np.corrcoef(found.mean, y[-48:])[0, 1] > 0.95
