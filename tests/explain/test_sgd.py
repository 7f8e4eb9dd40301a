from __future__ import annotations

import numpy as np
import pytest

from learnloop.explain.topics.sgd import X, Y, slope, walk
from learnloop.explain.walk import Curves, Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=9)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    # w = 1: errors -1, -3, -2, -5 times 2 x = 2, 4, 6, 8
    np.testing.assert_allclose(values["slopes"], [-2, -12, -12, -40], rtol=1e-12)
    np.testing.assert_allclose(values["loss"], (1 + 9 + 4 + 25) / 4, rtol=1e-12)
    # 1 + 0.02 * 16.5, 1 + 0.02 * 40, 1 + 0.02 * 7
    for way, after in (("batch", 1.33), ("stochastic", 1.8), ("mini-batch", 1.14)):
        np.testing.assert_allclose(values[f"w after a {way} step"], after, rtol=1e-12)


def test_the_slope_is_that_of_the_loss() -> None:
    w = np.array([0.7])
    np.testing.assert_allclose(slope(w), (2 * (X * 0.7 - Y) * X).mean(), rtol=1e-12)
    np.testing.assert_allclose(slope(np.array([2.1])), 0, atol=1e-12)  # 63 / 30


@pytest.mark.parametrize(("alpha", "factor"), [(0.005, 0.925), (0.05, 0.25), (0.12, -0.8), (0.14, -1.1)])
def test_every_step_multiplies_the_distance_by_1_minus_alpha_times_15(alpha: float, factor: float) -> None:
    away = walk().values[f"alpha = {alpha}"] - 2.1
    np.testing.assert_allclose(away, -1.1 * factor ** np.arange(13), rtol=1e-9, atol=1e-12)


def test_the_ways_see_the_same_samples_in_more_or_fewer_updates() -> None:
    values = walk().values
    assert [len(values[way]) - 1 for way in ("batch", "mini-batch", "stochastic")] == [6, 12, 24]
    epochs = walk().sections[2]
    assert [type(block) for block in epochs.blocks[:2]] == [Curves, Table]
    # batch: 2.1 - 1.1 * 0.7^6; and the claim of the text, that one sample at a time is there first
    np.testing.assert_allclose(values["batch"][-1], 2.1 - 1.1 * 0.7**6, rtol=1e-12)
    assert abs(values["stochastic"][4] - 2.1) < abs(values["mini-batch"][2] - 2.1) < abs(values["batch"][1] - 2.1)
