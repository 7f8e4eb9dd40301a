"""Batch norm and layer norm: mean 0 and variance 1, then a scale and a shift that are learnt.

    mu     = 1/m sum_i x_i                       (29)   batch norm: over the m rows, one mean a feature
    var    = 1/m sum_i (x_i - mu)^2              (30)   biased: divided by m
    x_hat  = (x - mu) / sqrt(var + eps)          (31)
    y      = gamma x_hat + beta                  (32)   gamma, beta [features]

    running_mean := (1 - momentum) running_mean + momentum mu
    running_var  := (1 - momentum) running_var  + momentum m/(m - 1) var        unbiased: divided by m - 1
    in use:  y = gamma (x - running_mean) / sqrt(running_var + eps) + beta

    layer norm: the same four lines with mu and var over the features of one sample; no running statistics

| here                    | book            | PyTorch (BatchNorm1d, LayerNorm)            |
|-------------------------|-----------------|---------------------------------------------|
| x [batch, features]     | z_i             | input                                       |
| gamma, beta [features]  | gamma, beta     | weight, bias                                |
| eps                     | epsilon         | eps (1e-5)                                  |
| momentum                | (not given)     | momentum (0.1): the weight of the new batch |
| running_mean, _var      | (not given)     | running_mean, running_var                   |
| batch_norm / _eval      | training / use  | module.train() / module.eval()              |

Source: guide 004, section 4.3, equations 29 to 32; Ioffe and Szegedy 2015, Batch Normalization, section 3 (the
backward) and algorithm 2 (the running statistics); Ba, Kiros and Hinton 2016, Layer Normalization, equation 4.
Against PyTorch: the same forms. Two variances are at work in both: the biased one normalises the batch, the
unbiased one goes into running_var. Keras counts momentum the other way round: its 0.99 is PyTorch's 0.01.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class BatchNormCache(NamedTuple):
    """x_hat [batch, features]; all others [features]. deviation = sqrt(var + eps)."""

    x_hat: Array
    deviation: Array
    gamma: Array
    mean: Array
    variance: Array
    running_mean: Array
    running_var: Array


class NormCache(NamedTuple):
    """x_hat [..., features]; deviation [features] (batch norm in use) or [..., 1] (layer norm); gamma [features]."""

    x_hat: Array
    deviation: Array
    gamma: Array


def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    running_mean: Array,
    running_var: Array,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, BatchNormCache]:
    """Training. The running statistics after the batch are in the cache; those passed in stay as they were."""
    _fits(x, (gamma, beta, running_mean, running_var))
    m = len(x)
    if m < 2:
        raise ValueError(
            f"var = 1/(m - 1) sum (x - mu)^2: x is {list(x.shape)}; one row has no variance, give 2 or more"
        )
    mean = x.mean(axis=0)  # [features]
    variance = ((x - mean) ** 2).mean(axis=0)  # [features]
    deviation = np.sqrt(variance + eps)
    x_hat = (x - mean) / deviation  # [batch, features]
    y = gamma * x_hat + beta
    running_mean = (1 - momentum) * running_mean + momentum * mean
    running_var = (1 - momentum) * running_var + momentum * m / (m - 1) * variance
    return y, BatchNormCache(x_hat, deviation, gamma, mean, variance, running_mean, running_var)


def batch_norm_backward(dy: Array, cache: BatchNormCache) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta). mu and var hang on every row, so every row's gradient reaches every other row."""
    _same(dy, cache.x_hat)
    # y = gamma x_hat + beta
    dgamma = (dy * cache.x_hat).sum(axis=0)  # [features]
    dbeta = dy.sum(axis=0)  # [features]
    straight, by_var, by_mu = three_ways(dy * cache.gamma, cache.x_hat, cache.deviation, axis=0)
    dx = straight + by_var + by_mu
    return dx, dgamma, dbeta


def batch_norm_eval(
    x: Array, gamma: Array, beta: Array, running_mean: Array, running_var: Array, eps: float = 1e-5
) -> tuple[Array, NormCache]:
    """In use: the running statistics stand in for the batch's, so a row's answer is its own (batch 1 too)."""
    _fits(x, (gamma, beta, running_mean, running_var))
    deviation = np.sqrt(running_var + eps)  # [features]
    x_hat = (x - running_mean) / deviation
    return gamma * x_hat + beta, NormCache(x_hat, deviation, gamma)


