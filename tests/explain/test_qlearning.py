from __future__ import annotations

import numpy as np

from learnloop.explain.topics.qlearning import walk
from learnloop.explain.walk import Grid, Table
from learnloop.scratch.qlearning import WORLD
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=10)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_allclose([values["Q_1"], values["Q_2"], values["Q_3"]], [0.5, 0.75, 0.3175], atol=1e-15)
    np.testing.assert_allclose(values["Q_star"][[2, 1, 0], 1], [1, 0.86, 0.734], atol=1e-12)


def test_learning_comes_to_the_best_values() -> None:
    values = walk().values
    errors = values["largest error"]
    # nothing is known at first: the best cell is worth 1
    assert errors[0] == 1 and errors[-1] < 1e-6
    np.testing.assert_allclose(values["Q after 320"].max(axis=1), values["Q_star"].max(axis=1), atol=1e-6)


def test_the_best_way_goes_round_the_pit() -> None:
    tables = [block for block in walk().sections[4].blocks if isinstance(block, Table)]
    best, learnt = ([list(row) for row in table.rows] for table in tables)
    assert best == [["→", "→", "→", "1"], ["↑", "#", "↑", "-1"], ["↑ →", "→", "↑", "←"]]
    for known_row, thought_row in zip(best, learnt):
        for known, thought in zip(known_row, thought_row):
            assert set(str(thought).split()) <= set(str(known).split())


def test_pictures_mark_the_ends_and_show_their_rewards() -> None:
    grids = [block for section in walk().sections for block in section.blocks if isinstance(block, Grid)]
    assert len(grids) == 6
    for grid in grids:
        assert grid.marked == {(0, 3), (1, 3)} and grid.values.shape == (WORLD.rows, WORLD.columns)
    for grid in grids[1:]:
        assert (grid.values[0, 3], grid.values[1, 3]) == (1, -1)
