"""Every method of METHODS: sound on any series, fallbacks that are said, no trace left, and what each sees."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from learnloop.errors import DataError, MissingExtraError, RecipeError
from learnloop.models.classical import forecast as base
from learnloop.models.classical.forecast import Classical, Forecast, Method
from learnloop.models.classical.many import forecast_many
from learnloop.models.classical.naive import Naive
from learnloop.models.classical.table import METHODS, method

OWN = ("naive", "seasonal_naive", "drift", "naive2", "ar")
FAST = (*OWN, "ses", "holt", "holt_winters", "ets", "theta", "optimised_theta", "dynamic_theta")
"""Not ARIMA, CES and the combination of both: seconds a series."""
_RNG = np.random.default_rng(0)
SERIES = {
    "one": np.array([3.0]),
    "two": np.array([3.0, 4.0]),
    "five": np.array([3.0, 4, 1, 5, 2]),
    "nine": _RNG.normal(size=9),
    "a season and one": _RNG.normal(size=5),
    "zeros": np.zeros(30),
    "constant": np.full(30, 5.0),
    "mostly zero": (_RNG.random(60) < 0.1) * 3.0,
    "a step": np.r_[np.zeros(30), np.ones(30)],
    "only the last differs": np.r_[np.zeros(59), 1.0],
    "a line": np.arange(60.0),
    "the same every season": np.tile(np.arange(4.0), 15),
    "negative": _RNG.normal(size=60) - 5,
    "huge": 1e14 * (10 + _RNG.normal(size=60)),
    "tiny": 1e-14 * (10 + _RNG.normal(size=60)),
}


@pytest.fixture(autouse=True)
def library(request: pytest.FixtureRequest) -> None:
    if "name" in request.fixturenames and request.getfixturevalue("name") not in OWN:
        pytest.importorskip("statsforecast")


def month(n: int = 72) -> np.ndarray:
    """A trend with a season that grows with it."""
    t = np.arange(n)
    return (100 + 2 * t) * (1 + 0.3 * np.sin(2 * np.pi * t / 12)) * np.exp(np.random.default_rng(0).normal(0, 0.02, n))


@pytest.mark.parametrize("name", FAST)
def test_any_series_gets_finite_forecasts_with_nested_intervals(name: str) -> None:
    for case, y in SERIES.items():
        found = METHODS[name].forecast(y, 6, 4, [0.8, 0.95])
        parts = (found.lower[0.95], found.lower[0.8], found.upper[0.8], found.upper[0.95])
        assert all(part.shape == found.mean.shape == (6,) and np.isfinite(part).all() for part in parts), case
        room = 1e-9 * (1 + np.abs(y).max())
        assert all((low <= high + room).all() for low, high in pairwise(parts)), case
        if y.min() == y.max():
            assert (found.mean == y[0]).all() and "it is continued" in found.note, case


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name: str) -> None:
    one = METHODS[name]
    assert one.title and one.source and one.assumes.endswith(".")


@pytest.mark.parametrize("name", FAST)
def test_a_method_changes_neither_its_input_nor_the_global_generator_and_repeats_itself(name: str) -> None:
    y, state = month(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    kept = y.copy()
    first, again = (METHODS[name].forecast(y, 6, 12, [0.9]) for _ in range(2))
    np.testing.assert_array_equal(first.mean, again.mean)
    np.testing.assert_array_equal(first.upper[0.9], again.upper[0.9])
    np.testing.assert_array_equal(y, kept)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("name", ["holt_winters", "ets", "theta", "dynamic_theta", "sarima"])
def test_seasonal_methods_beat_seasonal_naive_by_far_on_a_growing_season(name: str) -> None:
    y = month(84)
    past, then = y[:72], y[72:]
    error = np.abs(METHODS[name].forecast(past, 12, 12, ()).mean - then).mean()
    assert error < 0.4 * np.abs(METHODS["seasonal_naive"].forecast(past, 12, 12, ()).mean - then).mean()


@pytest.mark.parametrize("name", ["drift", "ar", "holt", "ets", "theta"])
def test_forecasts_scale_with_the_series(name: str) -> None:
    y = month()
    one = METHODS[name].forecast(y, 4, 12, [0.9])
    large = METHODS[name].forecast(y * 2.0**60, 4, 12, [0.9]).scaled(2.0**-60)
    np.testing.assert_allclose(large.mean, one.mean, rtol=1e-3)  # optimisers stop at slightly other places
    np.testing.assert_allclose(large.upper[0.9], one.upper[0.9], rtol=0.02)


def test_a_series_too_short_says_what_was_done_instead() -> None:
    found = METHODS["holt_winters"].forecast(np.array([1.0, 2, 4, 3, 5]), 2, 4)
    assert found.note == "5 values are too few for Holt-Winters (season 4: 13): Naive instead."
    np.testing.assert_array_equal(found.mean, [5, 5])
    longer = METHODS["holt_winters"].forecast(np.arange(12.0) % 5, 2, 4)
    assert longer.note == "12 values are too few for Holt-Winters (season 4: 13): Seasonal naive instead."


class Broken(Classical):
    """Fails in one of the ways that foreign code does."""

    title, assumes, source = "Broken", "Nothing.", "none"

    def __init__(self, way: Exception | float) -> None:
        self.way = way

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return Naive()

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        if isinstance(self.way, Exception):
            raise self.way
        return Forecast(np.full(horizon, self.way))


@pytest.mark.parametrize("way", [ValueError("x"), ZeroDivisionError(), np.linalg.LinAlgError(), NotImplementedError()])
def test_foreign_failures_become_a_simpler_forecast_that_says_so(way: Exception) -> None:
    found = Broken(way).forecast(np.arange(5.0), 3)
    assert found.note == f"Broken broke down ({type(way).__name__}): Naive instead."
    assert (found.mean == 4).all()


def test_forecasts_that_are_not_finite_become_a_simpler_one() -> None:
    assert Broken(np.nan).forecast(np.arange(5.0), 3).note == "Broken gave values that are not finite: Naive instead."


def test_series_and_arguments_that_cannot_be_are_refused_in_words() -> None:
    with pytest.raises(DataError) as caught:
        METHODS["ets"].forecast(np.array([1.0, np.nan, 2.0]), 3)
    assert str(caught.value) == (
        "series: must have a number at every step\n"
        "  found:     nan at position 1, 1 in all of 3\n"
        "  probably:  a gap that was not filled"
    )
    with pytest.raises(DataError, match="at least one value"):
        METHODS["naive"].forecast(np.zeros(0), 3)
    with pytest.raises(RecipeError, match=r"levels: must be shares between 0 and 1\n.*90\n.*a level in percent"):
        METHODS["naive"].forecast(np.arange(5.0), 3, 1, [90])
    with pytest.raises(RecipeError, match="horizon: must be at least 1 step"):
        METHODS["naive"].forecast(np.arange(5.0), 0)
    with pytest.raises(RecipeError, match=r"--model: must be a forecasting method\n.*'sarma'\n.*Did you mean 'sarima'"):
        method("sarma")


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object, **named: object) -> object:
        if name.startswith("statsforecast"):
            raise ImportError(name)
        return real(name, *rest, **named)  # type: ignore[arg-type]

    for name in [name for name in sys.modules if name.startswith("statsforecast")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as caught:
        METHODS["ets"].forecast(month(), 3, 12)
    assert str(caught.value) == (
        "Automatic ETS: needs the optional library statsforecast\n"
        "  found:     it is not installed\n"
        "  do:        pip install 'learnloop[forecast]'"
    )
    for name in OWN:
        assert not METHODS[name].forecast(month(), 3, 12).note


def test_many_series_are_as_one_by_one_and_on_several_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    series = [month(40 + place) for place in range(8)]
    drift: Method = METHODS["drift"]
    each = [drift.forecast(one, 3, 12, [0.9]) for one in series]
    for patience, jobs in ((1e9, 2), (0.0, 2)):
        monkeypatch.setattr("learnloop.models.classical.many.PATIENCE", patience)
        found = forecast_many(drift, series, 3, 12, [0.9], jobs=jobs)
        assert len(found) == 8
        for place, one in enumerate(each):
            np.testing.assert_array_equal(found[place].mean, one.mean)
            np.testing.assert_array_equal(found[place].lower[0.9], one.lower[0.9])


def test_the_series_with_a_gap_is_named() -> None:
    with pytest.raises(DataError, match="series 'b': must have a number at every step"):
        forecast_many(Naive(), [np.ones(3), np.array([1, np.nan])], 2, ids=["a", "b"])


def test_constant_is_what_varies_by_rounding_alone() -> None:
    assert base.is_constant(np.full(5, 0.1) * 3)
    assert base.is_constant(1e9 + np.array([0.0, 1e-7]))
    assert not base.is_constant(np.array([1.0, 1.0 + 1e-9]))
