"""The simple RNN against hand-worked numbers, torch.nn.RNN, differences and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.recurrent import (
    example,
    readout,
    readout_backward,
    rnn,
    rnn_backward,
    rnn_step,
    rnn_step_backward,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SHAPES = [(1, 1, 1, 1), (1, 5, 3, 2), (3, 4, 1, 5), (2, 7, 2, 3)]  # batch, time, features, hidden


def _arrays(batch: int, time: int, features: int, hidden: int, seed: int = 0) -> list[Array]:
    """x, h_0, W_hh, W_xh, b."""
    rng = np.random.default_rng(seed)
    shapes = [(batch, time, features), (batch, hidden), (hidden, hidden), (hidden, features), (hidden,)]
    return [rng.normal(size=shape) for shape in shapes]


def _torch_rnn(
    x: torch.Tensor, h_0: torch.Tensor, W_hh: torch.Tensor, W_xh: torch.Tensor, b: torch.Tensor
) -> torch.Tensor:
    network = torch.nn.RNN(x.shape[2], len(b), batch_first=True, dtype=torch.float64)
    weights = {"weight_ih_l0": W_xh, "weight_hh_l0": W_hh, "bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
    return torch.func.functional_call(network, weights, (x, h_0[None]))[0]


def test_the_example_forwards_is_the_numbers_by_hand() -> None:
    values = example()
    # tanh(0.7), tanh(-0.4); tanh(0.5*0.604368 + 0.3*0.379949 + 0.4), ...
    expected = [[0.604367777, -0.379948962], [0.672979108, -0.227077613], [-0.095098911, 0.416760192]]
    np.testing.assert_allclose(values["h"], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(values["y"][-1], [-0.511859103], rtol=0, atol=1e-9)
    np.testing.assert_allclose(values["loss"], [1.142858974], rtol=0, atol=1e-9)


def test_the_example_backwards_is_the_numbers_by_hand() -> None:
    values = example()
    # dz_3 = (-1.498186, 1.249266), dz_2 = (-0.273134, 0.900219), dz_1 = (0.027597, 0.378216)
    expected = [[-1.173321200, 0.443981410], [1.384793271, -0.625717669]]  # dz_3 h_2^T + dz_2 h_1^T
    np.testing.assert_allclose(values["dW_hh"], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(values["dW_xh"], [[1.389215856], [-0.420939903]], rtol=0, atol=1e-9)
    np.testing.assert_allclose(values["db"], [-1.743723302, 2.527701191], rtol=0, atol=1e-9)


def test_a_small_step_against_the_examples_gradient_lowers_its_loss_by_the_gradients_square() -> None:
    values = example()
    names, rate = ("W_hh", "W_xh", "b"), 1e-6
    moved = [values[name] - rate * values["d" + name] for name in names]
    y = readout(rnn(values["x"][None], values["h_0"][None], *moved), values["W_hy"], values["b_y"])
    fall = (values["loss"] - (y[0, -1] - values["target"]) ** 2 / 2)[0]
    square = sum((values["d" + name] ** 2).sum() for name in names)
    np.testing.assert_allclose(fall / rate, square, rtol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_is_torchs_rnn(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    expected = _torch_rnn(*map(torch64, arrays)).detach().numpy()
    np.testing.assert_allclose(rnn(*arrays), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_back_propagation_through_time_is_differences_and_autograd(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    x, h_0, W_hh, W_xh, _ = arrays
    h = rnn(*arrays)
    dh = np.random.default_rng(1).normal(size=h.shape)
    gradients = rnn_backward(dh, h, x, h_0, W_hh, W_xh)
    assert_differences(rnn, arrays, dh, gradients)
    assert_autograd(_torch_rnn, arrays, dh, gradients)


def test_torchs_two_biases_count_by_their_sum_only() -> None:
    x, h_0, W_hh, W_xh, b = _arrays(2, 3, 2, 2)
    network = torch.nn.RNN(2, 2, batch_first=True, dtype=torch.float64)
    part = np.array([0.7, -2.0])
    weights = {"weight_ih_l0": W_xh, "weight_hh_l0": W_hh, "bias_ih_l0": b - part, "bias_hh_l0": part}
    tensors = {name: torch64(value) for name, value in weights.items()}
    with torch.no_grad():
        y, h_n = torch.func.functional_call(network, tensors, (torch64(x), torch64(h_0)[None]))
    h = rnn(x, h_0, W_hh, W_xh, b)
    np.testing.assert_allclose(h, y.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(h[:, -1], h_n[0].numpy(), rtol=0, atol=1e-12)


def test_one_steps_backward_is_differences() -> None:
    x, h_0, W_hh, W_xh, b = _arrays(3, 1, 2, 4)
    x_t = x[:, 0]
    h_t = rnn_step(x_t, h_0, W_hh, W_xh, b)
    dh = np.random.default_rng(1).normal(size=h_t.shape)
    gradients = rnn_step_backward(dh, h_t, x_t, h_0, W_hh, W_xh)
    assert_differences(rnn_step, [x_t, h_0, W_hh, W_xh, b], dh, gradients)


def test_the_readout_is_torchs_linear_and_its_backward_too() -> None:
    rng = np.random.default_rng(0)
    h, W_hy, b_y, dy = (rng.normal(size=shape) for shape in [(2, 3, 4), (5, 4), (5,), (2, 3, 5)])
    np.testing.assert_allclose(
        readout(h, W_hy, b_y), torch.nn.functional.linear(torch64(h), torch64(W_hy), torch64(b_y)), rtol=0, atol=1e-12
    )
    gradients = readout_backward(dy, h, W_hy)
    assert_differences(readout, [h, W_hy, b_y], dy, gradients)
    assert_autograd(torch.nn.functional.linear, [h, W_hy, b_y], dy, gradients)


def test_a_step_feels_what_came_before_and_nothing_that_comes_after() -> None:
    arrays = _arrays(1, 6, 2, 3)
    before = rnn(*arrays)
    arrays[0][:, 3] += 1
    after = rnn(*arrays)
    np.testing.assert_array_equal(before[:, :3], after[:, :3])
    assert (np.abs(before[:, 3:] - after[:, 3:]).max(axis=2) > 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(*[st.integers(1, 4)] * 4, st.integers(0, 1000))
def test_shapes_and_bounds(batch: int, time: int, features: int, hidden: int, seed: int) -> None:
    arrays = _arrays(batch, time, features, hidden, seed)
    h = rnn(*arrays)
    assert h.shape == (batch, time, hidden) and (np.abs(h) <= 1).all()
    x, h_0, W_hh, W_xh, _ = arrays
    gradients = rnn_backward(np.ones_like(h), h, x, h_0, W_hh, W_xh)
    assert [gradient.shape for gradient in gradients] == [array.shape for array in arrays]
    # A batch is its rows one by one
    np.testing.assert_allclose(rnn(x[:1], h_0[:1], *arrays[2:]), h[:1], rtol=0, atol=1e-12)


def test_two_halves_of_a_sequence_are_the_whole() -> None:
    x, h_0, *weights = _arrays(2, 6, 2, 3)
    first = rnn(x[:, :3], h_0, *weights)
    second = rnn(x[:, 3:], first[:, -1], *weights)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), rnn(x, h_0, *weights))


@pytest.mark.parametrize(
    ("position", "shape", "text"),
    [
        (0, (2, 3), r"x is \[2, 3\]; it must be \[batch, time, features\]"),
        (1, (1, 5), r"h_0 is \[1, 5\], W_xh is \[5, 3\]; h_0 must be \[batch, hidden\], here \[2, 5\]"),
        (2, (4, 5), r"W_hh is \[4, 5\], W_xh is \[5, 3\]; W_hh must be \[hidden, hidden\], here \[5, 5\]"),
        (3, (5, 2), r"W_xh is \[5, 2\], x is \[2, 4, 3\]; W_xh must be \[hidden, features\], here \[5, 3\]"),
        (4, (3,), r"b is \[3\], W_xh is \[5, 3\]; b must be \[hidden\], here \[5\]"),
    ],
)
def test_errors_name_shapes_and_equation(position: int, shape: tuple[int, ...], text: str) -> None:
    arrays = _arrays(2, 4, 3, 5)
    arrays[position] = np.zeros(shape)
    with pytest.raises(ValueError, match=r"z_t = W_hh h_\(t-1\) \+ W_xh x_t \+ b: " + text):
        rnn(*arrays)


def test_a_wrong_dh_is_refused() -> None:
    x, h_0, W_hh, W_xh, b = _arrays(2, 4, 3, 5)
    h = rnn(x, h_0, W_hh, W_xh, b)
    with pytest.raises(ValueError, match=r"dh is \[2, 5\], h is \[2, 4, 5\]; they must be equal"):
        rnn_backward(h[:, -1], h, x, h_0, W_hh, W_xh)
