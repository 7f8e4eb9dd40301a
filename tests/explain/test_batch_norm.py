from __future__ import annotations

import numpy as np

from learnloop.explain.topics.batch_norm import walk
from learnloop.explain.walk import Grid
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=15)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    np.testing.assert_allclose(values["mean"], [10, 2], rtol=1e-12)
    np.testing.assert_allclose(values["y"][:, 0], [-1.8, 0.6, 1.4, 3.8], rtol=1e-12)
    np.testing.assert_allclose(values["running_var"][0], 0.9 + 10 / 3, rtol=1e-12)
    np.testing.assert_allclose(values["in_use"][0, 0], 2.944101, atol=5e-7)
    # dx_hat = 2, 0, 0, 0: 2/5; -2/20; -x_hat/20 * 2 * -1.4
    np.testing.assert_allclose(values["way straight"], [0.4, 0, 0, 0], rtol=1e-12)
    np.testing.assert_allclose(values["way by mu"], [-0.1] * 4, rtol=1e-12)
    np.testing.assert_allclose(values["way by var"], [-0.196, -0.028, 0.028, 0.196], rtol=1e-12)


def test_the_three_ways_add_up_to_the_gradient_of_the_backward_pass() -> None:
    values = walk().values
    ways = values["way straight"] + values["way by mu"] + values["way by var"]
    np.testing.assert_allclose(ways, values["dx"][:, 0], rtol=1e-12)
    np.testing.assert_allclose(values["dx"][:, 0].sum(), 0, atol=1e-14)


def test_what_is_remembered_goes_to_the_mean_and_the_unbiased_variance() -> None:
    values = walk().values
    left = 0.9**40
    np.testing.assert_allclose(values["running means"][-1], 10 * (1 - left), rtol=1e-12)
    np.testing.assert_allclose(values["running variances"][-1], left + (1 - left) * 100 / 3, rtol=1e-12)


def test_layer_norm_shows_the_column_as_a_row() -> None:
    grids = [block for block in walk().sections[5].blocks if isinstance(block, Grid)]
    np.testing.assert_allclose(grids[0].values, [[3, 9, 11, 17]])
    np.testing.assert_allclose(grids[1].values, [[-1.4, -0.2, 0.2, 1.4]], rtol=1e-12)
