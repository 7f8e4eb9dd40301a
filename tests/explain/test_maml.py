from __future__ import annotations

import numpy as np

from learnloop.explain.topics.maml import THETA, walk
from learnloop.explain.walk import Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=21)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    wanted = {"flat_adapted": 0.8, "steep_adapted": 2.6, "flat_outer": 0.64, "steep_outer": -0.32}
    wanted |= {"outer": 0.32, "first": -0.8, "best_start": 0.6, "compromise": 2.4}
    for name, value in wanted.items():
        np.testing.assert_allclose(values[name], [value], atol=1e-12, err_msg=name)


def test_the_outer_steps_lead_apart_and_settle_where_the_closed_form_says() -> None:
    values = walk().values
    np.testing.assert_allclose(values["path, MAML"][:2], [1, 0.84], atol=1e-12)
    np.testing.assert_allclose(values["path, first order"][:2], [1, 1.4], atol=1e-12)
    np.testing.assert_allclose(values["end, MAML"], values["best_start"], atol=1e-12)
    np.testing.assert_allclose(values["end, first order"], [1.5], atol=1e-12)


def test_the_curves_have_their_lowest_points_where_the_text_says() -> None:
    values = walk().values
    assert abs(THETA[values["summed loss before"].argmin()] - 2.4) < 1e-9
    assert abs(THETA[values["summed loss after"].argmin()] - 0.6) < 1e-9


def test_the_table_of_starts_shows_that_each_is_best_at_its_own() -> None:
    table = next(block for block in walk().sections[3].blocks if isinstance(block, Table))
    starts = {str(row[0]): [float(cell) for cell in row[1:]] for row in table.rows}
    # 0.5 * 0.36 + 2 * 5.76; 0.64 and 0.16 of the same
    np.testing.assert_allclose(starts["MAML"], [0.6, 0.18 + 11.52, 0.64 * 0.18 + 0.04 * 11.52], atol=1e-12)
    np.testing.assert_allclose(starts["first order"][2], 0.9, atol=1e-12)
    np.testing.assert_allclose(starts["best without adapting"], [2.4, 3.6, 0.64 * 2.88 + 0.04 * 0.72], atol=1e-12)
