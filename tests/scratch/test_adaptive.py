from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.optim.optimisers import OPTIMISERS
from learnloop.scratch.adaptive import Squares, SquaresAndSteps, adadelta, adagrad, example, rmsprop
from learnloop.scratch.optimisers import path
from tests.scratch.torch_paths import STEPS, assert_same_path, engine_path, gradient, start, torch_path


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    # steps 0.1 * 3/3 and 0.1 * 4/5, for both weights though their gradients are ten times apart
    np.testing.assert_allclose(values["adagrad"], [0.82, 0.82], rtol=1e-12)
    np.testing.assert_allclose(values["adagrad_s"], [25, 0.25], rtol=1e-12)
    # s: 0.1 * 9 = 0.9, then 0.81 + 1.6 = 2.41; 1 - 0.1 * 3/0.948683 - 0.1 * 4/1.552418
    np.testing.assert_allclose(values["rmsprop_s"], [2.41, 0.0241], rtol=1e-12)
    np.testing.assert_allclose(values["rmsprop"], [0.426110, 0.426110], atol=5e-7)
    # d = sqrt(1e-6 / 0.900001) * 3 = 0.00316227590; u = 0.1 d^2 = 9.99998889e-7;
    # d = sqrt(1.999998889e-6 / 2.410001) * 4 = 0.00364389838; u = 0.9 u + 0.1 d^2 = 2.2277985e-6
    np.testing.assert_allclose(values["adadelta_s"], [2.41, 0.0241], rtol=1e-12)
    np.testing.assert_allclose(values["adadelta"][0], 1 - 0.00316227590 - 0.00364389838, atol=1e-10)
    np.testing.assert_allclose(values["adadelta_u"][0], 2.2277985e-6, atol=5e-14)


TORCH = {
    "adagrad": (partial(adagrad, alpha=0.3, epsilon=1e-5), torch.optim.Adagrad, {"lr": 0.3, "eps": 1e-5}),
    "adadelta": (
        partial(adadelta, alpha=3.0, rho=0.7, epsilon=1e-4),
        torch.optim.Adadelta,
        {"lr": 3.0, "rho": 0.7, "eps": 1e-4},
    ),
    "rmsprop": (
        partial(rmsprop, alpha=0.05, beta=0.8, epsilon=1e-5, inside_root=False),
        torch.optim.RMSprop,
        {"lr": 0.05, "alpha": 0.8, "eps": 1e-5},
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_every_rule_takes_the_path_of_torch_and_of_the_engine(name: str) -> None:
    rule, make, arguments = TORCH[name]
    found = path(rule, gradient, start(), STEPS)
    assert_same_path(found, torch_path(lambda parameters: make(parameters, **arguments)))
    assert_same_path(found, engine_path(OPTIMISERS[name](**arguments)))


def test_where_epsilon_stands_matters_when_the_gradient_is_small_and_only_then() -> None:
    small, large = np.array([1e-12]), np.array([1.0])
    inside, _ = rmsprop(np.zeros(1), small, None, 0.1, 0.9, 1e-8)
    outside, _ = rmsprop(np.zeros(1), small, None, 0.1, 0.9, 1e-8, inside_root=False)
    # alpha g / sqrt(1e-8) = 1e-9 and alpha g / 1e-8 = 1e-5 (less the 3e-13 of the root beside 1e-8)
    np.testing.assert_allclose(-inside, [1e-9], rtol=1e-12)
    np.testing.assert_allclose(-outside, [1e-5], rtol=1e-4)
    inside, _ = rmsprop(np.zeros(1), large, None, 0.1, 0.9, 1e-8)
    outside, _ = rmsprop(np.zeros(1), large, None, 0.1, 0.9, 1e-8, inside_root=False)
    np.testing.assert_allclose(inside, outside, rtol=1e-6)
    # the guides' form is not the path of PyTorch, whatever the name
    guide = path(partial(rmsprop, alpha=0.05, beta=0.8, epsilon=1e-5), gradient, start(), STEPS)
    torchs = torch_path(lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.8, eps=1e-5))
    assert np.abs(guide - torchs).max() > 1e-2


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 100), st.lists(st.floats(0.1, 5), min_size=1, max_size=6))
def test_the_size_of_the_gradients_does_not_matter_without_epsilon(scale: float, sizes: list[float]) -> None:
    for rule in (partial(adagrad, epsilon=0.0), partial(rmsprop, epsilon=0.0)):
        ends = []
        for factor in (1.0, scale):
            w, state = np.zeros(1), None
            for size in sizes:
                w, state = rule(w, np.array([size * factor]), state)
            ends.append(w)
        np.testing.assert_allclose(ends[0], ends[1], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-5, 5).filter(lambda g: abs(g) > 1e-3), min_size=2, max_size=8))
def test_adagrads_rate_only_falls(gradients: list[float]) -> None:
    state, rates = None, []
    for g in gradients:
        w, state = adagrad(np.zeros(1), np.array([g]), state, alpha=0.1)
        rates.append(-w[0] / g)
    assert all(after < before for before, after in pairwise(rates))


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,)])
def test_any_shape_goes_through_and_the_input_stays(shape: tuple[int, ...]) -> None:
    w = np.ones(shape)
    for rule in (adagrad, adadelta, rmsprop):
        after, state = rule(w, np.full(shape, 0.5), None)
        assert after.shape == shape and state.s.shape == shape
        assert (after < w).all() and (w == 1).all()


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError, match=r"^s := s \+ g\^2: w is \[2\], g is \[3\]; g needs one entry"):
        adagrad(np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match=r"^s := beta s \+ \(1 - beta\) g\^2: w is \[2\], s is \[3\]; s needs"):
        rmsprop(np.zeros(2), np.zeros(2), Squares(np.zeros(3)))
    with pytest.raises(ValueError, match=r"^s := rho s \+ \(1 - rho\) g\^2: w is \[2\], u is \[3\]; u needs"):
        adadelta(np.zeros(2), np.zeros(2), SquaresAndSteps(np.zeros(2), np.zeros(3)))
