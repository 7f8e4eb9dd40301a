"""Single transforms: values worked out by hand, and properties."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from learnloop.errors import SchemaError
from learnloop.transforms.calendar import Calendar
from learnloop.transforms.categories import Boolean, Categories
from learnloop.transforms.impute import Impute
from learnloop.transforms.quantile import Quantile
from learnloop.transforms.robust import Robust
from learnloop.transforms.standardise import Standardise
from learnloop.transforms.text import as_float

FAST = settings(max_examples=60, deadline=None, derandomize=True)
FINITE = st.floats(-1e150, 1e150, allow_subnormal=True)
COLUMN = st.lists(FINITE | st.just(float("nan")), min_size=1, max_size=60).map(lambda v: np.array(v, float))
INSIDE = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60).map(lambda v: np.array(v, float))


def spread(x: np.ndarray) -> float:
    return float(np.nanmax(np.abs(x), initial=0.0, where=~np.isnan(x)))


@FAST
@given(COLUMN)
def test_standardise_inverts(x: np.ndarray) -> None:
    transform = Standardise()
    transform.fit(x)
    back = transform.invert(transform.apply(x))
    np.testing.assert_allclose(back, x, rtol=1e-12, atol=1e-14 * spread(x) + 1e-300)


@FAST
@given(COLUMN)
def test_quantile_inverts_inside_the_training_range_and_is_bounded(x: np.ndarray) -> None:
    transform = Quantile()
    transform.fit(x)
    z = transform.apply(x)
    present = ~np.isnan(x)
    np.testing.assert_allclose(transform.invert(z)[present], x[present], rtol=1e-9, atol=1e-11 * spread(x) + 1e-300)
    bound = stats.norm.ppf(1 - 0.5 / max(2, present.sum())) + 1e-9
    assert (np.abs(transform.apply(np.array([-1e300, 1e300]))) <= bound).all()
    assert (np.isnan(z) == np.isnan(x)).all()


@FAST
@given(INSIDE)
def test_quantile_keeps_order(x: np.ndarray) -> None:
    transform = Quantile()
    transform.fit(x)
    assert (np.diff(transform.apply(np.sort(x))) >= -1e-12).all()


@FAST
@given(INSIDE)
def test_robust_inverts_near_the_middle_and_is_bounded(x: np.ndarray) -> None:
    transform = Robust()
    transform.fit(x)
    z = transform.apply(x)
    assert (np.abs(z) <= 3).all() and (np.abs(transform.apply(np.array([1e300, -1e300]))) <= 3).all()
    near = np.abs(z) < 2.99
    scale = 1 / transform.scale if transform.scale else 0.0
    np.testing.assert_allclose(transform.invert(z)[near], x[near], atol=1e-8 * scale + 1e-9 * spread(x) + 1e-300)


@FAST
@given(COLUMN)
def test_impute_inverts(x: np.ndarray) -> None:
    transform = Impute()
    transform.fit(x)
    np.testing.assert_array_equal(transform.invert(transform.apply(x)), x)


@FAST
@given(st.lists(st.none() | st.text(max_size=4), min_size=1, max_size=40))
def test_categories_invert_and_unseen_is_zero(texts: list[str | None]) -> None:
    column = pd.Series(texts, dtype=object)
    transform = Categories()
    transform.fit(column)
    assert list(transform.invert(transform.apply(column))) == texts
    assert transform.apply(pd.Series(["never seen before", None], dtype=object)).tolist() == [0, 0]


@FAST
@given(st.lists(st.none() | st.datetimes(min_value=datetime(1700, 1, 1)), min_size=1, max_size=30))
def test_calendar_inverts_to_a_millisecond(dates: list[object]) -> None:
    column = pd.Series(np.array(dates, dtype="datetime64[ms]"))
    transform = Calendar()
    transform.fit(column)
    np.testing.assert_array_equal(transform.invert(transform.apply(column)), column.to_numpy())


def test_standardise_by_hand() -> None:
    transform = Standardise()
    transform.fit(np.array([[1.0, 5.0], [3.0, 5.0], [np.nan, 5.0]]))
    assert transform.mean.tolist() == [2.0, 5.0] and transform.scale.tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(transform.apply(np.array([[4.0, 7.0]])), [[2.0, 2.0]])


def test_standardise_is_not_fooled_by_rounding_of_a_constant() -> None:
    transform = Standardise()
    transform.fit(np.full(1000, 0.1))
    assert transform.apply(np.full(3, 0.1)).tolist() == [0.0, 0.0, 0.0]


def test_quantile_makes_a_skewed_column_normal() -> None:
    x = np.random.default_rng(0).exponential(size=5000) ** 3
    transform = Quantile()
    transform.fit(x)
    z = transform.apply(x)
    assert stats.kstest(z, "norm").statistic < 0.02
    assert len(transform.quantiles) == 166


def test_quantile_of_distinct_values_is_hazens_position() -> None:
    transform = Quantile()
    transform.fit(np.array([30.0, 10.0, 20.0, 40.0]))
    expected = stats.norm.ppf([1 / 8, 3 / 8, 5 / 8, 7 / 8])
    np.testing.assert_allclose(transform.apply(np.array([10.0, 20.0, 30.0, 40.0])), expected, rtol=1e-12)


def test_quantile_puts_a_heavy_value_in_the_middle_of_its_step() -> None:
    transform = Quantile()
    transform.fit(np.repeat([0.0, 1.0], [600, 600]))
    low, high = transform.apply(np.array([0.0, 1.0]))
    assert low == pytest.approx(stats.norm.ppf(0.25), abs=0.05) and high == pytest.approx(-low, abs=1e-9)


def test_robust_by_hand() -> None:
    transform = Robust()
    transform.fit(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))  # median 2, quartiles 1 and 3
    assert transform.apply(np.array([2.0, 8.0])).tolist() == pytest.approx([0.0, 3 / np.sqrt(2)])
    constant_quartiles = Robust()
    constant_quartiles.fit(np.array([5.0] * 9 + [9.0]))
    assert constant_quartiles.scale == 0.5


def test_impute_marks_only_what_training_could_show() -> None:
    transform = Impute()
    transform.fit(np.array([1.0, np.nan, 5.0, 9.0]))
    assert transform.apply(np.array([np.nan, 2.0])).tolist() == [[5.0, 1.0], [2.0, 0.0]]
    transform.fit(np.array([1.0, 5.0, 9.0]))
    assert transform.apply(np.array([np.nan, 2.0])).tolist() == [[5.0], [2.0]]


def test_categories_order_spelling_and_rare_ones() -> None:
    transform = Categories(known=("low", "mid", "high"))
    transform.fit(pd.Series(["high", "low", "extra", "low"]))
    assert transform.categories == ("low", "high", "extra") and transform.cardinality == 4
    numbers = Categories()
    numbers.fit(np.array([10.0, 2.0, np.nan, 2.0]))
    assert numbers.categories == ("2", "10")
    assert numbers.apply(pd.Series(["2", "10", "2.0", "3"])).tolist() == [1, 2, 1, 0]
    rare = Categories(min_count=2)
    rare.fit(pd.Series(["a", "a", "b"]))
    assert rare.categories == ("a",) and rare.codes(pd.Series(["b", None]))[2] == {"b": 1}


def test_categories_keep_leading_zeros_apart() -> None:
    transform = Categories()
    transform.fit(pd.Series(["01", "1"]))
    assert transform.apply(pd.Series(["1", "01", "001"])).tolist() == [2, 1, 0]


def test_boolean_words_and_pairs() -> None:
    assert Boolean().apply(np.array([1, 0, 2])).tolist() == [2, 1, 0]
    assert Boolean().apply(pd.Series(["Yes", "no", "TRUE", None])).tolist() == [2, 1, 2, 0]
    assert Boolean(("male", "female")).apply(pd.Series(["male", "female", "x"])).tolist() == [1, 2, 0]
    assert Boolean(("yes", "no")).apply(pd.Series(["yes", "no"])).tolist() == [2, 1]
    assert Boolean(("yes", "no")).categories == ("no", "yes")


def test_calendar_by_hand() -> None:
    transform = Calendar()
    column = pd.Series(pd.to_datetime(["2024-01-01 06:30", "2024-07-01 00:00"]))
    transform.fit(column)
    table = pd.DataFrame(transform.apply(column), columns=transform.names)
    assert table["year"].tolist() == [2024, 2024] and table["month"].tolist() == [1, 7]
    assert table["day_of_week"].tolist() == [0, 0]  # both were Mondays
    assert table["hour"].tolist() == [6.5, 0.0]
    assert table["elapsed_days"].tolist() == [0.0, 182 - 6.5 / 24]
    assert table["day_of_year_sin"].tolist() == pytest.approx([0.0, np.sin(2 * np.pi * 182 / 365.25)])


def test_calendar_without_times_has_no_hour_and_reads_wall_clock_time() -> None:
    transform = Calendar()
    transform.fit(pd.Series(pd.to_datetime(["2024-01-01", "2024-07-01"])))
    assert "hour" not in transform.names
    zoned = pd.Series(pd.to_datetime(["2024-01-01 23:00"]).tz_localize("Asia/Tokyo"))
    transform.fit(zoned)
    assert transform.apply(zoned)[0, transform.names.index("hour")] == 23.0


def test_infinite_and_foreign_values_are_named() -> None:
    with pytest.raises(SchemaError) as caught:
        as_float(pd.Series([1.0, np.inf, -np.inf]), "fare")
    assert str(caught.value) == (
        "column 'fare': must hold finite numbers\n"
        "  found:     inf in row 2 and in 1 more rows\n"
        "  probably:  a division by zero, or an overflow, when the file was made\n"
        "  do:        replace the infinite values by numbers, or by empty cells (they are imputed)"
    )
    with pytest.raises(SchemaError) as caught:
        as_float(pd.Series(["1.5", "n/k", None]), "fare")
    assert "must hold numbers, as in training\n  found:     'n/k' in row 2" in str(caught.value)
    assert as_float(pd.Series(["1.5", None]), "fare")[0] == 1.5
