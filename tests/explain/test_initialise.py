from __future__ import annotations

import numpy as np

from learnloop.explain.topics.initialise import walk
from learnloop.explain.walk import Curves, Table
from tests.explain.checks import assert_good_walk


def test_the_walk_holds_and_gives_the_limits_worked_out_by_hand() -> None:
    told = walk()
    assert_good_walk(told)
    golden = {
        "xavier_limit": 1,
        "xavier_sigma": 0.5773503,
        "he_limit": 1.2247449,
        "he_sigma": 0.7071068,
        "growth small_normal": 0.0064,
        "growth he": 1,
        "growth he misread": 8,
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(told.values[name], numbers, rtol=0, atol=5e-8, err_msg=name)
    assert told.values["W"].shape == (2, 4) and np.abs(told.values["W"]).max() <= 1


def test_the_table_of_growth_is_the_power_of_one_layer() -> None:
    told = walk()
    table = next(block for block in told.sections[1].blocks if isinstance(block, Table))
    np.testing.assert_allclose([row[3] for row in table.rows], [2.037036e-110, 0.5**50, 1], rtol=1e-6)


def test_the_curves_end_where_the_theory_says_to_the_order_of_magnitude() -> None:
    told = walk()
    ends = {
        name: told.values[f"{name}, relu, activations"][-1] for name in ("0.01 normal", "Xavier normal", "He normal")
    }
    ends["He misread"] = told.values["He misread, relu, activations"][-1]
    expected = {"0.01 normal": 0.0064, "Xavier normal": 0.5, "He normal": 1.0, "He misread": 8.0}
    for name, growth in expected.items():
        assert abs(np.log10(ends[name] / growth**50)) < 2, name
    # The same through tanh: Xavier keeps both ways, He makes the gradient grow on its way back.
    assert told.values["Xavier normal, tanh, gradients"][0] < 1 < 20 < told.values["He normal, tanh, gradients"][0]


def test_every_picture_has_51_points_a_line_on_a_log_scale() -> None:
    told = walk()
    curves = [block for section in told.sections for block in section.blocks if isinstance(block, Curves)]
    assert len(curves) == 4
    for block in curves:
        assert block.log_y
        for _, y in block.lines.values():
            assert len(y) == 51 and (y > 0).all()
