"""Methods side by side: who wins, how sure that is, what auto serves, and that it saw the past alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from learnloop.data.panel import Panel
from learnloop.errors import DataError, RecipeError
from learnloop.models.classical.blend import blended
from learnloop.models.classical.forecast import Forecasts
from learnloop.scores.conformal import coverage
from learnloop.scores.forecast_evaluation import metric_of
from learnloop.verbs.auto_forecast import Auto
from learnloop.verbs.backtest import backtest
from learnloop.verbs.contest import contest, plan
from learnloop.verbs.ensemble import cross_checked, weights_of
from learnloop.verbs.forecaster import MethodForecaster
from learnloop.verbs.leaks import find_leak

LIGHT = ("naive", "seasonal_naive", "drift", "ar")


def panel(count: int, n: int, season: int = 4, trend: float = 0.0, noise: float = 0.2, seed: int = 0) -> Panel:
    """Series with a season and a trend, each of a size of its own."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    rows = tuple(
        (50 + 5 * rng.normal() + trend * t + 3 * np.sin(2 * np.pi * t / season) + rng.normal(0, noise, n))[:, None]
        for _ in range(count)
    )
    return Panel("made", tuple(f"s{k}" for k in range(count)), (t,) * count, rows, ("y",), season=season)


def test_the_table_is_in_order_and_the_winner_is_the_one_that_fits_the_data() -> None:
    found = contest(panel(12, 60), 4, LIGHT)
    values = [row.evaluation.metrics["mase"] for row in found.table]
    assert values == sorted(values) and found.winner == found.table[0].name
    assert found.winner in ("seasonal_naive", "ar") and found.windows == 2
    assert found.table[0].behind.value == 0 and found["naive"].behind.low > 0
    assert [row.to_json()["metrics"]["mase"] for row in found.table] == values


def test_a_simple_method_that_wins_is_named_as_the_one_to_use() -> None:
    rng = np.random.default_rng(0)
    walks = tuple(np.cumsum(rng.normal(size=80))[:, None] for _ in range(30))
    walk = Panel("walks", tuple(map(str, range(30))), (np.arange(80),) * 30, walks, ("y",))
    found = contest(walk, 5, ("naive", "drift", "ar"))
    assert found.winner == "naive" and found.weights == {"naive": 1.0}
    assert found.sentence == "Use Naive: the simplest method here has the lowest MASE, 1.633."


def test_a_clear_winner_says_that_it_is_more_than_luck() -> None:
    found = contest(panel(20, 60, trend=1.0, noise=0.01), 4, ("naive", "drift"))
    assert found.winner == "drift" and found.weights == {"drift": 1.0}
    assert found.sentence == (
        "Use Drift: its MASE of 0.785 is clearly lower than that of every simpler method "
        "(Naive: 1.375; the difference is more than luck at 95 %)."
    )


def test_one_series_is_judged_by_windows_that_overlap_and_says_so() -> None:
    found = contest(panel(1, 60, noise=1.0), 4, ("seasonal_naive", "drift"))
    assert found.windows == 8
    assert "The intervals come from 8 windows that overlap" in " ".join(found.notes)


def test_two_that_cannot_be_told_apart_are_called_so() -> None:
    data = panel(12, 60, noise=1.0)
    found = contest(data, 4, (Biased("simple", 0.11), Biased("other", 0.1)))
    assert found.winner == "other" and found.weights == {"other": 1.0}
    assert "Biased, which is simpler, has" in found.sentence
    assert found.sentence.endswith("and these windows cannot tell the two apart.")


def test_windows_and_steps_where_nobody_says() -> None:
    assert plan(1, 12, 500) == (8, 6) and plan(1, 1, 500) == (8, 1) and plan(500, 12, 500) == (2, 12)
    assert plan(1, 36, 47) == (8, 6) and plan(1, 36, 3) == (8, 1)  # a short history: closer together
    assert plan(1, 12, 500, step=12) == (8, 12)


def test_owa_is_measured_against_naive2_on_the_same_windows() -> None:
    found = contest(panel(12, 60), 4, ("naive", "seasonal_naive"), metric="owa")
    base = contest(panel(12, 60), 4, ("naive2",)).table[0].test.scored
    assert found["naive"].evaluation.metrics["owa"] == pytest.approx(metric_of("owa", found["naive"].test.scored, base))


