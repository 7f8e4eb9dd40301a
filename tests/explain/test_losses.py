from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from learnloop.explain.topics.losses import PYTORCH_MOST, walk
from learnloop.explain.walk import Curves, Equation
from tests.explain.checks import assert_good_walk


def test_the_walk_holds_and_gives_the_numbers_worked_out_by_hand() -> None:
    told = walk()
    assert_good_walk(told)
    golden = {
        "mse": 8.125,
        "mae": 2.25,
        "huber": 1.8125,
        "binary": 0.8573992,
        "categorical": 1.4076060,
        "categorical sum": 2.8152119,
        "hinge": 0.75,
        "kl(p, q)": 0.5108256,
        "kl(q, p)": 0.3680642,
        "loss of the logit": 40,
        "loss with the guard": 18.4206807,
        "dyhat": [0, 0, -11.1073379],
        "dz": [0.6652410, 0.2447285, -0.9099694],
        "slope from the logit": [-1],
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(told.values[name], numbers, rtol=0, atol=5e-8, err_msg=name)


def test_both_ways_back_meet_in_yhat_minus_y() -> None:
    told = walk()
    blocks = [block for block in told.sections[4].blocks if isinstance(block, Equation)]
    shortcut = next(block for block in blocks if block.formula == "dL/dz = yhat - y")
    np.testing.assert_allclose(shortcut.result, told.values["dz"], rtol=1e-12)


def test_the_limit_said_of_pytorch_is_pytorch_s() -> None:
    worst = F.binary_cross_entropy(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    assert float(worst) == PYTORCH_MOST


def test_squared_error_goes_flat_where_cross_entropy_pulls() -> None:
    told = walk()
    curves = [block for section in told.sections for block in section.blocks if isinstance(block, Curves)]
    z, entropy = curves[-1].lines["cross-entropy"]
    square = curves[-1].lines["MSE of sigmoid(z)"][1]
    assert z[0] == -6
    np.testing.assert_allclose([entropy[0], square[0]], [-0.9975274, -0.0049208], rtol=0, atol=5e-8)
    assert abs(told.values["slope through a probability"][0]) < 1e-16


def test_the_logarithms_that_are_written_out_give_the_results_beside_them() -> None:
    blocks = [block for section in walk().sections for block in section.blocks if isinstance(block, Equation)]
    found = [(block.numbers, round(float(block.result), 4)) for block in blocks if block.numbers.startswith("-log")]
    assert found == [
        ("-log 0.9", 0.1054),
        ("-log(1 - 0.8)", 1.6094),
        ("-log(4.248e-18 + 1e-08)", 18.4207),
        ("-log 0.6652", 0.4076),
        ("-log 0.09003", 2.4076),
    ]
