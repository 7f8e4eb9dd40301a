from __future__ import annotations

import numpy as np

from learnloop.explain.topics.timeseries import walk
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=20)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["seasonal"], [8, 8, 8, 8])
    np.testing.assert_allclose(values["trend"], [10.5, 13 / 7], atol=1e-13)
    np.testing.assert_allclose(values["r"], [1, 92 / 164, 40 / 164, -7 / 164], atol=1e-15)
    np.testing.assert_allclose(values["partial"][2], -0.10329861, atol=5e-9)


def test_the_logarithm_and_a_seasonal_difference_leave_the_growth_alone() -> None:
    values = walk().values
    assert values["growing"].max() > 3 * values["growing"].min()
    np.testing.assert_allclose(values["log growing, season gone"], 4 * np.log(1.1), atol=1e-12)


def test_only_the_seasonal_difference_goes_on_with_trend_and_season() -> None:
    values = walk().values
    np.testing.assert_allclose(values["ahead, seasonal difference"], [27, 27, 32, 30], atol=1e-12)
    # from 22, by the mean change (22 - 11) / 7
    np.testing.assert_allclose(values["ahead, difference"], 22 + 11 / 7 * np.arange(1, 5), atol=1e-12)
    np.testing.assert_allclose(values["ahead, AR(1)"][:2], [21.91983122, 21.86283359], atol=5e-9)
