from __future__ import annotations

import numpy as np

from learnloop.explain.topics.dropout import walk
from learnloop.explain.walk import Grid, Network
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=5)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    # 0.5 * 2 + 1 * 0.5 + 0.25 * 4; with all four + (-1)(-1); three quarters of that
    np.testing.assert_allclose(values["sum under the mask"], 2.5, rtol=1e-12)
    np.testing.assert_allclose(values["sum, not scaled"], 3.5, rtol=1e-12)
    np.testing.assert_allclose(values["sum in use"], 2.625, rtol=1e-12)
    np.testing.assert_allclose(values["chances"], [9 / 16, 3 / 16, 3 / 16, 1 / 16], rtol=1e-12)
    np.testing.assert_allclose(values["mean of the units"], [2, -1], rtol=1e-12)


def test_the_running_means_go_to_what_the_text_says() -> None:
    values = walk().values
    # 2 times a coin of 3/4: five standard deviations of the mean of 400 are 5 * 2 * sqrt(0.1875 / 400) = 0.22
    np.testing.assert_allclose(values["running mean"][-1], 1.5, atol=0.22)
    np.testing.assert_allclose(values["running mean, inverted"], values["running mean"] / 0.75, rtol=1e-12)


def test_the_dropped_unit_is_marked_and_silent() -> None:
    sections = walk().sections
    units = next(block for block in sections[0].blocks if isinstance(block, Grid))
    assert units.marked == {(0, 1)}
    network = next(block for block in sections[1].blocks if isinstance(block, Network))
    assert [node.note for node in network.layers[0]] == ["", "dropped", "", ""]
    assert [node.value for node in network.layers[0]] == [2, 0, 0.5, 4]