def test_mistakes_in_words() -> None:
    with pytest.raises(RecipeError, match="contestants: must be methods of different names\n.*'naive' twice"):
        contest(panel(2, 40), 4, ("naive", "naive"))
    with pytest.raises(RecipeError, match="Did you mean 'naive'"):
        contest(panel(2, 40), 4, ("naif",))
    with pytest.raises(RecipeError, match="--metric: must be a metric of forecasts"):
        contest(panel(2, 40), 4, ("naive",), metric="mas")
    with pytest.raises(DataError, match="the horizon is longer than the history allows"):
        contest(panel(2, 40), 40, ("naive",))
    zero = panel(2, 40)
    zero.values[0][-1] = 0
    with pytest.raises(RecipeError, match="--metric mape: needs true values other than zero"):
        contest(zero, 4, ("naive",), metric="mape")


def test_weights_go_by_inverse_squares_and_leave_out_the_hopeless() -> None:
    assert weights_of({"a": 1.0, "b": 2.0}) == pytest.approx({"a": 0.8, "b": 0.2})
    assert weights_of({"a": 1.0, "b": 10.0}) == {"a": 1.0}
    assert weights_of({"a": 0.0, "b": 1.0}) == {"a": 1.0}
    assert weights_of({"a": 1.0, "b": np.nan}) == {"a": 1.0}


def test_a_blend_is_the_weighted_mean_of_forecasts_and_bounds() -> None:
    one = Forecasts(np.ones((2, 3)), {0.9: np.zeros((2, 3))}, {0.9: np.full((2, 3), 2.0)}, ("", "said"))
    two = Forecasts(np.full((2, 3), 5.0), {0.9: np.ones((2, 3))}, {0.9: np.full((2, 3), 9.0)}, ("", "said"))
    found = blended({"one": one, "two": two}, {"one": 0.75, "two": 0.25})
    np.testing.assert_allclose(found.mean, 2)
    np.testing.assert_allclose((found.lower[0.9][0, 0], found.upper[0.9][0, 0]), (0.25, 3.75))
    assert found.notes == ("", "said")


@dataclass
class Biased:
    """The truth of the simulated series, off by a constant: two of opposite signs are best together."""

    name: str
    bias: float
    title: str = "Biased"

    def fit(self, past: Panel) -> None: ...

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        mean = np.array([rows[-4:, 0][np.arange(horizon) % 4] for rows in past.values]) + self.bias
        return Forecasts(mean, dict.fromkeys(levels, mean - 2), dict.fromkeys(levels, mean + 2))


def test_an_ensemble_is_served_where_windows_say_so_that_had_no_part_in_its_weights() -> None:
    data = panel(15, 60)
    found = contest(data, 4, (Biased("up", 1.0), Biased("down", -1.0)), windows=3)
    assert found.weights == pytest.approx({"up": 0.5, "down": 0.5}, abs=0.1)
    assert found.sentence.startswith("Use the ensemble of 2 methods, weighted by their backtests: MASE ")
    tests = [found[name].test for name in ("up", "down")]
    together = cross_checked(tests, "mase")
    assert together is not None
    oldest = tests[0].window == 0
    others = weights_of({test.name: metric_of("mase", test.windows([1, 2])) for test in tests})
    wanted = sum(others[test.name] * test.scored.mean[oldest] for test in tests)
    np.testing.assert_allclose(together.mean[oldest], wanted)


def test_the_winner_is_served_alone_where_an_ensemble_is_no_better() -> None:
    found = contest(panel(15, 60), 4, (Biased("right", 0.0), Biased("off", 1.0)), windows=3)
    assert found.winner == "right" and found.weights == {"right": 1.0}


def test_one_window_of_one_series_makes_no_ensemble() -> None:
    tests = [backtest(panel(1, 40), MethodForecaster.of(name), 4) for name in ("naive", "drift")]
    assert cross_checked(tests, "mase") is None
    many = [backtest(panel(30, 40), MethodForecaster.of(name), 4) for name in ("naive", "drift")]
    assert cross_checked(many, "mase") is not None  # halves of the series


def test_auto_serves_the_winner_and_its_intervals_cover_windows_it_never_saw() -> None:
    data = panel(60, 100, noise=1.0)
    auto = Auto(4, LIGHT, levels=(0.9,))
    found = backtest(data, auto, 4, windows=2, levels=(0.9,))
    assert auto.contest is not None and auto.calibration is not None
    error = metric_of("mase", found.scored)
    alone = min(metric_of("mase", backtest(data, MethodForecaster.of(name), 4, 2).scored) for name in LIGHT)
    assert error <= 1.05 * alone
    assert coverage(found.scored)[0.9] == pytest.approx(0.9, abs=0.04)  # 480 values, in groups of four


def test_auto_chooses_from_the_past_alone() -> None:
    assert find_leak(lambda given: Auto(4, ("naive", "drift"), levels=(0.9,)), panel(3, 60), 4) is None


def test_auto_refuses_to_forecast_before_it_was_fitted() -> None:
    with pytest.raises(DataError, match="auto: must be fitted before it forecasts"):
        Auto(4).forecast(panel(1, 30), 4)
