"""Jacobians through time against hand-worked numbers and torch's, and clipping against torch's clip_grad_norm_."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.lstm import LSTMWeights, lstm
from learnloop.scratch.recurrent import rnn, rnn_backward
from learnloop.scratch.vanishing import clip, example, lstm_jacobian, norm, norms, products, rnn_jacobian
from tests.scratch.checks import Array, torch64


def _rnn(time: int, hidden: int, scale: float = 1.0, seed: int = 0) -> tuple[Array, Array, Array, Array, Array]:
    """x, h_0, W_hh, W_xh, b of a batch of one."""
    rng = np.random.default_rng(seed)
    shapes = [(1, time, 2), (1, hidden), (hidden, hidden), (hidden, 2), (hidden,)]
    x, h_0, W_hh, W_xh, b = (rng.normal(size=shape) for shape in shapes)
    return x, h_0, scale * W_hh, W_xh, b


def _lstm(time: int, hidden: int, forget: float, seed: int = 0) -> tuple[Array, Array, Array, LSTMWeights]:
    rng = np.random.default_rng(seed)
    x, h_0, C_0 = rng.normal(size=(1, time, 2)), rng.normal(size=(1, hidden)), rng.normal(size=(1, hidden))
    parts = [0.5 * rng.normal(size=shape) for shape in [(hidden, hidden + 2), (hidden,)] * 4]
    return x, h_0, C_0, LSTMWeights(*parts)._replace(b_f=np.full(hidden, forget))


def test_the_examples_jacobian_is_the_numbers_by_hand_and_the_swapped_one_is_not() -> None:
    values = example()
    # 1 - tanh(0.7)^2 = 0.634740, 1 - tanh(-0.4)^2 = 0.855639: they scale rows; swapped, they scale columns
    row, column = 0.634739590, 0.855638786
    expected = [[0.5 * row, -0.3 * row], [0.2 * column, 0.4 * column]]
    np.testing.assert_allclose(values["J"], expected, rtol=0, atol=1e-9)
    swapped = [[0.5 * row, -0.3 * column], [0.2 * row, 0.4 * column]]
    np.testing.assert_allclose(values["J, factors swapped"], swapped, rtol=0, atol=1e-9)


def test_the_examples_gradient_of_length_5_is_clipped_to_length_1() -> None:
    values = example()
    assert values["||g||"] == 5
    np.testing.assert_allclose(values["clipped g"], [0.6, 0, 0.8], rtol=1e-15)


def test_the_rnns_jacobian_is_torchs() -> None:
    x, h_0, W_hh, W_xh, b = _rnn(1, 4)
    h = rnn(x, h_0, W_hh, W_xh, b)[0, 0]

    def step(before: torch.Tensor) -> torch.Tensor:
        return torch.tanh(torch64(W_hh) @ before + torch64(W_xh @ x[0, 0] + b))

    expected = torch.autograd.functional.jacobian(step, torch64(h_0[0]))
    np.testing.assert_allclose(rnn_jacobian(h, W_hh), expected.numpy(), rtol=0, atol=1e-12)


def test_the_product_of_jacobians_is_what_back_propagation_through_time_carries_to_the_start() -> None:
    x, h_0, W_hh, W_xh, b = _rnn(6, 3)
    h = rnn(x, h_0, W_hh, W_xh, b)
    dh = np.zeros_like(h)
    dh[:, -1] = np.random.default_rng(1).normal(size=3)
    _, dh_0, *_ = rnn_backward(dh, h, x, h_0, W_hh, W_xh)
    whole = products([rnn_jacobian(h_t, W_hh) for h_t in h[0]])[-1]
    np.testing.assert_allclose(dh[0, -1] @ whole, dh_0[0], rtol=0, atol=1e-12)


def test_the_lstms_jacobian_is_torchs() -> None:
    x, h_0, C_0, weights = _lstm(1, 3, 1.0)
    _, steps = lstm(x, h_0, C_0, weights)
    parts = [torch64(part) for part in weights]

    def step(state: torch.Tensor) -> torch.Tensor:
        hx = torch.cat([state[:3], torch64(x[0, 0])])
        f, i, new, o = (parts[2 * k] @ hx + parts[2 * k + 1] for k in range(4))
        C = torch.sigmoid(f) * state[3:] + torch.sigmoid(i) * torch.tanh(new)
        return torch.cat([torch.sigmoid(o) * torch.tanh(C), C])

    expected = torch.autograd.functional.jacobian(step, torch64(np.concatenate([h_0[0], C_0[0]])))
    np.testing.assert_allclose(lstm_jacobian(steps[0], weights), expected.numpy(), rtol=0, atol=1e-12)


def test_norm_is_torchs_matrix_norm() -> None:
    A = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_allclose(norm(A), torch.linalg.matrix_norm(torch64(A), 2).item(), rtol=1e-12)


@pytest.mark.parametrize("w", [0.5, 1.0, 1.5])
def test_with_a_state_of_zero_the_gradient_of_one_unit_is_w_to_the_power_of_the_distance(w: float) -> None:
    jacobians = [rnn_jacobian(np.zeros(1), np.array([[w]]))] * 20
    np.testing.assert_allclose(norms(jacobians), w ** np.arange(21), rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.floats(0.1, 2.0), st.integers(0, 1000))
def test_no_product_is_larger_than_the_bound(time: int, hidden: int, scale: float, seed: int) -> None:
    x, h_0, W_hh, W_xh, b = _rnn(time, hidden, scale, seed)
    h = rnn(x, h_0, W_hh, W_xh, b)[0]
    found = norms([rnn_jacobian(h_t, W_hh) for h_t in h])
    assert found.shape == (time + 1,) and found[0] == 1
    assert (found <= norm(W_hh) ** np.arange(time + 1) * (1 + 1e-9)).all()


def test_over_50_steps_the_rnns_gradient_is_gone_and_the_open_lstms_is_not() -> None:
    x, h_0, W_hh, W_xh, b = _rnn(50, 4)
    W_hh *= 0.9 / norm(W_hh)
    gone = norms([rnn_jacobian(h_t, W_hh) for h_t in rnn(x, h_0, W_hh, W_xh, b)[0]])[-1]
    assert gone < 0.9**50 < 0.01
    kept = {}
    for forget in (0.0, 5.0):
        x, h_0, C_0, weights = _lstm(50, 4, forget)
        _, steps = lstm(x, h_0, C_0, weights)
        cell = products([lstm_jacobian(step, weights) for step in steps])[-1][4:, 4:]
        kept[forget] = norm(cell)
    assert kept[5.0] > 0.1
    assert kept[0.0] < 1e-6


def test_clipping_is_torchs_but_for_the_epsilon() -> None:
    rng = np.random.default_rng(0)
    for scale in (0.01, 1.0, 100.0):
        gradients = [scale * rng.normal(size=shape) for shape in [(3, 2), (4,), ()]]
        parameters = [torch.nn.Parameter(torch64(g)) for g in gradients]
        for parameter, g in zip(parameters, gradients):
            parameter.grad = torch64(g)
        length = torch.nn.utils.clip_grad_norm_(parameters, 1.5).item()
        book, book_length = clip(gradients, 1.5)
        mapped, _ = clip(gradients, 1.5, epsilon=1e-6)
        np.testing.assert_allclose(book_length, length, rtol=1e-12)
        for g, exact, parameter in zip(mapped, book, parameters):
            np.testing.assert_allclose(g, parameter.grad.numpy(), rtol=1e-12)
            np.testing.assert_allclose(exact, parameter.grad.numpy(), rtol=1e-6)
        if length > 1.5:
            clipped = np.concatenate([g.ravel() for g in book])
            np.testing.assert_allclose(np.linalg.norm(clipped), 1.5, rtol=1e-14)
            assert np.abs(book[0] / parameters[0].grad.numpy() - 1).min() > 1e-10, "the epsilon must show"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=5), st.floats(0.01, 100))
def test_clipping_keeps_the_direction_and_never_lengthens(values: list[float], threshold: float) -> None:
    g = np.array(values)
    [clipped], length = clip([g], threshold)
    np.testing.assert_allclose(np.linalg.norm(clipped), min(length, threshold), rtol=1e-12)
    np.testing.assert_allclose(clipped * length, g * np.linalg.norm(clipped), rtol=1e-9, atol=1e-300)


def test_a_gradient_of_zero_stays_zero() -> None:
    [clipped], length = clip([np.zeros(3)], 1.0)
    assert length == 0 and (clipped == 0).all()


def test_errors_name_shapes_and_equation() -> None:
    with pytest.raises(ValueError) as error:
        rnn_jacobian(np.zeros(3), np.zeros((2, 3)))
    assert str(error.value) == ("dh_t/dh_(t-1) = diag(1 - h_t^2) W_hh: W_hh is [2, 3], h_t is [3]; W_hh must be [3, 3]")
    with pytest.raises(
        ValueError, match="g := min\\(1, threshold/\\|\\|g\\|\\|\\) g: threshold is 0; it must be above 0"
    ):
        clip([np.ones(2)], 0)
