"""The multi-layer perceptron: layers of weighted sums and bends; back-propagation, the chain rule from the loss down.

    z[l] = W[l] a[l-1] + b[l],    a[l] = g(z[l]),    a[0] = X,    yhat = a[L]

    delta[L] = yhat - y                                    softmax output with categorical cross-entropy
    delta[l] = (W[l+1]^T delta[l+1]) * g'(z[l])            delta[l] = m dL/dz[l], one column a sample
    dW[l]    = delta[l] a[l-1]^T / m                       db[l] = (sum of delta[l]'s columns) / m

The output decides the loss: softmax takes categorical cross-entropy, one with sigmoid binary cross-entropy (both have
delta[L] = yhat - y; with K sigmoid units the loss is their mean, which divides by K), everything else mean squared
error, delta[L] = 2 (yhat - y) * g'(z[L]) / K.

Columns are samples, as in the book: X is [features, m]. PyTorch has them as rows, y = x W^T + b.

    here                     PyTorch
    X [features, m]          x [batch, features] = X.T
    W [units, inputs]        nn.Linear.weight
    b [units, 1]             nn.Linear.bias [units]
    dW, db                   weight.grad, bias.grad
    delta / m                z.grad.T

Guide 004's equations 13 and 14 are for one sample; its code has the mean over m, as here, but the print lost the letter
l: W{1+1}, Z{1}, A{1-1} stand for l+1, l, l-1. The steps downhill are in `descent`.

Sources: guide 004, sections 2.3 and 2.4 (equations 8 to 15). Rumelhart, Hinton and Williams 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import ACTIVATIONS, softmax, softmax_backward
from learnloop.scratch.losses import binary_cross_entropy_from_logits, categorical_cross_entropy_from_logits, mse

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """W [units, inputs], b [units, 1]; g a name in ACTIVATIONS, or "softmax"."""

    W: Array
    b: Array
    g: str


class Pass(NamedTuple):
    """What one layer computed: z [units, m], a [units, m]."""

    z: Array
    a: Array


class Gradient(NamedTuple):
    """dL/dW [units, inputs], dL/db [units, 1] of one layer."""

    dW: Array
    db: Array


def affine(W: Array, a: Array, b: Array) -> Array:
    """z = W a + b, [units, m]. Raises ValueError when the shapes do not fit."""
    shapes = f"z = W a + b: W is {list(W.shape)}"
    if W.ndim != 2 or a.ndim != 2:
        raise ValueError(f"{shapes}, a is {list(a.shape)}; both have two axes, one sample is a column [inputs, 1]")
    if W.shape[1] != a.shape[0]:
        rule = f"W's columns ({W.shape[1]}) must equal a's rows ({a.shape[0]})"
        raise ValueError(f"{shapes}, a is {list(a.shape)}; {rule}")
    if b.shape != (W.shape[0], 1):
        raise ValueError(f"{shapes}, b is {list(b.shape)}; b must be [{W.shape[0]}, 1]")
    return W @ a + b  # [units, m]


def affine_backward(dz: Array, W: Array, a: Array) -> tuple[Array, Array, Array]:
    """(da, dW, db) from dz = dL/dz [units, m]. Sums over the columns; the 1/m of a mean is already in dz."""
    da = W.T @ dz  # [inputs, m]: dz_i / da_j = W_ij
    dW = dz @ a.T  # [units, inputs]: dz_i / dW_ij = a_j
    db = dz.sum(axis=1, keepdims=True)  # [units, 1]: dz_i / db_i = 1
    return da, dW, db


def forward(X: Array, layers: Sequence[Layer]) -> list[Pass]:
    """[(z[1], a[1]), ..., (z[L], a[L])]; X [features, m]."""
    passes, a = [], X
    for layer in layers:
        z = affine(layer.W, a, layer.b)  # [units, m]
        a = softmax(z, axis=0) if layer.g == "softmax" else ACTIVATIONS[layer.g][0](z)
        passes.append(Pass(z, a))
    return passes


def activation_backward(da: Array, g: str, kept: Pass) -> Array:
    """dL/dz = dL/da * g'(z); a softmax mixes the units of a column, so it has its own."""
    if g == "softmax":
        return softmax_backward(da, kept.a, axis=0)
    return da * ACTIVATIONS[g][1](kept.z)


def loss(Y: Array, layers: Sequence[Layer], passes: Sequence[Pass]) -> float:
    """The loss that goes with the output's activation, mean over the m samples (and K units); Y [K, m]."""
    z, yhat = passes[-1]
    _fit(yhat, Y)
    if layers[-1].g == "softmax":
        return categorical_cross_entropy_from_logits(z.T, Y.T)
    if layers[-1].g == "sigmoid":
        return binary_cross_entropy_from_logits(z.T, Y.T)
    return mse(yhat.T, Y.T)


def output_delta(Y: Array, layers: Sequence[Layer], passes: Sequence[Pass]) -> Array:
    """delta[L] = m dL/dz[L], [K, m]."""
    yhat = passes[-1].a
    _fit(yhat, Y)
    if layers[-1].g == "softmax":
        return yhat - Y
    if layers[-1].g == "sigmoid":
        return (yhat - Y) / len(Y)
    return activation_backward(2 * (yhat - Y) / len(Y), layers[-1].g, passes[-1])


def backward(X: Array, Y: Array, layers: Sequence[Layer], passes: Sequence[Pass]) -> list[Gradient]:
    """[(dW[1], db[1]), ..., (dW[L], db[L])] of `loss`, worked out from the last layer to the first."""
    m = X.shape[1]
    inputs = [X, *(a for _, a in passes[:-1])]  # a[l-1] of each layer
    gradients: list[Gradient] = []
    dz = output_delta(Y, layers, passes) / m
    for l in reversed(range(len(layers))):
        da, dW, db = affine_backward(dz, layers[l].W, inputs[l])
        gradients.insert(0, Gradient(dW, db))
        if l > 0:
            dz = activation_backward(da, layers[l - 1].g, passes[l - 1])
    return gradients


def _fit(yhat: Array, Y: Array) -> None:
    if yhat.shape != Y.shape:
        raise ValueError(f"delta[L] = yhat - y: yhat is {list(yhat.shape)}, y is {list(Y.shape)}; they must be equal")


def example() -> dict[str, Array]:
    """XOR, which one perceptron cannot learn, through two tanh units and a softmax of two.

    Columns of X are the rows of the truth table; Y's first row says "same", its second "different".
    """
    X = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
    Y = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    hidden = Layer(np.array([[-1.0, -1.0], [0.5, 1.0]]), np.zeros((2, 1)), "tanh")
    output = Layer(np.array([[-0.5, 1.0], [0.5, -1.0]]), np.zeros((2, 1)), "softmax")
    layers = [hidden, output]
    passes = forward(X, layers)
    values = {"X": X, "Y": Y, "loss": np.array(loss(Y, layers, passes))}
    for l, gradient in enumerate(backward(X, Y, layers, passes)):
        values |= {f"W{l + 1}": layers[l].W, f"b{l + 1}": layers[l].b, f"z{l + 1}": passes[l].z}
        values |= {f"a{l + 1}": passes[l].a, f"dW{l + 1}": gradient.dW, f"db{l + 1}": gradient.db}
    values["delta2"] = output_delta(Y, layers, passes)
    values["da1"] = output.W.T @ values["delta2"]
    values["delta1"] = activation_backward(values["da1"], "tanh", passes[0])
    return values
