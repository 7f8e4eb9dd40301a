"""A network as a forecaster: it learns, knows the past alone, repeats itself, reaches further than it was trained."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from learnloop.data.panel import Panel
from learnloop.errors import ModelError, RecipeError
from learnloop.scores.forecasts import over_steps
from learnloop.tasks.forecast_ahead import continued, quantiles_of
from learnloop.verbs.backtest import backtest
from learnloop.verbs.forecaster import MethodForecaster
from learnloop.verbs.leaks import find_leak, refuse_leak
from learnloop.verbs.network_forecaster import NetworkForecaster, usable_past

SEASON, LENGTH = 6, 90


def waves(lengths: tuple[int, ...] = (LENGTH, LENGTH - 11, 40), targets: int = 1, noise: float = 0.05) -> Panel:
    """Waves of one period and of heights from 1 to 10,000 above a level, some noise, daily stamps."""
    rng = np.random.default_rng(0)
    values = []
    for place, length in enumerate(lengths):
        steps = np.arange(length)
        columns = [np.sin(2 * np.pi * (steps + place + column) / SEASON) for column in range(2)]
        rows = np.stack(columns, axis=1) + noise * rng.normal(size=(length, 2))
        values.append(100.0**place * (3 + rows))
    begin = np.datetime64("2024-01-01", "s")
    times = tuple(begin + np.timedelta64(86_400, "s") * np.arange(length) for length in lengths)
    ids = tuple(f"s{place}" for place in range(len(lengths)))
    return Panel("waves", ids, times, tuple(values), ("y", "z"), targets, "D", SEASON, (SEASON,))


def small(steps: int = 60, **more: object) -> NetworkForecaster:
    return NetworkForecaster(
        "dlinear", 4, lookback=12, steps=steps, levels=(0.8,), advice={"train.batch_size": 16, "optimiser.lr": 0.02},
        **more,
    )  # type: ignore[arg-type]  # fmt: skip


def test_it_learns_series_of_very_different_size_at_once() -> None:
    found = backtest(waves(), small(300), 4, windows=2, refit=False, levels=(0.8,)).scored
    naive = backtest(waves(), MethodForecaster.of("naive"), 4, windows=2, levels=(0.8,)).scored
    error, bar = (over_steps(np.abs(one.y - one.mean)) / one.scale for one in (found, naive))
    for series in range(3):
        rows = found.series == series
        assert error[rows].mean() < 0.4 * bar[rows].mean(), "a naive forecast misses the wave"
    inside = (found.y >= found.lower[0.8]) & (found.y <= found.upper[0.8])
    assert 0.4 < inside.mean() < 1 and (found.lower[0.8] <= found.mean).all() and (found.mean <= found.upper[0.8]).all()


def test_rows_follow_the_order_of_the_univariate_panel() -> None:
    panel = waves((40, 40), targets=2)
    forecaster = small(1)
    forecaster.fit(panel)
    found = forecaster.forecast(panel, 4, (0.8,))
    assert found.mean.shape == (4, 4) and found.lower[0.8].shape == (4, 4)
    for place in range(2):
        alone = forecaster.forecast(panel.subset([place]), 4, (0.8,))
        assert np.allclose(found.mean[2 * place : 2 * place + 2], alone.mean, rtol=1e-5)
    swapped = replace(panel, values=tuple(rows[:, ::-1] for rows in panel.values))
    assert np.allclose(forecaster.forecast(swapped, 4, ()).mean[[1, 0, 3, 2]], found.mean, rtol=1e-4), "one map for all"


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("stationary", ["none", "log", "seasonal_difference"])
def test_it_knows_the_past_alone(targets: int, stationary: str) -> None:
    """The leak's poison is of both signs: a logarithm that was fitted or taken of it would be refused."""

    def make(given: Panel) -> NetworkForecaster:
        return small(8, stationary=stationary)

    refuse_leak(make, waves(targets=targets), 4)


