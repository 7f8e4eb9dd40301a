"""The GRU: a gated recurrent network with one state; what is forgotten is exactly what is replaced.

    r_t  = sigmoid(W_r [h_{t-1}, x_t] + b_r)              how much of the past the candidate may see
    z_t  = sigmoid(W_z [h_{t-1}, x_t] + b_z)              how much to replace
    h~_t = tanh(W_h (r_t * h_{t-1}) + b_h + W_x x_t + b)  reset="before": r stands before the product
    h~_t = tanh(r_t * (W_h h_{t-1} + b_h) + W_x x_t + b)  reset="after": r stands after the product
    h_t  = (1 - z_t) * h_{t-1} + z_t * h~_t

where [W_h, W_x] = W. With one unit and b_h = 0 the two forms are equal; with more they are not, because W_h mixes units
that r scales differently. Weights trained for one form are wrong for the other.

    book        here                         PyTorch (nn.GRU with batch_first=True)
    form        reset="before"               reset="after" only (the products with h_{t-1} need not wait for r)
    z_t         z                            1 - z: its h_t = (1 - z) n + z h_{t-1}, so W_z and b_z change sign
    W_r, b_r    W_r, b_r                     [weight_hh_l0, weight_ih_l0], bias_hh_l0 + bias_ih_l0: first rows
    W_z, b_z    W_z, b_z                     the same, negated: second rows
    W = [W_h, W_x]                           third rows (n)
    none        b, b_h [hidden]              bias_ih_l0 and bias_hh_l0, third rows: here the two are not interchangeable

Sources: Cho et al., Learning phrase representations using RNN encoder-decoder, 2014, section 2.3 (arXiv version 3
has r before the product, and z as PyTorch); Chung et al., Empirical evaluation of gated recurrent neural networks on
sequence modeling, 2014, section 3.2 (z as here). Course guide: section 6.3 (49-52), without biases.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import sigmoid

Array: TypeAlias = NDArray[np.float64]
Reset: TypeAlias = Literal["before", "after"]


class GRUWeights(NamedTuple):
    """Each W [hidden, hidden + features] stands on [h_{t-1}, x_t], each b [hidden]."""

    W_r: Array
    b_r: Array
    W_z: Array
    b_z: Array
    W: Array
    b: Array
    b_h: Array


class GRUStep(NamedTuple):
    """Everything one step computed, [batch, hidden] but for hx [batch, hidden + features]."""

    hx: Array
    h_before: Array
    r: Array
    z: Array
    h_new: Array
    h: Array


def gru_step(x_t: Array, h_before: Array, weights: GRUWeights, reset: Reset = "before") -> GRUStep:
    """x_t [batch, features], h_{t-1} [batch, hidden]."""
    _check(x_t, h_before, weights, reset)
    W_r, b_r, W_z, b_z, W, b, b_h = weights
    W_h, W_x = np.split(W, [len(W)], axis=1)  # [hidden, hidden], [hidden, features]
    hx = np.concatenate([h_before, x_t], axis=1)  # [batch, hidden + features]
    r = sigmoid(hx @ W_r.T + b_r)
    z = sigmoid(hx @ W_z.T + b_z)
    past = (r * h_before) @ W_h.T + b_h if reset == "before" else r * (h_before @ W_h.T + b_h)
    h_new = np.tanh(past + x_t @ W_x.T + b)
    h = (1 - z) * h_before + z * h_new
    return GRUStep(hx, h_before, r, z, h_new, h)


def gru_step_backward(
    dh: Array, step: GRUStep, weights: GRUWeights, reset: Reset = "before"
) -> tuple[Array, Array, GRUWeights]:
    """(dx_t, dh_{t-1}, dweights)."""
    hx, h_before, r, z, h_new, _ = step
    W_r, _, W_z, _, W, _, b_h = weights
    W_h, W_x = np.split(W, [len(W)], axis=1)
    x_t = hx[:, len(W) :]
    # h = (1 - z) h_before + z h_new
    dz, dh_new, dh_before = dh * (h_new - h_before), dh * z, dh * (1 - z)
    # tanh' = 1 - h_new^2
    da = dh_new * (1 - h_new**2)
    if reset == "before":  # a = W_h (r h_before) + b_h + ...
        dr, dh_past = (da @ W_h) * h_before, (da @ W_h) * r
        dW_h, db_h = da.T @ (r * h_before), da.sum(axis=0)
    else:  # a = r (W_h h_before + b_h) + ...
        dr, dh_past = da * (h_before @ W_h.T + b_h), (da * r) @ W_h
        dW_h, db_h = (da * r).T @ h_before, (da * r).sum(axis=0)
    # sigmoid' = r (1 - r)
    da_r, da_z = dr * r * (1 - r), dz * z * (1 - z)
    dh_gates, dx_gates = np.split(da_r @ W_r + da_z @ W_z, [len(W)], axis=1)
    dW = np.concatenate([dW_h, da.T @ x_t], axis=1)
    shares = (da_r.T @ hx, da_r.sum(axis=0), da_z.T @ hx, da_z.sum(axis=0), dW, da.sum(axis=0), db_h)
    return da @ W_x + dx_gates, dh_before + dh_past + dh_gates, GRUWeights(*shares)


def gru(x: Array, h_0: Array, weights: GRUWeights, reset: Reset = "before") -> tuple[Array, list[GRUStep]]:
    """h_1 ... h_T and the steps. [batch, time, features] -> [batch, time, hidden]"""
    steps: list[GRUStep] = []
    for t in range(x.shape[1]):
        steps.append(gru_step(x[:, t], steps[-1].h if steps else h_0, weights, reset))
    return np.stack([step.h for step in steps], axis=1), steps  # [batch, time, hidden]


def gru_backward(
    dh: Array, steps: list[GRUStep], weights: GRUWeights, reset: Reset = "before"
) -> tuple[Array, Array, GRUWeights]:
    """(dx, dh_0, dweights). dh [batch, time, hidden] is what the loss alone gives to each h_t."""
    if dh.shape != (found := (len(steps[0].h), len(steps), steps[0].h.shape[1])):
        raise ValueError(f"h = gru(x): dh is {list(dh.shape)}, h is {list(found)}; they must be equal")
    dx: list[Array] = []
    dh_later, dweights = np.zeros_like(steps[0].h), GRUWeights(*[np.zeros_like(part) for part in weights])
    for t in reversed(range(len(steps))):
        dx_t, dh_later, shares = gru_step_backward(dh[:, t] + dh_later, steps[t], weights, reset)
        dx.insert(0, dx_t)
        dweights = GRUWeights(*[total + share for total, share in zip(dweights, shares)])
    return np.stack(dx, axis=1), dh_later, dweights


def _check(x_t: Array, h_before: Array, weights: GRUWeights, reset: Reset) -> None:
    if reset not in ("before", "after"):
        raise ValueError(f'reset is "before" or "after" the matrix product, not {reset!r}')
    hidden = h_before.shape[1]
    for name, W in (("W_r", weights.W_r), ("W_z", weights.W_z), ("W", weights.W)):
        if W.shape != (hidden, hidden + x_t.shape[1]):
            shapes = f"{name} is {list(W.shape)}, h is {list(h_before.shape)}, x_t is {list(x_t.shape)}"
            must = f"{name} must be [hidden, hidden + features], here {[hidden, hidden + x_t.shape[1]]}"
            raise ValueError(f"{name} [h_(t-1), x_t]: {shapes}; {must}")


def example() -> dict[str, Array]:
    """Two units, one step, both forms; the loss is the sum of h_1, so dh = 1. Columns of W: h, h, x."""
    x, h_0 = np.array([[[1.0]]]), np.array([[0.5, -1.0]])
    W_r, b_r = np.array([[0.0, 1.0, 1.0], [2.0, 0.0, -2.0]]), np.zeros(2)
    W_z, b_z = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.zeros(2)
    W, b, b_h = np.array([[1.0, 0.5, 0.2], [-0.5, 1.0, 0.3]]), np.zeros(2), np.zeros(2)
    weights = GRUWeights(W_r, b_r, W_z, b_z, W, b, b_h)
    values = {"x": x[0], "h_0": h_0[0], **weights._asdict(), "dh": np.ones(2)}
    forms: tuple[Reset, Reset] = ("before", "after")
    for reset in forms:
        _, steps = gru(x, h_0, weights, reset)
        dx, dh_0, dweights = gru_backward(np.ones((1, 1, 2)), steps, weights, reset)
        values |= {"r": steps[0].r[0], "z": steps[0].z[0]}
        values |= {f"h_new, {reset}": steps[0].h_new[0], f"h, {reset}": steps[0].h[0]}
        values |= {f"dx, {reset}": dx[0], f"dh_0, {reset}": dh_0[0]}
        values |= {f"d{name}, {reset}": value for name, value in dweights._asdict().items()}
    return values
