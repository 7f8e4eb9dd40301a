"""The LSTM: a recurrent network with a second state, the cell C, which is only ever scaled and added to.

    f_t  = sigmoid(W_f [h_{t-1}, x_t] + b_f)      what to keep of the cell
    i_t  = sigmoid(W_i [h_{t-1}, x_t] + b_i)      how much of the new to write
    C~_t = tanh(W_C [h_{t-1}, x_t] + b_C)         the new
    C_t  = f_t * C_{t-1} + i_t * C~_t
    o_t  = sigmoid(W_o [h_{t-1}, x_t] + b_o)      how much to show
    h_t  = o_t * tanh(C_t)

    book            here                                PyTorch (nn.LSTM with batch_first=True)
    [h_{t-1}, x_t]  hx [batch, hidden + features]       never joined: two products instead
    W_f, W_i, ...   [hidden, hidden + features]         [weight_hh_l0, weight_ih_l0], rows of one gate
    b_f, b_i, ...   [hidden]                            bias_hh_l0 + bias_ih_l0, rows of one gate
    C~, C           C_new, C                            g, c
    f, i, C~, o     order of the equations              row order of its stacked weights: i, f, g, o

The equations are the same ones. With b_f near 0 the cell keeps about half of itself a step; a start at 1 or above lets
it remember from the beginning. PyTorch leaves that to you: all its biases start at random around 0.

Sources: Hochreiter and Schmidhuber, Long short-term memory, 1997; the forget gate: Gers, Schmidhuber and Cummins,
Learning to forget, 2000; b_f = 1: Jozefowicz, Zaremba and Sutskever, An empirical exploration of recurrent network
architectures, 2015. Course guide: section 6.2 (43-48).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import sigmoid

Array: TypeAlias = NDArray[np.float64]


class LSTMWeights(NamedTuple):
    """Each W [hidden, hidden + features] stands on [h_{t-1}, x_t], each b [hidden]."""

    W_f: Array
    b_f: Array
    W_i: Array
    b_i: Array
    W_C: Array
    b_C: Array
    W_o: Array
    b_o: Array


class LSTMStep(NamedTuple):
    """Everything one step computed, [batch, hidden] but for hx [batch, hidden + features]."""

    hx: Array
    C_before: Array
    f: Array
    i: Array
    C_new: Array
    C: Array
    o: Array
    h: Array


def lstm_step(x_t: Array, h_before: Array, C_before: Array, weights: LSTMWeights) -> LSTMStep:
    """x_t [batch, features]; h_{t-1}, C_{t-1} [batch, hidden]."""
    _check(x_t, h_before, C_before, weights)
    W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o = weights
    hx = np.concatenate([h_before, x_t], axis=1)  # [batch, hidden + features]
    f = sigmoid(hx @ W_f.T + b_f)
    i = sigmoid(hx @ W_i.T + b_i)
    C_new = np.tanh(hx @ W_C.T + b_C)
    C = f * C_before + i * C_new
    o = sigmoid(hx @ W_o.T + b_o)
    h = o * np.tanh(C)
    return LSTMStep(hx, C_before, f, i, C_new, C, o, h)


def cell_gradient(dh: Array, dC: Array, step: LSTMStep) -> Array:
    """All that the loss owes to C_t: dC from the later cells, and what comes through h_t. [batch, hidden]"""
    # h = o tanh(C): dh/dC = o (1 - tanh(C)^2)
    return dC + dh * step.o * (1 - np.tanh(step.C) ** 2)


def lstm_step_backward(
    dh: Array, dC: Array, step: LSTMStep, weights: LSTMWeights
) -> tuple[Array, Array, Array, LSTMWeights]:
    """(dx_t, dh_{t-1}, dC_{t-1}, dweights). dC is what the later steps give to C_t."""
    hx, C_before, f, i, C_new, C, o, _ = step
    # h = o tanh(C): dh/do = tanh(C)
    do = dh * np.tanh(C)
    dC = cell_gradient(dh, dC, step)
    # C = f C_before + i C_new
    df, di, dC_new, dC_before = dC * C_before, dC * C_new, dC * i, dC * f
    # sigmoid' = f (1 - f), tanh' = 1 - C_new^2
    dz_f, dz_i, dz_C, dz_o = df * f * (1 - f), di * i * (1 - i), dC_new * (1 - C_new**2), do * o * (1 - o)
    dhx = dz_f @ weights.W_f + dz_i @ weights.W_i + dz_C @ weights.W_C + dz_o @ weights.W_o
    shares = [share for dz in (dz_f, dz_i, dz_C, dz_o) for share in (dz.T @ hx, dz.sum(axis=0))]
    hidden = dh.shape[1]
    return dhx[:, hidden:], dhx[:, :hidden], dC_before, LSTMWeights(*shares)


def lstm(x: Array, h_0: Array, C_0: Array, weights: LSTMWeights) -> tuple[Array, list[LSTMStep]]:
    """h_1 ... h_T and the steps. [batch, time, features] -> [batch, time, hidden]"""
    steps: list[LSTMStep] = []
    h_t, C_t = h_0, C_0
    for t in range(x.shape[1]):
        steps.append(lstm_step(x[:, t], h_t, C_t, weights))
        h_t, C_t = steps[-1].h, steps[-1].C
    return np.stack([step.h for step in steps], axis=1), steps  # [batch, time, hidden]


def lstm_backward(
    dh: Array, dC_T: Array, steps: list[LSTMStep], weights: LSTMWeights
) -> tuple[Array, Array, Array, LSTMWeights]:
    """(dx, dh_0, dC_0, dweights). dh [batch, time, hidden]: what the loss gives to each h_t; dC_T: to the last cell."""
    found = [len(steps[0].h), len(steps), steps[0].h.shape[1]]
    if list(dh.shape) != found:
        raise ValueError(f"h = lstm(x): dh is {list(dh.shape)}, h is {found}; they must be equal")
    dx: list[Array] = []
    dh_later, dC, dweights = np.zeros_like(dC_T), dC_T, LSTMWeights(*[np.zeros_like(part) for part in weights])
    for t in reversed(range(len(steps))):
        dx_t, dh_later, dC, shares = lstm_step_backward(dh[:, t] + dh_later, dC, steps[t], weights)
        dx.insert(0, dx_t)
        dweights = LSTMWeights(*[total + share for total, share in zip(dweights, shares)])
    return np.stack(dx, axis=1), dh_later, dC, dweights


def _check(x_t: Array, h_before: Array, C_before: Array, weights: LSTMWeights) -> None:
    shapes = f"h is {list(h_before.shape)}, x_t is {list(x_t.shape)}"
    if C_before.shape != h_before.shape:
        raise ValueError(f"C_t = f_t * C_(t-1) + i_t * C~_t: {shapes}, C is {list(C_before.shape)}; C must be as h")
    hidden = h_before.shape[1]
    for name, W in zip("fiCo", weights[::2]):
        if W.shape != (hidden, hidden + x_t.shape[1]):
            must = f"W_{name} must be [hidden, hidden + features], here {[hidden, hidden + x_t.shape[1]]}"
            raise ValueError(f"W_{name} [h_(t-1), x_t] + b_{name}: W_{name} is {list(W.shape)}, {shapes}; {must}")


def example() -> dict[str, Array]:
    """One unit reads 1, then 0; the loss is h_2 itself, so dh_2 = 1. Columns of W: h, x."""
    x, h_0, C_0 = np.array([[[1.0], [0.0]]]), np.zeros((1, 1)), np.zeros((1, 1))
    W_f, W_i, W_C, W_o = np.array([[0.5, 1.0]]), np.array([[0.5, 2.0]]), np.array([[0.5, 1.0]]), np.array([[0.5, 1.0]])
    b_f, b_i, b_C, b_o = np.array([1.0]), np.array([-1.0]), np.array([0.0]), np.array([0.0])
    weights = LSTMWeights(W_f, b_f, W_i, b_i, W_C, b_C, W_o, b_o)
    h, steps = lstm(x, h_0, C_0, weights)
    dh = np.array([[[0.0], [1.0]]])
    dx, dh_0, dC_0, dweights = lstm_backward(dh, np.zeros((1, 1)), steps, weights)
    values = {"x": x[0], "h": h[0], "dh": dh[0], "dx": dx[0], "dh_0": dh_0[0], "dC_0": dC_0[0]}
    values |= {name: np.concatenate([getattr(step, name) for step in steps]) for name in ("f", "i", "C_new", "C", "o")}
    values |= weights._asdict()
    return values | {f"d{name}": value for name, value in dweights._asdict().items()}