def test_what_is_taken_out_of_the_values_is_put_back() -> None:
    """A network that is hardly trained answers with about the mean of its window: of logarithms, the geometric one."""
    panel = waves(noise=0.0)
    forecaster = small(1, stationary="log")
    forecaster.fit(panel)
    found = forecaster.forecast(panel, 4, (0.8,))
    logs = replace(panel, values=tuple(np.log(rows) for rows in panel.values))
    plain = small(1, scale="deviation")
    plain.fit(logs)
    expected = plain.forecast(logs, 4, (0.8,))
    assert np.allclose(found.mean, np.exp(expected.mean), rtol=1e-6)
    assert np.allclose(found.upper[0.8], np.exp(expected.upper[0.8]), rtol=1e-6)


def test_a_network_that_was_fitted_on_everything_is_caught() -> None:
    class Peeking(NetworkForecaster):
        def fit(self, past: Panel) -> None:
            """It was, before."""

    def make(given: Panel) -> NetworkForecaster:
        one = Peeking("dlinear", 4, lookback=12, steps=8, levels=(0.8,))
        NetworkForecaster.fit(one, given)
        return one

    leak = find_leak(make, waves(), 4)
    assert leak is not None and leak.rows == 3


def test_fitted_twice_it_is_the_same_and_another_seed_is_another() -> None:
    panel = waves()
    one, again, other = small(8), small(8), small(8, seed=1)
    for forecaster in (one, again, other):
        forecaster.fit(panel)
    again.fit(panel)  # what was learnt before is forgotten
    first, second, third = (each.forecast(panel, 4, (0.8,)) for each in (one, again, other))
    assert np.array_equal(first.mean, second.mean) and np.array_equal(first.lower[0.8], second.lower[0.8])
    assert not np.allclose(first.mean, third.mean, rtol=1e-4)


def test_a_longer_horizon_feeds_its_own_forecasts_back_and_says_so() -> None:
    panel = waves()
    forecaster = small(8)
    forecaster.fit(panel)
    found = forecaster.forecast(panel, 10, (0.8,))
    assert found.mean.shape == (3, 10)
    assert found.notes[0] == (
        "The network forecasts 4 steps; the later ones are made from its own forecasts, and their intervals are too "
        "narrow."
    )
    near = forecaster.forecast(panel, 4, (0.8,))
    assert np.allclose(found.mean[:, :4], near.mean) and near.notes == ("",) * 3
    longer = continued(panel, near.mean[:, :, None])
    assert np.allclose(found.mean[:, 4:8], forecaster.forecast(longer, 4, ()).mean, rtol=1e-5)
    assert longer.times[2][-1] - panel.times[2][-1] == np.timedelta64(4 * 86_400, "s")
    assert np.array_equal(longer.values[1][-4:, 0], near.mean[1]) and len(longer.values[1]) == LENGTH - 11 + 4
    assert (longer.values[0][-4:, 1] == panel.values[0][-1, 1]).all(), "what is not forecast keeps its last value"
    assert np.allclose(forecaster.forecast(panel, 2, (0.8,)).lower[0.8], near.lower[0.8][:, :2])


def test_a_level_that_was_not_learnt_lies_between_those_that_were() -> None:
    panel = waves()
    forecaster = small(60)
    forecaster.levels = (0.5, 0.9)
    forecaster.fit(panel)
    found = forecaster.forecast(panel, 4, (0.5, 0.8, 0.9, 0.99))
    widths = [found.upper[level] - found.lower[level] for level in (0.5, 0.8, 0.9, 0.99)]
    assert all((a < b).all() for a, b in pairwise(widths))


def test_quantiles_of_levels() -> None:
    assert quantiles_of((0.8, 0.9)) == (0.05, 0.1, 0.5, 0.9, 0.95) and quantiles_of(()) == (0.5,)


def test_the_usual_past_of_series_of_many_lengths() -> None:
    assert usable_past(waves((100, 100, 100, 100, 20)), 4) == 96
    assert usable_past(waves((5, 3)), 4) == 1


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(ModelError, match="dlinear: must be fitted before it forecasts"):
        small().forecast(waves(), 4)
    with pytest.raises(RecipeError, match="must be a network that forecasts") as caught:
        NetworkForecaster("dliner", 4)
    assert "Did you mean 'dlinear'?" in str(caught.value)
