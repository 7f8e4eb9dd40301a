"""Autoencoder: a network that must give back its own input through a narrow place; what passes there is the code z.

    z = f_enc(x)        x_hat = f_dec(z)        L = 1/m sum_i ||x_i - x_hat_i||^2
    dL/dx_hat = 2/m (x_hat - x), then back through the decoder, through z, through the encoder

| here              | shape               | PyTorch                                                        |
|-------------------|---------------------|----------------------------------------------------------------|
| x, x_hat          | [m, features]       | input, output (the input is the target as well)                |
| z                 | [m, code]           | output of the encoder                                          |
| encoder, decoder  | lists of `Dense`    | two nn.Sequential of nn.Linear and activations                 |
| L                 | number              | features * F.mse_loss(x_hat, x), or its reduction="sum" over m |

Source: guide 004, section 9.1, equations 65 to 67 (L there for one sample); Goodfellow, Bengio and Courville 2016,
section 14.1. Linear case: Baldi and Hornik 1989, Neural Networks and Principal Component Analysis.
Against PyTorch: mse_loss divides by the m * features entries, the equation by m alone: the same minimum, gradients
`features` times smaller, so the same learning rate learns more slowly.

Linear and undercomplete (no bend, code < features, x centred): the least L is the variance that PCA leaves out,
L = sum over j > code of lambda_j, and the columns of the decoder's W span PCA's subspace. They need not be PCA's axes:
with any invertible C, (W_dec C, C^-1 W_enc) gives the same x_hat.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.dense import Dense, DensePass, descend, stack, stack_backward

Array: TypeAlias = NDArray[np.float64]


class Autoencoder(NamedTuple):
    """The layers, or their gradients in the same places."""

    encoder: list[Dense]
    decoder: list[Dense]


class AutoencoderPass(NamedTuple):
    """x [m, features], z [m, code], x_hat [m, features] and the pass of every layer."""

    x: Array
    z: Array
    x_hat: Array
    encoder: list[DensePass]
    decoder: list[DensePass]


class Principal(NamedTuple):
    """directions [k, features], orthonormal, by falling variance; variances [features] of all of them (lambda_j)."""

    directions: Array
    variances: Array


def forward(x: Array, net: Autoencoder) -> AutoencoderPass:
    """z = f_enc(x), x_hat = f_dec(z)."""
    z, encoded = stack(x, net.encoder)  # [m, code]
    x_hat, decoded = stack(z, net.decoder)  # [m, features]
    return AutoencoderPass(x, z, x_hat, encoded, decoded)


def squared_error(x: Array, x_hat: Array) -> float:
    """L = 1/m sum_i ||x_i - x_hat_i||^2: summed over features, averaged over samples.

    Raises ValueError when the shapes differ.
    """
    _same(x, x_hat)
    return float(((x - x_hat) ** 2).sum() / len(x))


def squared_error_backward(x: Array, x_hat: Array) -> Array:
    """dL/dx_hat = 2/m (x_hat - x), [m, features]."""
    _same(x, x_hat)
    return 2 / len(x) * (x_hat - x)


def _same(x: Array, x_hat: Array) -> None:
    if x_hat.shape != x.shape:
        raise ValueError(
            f"L = 1/m sum ||x - x_hat||^2: x is {list(x.shape)}, x_hat is {list(x_hat.shape)}; they must be the same"
        )


def backward(cache: AutoencoderPass) -> Autoencoder:
    """dL/dW and dL/db of every layer."""
    dx_hat = squared_error_backward(cache.x, cache.x_hat)
    dz, decoder = stack_backward(dx_hat, cache.decoder)
    _, encoder = stack_backward(dz, cache.encoder)
    return Autoencoder(encoder, decoder)


def step(x: Array, net: Autoencoder, learning_rate: float) -> tuple[Autoencoder, float]:
    """One descent on all of x: the net after it, and L before it."""
    cache = forward(x, net)
    slope = backward(cache)
    encoder = descend(net.encoder, slope.encoder, learning_rate)
    decoder = descend(net.decoder, slope.decoder, learning_rate)
    return Autoencoder(encoder, decoder), squared_error(x, cache.x_hat)


def train(x: Array, net: Autoencoder, learning_rate: float, steps: int) -> tuple[Autoencoder, Array]:
    """`steps` descents on all of x: the trained net, and L before each of them, [steps]."""
    losses = np.empty(steps)
    for number in range(steps):
        net, losses[number] = step(x, net, learning_rate)
    return net, losses


def principal(x: Array, k: int) -> Principal:
    """PCA: the eigenvectors of X^T X / m, x [m, features] with column means 0. Raises ValueError when they are not."""
    if np.abs(x.mean(axis=0)).max() > 1e-9 * max(1.0, float(np.abs(x).max())):
        raise ValueError(
            f"C = X^T X / m: column means of x must be 0, found {x.mean(axis=0).tolist()}; use x - x.mean(axis=0)"
        )
    variances, vectors = np.linalg.eigh(x.T @ x / len(x))  # [features], [features, features], rising
    return Principal(vectors[:, ::-1][:, :k].T, variances[::-1])


def example() -> dict[str, Array]:
    """Four points in the plane, one number between; it starts as x_1 alone. One step of 0.05, and PCA's answer."""
    rate = 0.05
    x = np.array([[3.0, 1.0], [1.0, 3.0], [-3.0, -1.0], [-1.0, -3.0]])
    encoder, decoder = Dense(np.array([[1.0, 0.0]]), np.zeros(1)), Dense(np.array([[0.5], [0.0]]), np.zeros(2))
    net = Autoencoder([encoder], [decoder])
    cache, slope = forward(x, net), backward(forward(x, net))
    after, loss = step(x, net, rate)
    axes = principal(x, 1)
    values = {
        "learning_rate": np.array(rate),
        "x": x,
        "W_enc": encoder.W,
        "W_dec": decoder.W,
        "z": cache.z,
        "x_hat": cache.x_hat,
        "L": np.array(loss),
    }
    dx_hat = squared_error_backward(x, cache.x_hat)
    values |= {"dx_hat": dx_hat, "dz": dx_hat @ decoder.W, "dW_dec": slope.decoder[0].W, "dW_enc": slope.encoder[0].W}
    values |= {"W_enc after": after.encoder[0].W, "W_dec after": after.decoder[0].W}
    values["L after"] = np.array(squared_error(x, forward(x, after).x_hat))
    return values | {"directions": np.abs(axes.directions), "variances": axes.variances}
