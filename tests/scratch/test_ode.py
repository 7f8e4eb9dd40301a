"""Euler and Runge-Kutta 4: against exact solutions, SciPy's solver, torch's autograd and differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from learnloop.scratch import ode
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

STEPS = {"euler": ode.euler_step, "rk4": ode.rk4_step}
BACKWARD = {"euler": ode.euler_step_backward, "rk4": ode.rk4_step_backward}


def torch_euler(f: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor, dt: float) -> torch.Tensor:
    return h + dt * f(h)


def torch_rk4(f: Callable[[torch.Tensor], torch.Tensor], h: torch.Tensor, dt: float) -> torch.Tensor:
    k1 = f(h)
    k2 = f(h + 0.5 * dt * k1)
    k3 = f(h + 0.5 * dt * k2)
    k4 = f(h + dt * k3)
    return h + dt * (k1 / 6 + k2 / 3 + k3 / 3 + k4 / 6)


TORCH = {"euler": torch_euler, "rk4": torch_rk4}


def torch_flow(name: str, h0: torch.Tensor, W: torch.Tensor, b: torch.Tensor, span: float, steps: int) -> torch.Tensor:
    h = h0
    for _ in range(steps):
        h = TORCH[name](lambda state: torch.tanh(torch.nn.functional.linear(state, W, b)), h, span / steps)
    return h


def last(name: str, h0: Array, W: Array, b: Array, span: float, steps: int) -> Array:
    return ode.flow(STEPS[name], ode.tanh_field(W, b), h0, span, steps)[-1]


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = ode.example()
    np.testing.assert_array_equal(e["decay_euler"], [1, 0.5, 0.25])
    # one step of 0.5 multiplies by 1 - 1/2 + 1/8 - 1/48 + 1/384 = 233/384
    np.testing.assert_allclose(e["decay_rk4"], [1, 233 / 384, (233 / 384) ** 2], atol=1e-15)
    np.testing.assert_allclose(e["decay_exact"], [1, 0.606530660, 0.367879441], atol=5e-10)
    # tanh(0.8) = 0.664037, tanh(0.332018) = 0.320334
    np.testing.assert_allclose(e["path"][1], [[0.8, -0.332018]], atol=5e-7)
    np.testing.assert_allclose(e["path"][2], [[0.639833, -0.664037]], atol=5e-7)
    # second step: du = 0.5 (1 - 0.664037^2) = 0.279528 on feature 2, so dh = (-0.279528, 1);
    # first step: du = 0.5 (-0.279528) = -0.139764 on feature 1, 0.279528 on feature 2; dW = sum of du^T h
    np.testing.assert_allclose(e["dh0"], [[-0.559055, 0.860236]], atol=1e-6)
    np.testing.assert_allclose(e["dW"], [[-0.111811, 0], [0.447244, -0.092808]], atol=1e-6)
    np.testing.assert_allclose(e["db"], [-0.139764, 0.559055], atol=1e-6)


@pytest.mark.parametrize("name, order", [("euler", 1), ("rk4", 4)])
def test_halving_the_step_divides_the_error_by_two_to_the_order(name: str, order: int) -> None:
    """A field that depends on t as well: dh/dt = -2 t h from 1 is e^(-t^2)."""
    errors = []
    for steps in (40, 80, 160):
        path = ode.flow(STEPS[name], lambda h, t: -2 * t * h, np.array([1.0]), span=1.5, steps=steps)
        errors.append(abs(path[-1, 0] - np.exp(-(1.5**2))))
    np.testing.assert_allclose(np.log2([errors[0] / errors[1], errors[1] / errors[2]]), order, atol=0.1)


def test_rk4_follows_a_turning_field_as_scipy_does() -> None:
    rng = np.random.default_rng(1)
    W, b, h0 = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(1, 3))
    exact = solve_ivp(lambda t, h: np.tanh(W @ h + b), (0, 2), h0[0], rtol=1e-12, atol=1e-12).y[:, -1]
    np.testing.assert_allclose(last("rk4", h0, W, b, span=2.0, steps=200)[0], exact, atol=1e-8)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("batch, features, steps", [(1, 1, 1), (1, 3, 3), (3, 2, 5)])
def test_states_and_gradients_equal_torch_and_differences(name: str, batch: int, features: int, steps: int) -> None:
    rng = np.random.default_rng(batch + features)
    h0, W, b = rng.normal(size=(batch, features)), rng.normal(size=(features, features)), rng.normal(size=features)
    dy, span = rng.normal(size=(batch, features)), 1.3
    path = ode.flow(STEPS[name], ode.tanh_field(W, b), h0, span, steps)
    assert path.shape == (steps + 1, batch, features)
    y = torch_flow(name, torch64(h0), torch64(W), torch64(b), span, steps)
    np.testing.assert_allclose(path[-1], y.numpy(), atol=1e-12)
    gradients = ode.flow_backward(dy, path, BACKWARD[name], W, b, span)
    assert_differences(lambda h0, W, b: last(name, h0, W, b, span, steps), [h0, W, b], dy, gradients)
    assert_autograd(lambda h0, W, b: torch_flow(name, h0, W, b, span, steps), [h0, W, b], dy, gradients)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_without_time_changes_nothing(name: str) -> None:
    rng = np.random.default_rng(2)
    h, W, b, dy = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(2, 3))
    np.testing.assert_array_equal(STEPS[name](ode.tanh_field(W, b), h, 0.0, 0.0), h)
    dh, dW, db = BACKWARD[name](dy, h, W, b, 0.0)
    np.testing.assert_array_equal(dh, dy)
    assert not dW.any() and not db.any()


def test_an_euler_step_of_one_is_a_residual_block() -> None:
    rng = np.random.default_rng(4)
    h, W, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)
    layer = torch.nn.Linear(3, 3, dtype=torch.float64)
    layer.load_state_dict({"weight": torch64(W), "bias": torch64(b)})
    block = torch64(h) + torch.tanh(layer(torch64(h)))
    np.testing.assert_allclose(ode.euler_step(ode.tanh_field(W, b), h, 0.0, 1.0), block.detach().numpy(), atol=1e-12)


def test_the_three_eighths_rule_has_other_digits_and_the_same_order() -> None:
    """What torchdiffeq calls rk4; for a linear field every Runge-Kutta rule of order 4 with 4 looks is the same."""

    def three_eighths(f: ode.Field, h: Array, t: float, dt: float) -> Array:
        k1 = f(h, t)
        k2 = f(h + dt * k1 / 3, t + dt / 3)
        k3 = f(h + dt * (k2 - k1 / 3), t + 2 * dt / 3)
        k4 = f(h + dt * (k1 - k2 + k3), t + dt)
        return h + dt * (k1 + 3 * k2 + 3 * k3 + k4) / 8

    e = ode.example()
    field = ode.tanh_field(e["W"], e["b"])
    exact = ode.flow(ode.rk4_step, field, e["h0"], 1.0, 1000)[-1]
    errors = np.array(
        [
            [np.abs(ode.flow(step, field, e["h0"], 1.0, steps)[-1] - exact).max() for steps in (8, 16)]
            for step in (ode.rk4_step, three_eighths)
        ]
    )
    np.testing.assert_allclose(np.log2(errors[:, 0] / errors[:, 1]), 4, atol=0.2)
    apart = np.abs(ode.rk4_step(field, e["h0"], 0.0, 0.5) - three_eighths(field, e["h0"], 0.0, 0.5)).max()
    assert apart > 1e-5
    line = np.array([1.0])
    ours, theirs = ode.rk4_step(lambda h, t: -h, line, 0.0, 0.5), three_eighths(lambda h, t: -h, line, 0.0, 0.5)
    np.testing.assert_allclose(ours, theirs, atol=1e-15)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 4), features=st.integers(1, 4), steps=st.integers(1, 6))
def test_a_sample_flows_the_same_alone_and_never_faster_than_one(
    seed: int, batch: int, features: int, steps: int
) -> None:
    """|tanh| < 1, so no entry moves further than the time that passed."""
    rng = np.random.default_rng(seed)
    h0, W, b = rng.normal(size=(batch, features)), rng.normal(size=(features, features)), rng.normal(size=features)
    for name, step in STEPS.items():
        path = ode.flow(step, ode.tanh_field(W, b), h0, 2.0, steps)
        assert path.shape == (steps + 1, batch, features)
        np.testing.assert_array_equal(path[0], h0)
        assert np.abs(np.diff(path, axis=0)).max() <= 2.0 / steps + 1e-12
        np.testing.assert_allclose(last(name, h0[:1], W, b, 2.0, steps), path[-1, :1], atol=1e-12)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as error:
        ode.tanh_field(np.zeros((2, 3)), np.zeros(2))(np.zeros((4, 3)), 0.0)
    wanted = (
        "f = tanh(h W^T + b): W is [2, 3], b is [2], h is [4, 3]; dh/dt has h's shape, so W must be [3, 3] and b [3]"
    )
    assert str(error.value) == wanted
