"""Rolling origins: where they lie, what is seen from them, refit or not, and planted leaks that must be caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from learnloop.data.panel import Panel
from learnloop.errors import DataError, ModelError, RecipeError
from learnloop.models.classical.forecast import Forecasts
from learnloop.verbs.backtest import backtest, origins
from learnloop.verbs.forecaster import Forecaster, MethodForecaster
from learnloop.verbs.leaks import find_leak, refuse_leak


def panel(*series: np.ndarray, season: int = 1, **more: Any) -> Panel:
    columns = tuple(one[:, None].astype(float) if one.ndim == 1 else one for one in series)
    ids = tuple(f"s{place}" for place in range(len(series)))
    return Panel("made", ids, tuple(np.arange(len(one)) for one in series), columns, ("y",), season=season, **more)


def wave(n: int, seed: int = 0) -> np.ndarray:
    return 10 + np.sin(np.arange(n)) + np.random.default_rng(seed).normal(0, 0.1, n)


@dataclass
class Watch:
    """Forecasts the last value; keeps what it was shown."""

    name: str = "watch"
    title: str = "Watch"
    fitted: list[Panel] = field(default_factory=list)
    asked: list[Panel] = field(default_factory=list)

    def fit(self, past: Panel) -> None:
        self.fitted.append(past)

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        self.asked.append(past)
        one = past.univariate()
        return Forecasts(np.array([[one.series(k)[-1]] * horizon for k in range(len(one))]))


def test_origins_end_with_the_series_and_lie_a_horizon_apart() -> None:
    assert origins(100, 10, 3) == [70, 80, 90]
    assert origins(100, 10, 3, step=1) == [88, 89, 90]
    assert origins(100, 30, 4, least=20) == [40, 70]
    assert origins(5, 10, 1) == []
    for wrong in ({"horizon": 0}, {"windows": 0}, {"step": -1}):
        with pytest.raises(RecipeError, match="must be at least"):
            origins(**({"length": 9, "horizon": 1, "windows": 1} | wrong))


def test_each_window_shows_the_values_before_its_origin_alone() -> None:
    y, seen = wave(50), Watch()
    found = backtest(panel(y), seen, 5, windows=3)
    assert [len(past.values[0]) for past in seen.asked] == [35, 40, 45]
    assert found.scored.origin.tolist() == [35, 40, 45] and found.window.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(found.scored.y, np.stack([y[o : o + 5] for o in (35, 40, 45)]))
    np.testing.assert_array_equal(found.scored.mean[:, 0], y[[34, 39, 44]])
    for past in seen.asked:  # not even behind the array: a slice would hold all values as its base
        base = past.values[0].base
        assert base is None or len(base) == len(past.values[0])


def test_without_refit_it_learns_once_from_what_was_before_the_oldest_origin() -> None:
    for refit, lengths in ((True, [35, 40, 45]), (False, [35])):
        seen = Watch()
        assert backtest(panel(wave(50)), seen, 5, 3, refit).refit is refit
        assert [len(past.values[0]) for past in seen.fitted] == lengths


def test_the_scale_is_that_of_the_past_of_each_origin() -> None:
    y = np.concatenate([np.arange(20.0), 20 + 5 * np.arange(20.0)])
    found = backtest(panel(y), Watch(), 5, windows=3, step=15)
    np.testing.assert_allclose(found.scored.scale, [np.abs(np.diff(y[:o])).mean() for o in found.scored.origin])


def test_series_of_different_lengths_and_too_short_ones() -> None:
    found = backtest(panel(wave(30), wave(12, 1), wave(40, 2)), Watch(), 5, windows=3)
    assert found.scored.series.tolist() == [0, 2, 0, 1, 2, 0, 1, 2]
    assert found.scored.origin.tolist() == [15, 25, 20, 2, 30, 25, 7, 35]
    assert found.notes == ("1 of 3 series are too short for every window: left out of the older ones.",)
    fewer = backtest(panel(wave(12)), Watch(), 5, windows=4)
    assert fewer.notes[0] == "2 of 4 windows: no series is long enough for more."


def test_every_target_is_scored_and_other_variables_are_not() -> None:
    values = np.stack([wave(30), 2 * wave(30, 1), np.zeros(30)], axis=1)
    two = replace(panel(values), variables=("a", "b", "other"), targets=2)
    found = backtest(two, Watch(), 4, windows=2)
    assert found.scored.series.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(found.scored.y[1], values[22:26, 1])


def test_filled_values_are_not_scored() -> None:
    y = wave(30)
    mark = np.zeros(30, bool)
    mark[27] = True
    found = backtest(panel(y, filled=(mark,)), Watch(), 5)
    assert np.isnan(found.scored.y[0]).tolist() == [False, False, True, False, False]


def test_a_horizon_longer_than_the_history_is_refused_with_the_longest_that_is_not() -> None:
    with pytest.raises(DataError) as caught:
        backtest(panel(wave(20), season=12), Watch(), 10)
    assert str(caught.value) == (
        "--horizon: must leave 13 of a series' values before the forecast\n"
        "  found:     horizon 10; the longest series of made has 20\n"
        "  probably:  the horizon is longer than the history allows\n"
        "  do:        --horizon 7"
    )
    backtest(panel(wave(20), season=12), Watch(), 7)


def test_notes_of_the_method_are_counted() -> None:
    found = backtest(panel(np.ones(30), wave(30)), MethodForecaster.of("seasonal_naive"), 5, windows=2)
    assert found.notes == (
        "In 2 forecasts: The series is always the same value: it is continued, and its intervals have no width.",
    )


@dataclass
class ScaledOnAll:
    """A planted leak: its transform was fitted on the whole series before the backtest."""

    mean: float
    name: str = "scaled"
    title: str = "Scaled"

    def fit(self, past: Panel) -> None: ...

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        return Forecasts(np.full((len(past), horizon), self.mean))


@dataclass
class ScaledOnPast(ScaledOnAll):
    """The same, fitted where it belongs."""

    def fit(self, past: Panel) -> None:
        self.mean = float(np.mean([rows.mean() for rows in past.values]))


@dataclass
class Peeking(ScaledOnAll):
    """Holds on to the panel and looks up what comes next in one series out of three."""

    whole: Panel | None = None

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        assert self.whole is not None
        mean = np.array([[rows[-1, 0]] * horizon for rows in past.values])
        mean[1] = self.whole.values[1][len(past.values[1]) :][:horizon, 0]
        return Forecasts(mean)


THREE = panel(wave(40), wave(45, 1), wave(50, 2))


def test_a_transform_fitted_on_all_data_is_caught() -> None:
    def make(given: Panel) -> Forecaster:
        return ScaledOnAll(float(np.mean([rows.mean() for rows in given.values])))

    leak = find_leak(make, THREE, 5)
    assert leak is not None and leak.rows == 3
    with pytest.raises(ModelError) as caught:
        refuse_leak(make, THREE, 5)
    assert str(caught.value) == (
        "scaled: must forecast from the values before the origin alone\n"
        "  found:     3 of 3 forecasts change when the values after it do\n"
        "  probably:  a scaler, feature or choice was fitted on the whole series\n"
        "  do:        fit everything in `fit(past)` and `forecast(past, ...)`"
    )


def test_a_forecaster_that_peeks_into_one_series_is_caught() -> None:
    leak = find_leak(lambda given: Peeking(0.0, whole=given), THREE, 5)
    assert leak is not None and (leak.rows, leak.of) == (1, 3)


def test_a_leak_in_the_intervals_alone_is_caught() -> None:
    @dataclass
    class Wide(Watch):
        width: float = 1.0

        def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
            mean = super().forecast(past, horizon, levels).mean
            return Forecasts(mean, {0.9: mean - self.width}, {0.9: mean + self.width})

    leak = find_leak(lambda given: Wide(width=max(rows.std() for rows in given.values)), THREE, 5)
    assert leak is not None


def test_forecasters_that_fit_on_the_past_are_not_accused() -> None:
    assert find_leak(lambda given: ScaledOnPast(0.0), THREE, 5) is None
    for name in ("naive", "drift", "ar"):
        assert find_leak(lambda given, name=name: MethodForecaster.of(name), THREE, 5) is None  # type: ignore[misc]
