"""Conformal intervals: the exact rank, coverage on new draws, what a step borrows, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.errors import DataError
from learnloop.scores.conformal import calibrate, conformal_quantile, coverage, least_errors
from learnloop.scores.forecasts import Scored


def panel(rows: int, horizon: int, seed: int, spread: np.ndarray | float = 1.0, width: float = 1.0) -> Scored:
    """Forecasts of zero whose errors grow with the step and with the series' own scale."""
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.normal(size=rows))
    y = rng.standard_t(4, size=(rows, horizon)) * scale[:, None] * spread
    mean = np.zeros_like(y)
    half = width * scale[:, None] * np.ones(horizon)
    return Scored(np.arange(rows), np.full(rows, 30), y, mean, scale, {0.9: mean - half}, {0.9: mean + half})


def test_the_rank_is_that_of_n_plus_one() -> None:
    errors = np.arange(1.0, 20.0)[::-1]  # 19 errors: ceil(20 * 0.9) = 18
    assert conformal_quantile(errors, 0.9) == 18
    assert conformal_quantile(errors, 0.95) == 19
    assert conformal_quantile(errors, 0.96) == np.inf
    assert [least_errors(level) for level in (0.5, 0.8, 0.9, 0.95)] == [1, 4, 9, 19]
    for level in (0.5, 0.8, 0.9, 0.95):
        enough = least_errors(level)
        assert np.isfinite(conformal_quantile(np.ones(enough), level))
        assert np.isinf(conformal_quantile(np.ones(enough - 1), level))


@pytest.mark.parametrize("kind", ["series", "interval"])
def test_new_forecasts_are_covered_as_promised_at_every_step(kind: str) -> None:
    spread = np.array([1.0, 2.0, 4.0])
    found = calibrate(panel(4000, 3, 0, spread), [0.9], kind)  # type: ignore[arg-type]
    new = found.recalibrated(panel(4000, 3, 1, spread))
    inside = ((new.y >= new.lower[0.9]) & (new.y <= new.upper[0.9])).mean(axis=0)
    np.testing.assert_allclose(inside, 0.9, atol=0.025)  # 0.0047 from each of the two samples, times 3.7
    assert coverage(new)[0.9] == pytest.approx(inside.mean())
    widths = (new.upper[0.9] - new.lower[0.9])[0]
    np.testing.assert_allclose(widths[1:] / widths[0], [2, 4], rtol=0.15)


def test_intervals_of_few_errors_are_valid_on_average() -> None:
    """19 past errors: the interval covers 0.9 over many repetitions; the plain 90 % quantile would cover less."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(4000):
        past, new = np.abs(rng.normal(size=19)), abs(rng.normal())
        inside.append(new <= conformal_quantile(past, 0.9))
    assert np.mean(inside) == pytest.approx(0.9, abs=0.019)  # four standard errors


def test_each_series_gets_intervals_of_its_own_scale() -> None:
    found = calibrate(panel(200, 2, 0), [0.9])
    low, high = found.intervals(np.zeros((2, 2)), np.array([1.0, 10.0]))
    np.testing.assert_allclose(high[0.9][1], 10 * high[0.9][0])
    np.testing.assert_allclose(low[0.9], -high[0.9])


def test_a_step_with_few_errors_borrows_those_of_its_neighbours_and_says_so() -> None:
    one = panel(12, 9, 0)
    found = calibrate(one, [0.9], enough=36)
    assert found.notes == (
        "Few past forecasts (12): the intervals of a step also go by errors up to 2 steps before and after it.",
    )
    near = np.abs(one.y[:, 3:6] / one.scale[:, None]).ravel()
    assert found.factors[0.9][4] == conformal_quantile(near, 0.9)
    assert calibrate(one, [0.9], enough=12).notes == ()


def test_steps_that_were_not_measured_and_series_without_scale_do_not_count() -> None:
    one = panel(40, 2, 0)
    one.y[3, 0], one.scale[5] = np.nan, np.nan
    found = calibrate(one, [0.9], enough=9)
    kept = [row for row in range(40) if row not in (3, 5)]
    assert found.factors[0.9][0] == conformal_quantile(np.abs(one.y[kept, 0]) / one.scale[kept], 0.9)
    low, high = found.intervals(np.ones((1, 2)), np.array([np.nan]))
    np.testing.assert_array_equal(low[0.9], high[0.9])  # a series that never changed: no width, and no NaN


def test_too_few_errors_and_too_long_a_horizon_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        calibrate(panel(2, 3, 0), [0.9])
    assert str(caught.value) == (
        "intervals: of 90 % need at least 9 past errors to be calibrated\n"
        "  found:     6\n"
        "  do:        more windows, or a lower level"
    )
    with pytest.raises(DataError, match="must be at most 3 steps"):
        calibrate(panel(50, 3, 0), [0.9]).intervals(np.zeros((1, 4)), np.ones(1))
    with pytest.raises(DataError, match="must be levels the forecasts have intervals of"):
        calibrate(panel(50, 3, 0), [0.5], "interval")
