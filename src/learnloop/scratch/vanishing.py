"""How a gradient fades or grows on its way back through time, why an LSTM can keep it, and clipping.

    RNN      dh_t/dh_{t-1} = diag(1 - h_t^2) W_hh
    LSTM     dC_t/dC_{t-1} = diag(f_t)      along the cell; the whole Jacobian of (h, C) is `lstm_jacobian`
    far      dh_T/dh_k = J_T J_{T-1} ... J_{k+1}
    bound    ||dh_T/dh_k|| <= ||W_hh||^(T-k), as |tanh'| <= 1: below 1 it vanishes, for sure; above 1 it may explode
    clip     g := min(1, threshold / ||g||) g, with ||g|| over all parameters together

    book        here                                   PyTorch
    dh_T/dh_k   products(jacobians)[T - k]             torch.autograd.functional.jacobian
    ||A||       norm(A): the largest singular value    torch.linalg.matrix_norm(A, 2)
    g           gradients: a list of arrays            the .grad of each parameter
    threshold   threshold                              max_norm of nn.utils.clip_grad_norm_
    0           epsilon                                1e-6, added to ||g||: PyTorch clips to a hair below max_norm

The LSTM keeps its gradient only where f_t is near 1: with f_t = 0.5 its cell fades like an RNN with w = 0.5.

Sources: Hochreiter, 1991; Bengio, Simard and Frasconi, Learning long-term dependencies with gradient descent is
difficult, 1994; Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013, sections 2
(bound) and 3.2 (clipping); Hochreiter and Schmidhuber, Long short-term memory, 1997. One course guide writes
W_hh diag(1 - tanh^2), which is another matrix: `example` shows both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.lstm import LSTMStep, LSTMWeights
from learnloop.scratch.recurrent import rnn

Array: TypeAlias = NDArray[np.float64]


def rnn_jacobian(h_t: Array, W_hh: Array) -> Array:
    """dh_t/dh_{t-1} = diag(1 - h_t^2) W_hh of one sample: h_t [hidden] -> [hidden, hidden]"""
    if W_hh.shape != (len(h_t), len(h_t)):
        shapes = f"W_hh is {list(W_hh.shape)}, h_t is {list(h_t.shape)}"
        raise ValueError(f"dh_t/dh_(t-1) = diag(1 - h_t^2) W_hh: {shapes}; W_hh must be {[len(h_t), len(h_t)]}")
    return np.diag(1 - h_t**2) @ W_hh


def lstm_jacobian(step: LSTMStep, weights: LSTMWeights) -> Array:
    """d(h_t, C_t)/d(h_{t-1}, C_{t-1}) of a batch of one. [2 hidden, 2 hidden]: rows h, C; columns h, C"""
    C_before, f, i, C_new, C, o = (part[0] for part in step[1:7])  # [hidden]
    hidden = len(C)
    W_f, W_i, W_C, W_o = (W[:, :hidden] for W in weights[::2])  # what stands on h_{t-1}
    # C = f C_before + i C_new: straight on by f, and through the three gates that read h_before
    dC_dC = np.diag(f)
    dC_dh = (
        np.diag(C_before * f * (1 - f)) @ W_f + np.diag(C_new * i * (1 - i)) @ W_i + np.diag(i * (1 - C_new**2)) @ W_C
    )
    # h = o tanh(C)
    through_C = np.diag(o * (1 - np.tanh(C) ** 2))
    dh_dC = through_C @ dC_dC
    dh_dh = through_C @ dC_dh + np.diag(np.tanh(C) * o * (1 - o)) @ W_o
    return np.block([[dh_dh, dh_dC], [dC_dh, dC_dC]])


def products(jacobians: Sequence[Array]) -> list[Array]:
    """[I, J_T, J_T J_{T-1}, ..., J_T ... J_1] from [J_1, ..., J_T]: the derivative 0, 1, ..., T steps back."""
    back = [np.eye(len(jacobians[0]))]
    for J in reversed(jacobians):
        back.append(back[-1] @ J)
    return back


def norm(A: Array) -> float:
    """The most by which A can stretch a vector: its largest singular value."""
    return float(np.linalg.norm(A, 2))


def norms(jacobians: Sequence[Array]) -> Array:
    """||dh_T/dh_{T-k}|| for k = 0 ... T. [T + 1]"""
    return np.array([norm(product) for product in products(jacobians)])


def clip(gradients: Sequence[Array], threshold: float, epsilon: float = 0.0) -> tuple[list[Array], float]:
    """(min(1, threshold/||g||) g, ||g||): the direction stays, the length is at most the threshold."""
    if threshold <= 0:
        raise ValueError(f"g := min(1, threshold/||g||) g: threshold is {threshold}; it must be above 0")
    length = float(np.sqrt(sum(np.sum(g**2) for g in gradients)))
    # A length of 0 needs no division
    scale = 1.0 if length + epsilon <= threshold else threshold / (length + epsilon)
    return [scale * g for g in gradients], length


def example() -> dict[str, Array]:
    """Two units that read three numbers: the Jacobian at t = 1 and its slip, products over the steps, a clipped g."""
    W_hh, W_xh, b = np.array([[0.5, -0.3], [0.2, 0.4]]), np.array([[0.6], [-0.4]]), np.array([0.1, 0.0])
    x, h_0 = np.array([[[1.0], [0.5], [-1.0]]]), np.zeros((1, 2))
    h = rnn(x, h_0, W_hh, W_xh, b)[0]  # [3, 2]
    jacobians = [rnn_jacobian(h_t, W_hh) for h_t in h]
    g = [np.array([3.0, 0.0]), np.array([[4.0]])]
    clipped, length = clip(g, 1.0)
    return {
        "W_hh": W_hh,
        "h": h,
        "J": jacobians[0],
        "J, factors swapped": W_hh @ np.diag(1 - h[0] ** 2),
        "dh_3/dh_0": products(jacobians)[-1],
        "norms": norms(jacobians),
        "bound": norm(W_hh) ** np.arange(4),
        "g": np.concatenate([part.ravel() for part in g]),
        "||g||": np.array(length),
        "clipped g": np.concatenate([part.ravel() for part in clipped]),
    }
