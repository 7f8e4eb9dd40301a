from __future__ import annotations

import numpy as np

from learnloop.explain.topics.metrics import walk
from learnloop.explain.walk import Grid, Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=12)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    expected = {
        "counts": [3, 2, 2, 1],
        "accuracy": 0.625,
        "precision": 0.6,
        "recall": 0.75,
        "f1": 2 / 3,
        "roc_auc": 11.5 / 16,
        "lazy accuracy": 0.95,
        "lazy recall": 0,
        "mse": 1.5,
        "mae": 1,
        "r2": 0.4,
        "fid distance": 9,
    }
    values = walk().values
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-12, err_msg=name)


def test_each_mail_is_called_what_it_is() -> None:
    table = next(block for block in walk().sections[0].blocks if isinstance(block, Table))
    assert [row[4] for row in table.rows] == ["TP", "TP", "FP", "TP", "FP", "TN", "FN", "TN"]
    matrix = next(block for block in walk().sections[0].blocks if isinstance(block, Grid))
    np.testing.assert_array_equal(matrix.values, [[2, 2], [1, 3]])


def test_a_lower_threshold_finds_more_and_the_curve_ends_in_the_corners() -> None:
    values = walk().values
    np.testing.assert_allclose(values["thresholds"], [0.9, 0.8, 0.7, 0.6, 0.3, 0.2, 0.1])
    np.testing.assert_allclose(values["recall by threshold"], [0.25, 0.5, 0.5, 0.75, 0.75, 1, 1])
    false_rate, true_rate = values["false positive rate"], values["true positive rate"]
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    np.testing.assert_allclose(np.trapezoid(true_rate, false_rate), values["roc_auc"], rtol=1e-12)
