"""Metrics of forecasts: by hand, their limits, the published M4 figures, and what is undefined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.errors import DataError, RecipeError
from learnloop.models.classical.naive import SeasonalNaive
from learnloop.models.classical.naive2 import Naive2
from learnloop.scores.forecast_evaluation import evaluate_forecasts, metric_of, paired
from learnloop.scores.forecasts import (
    Scored,
    absolute,
    check_metric,
    covered,
    interval_score,
    owa,
    percentage,
    pinball,
    seasonal_scale,
    squared,
    symmetric,
)

Y, F = np.array([[2.0, 4.0]]), np.array([[1.0, 6.0]])


def scored(
    rows: int = 6, horizon: int = 3, seed: int = 0, size: float = 1.0, series: np.ndarray | None = None
) -> Scored:
    rng = np.random.default_rng(0)
    y, error = 10 + rng.normal(size=(rows, horizon)), np.random.default_rng(seed + 1).normal(size=(rows, horizon))
    mean = y + size * error
    series = np.arange(rows) if series is None else series
    return Scored(series, np.full(rows, 20), y, mean, np.full(rows, 2.0), {0.9: mean - 1}, {0.9: mean + 1})


def test_metrics_by_hand() -> None:
    assert absolute(Y, F) == pytest.approx([1.5])
    assert squared(Y, F) == pytest.approx([2.5])
    assert percentage(Y, F) == pytest.approx([50])
    assert symmetric(Y, F) == pytest.approx([100 * (1 / 3 + 2 / 10)])
    assert pinball(Y, F, 0.9) == pytest.approx([(0.9 * 1 + 0.1 * 2) / 2])
    assert pinball(Y, F, 0.5) == pytest.approx(absolute(Y, F) / 2)
    assert covered(Y, F - 1, F + 1) == pytest.approx([0.5])
    assert interval_score(Y, F - 1, F + 1, 0.9) == pytest.approx([2 + (2 / 0.1) * 1 / 2])


def test_smape_ends_at_200_and_counts_nothing_over_nothing_as_right() -> None:
    assert symmetric(np.array([[1.0, 5.0]]), np.array([[-1.0, 0.0]])) == pytest.approx([200])
    assert symmetric(np.array([[0.0, 5.0]]), np.array([[0.0, 5.0]])) == pytest.approx([0])


def test_the_scale_of_mase_is_the_seasonal_naive_error_of_the_past() -> None:
    assert seasonal_scale(np.array([1.0, 5, 2, 9]), 2) == pytest.approx((1 + 4) / 2)
    assert seasonal_scale(np.array([1.0, 5, 2]), 12) == pytest.approx((4 + 3) / 2)  # shorter than a season
    assert np.isnan(seasonal_scale(np.ones(5), 1)) and np.isnan(seasonal_scale(np.array([1.0]), 1))


def test_steps_that_were_not_measured_count_nowhere() -> None:
    y, f = np.array([[2.0, np.nan], [np.nan, np.nan]]), np.array([[1.0, 6.0], [1.0, 1.0]])
    for metric in (absolute, squared, percentage, symmetric):
        found = metric(y, f)
        assert found[0] == pytest.approx(metric(y[:1, :1], f[:1, :1])[0]) and np.isnan(found[1])
    assert covered(y, f - 1, f + 1)[0] == 1 and np.isnan(covered(y, f - 1, f + 1)[1])
    assert pinball(y, f, 0.9)[0] == pytest.approx(0.9)


def test_evaluation_is_the_mean_of_rows_and_the_root_of_mean_squares() -> None:
    found = evaluate_forecasts(one := scored())
    assert found.task == "forecast" and found.rows == 6
    assert found.metrics["mae"] == pytest.approx(np.abs(one.y - one.mean).mean())
    assert found.metrics["rmse"] == pytest.approx(np.sqrt(((one.y - one.mean) ** 2).mean()))
    assert found.metrics["mase"] == pytest.approx(found.metrics["mae"] / 2)
    assert found.metrics["coverage_90"] == pytest.approx((np.abs(one.y - one.mean) <= 1).mean())
    assert found.metrics["width_90"] == pytest.approx(1)
    assert "mse" not in found.metrics
    low, high = found.intervals["mae"]
    assert low < found.metrics["mae"] < high


def test_windows_of_one_series_are_resampled_together() -> None:
    """The same rows, told as four series, are four draws and not forty: the interval must be wider."""
    errors = np.repeat(np.array([0.5, 1.0, 2.0, 4.0]), 10)[:, None] * np.ones((1, 2))
    y = np.full((40, 2), 10.0)
    own = Scored(np.arange(40), np.full(40, 9), y, y + errors, np.ones(40))
    four = Scored(np.repeat(np.arange(4), 10), np.tile(np.arange(10), 4), y, y + errors, np.ones(40))
    widths = [np.subtract(*evaluate_forecasts(one).intervals["mae"][::-1]) for one in (own, four)]
    assert widths[1] > 2 * widths[0]


def test_one_series_resamples_its_origins_and_says_how_few() -> None:
    one = scored(6, series=np.zeros(6, int))
    windows = Scored(one.series, np.arange(20, 26), one.y, one.mean, one.scale)
    found = evaluate_forecasts(windows)
    assert "mae" in found.intervals
    assert found.notes == [
        "The intervals come from 6 windows that overlap: take them as a lower bound of what is unsure."
    ]


def test_a_single_forecast_has_no_interval() -> None:
    found = evaluate_forecasts(scored(1))
    assert not found.intervals
    assert found.notes == ["One series from one origin: there is no interval, the next window may look different."]


def test_what_is_undefined_is_left_out_and_said() -> None:
    one = scored(3)
    one.y[0, 0], one.scale[1] = 0.0, np.nan
    found = evaluate_forecasts(one)
    assert found.notes[0] == (
        "mape is undefined in 1 of 3 forecasts (a true value is zero): it is the mean of the other 2."
    )
    assert found.metrics["mase"] == pytest.approx(np.abs(one.y - one.mean)[[0, 2]].mean() / 2)
    one.y[:] = 0.0
    assert "mape" not in evaluate_forecasts(one).metrics


def test_owa_of_naive2_is_one_and_of_half_its_error_about_half() -> None:
    worse, better = scored(200, size=0.2), scored(200, size=0.1)
    assert evaluate_forecasts(worse, worse).metrics["owa"] == pytest.approx(1)
    found = evaluate_forecasts(better, worse)
    assert found.metrics["owa"] == pytest.approx(0.5, abs=0.01)
    assert found.metrics["owa"] == pytest.approx(metric_of("owa", better, worse))
    low, high = found.intervals["owa"]
    assert high - low < 0.02  # paired: Naive2 is resampled with the same series, so most of the luck cancels


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "smape", "mase", "owa"])
def test_a_better_forecaster_is_clearly_better_and_an_equal_one_is_not(metric: str) -> None:
    a, b, c = scored(60, seed=1, size=0.5), scored(60, seed=2, size=1.0), scored(60, seed=3, size=0.5)
    found = paired(metric, a, b, naive2=b)
    assert found.value < 0 and found.clear
    assert found.value == pytest.approx(metric_of(metric, a, b) - metric_of(metric, b, b))
    assert not paired(metric, a, c, naive2=b).clear


def test_a_pair_from_one_window_is_never_clear() -> None:
    assert not paired("mae", scored(1, size=0.1), scored(1, size=5.0)).clear


def test_mistakes_in_words() -> None:
    one = scored()
    one.y[0, 0] = 0
    with pytest.raises(RecipeError) as caught:
        check_metric("mape", one)
    assert str(caught.value) == (
        "--metric mape: needs true values other than zero\n"
        "  found:     1 of 18 are zero: the percentage of zero is undefined\n"
        "  do:        --metric mase (errors over those of seasonal naive)\n"
        "  or:        --metric mae (in the series' unit)"
    )
    with pytest.raises(RecipeError, match="Did you mean 'smape'"):
        check_metric("smap", one)
    with pytest.raises(DataError, match="must have one shape"):
        Scored(np.arange(2), np.arange(2), np.zeros((2, 3)), np.zeros((2, 4)), np.ones(2))


def test_the_published_m4_hourly_figures(shared_data: Path) -> None:
    """Makridakis et al. 2020 and the competition's tables: Naive2 18.383 / 2.395, sNaive 13.912 / 1.193, OWA 0.627."""
    folder = shared_data / "timeseries"
    if not (folder / "m4_hourly_train.csv.gz").exists():
        pytest.skip("no M4 hourly data")
    train, test = (pd.read_csv(folder / f"m4_hourly_{part}.csv.gz", index_col=0) for part in ("train", "test"))
    past = [row.dropna().to_numpy(float) for _, row in train.iterrows()]
    y, scale = test.to_numpy(float), np.array([seasonal_scale(one, 24) for one in past])
    figures = []
    for method in (Naive2(), SeasonalNaive()):
        mean = np.stack([method.forecast(one, 48, 24, ()).mean for one in past])
        figures.append((symmetric(y, mean).mean(), (absolute(y, mean) / scale).mean()))
    np.testing.assert_allclose(figures, [(18.383, 2.395), (13.912, 1.193)], atol=6e-4)
    assert owa(*figures[1], *figures[0]) == pytest.approx(0.627, abs=6e-4)
