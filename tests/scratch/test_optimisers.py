from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.optim.optimisers import OPTIMISERS
from learnloop.scratch.optimisers import (
    Velocity,
    example,
    momentum,
    momentum_classic,
    nesterov,
    nesterov_ahead,
    path,
    sgd,
)
from tests.scratch.torch_paths import STEPS, assert_same_path, engine_path, gradient, start, torch_path

RULES = [sgd, momentum, momentum_classic, nesterov]


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    expected = {
        # 1 - 0.1 (0.5 + 1), -2 - 0.1 (-1 + 0)
        "sgd": [0.85, -1.9],
        # v: 0.05, -0.1; then 0.9 * 0.05 + 0.1 * 1 = 0.145, 0.9 * -0.1 = -0.09
        "momentum_v": [0.145, -0.09],
        # 1 - 0.1 (0.05 + 0.145), -2 - 0.1 (-0.1 - 0.09)
        "momentum": [0.9805, -1.981],
        # v: 0.5, -1; then 0.45 + 1, -0.9
        "momentum_classic_v": [1.45, -0.9],
        # 1 - 0.1 (0.5 + 1.45), -2 - 0.1 (-1 - 0.9)
        "momentum_classic": [0.805, -1.81],
        "nesterov_v": [1.45, -0.9],
        # 1 - 0.1 (0.5 + 0.45) - 0.1 (1 + 1.305), -2 - 0.1 (-1 - 0.9) - 0.1 (0 - 0.81)
        "nesterov": [0.6745, -1.729],
    }
    assert set(values) == {"w", "g", *expected}
    for name, numbers in expected.items():
        np.testing.assert_allclose(values[name], numbers, rtol=1e-12, err_msg=name)


TORCH = {
    "sgd": (partial(sgd, alpha=0.01), {"lr": 0.01}),
    "momentum_classic": (partial(momentum_classic, alpha=0.01, beta=0.8), {"lr": 0.01, "momentum": 0.8}),
    "nesterov": (partial(nesterov, alpha=0.01, beta=0.8), {"lr": 0.01, "momentum": 0.8, "nesterov": True}),
    # the mapping: lr = alpha (1 - beta) = 0.05 * 0.2
    "momentum": (partial(momentum, alpha=0.05, beta=0.8), {"lr": 0.01, "momentum": 0.8}),
}


@pytest.mark.parametrize("name", TORCH)
def test_every_rule_takes_the_path_of_torch_and_of_the_engine(name: str) -> None:
    rule, arguments = TORCH[name]
    found = path(rule, gradient, start(), STEPS)
    assert_same_path(found, torch_path(lambda parameters: torch.optim.SGD(parameters, **arguments)))
    assert_same_path(found, engine_path(OPTIMISERS["sgd"](**arguments)))


def test_with_the_same_alpha_the_averaging_form_is_slower_by_1_minus_beta() -> None:
    g = np.array([2.0, -1.0])
    averaged, _ = momentum(np.zeros(2), g, None, 0.1, 0.9)
    classic, _ = momentum_classic(np.zeros(2), g, None, 0.1, 0.9)
    np.testing.assert_allclose(averaged, 0.1 * classic, rtol=1e-12)
    np.testing.assert_allclose(classic, [-0.2, 0.1], rtol=1e-12)


def test_a_constant_gradient_drives_the_average_to_g_and_the_classic_velocity_to_ten_times_g() -> None:
    g, averaged, classic = np.array([2.0]), None, None
    for _ in range(400):
        _, averaged = momentum(np.zeros(1), g, averaged, 0.1, 0.9)
        _, classic = momentum_classic(np.zeros(1), g, classic, 0.1, 0.9)
    assert averaged is not None and classic is not None
    np.testing.assert_allclose([averaged.v[0], classic.v[0]], [2.0, 20.0], rtol=1e-12)


