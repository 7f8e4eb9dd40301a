from __future__ import annotations

import numpy as np
import torch

from learnloop.explain.topics.activations import walk
from learnloop.explain.walk import Curves, Equation, Grid
from tests.explain.checks import assert_good_walk


def test_the_walk_holds_and_gives_the_numbers_of_the_tables() -> None:
    told = walk()
    assert_good_walk(told)
    golden = {
        "sigmoid": [0.1192029, 0.2689414, 0.5, 0.7310586, 0.8807971],
        "tanh": [-0.9640276, -0.7615942, 0, 0.7615942, 0.9640276],
        "gelu": [-0.0455003, -0.1586553, 0, 0.8413447, 1.9544997],
        "sigmoid_prime far": [0.0066481],
        "steepest sigmoid to the depth": [9.5367432e-07],
        "softmax": [0.0900306, 0.2447285, 0.6652410],
        "softmax_backward": [-0.0598920, -0.1628034, 0.2226954],
    }
    for name, numbers in golden.items():
        np.testing.assert_allclose(told.values[name], numbers, rtol=0, atol=5e-8, err_msg=name)


def test_the_grid_of_softmax_is_its_jacobian() -> None:
    told = walk()
    scores = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), scores).numpy()
    grid = next(block for block in told.sections[5].blocks if isinstance(block, Grid))
    np.testing.assert_allclose(grid.values, jacobian, rtol=0, atol=1e-15)


def test_the_pictures_show_every_bend_and_slope() -> None:
    told = walk()
    curves = [block for section in told.sections for block in section.blocks if isinstance(block, Curves)]
    assert [list(block.lines) for block in curves] == [
        ["sigmoid", "tanh", "relu"],
        ["sigmoid", "tanh", "relu"],
        ["relu", "leaky_relu", "elu", "swish", "gelu"],
    ]
    z, slope = curves[1].lines["sigmoid"]
    np.testing.assert_allclose(slope.max(), 0.25, rtol=1e-12)
    assert z[slope.argmax()] == 0


def test_tanh_by_its_ratio_and_by_the_sigmoid_are_the_same_number() -> None:
    equations = [block for block in walk().sections[1].blocks if isinstance(block, Equation)]
    ratio, stretched = (next(e for e in equations if e.formula.endswith(end)) for end in ("(e^z + e^-z)", "- 1"))
    np.testing.assert_allclose([ratio.result, stretched.result], [0.9640275800758169] * 2, rtol=1e-14)
    assert ratio.numbers == "(7.389 - 0.1353) / (7.389 + 0.1353)"
