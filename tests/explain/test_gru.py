from __future__ import annotations

import numpy as np
import pytest

from learnloop.explain.topics.gru import walk
from learnloop.explain.walk import Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results, equations


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=17)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    expected = {
        "r": [0.5, 0.268941421],
        "z": [0.622459331, 0.731058579],
        "h_new, before": [0.305458906, -0.093666049],
        "h_new, after": [0.197375320, -0.036161003],
        "h, before": [0.378906081, -0.337416790],
        "h, after": [0.311628444, -0.295377233],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=0, atol=1e-9, err_msg=name)


def test_the_two_forms_stand_side_by_side() -> None:
    [table] = [block for section in walk().sections for block in section.blocks if isinstance(block, Table)]
    assert list(table.columns) == ["", "before", "after"]
    np.testing.assert_allclose(
        [row[1:] for row in table.rows], [[0.305459, 0.197375], [-0.093666, -0.036161]], atol=1e-6
    )


def test_pytorchs_update_gate_is_one_minus_ours() -> None:
    [theirs] = [equation for equation in equations(walk()) if equation.formula.startswith("PyTorch")]
    assert theirs.result == pytest.approx(1 - walk().values["z"][0], abs=1e-12)
