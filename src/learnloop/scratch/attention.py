"""Attention: a weighted mean of values; the weights say how well a query fits each key.

    scaled dot-product   S = Q K^T / sqrt(d_k)          A = softmax(S), row by row     O = A V
    additive             e_j = v . tanh(W s + U h_j)    a = softmax(e)                 c = sum over j of a_j h_j
    causal mask          S[t, u] = -infinity for u > t, so that A[t, u] = 0: nobody looks at the future

| here         | shape                      | PyTorch                                                  |
|--------------|----------------------------|----------------------------------------------------------|
| Q, K, V      | [..., time, d]             | query, key, value of F.scaled_dot_product_attention      |
| A            | [..., time_q, time_k]      | attn_output_weights, second return of MultiheadAttention |
| mask         | bool [time_q, time_k]      | attn_mask                                                |
| s            | [batch, d_s]               | no class; the decoder's state, s_(i-1) in the paper      |
| h            | [batch, time, d_h]         | no class; the encoder's states                           |
| W, U         | [units, d_s], [units, d_h] | weights of two nn.Linear without bias                    |
| v            | [units]                    | weight of nn.Linear(units, 1) without bias               |

Source: Vaswani et al. 2017, section 3.2.1, equation 1 (guide 004, section 7.1, equation 56); Bahdanau, Cho and Bengio
2015, section 3.1 and appendix A.1.2 (W_a, U_a and v_a there).
Against PyTorch: True in a mask means "may look" here and in F.scaled_dot_product_attention, and "may not" in
nn.MultiheadAttention and nn.TransformerEncoderLayer. A query that may look at nothing is an error here; PyTorch answers
with NaN or with 0, depending on the path taken. The attention layer in guide 004's code is the additive one, with
biases that the paper does not have; the bias of the score changes nothing, because softmax(e + c) = softmax(e).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import softmax, softmax_backward

Array: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]


class DotPass(NamedTuple):
    """Q [..., time_q, d_k], K [..., time_k, d_k], V [..., time_k, d_v], S and A [..., time_q, time_k]."""

    Q: Array
    K: Array
    V: Array
    S: Array
    A: Array


class AdditivePass(NamedTuple):
    """The arguments, t = tanh(W s + U h_j) [batch, time, units], the scores e and the weights a [batch, time]."""

    s: Array
    h: Array
    W: Array
    U: Array
    v: Array
    t: Array
    e: Array
    a: Array


def causal_mask(time: int) -> Mask:
    """mask[t, u] = (u <= t), [time, time]: step t may look at itself and at what came before."""
    return np.tri(time, dtype=np.bool_)


def scaled_dot_product(Q: Array, K: Array, V: Array, mask: Mask | None = None) -> tuple[Array, DotPass]:
    """O = softmax(Q K^T / sqrt(d_k)) V, [..., time_q, d_v], and what backward needs.

    Raises ValueError when Q and K differ in d_k, K and V in time, or a row of the mask is all False.
    """
    _fit("S = Q K^T / sqrt(d_k)", "Q", Q, -1, "K", K, -1)
    _fit("O = A V", "K", K, -2, "V", V, -2)
    if not Q.shape[:-2] == K.shape[:-2] == V.shape[:-2]:
        raise ValueError(
            f"O = softmax(Q K^T / sqrt(d_k)) V: Q is {list(Q.shape)}, K is {list(K.shape)}, V is {list(V.shape)}; "
            "all axes before time must be the same"
        )
    if mask is not None and not mask.any(axis=-1).all():
        raise ValueError("A = softmax(S) row by row: a row of the mask is all False; each query needs a key to look at")
    d_k = Q.shape[-1]
    S = Q @ np.swapaxes(K, -1, -2) / np.sqrt(d_k)  # [..., time_q, time_k]
    A = softmax(S if mask is None else np.where(mask, S, -np.inf))  # [..., time_q, time_k]
    O = A @ V  # [..., time_q, d_v]
    return O, DotPass(Q, K, V, S, A)


def scaled_dot_product_backward(dO: Array, cache: DotPass) -> tuple[Array, Array, Array]:
    """dQ, dK, dV in the shapes of Q, K, V. A masked score has A = 0, so its slope is 0 by itself."""
    Q, K, V, _, A = cache
    # O = A V
    dA = dO @ np.swapaxes(V, -1, -2)  # [..., time_q, time_k]
    dV = np.swapaxes(A, -1, -2) @ dO  # [..., time_k, d_v]
    # A = softmax(S): dS = A * (dA - sum over the row of dA * A)
    dS = softmax_backward(dA, A)  # [..., time_q, time_k]
    # S = Q K^T / sqrt(d_k)
    dQ = dS @ K / np.sqrt(Q.shape[-1])  # [..., time_q, d_k]
    dK = np.swapaxes(dS, -1, -2) @ Q / np.sqrt(Q.shape[-1])  # [..., time_k, d_k]
    return dQ, dK, dV


def additive(s: Array, h: Array, W: Array, U: Array, v: Array) -> tuple[Array, AdditivePass]:
    """c = sum over j of a_j h_j with a = softmax(e), e_j = v . tanh(W s + U h_j). c [batch, d_h]."""
    equation = "e_j = v . tanh(W s + U h_j)"
    _fit(equation, "s", s, -1, "W", W, -1)
    _fit(equation, "h", h, -1, "U", U, -1)
    _fit(equation, "s", s, 0, "h", h, 0)
    _fit(equation, "W", W, 0, "U", U, 0)
    _fit(equation, "U", U, 0, "v", v, 0)
    t = np.tanh((s @ W.T)[:, None, :] + h @ U.T)  # [batch, time, units]
    e = t @ v  # [batch, time]
    a = softmax(e)  # [batch, time]
    c = np.einsum("bt,btd->bd", a, h)  # [batch, d_h]
    return c, AdditivePass(s, h, W, U, v, t, e, a)


def additive_backward(dc: Array, cache: AdditivePass) -> tuple[Array, Array, Array, Array, Array]:
    """ds, dh, dW, dU, dv from dc [batch, d_h]. h counts twice: as what is weighed and in its own weight."""
    s, h, W, U, v, t, _, a = cache
    # c = sum_j a_j h_j
    da = np.einsum("bd,btd->bt", dc, h)  # [batch, time]
    # a = softmax(e), e = t . v
    de = softmax_backward(da, a)  # [batch, time]
    dv = np.einsum("bt,btk->k", de, t)  # [units]
    # tanh'(x) = 1 - tanh(x)^2
    dt = de[:, :, None] * v * (1 - t**2)  # [batch, time, units]
    dW = np.einsum("btk,bd->kd", dt, s)  # [units, d_s]
    dU = np.einsum("btk,btd->kd", dt, h)  # [units, d_h]
    ds = dt.sum(axis=1) @ W  # [batch, d_s]
    dh = a[:, :, None] * dc[:, None, :] + dt @ U  # [batch, time, d_h]
    return ds, dh, dW, dU, dv


def _fit(equation: str, left: str, x: Array, i: int, right: str, y: Array, j: int) -> None:
    if x.shape[i] != y.shape[j]:
        axis = {0: "first axis", -1: "last axis", -2: "last axis but one"}
        raise ValueError(
            f"{equation}: {left} is {list(x.shape)}, {right} is {list(y.shape)}; "
            f"{left}'s {axis[i]} ({x.shape[i]}) must equal {right}'s {axis[j]} ({y.shape[j]})"
        )


def example() -> dict[str, Array]:
    """Three words that look at each other (d_k = 4, so that sqrt(d_k) = 2); one state s that looks at three others."""
    Q = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    K = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    V = np.array([[10.0, 0.0], [0.0, 10.0], [5.0, 5.0]])
    O, plain = scaled_dot_product(Q, K, V)
    # A gradient that asks for more of the first number of the second word's answer, and for nothing else.
    dO = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    dQ, dK, dV = scaled_dot_product_backward(dO, plain)
    dA = dO @ V.T  # [time_q, time_k]
    causal_O, causal = scaled_dot_product(Q, K, V, causal_mask(3))
    s, h = np.array([[1.0, 0.0]]), np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    c, looked = additive(s, h, np.eye(2), np.eye(2), np.ones(2))
    ds, dh, *_ = additive_backward(np.array([[1.0, 0.0]]), looked)
    dot = {"Q": Q, "K": K, "V": V, "S": plain.S, "A": plain.A, "O": O, "causal_A": causal.A, "causal_O": causal_O}
    back = {"dO": dO, "dA": dA, "dS": softmax_backward(dA, plain.A), "dQ": dQ, "dK": dK, "dV": dV}
    return {**dot, **back, "s": s, "h": h, "t": looked.t, "e": looked.e, "a": looked.a, "c": c, "ds": ds, "dh": dh}
