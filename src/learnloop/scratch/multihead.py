"""Multi-head attention: several attentions side by side, each in its own small projection of the same words.

    head_i = Attention(Q W_i^Q + b_i^Q, K W_i^K + b_i^K, V W_i^V + b_i^V)
    Y      = Concat(head_1, ..., head_h) W^O + b^O
    self-attention: Q = K = V = X, so dX = dQ + dK + dV

| here                          | shape                    | PyTorch (nn.MultiheadAttention(d, h))                |
|-------------------------------|--------------------------|------------------------------------------------------|
| Q, K, V                       | [batch, time, d]         | query, key, value with batch_first=True              |
| WQ, WK, WV = all W_i^Q, ...   | [heads, d, d_k]          | in_proj_weight [3 d, d]: its rows are Q, then K, V;  |
|                               |                          | rows i d_k to (i + 1) d_k of a third are W_i^T       |
| bQ, bK, bV                    | [heads, d_k]             | in_proj_bias [3 d], in the same order                |
| WO, bO                        | [heads d_k, d], [d]      | out_proj.weight transposed, out_proj.bias            |
| A                             | [batch, heads, time_q, time_k] | second return with average_attn_weights=False  |

`from_pytorch` does this mapping.
Source: Vaswani et al. 2017, section 3.2.2 (guide 004, section 7.2, equations 57 and 58).
Against PyTorch: the paper has no biases (set them to 0). d_k = d / heads in both, so that all heads together cost as
much as one of full width; guide 004's code passes key_dim=embed_dim to Keras, which makes every head d wide.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.attention import DotPass, Mask, causal_mask, scaled_dot_product, scaled_dot_product_backward

Array: TypeAlias = NDArray[np.float64]


class Heads(NamedTuple):
    """The weights, or their gradients: W [heads, d, d_k] and b [heads, d_k] of Q, K, V; WO [heads d_k, d], bO [d]."""

    WQ: Array
    bQ: Array
    WK: Array
    bK: Array
    WV: Array
    bV: Array
    WO: Array
    bO: Array


class HeadsPass(NamedTuple):
    """Q, K, V [batch, time, d]; dot: all heads at once, [batch, heads, time, ...]; concat [batch, time, heads d_k]."""

    weights: Heads
    Q: Array
    K: Array
    V: Array
    dot: DotPass
    concat: Array


def from_pytorch(in_weight: Array, in_bias: Array, out_weight: Array, out_bias: Array, heads: int) -> Heads:
    """in_proj_weight [3 d, d], in_proj_bias [3 d], out_proj.weight [d, d], out_proj.bias [d] in the paper's shapes."""
    d = in_weight.shape[1]
    if d % heads:
        raise ValueError(f"d_k = d / heads: d is {d}, heads is {heads}; heads must divide d")
    W = in_weight.reshape(3, heads, d // heads, d).swapaxes(-1, -2)  # [3, heads, d, d_k]
    b = in_bias.reshape(3, heads, d // heads)  # [3, heads, d_k]
    return Heads(W[0], b[0], W[1], b[1], W[2], b[2], out_weight.T, out_bias)


def multi_head(Q: Array, K: Array, V: Array, w: Heads, mask: Mask | None = None) -> tuple[Array, HeadsPass]:
    """Y = Concat(head_1, ..., head_h) W^O + b^O, [batch, time_q, d]. For self-attention pass X three times."""
    q = _project("Q", Q, "W^Q", w.WQ, w.bQ)  # [batch, heads, time_q, d_k]
    k = _project("K", K, "W^K", w.WK, w.bK)  # [batch, heads, time_k, d_k]
    v = _project("V", V, "W^V", w.WV, w.bV)  # [batch, heads, time_k, d_k]
    head, dot = scaled_dot_product(q, k, v, mask)  # [batch, heads, time_q, d_k]
    batch, heads, time, d_k = head.shape
    concat = head.swapaxes(1, 2).reshape(batch, time, heads * d_k)  # [batch, time_q, heads d_k]
    Y = concat @ w.WO + w.bO  # [batch, time_q, d]
    return Y, HeadsPass(w, Q, K, V, dot, concat)


def multi_head_backward(dY: Array, cache: HeadsPass) -> tuple[Array, Array, Array, Heads]:
    """dQ, dK, dV in the shapes of Q, K, V, and the gradients of the weights."""
    w, Q, K, V, dot, concat = cache
    # Y = concat W^O + b^O
    dWO = np.einsum("bti,btd->id", concat, dY)  # [heads d_k, d]
    dbO = dY.sum(axis=(0, 1))  # [d]
    dconcat = dY @ w.WO.T  # [batch, time_q, heads d_k]
    # concat puts the heads side by side: take them apart again
    batch, time, _ = dconcat.shape
    dhead = dconcat.reshape(batch, time, len(w.WQ), -1).swapaxes(1, 2)  # [batch, heads, time_q, d_k]
    dq, dk, dv = scaled_dot_product_backward(dhead, dot)
    dQ, dWQ, dbQ = _project_backward(dq, Q, w.WQ)
    dK, dWK, dbK = _project_backward(dk, K, w.WK)
    dV, dWV, dbV = _project_backward(dv, V, w.WV)
    return dQ, dK, dV, Heads(dWQ, dbQ, dWK, dbK, dWV, dbV, dWO, dbO)


def _project(name: str, x: Array, weight: str, W: Array, b: Array) -> Array:
    """x W_i + b_i for every head i: [batch, time, d] to [batch, heads, time, d_k]."""
    if x.ndim != 3 or x.shape[-1] != W.shape[1]:
        raise ValueError(
            f"head_i = Attention(Q W_i^Q, K W_i^K, V W_i^V): {name} is {list(x.shape)}, {weight} is {list(W.shape)}; "
            f"{name} must be [batch, time, d] and its d ({x.shape[-1]}) that of {weight} [heads, d, d_k] ({W.shape[1]})"
        )
    return x[:, None] @ W + b[:, None, :]  # [batch, 1, time, d] @ [heads, d, d_k]


def _project_backward(dp: Array, x: Array, W: Array) -> tuple[Array, Array, Array]:
    """dx, dW, db from dp [batch, heads, time, d_k]. Every head read the same x: their slopes add up."""
    dx = np.einsum("bhtk,hdk->btd", dp, W)  # [batch, time, d]
    dW = np.einsum("btd,bhtk->hdk", x, dp)  # [heads, d, d_k]
    return dx, dW, dp.sum(axis=(0, 2))  # db [heads, d_k]


def example() -> dict[str, Array]:
    """Three words of width 4, two heads: the first reads numbers 0 and 1 of a word, the second numbers 2 and 3."""
    X = np.array([[[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]])
    first, second = np.eye(4)[:, :2], np.eye(4)[:, 2:]
    # Queries are doubled, so that a fit counts for 2 / sqrt(2) = sqrt(2).
    WK, none = np.stack([first, second]), np.zeros((2, 2))
    w = Heads(2 * WK, none, WK, none, WK, none, np.eye(4), np.zeros(4))
    Y, cache = multi_head(X, X, X, w)
    causal_Y, causal = multi_head(X, X, X, w, causal_mask(3))
    # A gradient that asks for more of the first number of the second word's answer.
    dY = np.zeros_like(Y)
    dY[0, 1, 0] = 1.0
    dQ, dK, dV, gradients = multi_head_backward(dY, cache)
    values = {"X": X, "WQ": w.WQ, "WK": w.WK, "S": cache.dot.S, "A": cache.dot.A, "Y": Y, "causal_A": causal.dot.A}
    return {**values, "causal_Y": causal_Y, "dY": dY, "dX": dQ + dK + dV, "dWQ": gradients.WQ, "dWV": gradients.WV}
