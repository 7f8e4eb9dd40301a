"""Activation functions a = g(z) and their derivatives g'(z): the bend that makes a stack of layers more than one line.

    sigmoid(z) = 1 / (1 + e^-z)                      sigmoid' = sigmoid (1 - sigmoid)
    tanh(z)    = (e^z - e^-z) / (e^z + e^-z)         tanh'    = 1 - tanh^2,   tanh(z) = 2 sigmoid(2z) - 1
    relu(z)    = max(0, z)                           relu'    = 1 if z > 0 else 0
    leaky_relu = z if z > 0 else alpha z             '        = 1 if z > 0 else alpha
    swish(z)   = z sigmoid(beta z)                   '        = s + beta z s (1 - s),  s = sigmoid(beta z)
    gelu(z)    = z Phi(z)                            '        = Phi(z) + z phi(z)
    elu(z)     = z if z > 0 else alpha (e^z - 1)     '        = 1 if z > 0 else alpha e^z
    selu(z)    = lambda elu(z, alpha)                '        = lambda elu'(z, alpha)
    step(z)    = 1 if z >= 0 else 0                  '        = 0
    softmax(z)_i = e^z_i / sum_j e^z_j               dz = y * (dy - sum_j dy_j y_j)

    here           PyTorch (torch.nn.functional)
    z, a           input, output
    alpha          leaky_relu: negative_slope;  elu: alpha
    swish, beta    silu is swish with beta = 1; there is none with another beta
    gelu           gelu(approximate="none"); its "tanh" form differs by up to 5e-4
    axis           dim

Phi and phi are the distribution function and the density of N(0, 1). Every function but softmax works entry by entry
and keeps the shape. At the kink z = 0 the left slope is taken, as PyTorch does: relu' = 0, leaky_relu' = alpha.
The ratios are written so that nothing overflows: the textbook's e^z is infinite above z = 709.
The guides write leaky ReLU as max(alpha z, z), which is the same while alpha <= 1, and the step once with z >= 0 (here
too) and once with z > 0: they differ at z = 0 alone. softmax with one class is always 1.

Sources: guide 004, sections 2.1 and 2.2 (equations 2 to 7); guide 003 (tanh from sigmoid; swish). swish: Ramachandran,
Zoph and Le 2017. gelu: Hendrycks and Gimpel 2016, section 2. elu: Clevert et al. 2015, section 3. selu: Klambauer et
al. 2017, equation 2 and section 2. softmax: Bridle 1990.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]

SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
"""The two numbers at which mean 0 and variance 1 reproduce themselves from layer to layer."""


def step(z: Array) -> Array:
    return np.where(z >= 0, 1.0, 0.0)


def step_prime(z: Array) -> Array:
    """0 (at z = 0 there is none): the gradient tells a step unit nothing, hence the perceptron's own rule."""
    return np.zeros_like(z)


def sigmoid(z: Array) -> Array:
    # For z < 0 the ratio is taken times e^z / e^z, so that the exponent is never positive.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def sigmoid_prime(z: Array) -> Array:
    return sigmoid(z) * sigmoid(-z)  # 1 - sigmoid(z) = sigmoid(-z), without taking nearly equal numbers apart


def tanh(z: Array) -> Array:
    return np.tanh(z)


def tanh_prime(z: Array) -> Array:
    return 1 - np.tanh(z) ** 2


def relu(z: Array) -> Array:
    return np.maximum(0.0, z)


def relu_prime(z: Array) -> Array:
    return np.where(z > 0, 1.0, 0.0)


def leaky_relu(z: Array, alpha: float = 0.01) -> Array:
    return np.where(z > 0, z, alpha * z)


def leaky_relu_prime(z: Array, alpha: float = 0.01) -> Array:
    return np.where(z > 0, 1.0, alpha)


def swish(z: Array, beta: float = 1.0) -> Array:
    return z * sigmoid(beta * z)


def swish_prime(z: Array, beta: float = 1.0) -> Array:
    s = sigmoid(beta * z)
    return s + beta * z * s * (1 - s)


def gelu(z: Array) -> Array:
    return z * _normal_share(z)


def gelu_prime(z: Array) -> Array:
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return _normal_share(z) + z * density


def _normal_share(z: Array) -> Array:
    """Phi(z) = P(Z <= z) = erfc(-z / sqrt 2) / 2 for Z ~ N(0, 1)."""
    return np.vectorize(math.erfc, otypes=[np.float64])(-np.asarray(z) / math.sqrt(2)) / 2


def elu(z: Array, alpha: float = 1.0) -> Array:
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def elu_prime(z: Array, alpha: float = 1.0) -> Array:
    return np.where(z > 0, 1.0, alpha * np.exp(np.minimum(z, 0.0)))


def selu(z: Array) -> Array:
    return SELU_LAMBDA * elu(z, SELU_ALPHA)


def selu_prime(z: Array) -> Array:
    return SELU_LAMBDA * elu_prime(z, SELU_ALPHA)


def identity(z: Array) -> Array:
    return z


def identity_prime(z: Array) -> Array:
    return np.ones_like(z)


def softmax(z: Array, axis: int = -1) -> Array:
    """y_i = e^(z_i - c) / sum_j e^(z_j - c), c = max z: c cancels, and no exponent is positive."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy: Array, y: Array, axis: int = -1) -> Array:
    """dz_i = sum_j dy_j y_j ([i = j] - y_i) = y_i (dy_i - sum_j dy_j y_j), from y = softmax(z)."""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


Elementwise: TypeAlias = Callable[[Array], Array]

ACTIVATIONS: dict[str, tuple[Elementwise, Elementwise]] = {
    "sigmoid": (sigmoid, sigmoid_prime),
    "tanh": (tanh, tanh_prime),
    "relu": (relu, relu_prime),
    "leaky_relu": (leaky_relu, leaky_relu_prime),
    "swish": (swish, swish_prime),
    "silu": (swish, swish_prime),
    "gelu": (gelu, gelu_prime),
    "elu": (elu, elu_prime),
    "selu": (selu, selu_prime),
    "identity": (identity, identity_prime),
}
"""name -> (g, g'), with their default alpha and beta."""


def example() -> dict[str, Array]:
    """Every function and its slope at five sums z, and softmax of three scores, once shifted by 1000."""
    z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    scores = np.array([1.0, 2.0, 3.0])
    values = {"z": z, "step": step(z), "step_prime": step_prime(z)}
    for name, (g, g_prime) in ACTIVATIONS.items():
        values[name] = g(z)
        values[name + "_prime"] = g_prime(z)
    values["2 sigmoid(2z) - 1"] = 2 * sigmoid(2 * z) - 1
    values |= {"scores": scores, "softmax": softmax(scores), "softmax of scores + 1000": softmax(scores + 1000)}
    # A gradient that asks for more of the third class only.
    dy = np.array([0.0, 0.0, 1.0])
    return values | {"dy": dy, "softmax_backward": softmax_backward(dy, softmax(scores))}
