from __future__ import annotations

import numpy as np

from learnloop.explain.topics.conv import walk
from learnloop.explain.walk import Grid, Say, Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results, equations


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=15)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["y"], [[6, 8]])
    np.testing.assert_array_equal(values["dW"], [[5, 8], [14, 17]])
    np.testing.assert_array_equal(values["dx"], [[1, 2, 0], [0, 1, 2]])
    results = {equation.formula.split(" = ")[0]: equation.result for equation in equations(walk())}
    assert (results["y[0,0]"], results["y[0,1]"]) == (6, 8)
    assert (results["rows of y"], results["columns of y"]) == (1, 2)


def test_the_slip_stands_beside_the_right_answer() -> None:
    section = next(section for section in walk().sections if "slip" in section.title)
    text = " ".join(block.text for block in section.blocks if isinstance(block, Say))
    assert "[[1, 2], [4, 5]]" in text and "[[6, 8]]" in text and "first row of the filter only" in text


def test_the_frame_moves_with_the_filter() -> None:
    grids = [block for block in walk().sections[1].blocks if isinstance(block, Grid) and block.marked]
    assert [sorted(grid.marked) for grid in grids] == [
        [(0, 0), (0, 1), (1, 0), (1, 1)],
        [(0, 1), (0, 2), (1, 1), (1, 2)],
    ]


def test_turning_the_edge_filter_turns_the_sign() -> None:
    results = {equation.formula.split(" = ")[0]: equation.result for equation in equations(walk())}
    assert (results["crossed y[0,0]"], results["true y[0,0]"]) == (-4, 4)


def test_the_sizes_of_a_picture_28_wide_are_the_formulas() -> None:
    table = [block for block in walk().sections[4].blocks if isinstance(block, Table)][1]
    assert [list(row) for row in table.rows] == [[5, 0, 1, 24], [5, 2, 1, 28], [3, 1, 2, 14], [2, 0, 2, 14]]
