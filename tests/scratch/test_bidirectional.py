"""Both directions against hand-worked numbers, torch's bidirectional RNN and LSTM, differences and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.bidirectional import bidirectional, bidirectional_backward, example, turned_round
from learnloop.scratch.lstm import LSTMWeights, lstm
from learnloop.scratch.recurrent import rnn, rnn_backward
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

HIDDEN = 3


def _weights(features: int, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in [(HIDDEN, HIDDEN), (HIDDEN, features), (HIDDEN,)]]


def _both(x: Array, there: list[Array], back: list[Array]) -> Array:
    h_0 = np.zeros((len(x), HIDDEN))
    return bidirectional(x, lambda x: rnn(x, h_0, *there), lambda x: rnn(x, h_0, *back))


def _torch_weights(there: list[Array], back: list[Array]) -> dict[str, torch.Tensor]:
    weights = {}
    for suffix, (W_hh, W_xh, b) in (("", there), ("_reverse", back)):
        weights |= {f"weight_hh_l0{suffix}": W_hh, f"weight_ih_l0{suffix}": W_xh}
        weights |= {f"bias_ih_l0{suffix}": b, f"bias_hh_l0{suffix}": np.zeros_like(b)}
    return {name: torch64(value) for name, value in weights.items()}


def _torch_both(x: torch.Tensor, there: list[Array], back: list[Array]) -> tuple[torch.Tensor, torch.Tensor]:
    network = torch.nn.RNN(x.shape[2], HIDDEN, batch_first=True, bidirectional=True, dtype=torch.float64)
    return torch.func.functional_call(network, _torch_weights(there, back), (x,))


def test_the_example_is_the_numbers_by_hand() -> None:
    # there: tanh(1), tanh(0.5*0.761594), tanh(0.5*0.363399); back: 0 and 0 until the first step, then tanh(1)
    expected = [[0.761594156, 0.761594156], [0.363399484, 0], [0.179726207, 0]]
    np.testing.assert_allclose(example()["h"], expected, rtol=0, atol=1e-9)


def test_forward_is_torchs_bidirectional_rnn_and_h_n_ends_at_both_ends() -> None:
    x, there, back = np.random.default_rng(0).normal(size=(2, 5, 4)), _weights(4, 1), _weights(4, 2)
    h = _both(x, there, back)
    with torch.no_grad():
        expected, h_n = _torch_both(torch64(x), there, back)
    np.testing.assert_allclose(h, expected.numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(h[:, -1, :HIDDEN], h_n[0].numpy(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(h[:, 0, HIDDEN:], h_n[1].numpy(), rtol=0, atol=1e-12)


def test_it_runs_any_recurrent_network_such_as_the_lstm() -> None:
    rng = np.random.default_rng(0)
    x, state = rng.normal(size=(2, 4, 2)), np.zeros((2, HIDDEN))
    pairs = [[rng.normal(size=(HIDDEN, HIDDEN + 2)), rng.normal(size=HIDDEN)] * 4 for _ in range(2)]
    there, back = (LSTMWeights(*[part + n for n, part in enumerate(pair)]) for pair in pairs)
    h = bidirectional(x, lambda x: lstm(x, state, state, there)[0], lambda x: lstm(x, state, state, back)[0])
    network = torch.nn.LSTM(2, HIDDEN, batch_first=True, bidirectional=True, dtype=torch.float64)
    tensors = {}
    for suffix, weights in (("", there), ("_reverse", back)):
        stacked = np.concatenate([weights.W_i, weights.W_f, weights.W_C, weights.W_o])
        tensors[f"weight_hh_l0{suffix}"], tensors[f"weight_ih_l0{suffix}"] = stacked[:, :HIDDEN], stacked[:, HIDDEN:]
        biases = np.concatenate([weights.b_i, weights.b_f, weights.b_C, weights.b_o])
        tensors[f"bias_ih_l0{suffix}"], tensors[f"bias_hh_l0{suffix}"] = biases, np.zeros_like(biases)
    tensors = {name: torch64(value) for name, value in tensors.items()}
    with torch.no_grad():
        expected = torch.func.functional_call(network, tensors, (torch64(x),))[0]
    np.testing.assert_allclose(h, expected.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("batch", "time", "features"), [(1, 1, 1), (2, 5, 3)])
def test_backward_is_differences_and_autograd(batch: int, time: int, features: int) -> None:
    x = np.random.default_rng(0).normal(size=(batch, time, features))
    there, back = _weights(features, 1), _weights(features, 2)
    h, h_0, around = _both(x, there, back), np.zeros((batch, HIDDEN)), turned_round(x)
    dh = np.random.default_rng(3).normal(size=h.shape)

    def backward(share: Array) -> Array:
        return rnn_backward(share, rnn(x, h_0, *there), x, h_0, *there[:2])[0]

    def backward_back(share: Array) -> Array:
        return rnn_backward(share, rnn(around, h_0, *back), around, h_0, *back[:2])[0]

    dx = bidirectional_backward(dh, HIDDEN, backward, backward_back)
    assert_differences(lambda x: _both(x, there, back), [x], dh, [dx])
    assert_autograd(lambda x: _torch_both(x, there, back)[0], [x], dh, [dx])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3), st.integers(0, 1000))
def test_turning_sequence_and_roles_round_turns_the_answer_round(
    batch: int, time: int, features: int, seed: int
) -> None:
    x = np.random.default_rng(seed).normal(size=(batch, time, features))
    there, back = _weights(features, seed + 1), _weights(features, seed + 2)
    h, mirrored = _both(x, there, back), _both(turned_round(x), back, there)
    assert h.shape == (batch, time, 2 * HIDDEN)
    halves_swapped = np.concatenate([h[:, :, HIDDEN:], h[:, :, :HIDDEN]], axis=2)
    np.testing.assert_allclose(turned_round(mirrored), halves_swapped, rtol=0, atol=1e-12)


def test_a_hidden_size_that_leaves_no_second_half_is_refused() -> None:
    with pytest.raises(ValueError) as error:
        bidirectional_backward(np.zeros((1, 2, 4)), 4, turned_round, turned_round)
    assert str(error.value) == (
        "h_t = [h>_t; h<_t]: dh is [1, 2, 4], hidden is 4; hidden must lie between 0 and dh's last size (4)"
    )
