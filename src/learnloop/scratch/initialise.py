"""Where the weights start: large enough that a signal survives many layers, small enough that it does not explode.

With z = W a, W's entries drawn apart with mean 0, and n_in terms in each sum:

    E[z^2] = n_in Var[w] E[a^2]            forwards: kept if Var[w] = 1 / n_in (tanh near 0, where a = z)
    E[da^2] = n_out Var[w] E[dz^2]         backwards (da = W^T dz): kept if Var[w] = 1 / n_out
    relu sets half of z to 0: E[a^2] = E[z^2] / 2, so Var[w] must be twice as large (and Var[a] = 0.68 E[a^2])

    small normal    N(0, 0.01^2)                        whatever the width
    Xavier uniform  U(-l, l), l = sqrt(6 / (n_in + n_out))          Var = l^2 / 3 = 2 / (n_in + n_out)
    Xavier normal   N(0, s^2), s = sqrt(2 / (n_in + n_out))         between 1 / n_in and 1 / n_out
    He normal       N(0, s^2), s = sqrt(2 / n_in)                   for relu
    He uniform      U(-l, l), l = sqrt(6 / n_in)                    Var = l^2 / 3 = 2 / n_in
    LeCun normal    N(0, s^2), s = sqrt(1 / n_in)                   PyTorch's default has a third of its variance

    here               PyTorch (torch.nn.init)
    n_in, n_out        fan_in, fan_out
    inputs, units      weight.shape[1], weight.shape[0] of nn.Linear
    small_normal       normal_(weight, 0, 0.01)
    xavier_uniform     xavier_uniform_, xavier_normal likewise (gain 1)
    he_uniform         kaiming_uniform_(weight, nonlinearity="relu"), he_normal likewise
    pytorch_default    what nn.Linear does by itself: U(-l, l), l = sqrt(1 / n_in)

W is [units, inputs]; biases start at 0 (nn.Linear draws them too). Guide 000 writes He as N(0, sqrt(2 / n_in)): there
the second number is the standard deviation s. Who reads it as the variance, as N(mean, variance) is mostly meant,
draws weights that are too large by (n_in / 2)^(1/4).

Sources: guide 000, Weight Initialization; guide 004, section 2.4.2 (0.01). Glorot and Bengio 2010, equations 12 and 16;
He et al. 2015, section 2.2, equations 10 and 14; LeCun et al. 1998, Efficient BackProp, section 4.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import ACTIVATIONS

Array: TypeAlias = NDArray[np.float64]
Draw: TypeAlias = Callable[[int, int, np.random.Generator], Array]


def small_normal(units: int, inputs: int, rng: np.random.Generator, sigma: float = 0.01) -> Array:
    return rng.normal(0.0, sigma, (units, inputs))


def xavier_limit(units: int, inputs: int) -> float:
    return math.sqrt(6 / (inputs + units))


def xavier_sigma(units: int, inputs: int) -> float:
    return math.sqrt(2 / (inputs + units))


def he_limit(inputs: int) -> float:
    return math.sqrt(6 / inputs)


def he_sigma(inputs: int) -> float:
    return math.sqrt(2 / inputs)


def xavier_uniform(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.uniform(-xavier_limit(units, inputs), xavier_limit(units, inputs), (units, inputs))


def xavier_normal(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.normal(0.0, xavier_sigma(units, inputs), (units, inputs))


def he_uniform(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.uniform(-he_limit(inputs), he_limit(inputs), (units, inputs))


def he_normal(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.normal(0.0, he_sigma(inputs), (units, inputs))


def lecun_normal(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.normal(0.0, math.sqrt(1 / inputs), (units, inputs))


def pytorch_default(units: int, inputs: int, rng: np.random.Generator) -> Array:
    return rng.uniform(-math.sqrt(1 / inputs), math.sqrt(1 / inputs), (units, inputs))


INITIALISATIONS: dict[str, Draw] = {
    "small_normal": small_normal,
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_uniform": he_uniform,
    "he_normal": he_normal,
    "lecun_normal": lecun_normal,
    "pytorch_default": pytorch_default,
}


class Spread(NamedTuple):
    """Variance over all units and samples. Entry 0 is the input's side, entry l the outputs of layer l.

    activations  [layers + 1] of a[l]
    gradients    [layers + 1] of dL/da[l], when dL/da[L] is drawn from N(0, 1)
    """

    activations: Array
    gradients: Array


def spread(
    draw: Draw, activation: str, rng: np.random.Generator, units: int = 128, layers: int = 50, samples: int = 16
) -> Spread:
    """a[l] = g(W[l] a[l-1]) from a[0] ~ N(0, 1), then da[l-1] = W[l]^T (da[l] * g'(z[l])): how far the signal gets.

    Every layer has as many units as inputs. Raises KeyError for an activation that is not in ACTIVATIONS.
    """
    g, g_prime = ACTIVATIONS[activation]
    a = rng.normal(size=(units, samples))
    forwards, passes = [a.var()], []
    for _ in range(layers):
        W = draw(units, units, rng)
        z = W @ a  # [units, samples]
        a = g(z)
        passes.append((W, z))
        forwards.append(a.var())
    da = rng.normal(size=(units, samples))
    backwards = [da.var()]
    for W, z in reversed(passes):
        da = W.T @ (da * g_prime(z))  # [units, samples]
        backwards.append(da.var())
    return Spread(np.array(forwards), np.array(backwards[::-1]))


def relu_growth(inputs: int, sigma: float) -> float:
    """E[a[l]^2] / E[a[l-1]^2] = n_in sigma^2 / 2 for a relu layer whose weights have standard deviation sigma."""
    return inputs * sigma**2 / 2


def example() -> dict[str, Array]:
    """A layer of 2 units on 4 inputs; then what one relu layer of 128 units does to the size of the signal."""
    units, inputs, width = 2, 4, 128
    values = {
        "units": units,
        "inputs": inputs,
        "xavier_limit": xavier_limit(units, inputs),
        "xavier_sigma": xavier_sigma(units, inputs),
        "he_limit": he_limit(inputs),
        "he_sigma": he_sigma(inputs),
        "width": width,
        "growth small_normal": relu_growth(width, 0.01),
        "growth xavier": relu_growth(width, xavier_sigma(width, width)),
        "growth he": relu_growth(width, he_sigma(width)),
        "growth he misread": relu_growth(width, math.sqrt(he_sigma(width))),
    }
    return {name: np.array(float(value)) for name, value in values.items()}
