"""The LSTM against hand-worked numbers, torch.nn.LSTM, differences and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.lstm import LSTMWeights, example, lstm, lstm_backward, lstm_step, lstm_step_backward
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SHAPES = [(1, 1, 1, 1), (1, 5, 3, 2), (3, 4, 1, 5), (2, 6, 2, 3)]  # batch, time, features, hidden


def _arrays(batch: int, time: int, features: int, hidden: int, seed: int = 0) -> list[Array]:
    """x, h_0, C_0, and the eight of LSTMWeights."""
    rng = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [(batch, time, features), (batch, hidden), (batch, hidden)]
    shapes += [(hidden, hidden + features), (hidden,)] * 4
    return [rng.normal(size=shape) for shape in shapes]


def _run(x: Array, h_0: Array, C_0: Array, *weights: Array) -> Array:
    return lstm(x, h_0, C_0, LSTMWeights(*weights))[0]


def _run_and_last_cell(x: Array, h_0: Array, C_0: Array, *weights: Array) -> Array:
    """h_1 ... h_T, C_T side by side, [batch, time + 1, hidden]."""
    h, steps = lstm(x, h_0, C_0, LSTMWeights(*weights))
    return np.concatenate([h, steps[-1].C[:, None]], axis=1)


def _torch_run_and_last_cell(
    x: torch.Tensor, h_0: torch.Tensor, C_0: torch.Tensor, *weights: torch.Tensor
) -> torch.Tensor:
    W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o = weights
    hidden = len(b_f)
    W, b = torch.cat([W_i, W_f, W_C, W_o]), torch.cat([b_i, b_f, b_C, b_o])
    network = torch.nn.LSTM(x.shape[2], hidden, batch_first=True, dtype=torch.float64)
    mapped = {"weight_hh_l0": W[:, :hidden], "weight_ih_l0": W[:, hidden:], "bias_ih_l0": b, "bias_hh_l0": 0 * b}
    y, (_, c_n) = torch.func.functional_call(network, mapped, (x, (h_0[None], C_0[None])))
    return torch.cat([y, c_n[0][:, None]], dim=1)


def test_the_examples_first_step_is_the_numbers_by_hand() -> None:
    values = example()
    # sigmoid(1 + 1), sigmoid(2 - 1), tanh(1), 0.731059 * 0.761594, sigmoid(1), 0.731059 * tanh(0.556770)
    expected = {"f": 0.880797078, "i": 0.731058579, "C_new": 0.761594156, "C": 0.556769941, "o": 0.731058579}
    for name, value in (expected | {"h": 0.369606353}).items():
        np.testing.assert_allclose(values[name][0], [value], rtol=0, atol=1e-9, err_msg=name)


def test_the_examples_second_step_is_the_numbers_by_hand() -> None:
    values = example()
    # f = sigmoid(0.5 * 0.369606 + 1); C = 0.765810 * 0.556770 + 0.306784 * 0.182728
    expected = {"f": 0.765810328, "i": 0.306784191, "C_new": 0.182727712, "C": 0.482438145, "o": 0.546069753}
    for name, value in (expected | {"h": 0.244745249}).items():
        np.testing.assert_allclose(values[name][1], [value], rtol=0, atol=1e-9, err_msg=name)


def test_the_example_backwards_is_the_numbers_by_hand() -> None:
    values = example()
    # dC_2 = 0.436376, dh_1 = 0.150516, dC_1 = 0.436376 * 0.765810 + 0.150516 * 0.731059 * 0.744418 = 0.416092
    expected = {"dC_0": 0.366492200, "db_f": 0.043573853, "db_i": 0.079262626, "db_C": 0.257154271}
    for name, value in (expected | {"db_o": 0.126058944}).items():
        np.testing.assert_allclose(values[name], [value], rtol=0, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(values["dW_f"], [[0.016105173, 0]], rtol=0, atol=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_forward_is_torchs_lstm_with_its_gates_in_another_order(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    expected = _torch_run_and_last_cell(*map(torch64, arrays)).detach().numpy()
    np.testing.assert_allclose(_run_and_last_cell(*arrays), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_backward_is_differences_and_autograd(shape: tuple[int, int, int, int]) -> None:
    arrays = _arrays(*shape)
    weights = LSTMWeights(*arrays[3:])
    dy = np.random.default_rng(1).normal(size=_run_and_last_cell(*arrays).shape)
    _, steps = lstm(*arrays[:3], weights)
    dx, dh_0, dC_0, dweights = lstm_backward(dy[:, :-1], dy[:, -1], steps, weights)
    gradients = [dx, dh_0, dC_0, *dweights]
    assert_differences(_run_and_last_cell, arrays, dy, gradients)
    assert_autograd(_torch_run_and_last_cell, arrays, dy, gradients)


def test_one_steps_backward_is_differences_in_h_and_in_c() -> None:
    x, *arrays = _arrays(2, 1, 3, 2)
    arrays = [x[:, 0], *arrays]

    def both(x_t: Array, h: Array, C: Array, *weights: Array) -> Array:
        step = lstm_step(x_t, h, C, LSTMWeights(*weights))
        return np.stack([step.h, step.C])

    dh, dC = np.random.default_rng(1).normal(size=(2, 2, 2))
    weights = LSTMWeights(*arrays[3:])
    *gradients, dweights = lstm_step_backward(dh, dC, lstm_step(*arrays[:3], weights), weights)
    assert_differences(both, arrays, np.stack([dh, dC]), [*gradients, *dweights])


def test_a_cell_whose_forget_gate_is_open_and_input_gate_shut_never_changes() -> None:
    x, h_0, C_0, *weights = _arrays(2, 20, 3, 4)
    kept = LSTMWeights(*weights)._replace(b_f=np.full(4, 50.0), b_i=np.full(4, -50.0))
    _, steps = lstm(x, h_0, C_0, kept)
    np.testing.assert_allclose(steps[-1].C, C_0, rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(*[st.integers(1, 4)] * 4, st.integers(0, 1000))
def test_shapes_and_bounds(batch: int, time: int, features: int, hidden: int, seed: int) -> None:
    arrays = _arrays(batch, time, features, hidden, seed)
    weights = LSTMWeights(*arrays[3:])
    h, steps = lstm(*arrays[:3], weights)
    assert h.shape == (batch, time, hidden) and (np.abs(h) < 1).all()
    assert all(((gate > 0) & (gate < 1)).all() for step in steps for gate in (step.f, step.i, step.o))
    # C grows by at most 1 a step
    assert (np.abs(steps[-1].C) <= np.abs(arrays[2]) + time).all()
    dx, dh_0, dC_0, dweights = lstm_backward(np.ones_like(h), np.ones((batch, hidden)), steps, weights)
    assert [part.shape for part in (dx, dh_0, dC_0, *dweights)] == [array.shape for array in arrays]
    first = [array[:1] for array in arrays[:3]]
    np.testing.assert_allclose(_run(*first, *weights), h[:1], rtol=0, atol=1e-12)


def test_two_halves_of_a_sequence_are_the_whole() -> None:
    x, h_0, C_0, *arrays = _arrays(2, 6, 2, 3)
    weights = LSTMWeights(*arrays)
    first, steps = lstm(x[:, :3], h_0, C_0, weights)
    second, _ = lstm(x[:, 3:], first[:, -1], steps[-1].C, weights)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), lstm(x, h_0, C_0, weights)[0])


def test_errors_name_shapes_and_equation() -> None:
    x, h_0, C_0, *arrays = _arrays(2, 4, 3, 5)
    weights = LSTMWeights(*arrays)
    with pytest.raises(ValueError) as error:
        lstm(x, h_0, C_0, weights._replace(W_i=np.zeros((5, 7))))
    assert str(error.value) == (
        "W_i [h_(t-1), x_t] + b_i: W_i is [5, 7], h is [2, 5], x_t is [2, 3]; "
        "W_i must be [hidden, hidden + features], here [5, 8]"
    )
    with pytest.raises(ValueError, match=r"C_t = f_t \* C_\(t-1\) .* h is \[2, 5\], .* C is \[2, 4\]; C must be as h"):
        lstm(x, h_0, C_0[:, :4], weights)
    with pytest.raises(ValueError, match=r"dh is \[2, 5\], h is \[2, 4, 5\]; they must be equal"):
        lstm_backward(h_0, C_0, lstm(x, h_0, C_0, weights)[1], weights)
