"""The transformer's encoder block: words look at each other, then each thinks by itself; a residual around both.

    FFN(x)  = max(0, x W_1^T + b_1) W_2^T + b_2
    post    Z = LayerNorm_1(X + MultiHead(X, X, X))        Y = LayerNorm_2(Z + FFN(Z))
    pre     N = LayerNorm_1(X),  Z = X + MultiHead(N, N, N)      Y = Z + FFN(LayerNorm_2(Z))

    residual, backward: y = x + f(x), so dx = dy + f'(x)^T dy; the first term is the open road

| here                       | shape              | PyTorch (nn.TransformerEncoderLayer, batch_first=True)      |
|----------------------------|--------------------|-------------------------------------------------------------|
| X, Z, Y                    | [batch, time, d]   | src, -, output                                              |
| heads                      | `multihead.Heads`  | self_attn                                                   |
| first, second              | `dense.Dense`      | linear1 (with relu), linear2                                |
| gamma_1, beta_1, gamma_2.. | [d]                | norm1.weight, norm1.bias, norm2.weight, norm2.bias          |
| post, pre                  |                    | norm_first=False, norm_first=True                           |
| mask                       | True = may look    | src_mask, True = may not look                               |

Source: post: Vaswani et al. 2017, sections 3.1 and 3.3, equation 2 (guide 004, section 8.1, equations 61 to 64, its
Z' is Z here). pre: Xiong et al. 2020, On Layer Normalization in the Transformer Architecture, section 3.
Dropout is left out (p = 0). With `causal_mask` this is the block of a language model.
Against PyTorch: the same forms; eps is 1e-5 there and here, 1e-6 in guide 004's code.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.attention import Mask
from learnloop.scratch.dense import Dense, DensePass, random_dense, stack, stack_backward
from learnloop.scratch.multihead import Heads, HeadsPass, multi_head, multi_head_backward
from learnloop.scratch.normalise import NormCache, layer_norm, layer_norm_backward

Array: TypeAlias = NDArray[np.float64]


class Block(NamedTuple):
    """The weights of one block, or their gradients. gamma, beta [d]; first [d_ff, d] with relu; second [d, d_ff]."""

    heads: Heads
    first: Dense
    second: Dense
    gamma_1: Array
    beta_1: Array
    gamma_2: Array
    beta_2: Array


class BlockPass(NamedTuple):
    """Z [batch, time, d]: what the attention half hands to the other half."""

    Z: Array
    attention: HeadsPass
    norm_1: NormCache
    ffn: list[DensePass]
    norm_2: NormCache


def post_norm(X: Array, block: Block, mask: Mask | None = None, eps: float = 1e-5) -> tuple[Array, BlockPass]:
    """Z = LayerNorm_1(X + MultiHead(X, X, X)), Y = LayerNorm_2(Z + FFN(Z)). [batch, time, d] in and out."""
    looked, attention = multi_head(X, X, X, block.heads, mask)
    Z, norm_1 = layer_norm(X + looked, block.gamma_1, block.beta_1, eps)
    thought, ffn = stack(Z, [block.first, block.second])
    Y, norm_2 = layer_norm(Z + thought, block.gamma_2, block.beta_2, eps)
    return Y, BlockPass(Z, attention, norm_1, ffn, norm_2)


def post_norm_backward(dY: Array, cache: BlockPass) -> tuple[Array, Block]:
    """dX and the gradients of all weights: the four lines of `post_norm` from the last to the first."""
    d_sum, dgamma_2, dbeta_2 = layer_norm_backward(dY, cache.norm_2)
    # Z + FFN(Z): the slope goes both ways
    d_thought, (dfirst, dsecond) = stack_backward(d_sum, cache.ffn)
    dZ = d_sum + d_thought
    d_sum, dgamma_1, dbeta_1 = layer_norm_backward(dZ, cache.norm_1)
    # X + MultiHead(X, X, X): X came in four times
    dQ, dK, dV, dheads = multi_head_backward(d_sum, cache.attention)
    dX = d_sum + dQ + dK + dV
    return dX, Block(dheads, dfirst, dsecond, dgamma_1, dbeta_1, dgamma_2, dbeta_2)


def pre_norm(X: Array, block: Block, mask: Mask | None = None, eps: float = 1e-5) -> tuple[Array, BlockPass]:
    """N = LayerNorm_1(X), Z = X + MultiHead(N, N, N), Y = Z + FFN(LayerNorm_2(Z)). [batch, time, d] in and out."""
    N, norm_1 = layer_norm(X, block.gamma_1, block.beta_1, eps)
    looked, attention = multi_head(N, N, N, block.heads, mask)
    Z = X + looked
    M, norm_2 = layer_norm(Z, block.gamma_2, block.beta_2, eps)
    thought, ffn = stack(M, [block.first, block.second])
    return Z + thought, BlockPass(Z, attention, norm_1, ffn, norm_2)


def pre_norm_backward(dY: Array, cache: BlockPass) -> tuple[Array, Block]:
    """dX and the gradients of all weights. dY itself reaches dX unchanged, by the two residuals."""
    dM, (dfirst, dsecond) = stack_backward(dY, cache.ffn)
    d_normed, dgamma_2, dbeta_2 = layer_norm_backward(dM, cache.norm_2)
    dZ = dY + d_normed
    dQ, dK, dV, dheads = multi_head_backward(dZ, cache.attention)
    d_normed, dgamma_1, dbeta_1 = layer_norm_backward(dQ + dK + dV, cache.norm_1)
    dX = dZ + d_normed
    return dX, Block(dheads, dfirst, dsecond, dgamma_1, dbeta_1, dgamma_2, dbeta_2)


def random_block(d: int, heads: int, d_ff: int, rng: np.random.Generator) -> Block:
    """Projections uniform with variance 1 / d and biases 0; dense layers as nn.Linear; norms 1 and 0."""
    if d % heads:
        raise ValueError(f"d_k = d / heads: d is {d}, heads is {heads}; heads must divide d")
    d_k, bound = d // heads, np.sqrt(3 / d)
    q, k, v = (rng.uniform(-bound, bound, (heads, d, d_k)) for _ in range(3))
    none = np.zeros((heads, d_k))
    WO = rng.uniform(-bound, bound, (heads * d_k, d))
    first, second = random_dense(d, d_ff, rng, "relu"), random_dense(d_ff, d, rng)
    return Block(
        Heads(q, none, k, none, v, none, WO, np.zeros(d)),
        first,
        second,
        np.ones(d),
        np.zeros(d),
        np.ones(d),
        np.zeros(d),
    )


def example() -> dict[str, Array]:
    """Two words of width 4, one head that reads them as they are, FFN_k = max(0, x_k - x_(k+2)); backward from dY."""
    X = np.array([[[2.0, 0.0, 1.0, 1.0], [0.0, 2.0, 1.0, 1.0]]])
    one, none = np.eye(4)[None], np.zeros((1, 4))
    heads = Heads(one, none, one, none, one, none, np.eye(4), np.zeros(4))
    first = Dense(np.array([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0]]), np.zeros(2), "relu")
    second = Dense(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), np.zeros(4))
    block = Block(heads, first, second, np.ones(4), np.zeros(4), np.ones(4), np.zeros(4))
    dY = np.zeros_like(X)
    dY[0, 0, 0] = 1.0
    values = {"X": X, "W_1": first.W, "W_2": second.W, "dY": dY}
    (Y, cache), (pre_Y, pre_cache) = post_norm(X, block), pre_norm(X, block)
    values |= {"A": cache.attention.dot.A[:, 0], "looked": cache.attention.concat, "Z": cache.Z, "Y": Y}
    values |= {"post_hidden": cache.ffn[0].y, "post_thought": cache.ffn[1].y}
    values |= {"pre_N": pre_cache.attention.Q, "pre_A": pre_cache.attention.dot.A[:, 0], "pre_Z": pre_cache.Z}
    values |= {"pre_M": pre_cache.ffn[0].x, "pre_thought": pre_cache.ffn[1].y, "pre_Y": pre_Y}
    return values | {"dX": post_norm_backward(dY, cache)[0], "pre_dX": pre_norm_backward(dY, pre_cache)[0]}
