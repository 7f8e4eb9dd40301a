from __future__ import annotations

import numpy as np
import pytest

from learnloop.explain.topics.vanishing import SHOWN, SIZES, walk
from learnloop.explain.walk import Curves, Table, Walk
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


@pytest.fixture(scope="module")
def found() -> Walk:
    return walk()


def test_the_walk_is_whole_and_its_sums_are_right(found: Walk) -> None:
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=11)


def test_a_network_that_hears_nothing_follows_the_power(found: Walk) -> None:
    for size in SIZES:
        np.testing.assert_allclose(found.values[f"quiet, {size}"], size ** np.arange(51.0), rtol=1e-9)
    curve = found.values["quiet, 1.1"]
    np.testing.assert_allclose(curve[[10, 50]], [2.593742, 117.390853], rtol=1e-6)


def test_a_signal_makes_every_curve_fall_below_its_power(found: Walk) -> None:
    for size in SIZES:
        assert (found.values[f"heard, {size}"][1:] < found.values[f"quiet, {size}"][1:]).all()


def test_the_open_lstm_keeps_what_the_rnn_and_the_shut_lstm_lose(found: Walk) -> None:
    ends = {name: curve[-1] for name, curve in found.values.items() if curve.shape == (51,)}
    assert ends["along the cell, b_f = 5"] > 0.5
    assert ends["heard, 1.0"] < 1e-3 and ends["along the cell, b_f = 0"] < 1e-9
    # As the text says of all roads together
    assert ends["all roads, b_f = 5"] > 1


def test_every_curve_starts_at_1_and_lasts_50_steps(found: Walk) -> None:
    figures = [block for section in found.sections for block in section.blocks if isinstance(block, Curves)]
    assert [len(figure.lines) for figure in figures] == [5, 5, 4]
    for figure in figures:
        assert figure.log_y
        for x, y in figure.lines.values():
            assert (x[0], x[-1], len(x)) == (0, 50, 51) and y[0] == 1 and (y > 0).all()


def test_one_unit_with_a_state_of_a_half(found: Walk) -> None:
    table = next(block for block in found.sections[0].blocks if isinstance(block, Table))
    assert SHOWN == (1, 10, 25, 50)
    assert [row[0] for row in table.rows] == ["0.5", "1", "2"]
    np.testing.assert_allclose([row[2] for row in table.rows], [0.375**10, 0.75**10, 1.5**10], rtol=1e-12)


def test_the_gradient_of_length_5_is_clipped_to_1(found: Walk) -> None:
    assert found.values["||g||"] == 5
    np.testing.assert_allclose(found.values["clipped g"], [0.6, 0, 0.8], rtol=1e-15)