def batch_norm_eval_backward(dy: Array, cache: NormCache) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta). The statistics are constants here: d x_hat / dx = 1 / deviation."""
    _same(dy, cache.x_hat)
    return dy * cache.gamma / cache.deviation, (dy * cache.x_hat).sum(axis=0), dy.sum(axis=0)


def layer_norm(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> tuple[Array, NormCache]:
    """x [..., features]: each sample by its own mean and variance; the same in training and in use."""
    _fits(x, (gamma, beta))
    mean = x.mean(axis=-1, keepdims=True)  # [..., 1]
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)  # [..., 1]
    deviation = np.sqrt(variance + eps)
    x_hat = (x - mean) / deviation  # [..., features]
    return gamma * x_hat + beta, NormCache(x_hat, deviation, gamma)


def layer_norm_backward(dy: Array, cache: NormCache) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta). gamma and beta are shared by all samples: their gradients add up."""
    _same(dy, cache.x_hat)
    samples = tuple(range(dy.ndim - 1))
    straight, by_var, by_mu = three_ways(dy * cache.gamma, cache.x_hat, cache.deviation, axis=-1)
    dx = straight + by_var + by_mu
    return dx, (dy * cache.x_hat).sum(axis=samples), dy.sum(axis=samples)


def three_ways(dx_hat: Array, x_hat: Array, deviation: Array, axis: int) -> tuple[Array, Array, Array]:
    """The ways from x to the loss through x_hat = (x - mu) / s, s = sqrt(var + eps): straight, by var, by mu."""
    m = x_hat.shape[axis]
    centred = x_hat * deviation  # x - mu
    # d x_hat / d var = (x - mu) * (-1/2) (var + eps)^(-3/2)
    dvar = (dx_hat * centred).sum(axis=axis, keepdims=True) * -0.5 / deviation**3
    # d x_hat / d mu = -1/s; d var / d mu = -2/m sum (x - mu) = 0
    dmu = -(dx_hat / deviation).sum(axis=axis, keepdims=True)
    # d x_hat / dx = 1/s; d var / d x_i = 2/m (x_i - mu); d mu / d x_i = 1/m
    return dx_hat / deviation, dvar * 2 * centred / m, np.broadcast_to(dmu / m, x_hat.shape)


def _fits(x: Array, rows: tuple[Array, ...]) -> None:
    for name, row in zip(("gamma", "beta", "running_mean", "running_var"), rows):
        if row.shape != x.shape[-1:]:
            raise ValueError(
                f"y = gamma (x - mu) / sqrt(var + eps) + beta: x is {list(x.shape)}, {name} is {list(row.shape)}; "
                f"{name} needs one entry for each of x's {x.shape[-1]} features"
            )


def _same(dy: Array, y: Array) -> None:
    if dy.shape != y.shape:
        raise ValueError(
            f"dy = dLoss/dy: dy is {list(dy.shape)}, y is {list(y.shape)}; every entry of y needs its derivative"
        )


def example() -> dict[str, Array]:
    """Four rows of two features, with eps = 0 so that the numbers can be followed by hand; one of them as a layer."""
    x = np.array([[3.0, 1.0], [9.0, 1.0], [11.0, 3.0], [17.0, 3.0]])
    dy = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    gamma, beta = np.array([2.0, 0.5]), np.array([1.0, -1.0])
    y, cache = batch_norm(x, gamma, beta, np.zeros(2), np.ones(2), momentum=0.1, eps=0.0)
    dx, dgamma, dbeta = batch_norm_backward(dy, cache)
    in_use, _ = batch_norm_eval(x, gamma, beta, cache.running_mean, cache.running_var, eps=0.0)
    layer_y, layer = layer_norm(x[:, 0], np.full(4, 2.0), np.ones(4), eps=0.0)
    values = {"x": x, "gamma": gamma, "beta": beta, "y": y, "in_use": in_use, "layer_y": layer_y}
    gradients = {"dy": dy, "dx": dx, "dgamma": dgamma, "dbeta": dbeta, "layer_x_hat": layer.x_hat}
    return {**values, **cache._asdict(), **gradients}
