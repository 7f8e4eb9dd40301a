"""A recurrent network: one layer that reads a sequence step by step and hands its state on to itself.

    z_t = W_hh h_{t-1} + W_xh x_t + b        h_t = tanh(z_t)        y_t = W_hy h_t + b_y

Back-propagation through time: the same layer stands at every t, so its derivatives are sums over t,

    dh_t = (what the loss at t gives) + W_hh^T dz_{t+1}        dz_t = dh_t * (1 - h_t^2)
    dW_hh = sum_t dz_t h_{t-1}^T    dW_xh = sum_t dz_t x_t^T    db = sum_t dz_t    dx_t = W_xh^T dz_t

    book   here                        PyTorch (nn.RNN with batch_first=True)
    x_t    x[:, t] [batch, features]   input[:, t]
    h_t    h[:, t] [batch, hidden]     output[:, t]; h_0 is h_0[0], the last one is h_n[0]
    W_xh   W_xh [hidden, features]     weight_ih_l0
    W_hh   W_hh [hidden, hidden]       weight_hh_l0
    b      b [hidden]                  bias_ih_l0 + bias_hh_l0: two, of which only the sum matters
    W_hy   W_hy [outputs, hidden]      a Linear behind it; it is no part of nn.RNN

The book's vectors are columns, W h; here a sample is a row, so the same product is written h W^T.

Sources: Elman, Finding structure in time, 1990; Werbos, Backpropagation through time, 1990; Goodfellow et al., Deep
Learning, 2016, section 10.2. One course guide's derivative dh_t/dh_{t-1} has its factors in the wrong order: see
`vanishing`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def rnn_step(x_t: Array, h_before: Array, W_hh: Array, W_xh: Array, b: Array) -> Array:
    """h_t = tanh(W_hh h_{t-1} + W_xh x_t + b). [batch, hidden]"""
    return np.tanh(h_before @ W_hh.T + x_t @ W_xh.T + b)


def rnn_step_backward(
    dh_t: Array, h_t: Array, x_t: Array, h_before: Array, W_hh: Array, W_xh: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """(dx_t, dh_{t-1}, dW_hh, dW_xh, db): one step's share."""
    # tanh'(z_t) = 1 - tanh(z_t)^2 = 1 - h_t^2
    dz = dh_t * (1 - h_t**2)  # [batch, hidden]
    return dz @ W_xh, dz @ W_hh, dz.T @ h_before, dz.T @ x_t, dz.sum(axis=0)


def rnn(x: Array, h_0: Array, W_hh: Array, W_xh: Array, b: Array) -> Array:
    """h_1 ... h_T. [batch, time, features] -> [batch, time, hidden]"""
    _check(x, h_0, W_hh, W_xh, b)
    h = np.empty((*x.shape[:2], len(b)))  # [batch, time, hidden]
    h_t = h_0
    for t in range(x.shape[1]):
        h_t = rnn_step(x[:, t], h_t, W_hh, W_xh, b)
        h[:, t] = h_t
    return h


def rnn_backward(
    dh: Array, h: Array, x: Array, h_0: Array, W_hh: Array, W_xh: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """(dx, dh_0, dW_hh, dW_xh, db). dh [batch, time, hidden] is what the loss alone gives to each h_t."""
    if dh.shape != h.shape:
        raise ValueError(f"h = rnn(x): dh is {list(dh.shape)}, h is {list(h.shape)}; they must be equal")
    dx, dW_hh, dW_xh, db = np.zeros_like(x), np.zeros_like(W_hh), np.zeros_like(W_xh), np.zeros(len(W_hh))
    dh_later = np.zeros_like(h_0)  # W_hh^T dz_{t+1}
    for t in reversed(range(x.shape[1])):
        h_before = h[:, t - 1] if t > 0 else h_0
        # h_t is read twice, by the loss at t and by step t + 1: the two derivatives add up
        dx[:, t], dh_later, *shares = rnn_step_backward(dh[:, t] + dh_later, h[:, t], x[:, t], h_before, W_hh, W_xh)
        dW_hh, dW_xh, db = dW_hh + shares[0], dW_xh + shares[1], db + shares[2]
    return dx, dh_later, dW_hh, dW_xh, db


def readout(h: Array, W_hy: Array, b_y: Array) -> Array:
    """y_t = W_hy h_t + b_y. [batch, time, hidden] -> [batch, time, outputs]"""
    return h @ W_hy.T + b_y


def readout_backward(dy: Array, h: Array, W_hy: Array) -> tuple[Array, Array, Array]:
    """(dh, dW_hy, db_y)."""
    return dy @ W_hy, np.einsum("bto,bth->oh", dy, h), dy.sum(axis=(0, 1))


def _check(x: Array, h_0: Array, W_hh: Array, W_xh: Array, b: Array) -> None:
    if x.ndim != 3:
        raise ValueError(f"z_t = W_hh h_(t-1) + W_xh x_t + b: x is {list(x.shape)}; it must be [batch, time, features]")
    fits = [
        ("W_xh", W_xh, "x", x, (len(W_xh), x.shape[2]), "W_xh must be [hidden, features]"),
        ("W_hh", W_hh, "W_xh", W_xh, (len(W_xh), len(W_xh)), "W_hh must be [hidden, hidden]"),
        ("b", b, "W_xh", W_xh, (len(W_xh),), "b must be [hidden]"),
        ("h_0", h_0, "W_xh", W_xh, (len(x), len(W_xh)), "h_0 must be [batch, hidden]"),
    ]
    for name, array, other, beside, must, words in fits:
        if array.shape != must:
            found = f"{name} is {list(array.shape)}, {other} is {list(beside.shape)}"
            raise ValueError(f"z_t = W_hh h_(t-1) + W_xh x_t + b: {found}; {words}, here {list(must)}")


def example() -> dict[str, Array]:
    """Two units read three numbers; the loss is (y_3 - 1)^2 / 2, so dy_3 = y_3 - 1."""
    x = np.array([[[1.0], [0.5], [-1.0]]])  # [1, 3, 1]
    W_hh, W_xh, b = np.array([[0.5, -0.3], [0.2, 0.4]]), np.array([[0.6], [-0.4]]), np.array([0.1, 0.0])
    W_hy, b_y, target = np.array([[1.0, -1.0]]), np.array([0.0]), np.array([1.0])
    h_0 = np.zeros((1, 2))
    h = rnn(x, h_0, W_hh, W_xh, b)  # [1, 3, 2]
    y = readout(h, W_hy, b_y)  # [1, 3, 1]
    dy = np.zeros_like(y)
    dy[:, -1] = y[:, -1] - target
    dh, dW_hy, db_y = readout_backward(dy, h, W_hy)
    dx, dh_0, dW_hh, dW_xh, db = rnn_backward(dh, h, x, h_0, W_hh, W_xh)
    values = {"x": x[0], "h_0": h_0[0], "W_hh": W_hh, "W_xh": W_xh, "b": b, "W_hy": W_hy, "b_y": b_y, "target": target}
    values |= {"h": h[0], "y": y[0], "loss": (y[0, -1] - target) ** 2 / 2, "dy": dy[0], "dh": dh[0]}
    return values | {
        "dx": dx[0],
        "dh_0": dh_0[0],
        "dW_hh": dW_hh,
        "dW_xh": dW_xh,
        "db": db,
        "dW_hy": dW_hy,
        "db_y": db_y,
    }
