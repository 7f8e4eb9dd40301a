"""Adam and two of its kin: averages of the gradient and of its square, corrected for starting at 0.

    adam       m := beta1 m + (1 - beta1) g      (23)     m_hat = m / (1 - beta1^t)                        (25)
               v := beta2 v + (1 - beta2) g^2    (24)     v_hat = v / (1 - beta2^t)                        (25)
                                                          w := w - alpha m_hat / (sqrt(v_hat) + epsilon)   (26)
    amsgrad    adam, with v_max := max(v_max, v) in the place of v in (25)
    adamw      w := (1 - alpha decay) w, then adam

All states start at 0; t counts the steps from 1. Squares, roots and quotients are taken entry by entry.

| here             | PyTorch (torch.optim.Adam, AdamW)                 |
|------------------|---------------------------------------------------|
| alpha, epsilon   | lr, eps                                           |
| beta1, beta2     | betas                                             |
| m, v, v_max, t   | exp_avg, exp_avg_sq, max_exp_avg_sq, step         |
| amsgrad          | Adam(amsgrad=True)                                |
| decay            | AdamW(weight_decay)                               |

Where the forms differ. AMSGrad: the paper corrects neither m nor v; PyTorch, and we, keep Adam's corrections. AdamW:
the paper's decay stands beside alpha (w := w - lambda w), PyTorch's is multiplied with it: lambda = alpha decay. Guide
004 calls the L2 penalty "weight decay" (4.1): they are the same for SGD (decay = lambda), not for Adam. There the
penalty's gradient lambda w goes through m and v like any other (PyTorch's Adam(weight_decay=lambda)), and weights with
large gradients are pulled less.

Source: guide 004, section 3.2.3; Kingma and Ba 2015, Adam, algorithm 1 and section 3 (the correction); Reddi, Kale and
Kumar 2018, On the Convergence of Adam and Beyond, algorithm 2; Loshchilov and Hutter 2019, Decoupled Weight Decay
Regularization, algorithm 2.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.optimisers import same_shape

Array: TypeAlias = NDArray[np.float64]


class Moments(NamedTuple):
    """m: average of the gradients. v: average of their squares. t: steps taken."""

    m: Array
    v: Array
    t: int


class MomentsAndMax(NamedTuple):
    """v_max: the largest v so far, entry by entry."""

    moments: Moments
    v_max: Array


def average(w: Array, g: Array, state: Moments | None, beta1: float, beta2: float) -> Moments:
    """Equations (23) and (24)."""
    m, v, t = (np.zeros_like(w), np.zeros_like(w), 0) if state is None else state
    same_shape("m := beta1 m + (1 - beta1) g", {"w": w, "g": g, "m": m, "v": v})
    return Moments(beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2, t + 1)


def correct(moments: Moments, beta1: float, beta2: float) -> tuple[Array, Array]:
    """Equation (25): after t steps from 0 the weights of an average add up to 1 - beta^t, not to 1."""
    return moments.m / (1 - beta1**moments.t), moments.v / (1 - beta2**moments.t)


def move(w: Array, moments: Moments, alpha: float, beta1: float, beta2: float, epsilon: float) -> Array:
    """Equations (25) and (26)."""
    m_hat, v_hat = correct(moments, beta1, beta2)
    return w - alpha / (np.sqrt(v_hat) + epsilon) * m_hat


def adam(
    w: Array,
    g: Array,
    state: Moments | None = None,
    alpha: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, Moments]:
    """About alpha a step while the gradient keeps its sign; less where it changes sign or is noise."""
    moments = average(w, g, state, beta1, beta2)
    return move(w, moments, alpha, beta1, beta2, epsilon), moments


def amsgrad(
    w: Array,
    g: Array,
    state: MomentsAndMax | None = None,
    alpha: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> tuple[Array, MomentsAndMax]:
    """Adam whose second moment never falls: a large gradient is never forgotten."""
    before, v_max = (None, np.zeros_like(w)) if state is None else state
    moments = average(w, g, before, beta1, beta2)
    v_max = np.maximum(v_max, moments.v)
    return move(w, moments._replace(v=v_max), alpha, beta1, beta2, epsilon), MomentsAndMax(moments, v_max)


def adamw(
    w: Array,
    g: Array,
    state: Moments | None = None,
    alpha: float = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    decay: float = 0.01,
) -> tuple[Array, Moments]:
    """The decay goes past the moments: every weight loses the same share of itself."""
    return adam((1 - alpha * decay) * w, g, state, alpha, beta1, beta2, epsilon)


def example() -> dict[str, Array]:
    """Three steps of Adam along g = 0.1, -0.3, 0.2 from w = 1 with alpha = 0.1, each moment kept."""
    g, w = np.array([0.1, -0.3, 0.2]), np.array(1.0)
    state, rows = None, []
    for gradient in g:
        w, state = adam(w, np.array(gradient), state, alpha=0.1)
        rows.append([state.m, state.v, *correct(state, 0.9, 0.999), w])
    m, v, m_hat, v_hat, path = np.array(rows, float).T  # each [3]
    return {"g": g, "m": m, "v": v, "m_hat": m_hat, "v_hat": v_hat, "w": path}
