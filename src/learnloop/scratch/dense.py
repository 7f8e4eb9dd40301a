"""Dense: the fully connected layer with samples as rows, alone and stacked.

    z = x W^T + b       y = g(z)

    backward, from dy = dLoss/dy
    dz = dy * g'(z)     dx = dz W     dW = dz^T x     db = sum over rows of dz

symbol      shape               PyTorch
x           [..., inputs]       the input of nn.Linear
W           [units, inputs]     nn.Linear.weight
b           [units]             nn.Linear.bias
g           a name              the nn module behind the layer: "relu" is nn.ReLU, "identity" is none
z, y        [..., units]        output of nn.Linear, output of the module behind it

Source: guide 004, section 2.3.1 (forward propagation) and 2.4 (backward).
Against PyTorch: the same. Against the book: its samples are columns, z = W a + b with b [units, 1], as in
`learnloop.scratch.mlp`; here they are rows, so W stands transposed on the right. The autoencoder, the variational
autoencoder, the adversarial pair and the transformer are made of this layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import ACTIVATIONS

Array: TypeAlias = NDArray[np.float64]


class Dense(NamedTuple):
    """W [units, inputs], b [units], g a name in `activations.ACTIVATIONS`."""

    W: Array
    b: Array
    g: str = "identity"


class DensePass(NamedTuple):
    """What one forward pass leaves behind for the backward one."""

    layer: Dense
    x: Array
    z: Array
    y: Array


def dense(x: Array, layer: Dense) -> DensePass:
    """z = x W^T + b, y = g(z). x [..., inputs]; z, y [..., units].

    Raises ValueError when x's last axis and W's columns, or b and W's rows, do not fit.
    """
    if x.shape[-1] != layer.W.shape[1]:
        raise ValueError(
            f"z = x W^T + b: x is {list(x.shape)}, W is {list(layer.W.shape)}; "
            f"x's last axis ({x.shape[-1]}) must equal W's columns ({layer.W.shape[1]})"
        )
    if layer.b.shape != layer.W.shape[:1]:
        raise ValueError(
            f"z = x W^T + b: W is {list(layer.W.shape)}, b is {list(layer.b.shape)}; "
            f"b needs one number for each of W's rows ({layer.W.shape[0]})"
        )
    g, _ = ACTIVATIONS[layer.g]
    z = x @ layer.W.T + layer.b  # [..., units]
    return DensePass(layer, x, z, g(z))


def dense_backward(dy: Array, cache: DensePass) -> tuple[Array, Array, Array]:
    """dx [..., inputs], dW [units, inputs], db [units] from dy [..., units]. dW and db are sums over all rows."""
    _, g_prime = ACTIVATIONS[cache.layer.g]
    dz = dy * g_prime(cache.z)  # [..., units]
    # z_k = sum_i W_ki x_i + b_k: dz_k/dx_i = W_ki, dz_k/dW_ki = x_i, dz_k/db_k = 1
    dx = dz @ cache.layer.W  # [..., inputs]
    rows, slopes = _rows(cache.x), _rows(dz)  # [n, inputs], [n, units]
    dW = slopes.T @ rows  # [units, inputs]
    db = slopes.sum(axis=0)  # [units]
    return dx, dW, db


def stack(x: Array, layers: Sequence[Dense]) -> tuple[Array, list[DensePass]]:
    """y = layer_L(... layer_1(x)) and the pass of every layer."""
    passes: list[DensePass] = []
    for layer in layers:
        passes.append(dense(x, layer))
        x = passes[-1].y  # [..., units]
    return x, passes


def stack_backward(dy: Array, passes: Sequence[DensePass]) -> tuple[Array, list[Dense]]:
    """dx and, layer by layer, the gradients in the shape of the layer: Dense(dW, db, g)."""
    gradients: list[Dense] = []
    for cache in reversed(passes):
        # The slope at a layer's input is the slope at the output of the layer before it.
        dy, dW, db = dense_backward(dy, cache)
        gradients.insert(0, Dense(dW, db, cache.layer.g))
    return dy, gradients


def descend(layers: Sequence[Dense], gradients: Sequence[Dense], learning_rate: float) -> list[Dense]:
    """W := W - learning_rate dW, b := b - learning_rate db, for every layer."""
    return [
        Dense(layer.W - learning_rate * slope.W, layer.b - learning_rate * slope.b, layer.g)
        for layer, slope in zip(layers, gradients, strict=True)
    ]


def random_dense(inputs: int, units: int, rng: np.random.Generator, g: str = "identity") -> Dense:
    """W and b uniform in +-1 / sqrt(inputs), as nn.Linear starts."""
    bound = 1 / np.sqrt(inputs)
    return Dense(rng.uniform(-bound, bound, (units, inputs)), rng.uniform(-bound, bound, units), g)


def _rows(x: Array) -> Array:
    return x.reshape(-1, x.shape[-1])


def example() -> dict[str, Array]:
    """Two samples through one ReLU layer of two units, then backwards from dy = 1 everywhere."""
    x = np.array([[1.0, 2.0], [3.0, -1.0]])
    layer = Dense(np.array([[0.5, -1.0], [1.0, 0.5]]), np.array([0.25, -1.0]), "relu")
    cache = dense(x, layer)
    dx, dW, db = dense_backward(np.ones((2, 2)), cache)
    return {"x": x, "W": layer.W, "b": layer.b, "z": cache.z, "y": cache.y, "dx": dx, "dW": dW, "db": db}
