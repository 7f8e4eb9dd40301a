from __future__ import annotations

import numpy as np

from learnloop.explain.topics.regularise import walk
from learnloop.explain.walk import Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=9)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    np.testing.assert_allclose(values["l2"], 0.05 * 15.25, rtol=1e-12)
    np.testing.assert_allclose(values["l1"], 0.05 * 7.5, rtol=1e-12)
    # where the slopes balance: w - 1 + 0.2 w = 0, w - 0.08 + 0.2 w = 0, w - 1 + 0.1 = 0
    np.testing.assert_allclose(values["held by L2"][-1], [1 / 1.2, 0.08 / 1.2], rtol=1e-8)
    np.testing.assert_allclose(values["held by L1"][-1, 0], 0.9, rtol=1e-8)
    # about 0, up to what one step moves: 0.05 (0.1 + 0.08)
    assert abs(values["held by L1"][-1, 1]) <= 0.05 * 0.18


def test_the_table_of_scalings_shows_which_are_the_same() -> None:
    table = next(block for block in walk().sections[3].blocks if isinstance(block, Table))
    np.testing.assert_allclose([row[2] for row in table.rows], [0.7625, 0.07625, 0.7625, 0.0375, 0.75], rtol=1e-12)  # type: ignore[arg-type]


def test_training_stops_three_epochs_after_the_best() -> None:
    table = next(block for block in walk().sections[4].blocks if isinstance(block, Table))
    assert [row[4] for row in table.rows] == ["keep these weights"] * 3 + ["wait", "wait", "stop"]
    assert [row[3] for row in table.rows] == [0, 0, 0, 1, 2, 3]
