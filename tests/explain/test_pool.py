from __future__ import annotations

import numpy as np

from learnloop.explain.topics.pool import walk
from learnloop.explain.walk import Grid, Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results, equations


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=12)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["max"], [[6, 4], [8, 6]])
    np.testing.assert_array_equal(values["average"], [[3.75, 2.25], [4.5, 4.5]])
    largest = [equation for equation in equations(walk()) if equation.numbers.startswith("max")]
    assert [(equation.numbers, equation.result) for equation in largest] == [
        ("max(1, 3, 5, 6)", 6),
        ("max(2, 4, 1, 2)", 4),
        ("max(7, 8, 2, 1)", 8),
        ("max(3, 5, 4, 6)", 6),
    ]


def test_the_frames_cut_the_picture_into_four_and_the_winners_are_framed() -> None:
    forwards, backwards = walk().sections[:2]
    frames = [block.marked for block in forwards.blocks if isinstance(block, Grid) and block.marked]
    assert sorted(cell for frame in frames for cell in frame) == sorted(np.ndindex(4, 4))
    [winners] = [block.marked for block in backwards.blocks if isinstance(block, Grid) and block.marked]
    assert winners == {(0, 3), (1, 1), (2, 1), (3, 3)}


def test_the_eight_wins_four_overlapping_windows() -> None:
    [table] = [block for block in walk().sections[3].blocks if isinstance(block, Table)]
    assert [row[0] for row in table.rows] == ["1,0", "1,1", "2,0", "2,1"]
    assert all(row[2] == 8 for row in table.rows)
