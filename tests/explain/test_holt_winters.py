from __future__ import annotations

import numpy as np

from learnloop.explain.topics.holt_winters import walk
from learnloop.explain.walk import Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=19)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["additive_start"], [6.5, 1])
    np.testing.assert_array_equal(values["additive_first_season"], [0.5, 3.5, -3.5, -0.5])
    np.testing.assert_array_equal(values["additive_forecasts"][:6], [8, 12, 6, 10, 12, 17.5])
    np.testing.assert_allclose(values["additive_ahead"][:2], [20.76620483, 24.44458008], atol=5e-9)


def test_the_errors_stand_in_the_order_that_the_text_tells() -> None:
    values = walk().values
    simple, holt, additive, multiplicative = values["errors"]
    assert multiplicative < values["error when nothing moves"] < additive < simple < holt
    # the first line and season go on: forecasts 12 16 10 14 and 16 20 14 18
    misses = np.array([14, 18, 7, 13, 18, 25, 9, 16.0]) - [12, 16, 10, 14, 16, 20, 14, 18]
    np.testing.assert_allclose(values["error when nothing moves"], (misses**2).mean(), atol=1e-12)


def test_the_slope_over_alpha_is_that_of_the_error_curve() -> None:
    values = walk().values
    alpha, error, slope = (values[name] for name in ("alpha", "error at alpha", "slope at alpha"))
    # the central difference over a whole grid step is off by the third derivative, large where alpha is small
    np.testing.assert_allclose(np.gradient(error, alpha)[14:-1], slope[14:-1], atol=0.1)
    best = int(error.argmin())
    assert 0 < best < len(alpha) - 1 and slope[best - 1] < 0 < slope[best + 1]


def test_the_table_lists_the_steps_after_the_first_year() -> None:
    table = next(block for block in walk().sections[3].blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == list(range(4, 12))
    assert list(table.rows[0]) == [4, 14, 12, 12.5, 1.5, 1.5]