def test_torchs_dampening_differs_from_the_averaging_form_in_its_first_step() -> None:
    beta, alpha = 0.8, 0.05
    dampened = torch_path(lambda p: torch.optim.SGD(p, lr=alpha, momentum=beta, dampening=beta))
    ours = path(partial(momentum, alpha=alpha, beta=beta), gradient, start(), STEPS)
    first = gradient(start())
    np.testing.assert_allclose(dampened[1], start() - alpha * first, rtol=1e-12)
    np.testing.assert_allclose(ours[1], start() - alpha * (1 - beta) * first, rtol=1e-12)
    # the mapping: an average that starts from the first gradient instead of 0
    rule = partial(momentum, alpha=alpha, beta=beta)
    state, w, places = Velocity(first), start(), [start()]
    for _ in range(STEPS):
        w, state = rule(w, gradient(w), state)
        places.append(w)
    assert_same_path(np.stack(places), dampened)


def test_alpha_inside_the_velocity_is_the_same_until_alpha_changes() -> None:
    g, beta = np.array([1.0]), 0.9
    w, state = momentum_classic(np.zeros(1), g, None, 0.1, beta)
    u = -0.1 * g
    np.testing.assert_allclose(w, u, rtol=1e-12)
    w, state = momentum_classic(w, g, state, 0.1, beta)
    u = beta * u - 0.1 * g
    np.testing.assert_allclose(-0.1 * state.v, u, rtol=1e-12)
    _, state = momentum_classic(w, g, state, 0.01, beta)
    u = beta * u - 0.01 * g
    # v = 2.71 moves w by 0.0271; u still moves it by 0.181
    np.testing.assert_allclose([0.01 * state.v[0], -u[0]], [0.0271, 0.181], rtol=1e-12)


def test_the_look_ahead_form_of_nesterov_is_torchs_path_seen_from_behind() -> None:
    alpha, beta = 0.01, 0.8
    ahead, w, state = [start()], start(), None
    for _ in range(STEPS):
        w, state = nesterov_ahead(w, gradient, state, alpha, beta)
        ahead.append(w - alpha * beta * state.v)
    expected = torch_path(lambda p: torch.optim.SGD(p, lr=alpha, momentum=beta, nesterov=True))
    assert_same_path(np.stack(ahead), expected)
    assert np.abs(w - expected[-1]).max() > 1e-4  # the two w are not the same place


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=0, max_size=3),
    st.floats(0, 0.99),
    st.integers(0, 4),
    st.sampled_from(RULES),
)
def test_any_shape_is_stepped_entry_by_entry_and_the_input_stays(
    shape: list[int], beta: float, steps: int, rule: object
) -> None:
    w = np.random.default_rng(0).normal(size=shape)
    before = w.copy()
    whole = path(partial(rule, alpha=0.1), np.cos, w, steps)  # type: ignore[arg-type]
    assert whole.shape == (steps + 1, *w.shape)
    np.testing.assert_array_equal(w, before)
    flat = path(partial(rule, alpha=0.1), np.cos, w.ravel(), steps)  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole.reshape(flat.shape), flat)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1e-4, 1))
def test_without_memory_every_momentum_is_sgd(w: float, g: float, alpha: float) -> None:
    one, slope, old = np.array([w]), np.array([g]), Velocity(np.array([7.0]))
    expected, _ = sgd(one, slope, None, alpha)
    for rule in (momentum, momentum_classic, nesterov):
        found, _ = rule(one, slope, old, alpha, 0.0)
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(
        ValueError, match=r"^w := w - alpha g: w is \[2\], g is \[3\]; g needs one entry for each entry"
    ):
        sgd(np.zeros(2), np.zeros(3))
    with pytest.raises(
        ValueError, match=r"^v := beta v \+ \(1 - beta\) g: w is \[2\], v is \[1, 2\]; v needs one entry"
    ):
        momentum(np.zeros(2), np.zeros(2), Velocity(np.zeros((1, 2))))
    for rule in (momentum_classic, nesterov):
        with pytest.raises(ValueError, match=r"^v := beta v \+ g: w is \[2\], g is \[1\]"):
            rule(np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match=r"gradient\(w - alpha beta v\): w is \[2\], g is \[1\]"):
        nesterov_ahead(np.zeros(2), lambda w: w[:1])
