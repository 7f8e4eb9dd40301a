"""Initialisations by name. They draw from torch's global generator, which the engine seeds.

fan_in is the number of inputs that one output sums over (for a filter: channels in x height x width), fan_out
the same seen from the other side. Biases start at zero; norms and embeddings are left as they were built.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

InitName = Literal[
    "xavier_uniform",
    "xavier_normal",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "normal",
    "zeros",
    "orthogonal",
]
AUTO: dict[str, str] = {
    "sigmoid": "xavier_uniform",
    "tanh": "xavier_uniform",
    "softmax": "xavier_uniform",
    "identity": "xavier_uniform",
    "relu": "he_normal",
    "leaky_relu": "he_normal",
    "swish": "he_normal",
    "silu": "he_normal",
    "gelu": "he_normal",
    "elu": "he_normal",
    "selu": "lecun_normal",
}
"""What suits each activation: Xavier where the slope at 0 is the same on both sides, He where half is cut."""

_HALVES = frozenset({"relu", "leaky_relu", "swish", "silu", "gelu", "elu"})
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def xavier_uniform(weight: Tensor, activation: str) -> None:
    """w ~ U(-a, a), a = sqrt(6 / (fan_in + fan_out)). Glorot and Bengio 2010, equation 16."""
    nn.init.xavier_uniform_(weight)


def xavier_normal(weight: Tensor, activation: str) -> None:
    """w ~ N(0, 2 / (fan_in + fan_out)). Glorot and Bengio 2010, equation 12."""
    nn.init.xavier_normal_(weight)


def he_normal(weight: Tensor, activation: str) -> None:
    """w ~ N(0, 2 / ((1 + a^2) fan_in)), a = 0.01 for leaky_relu, else 0. He et al. 2015, equation 15."""
    nn.init.kaiming_normal_(weight, a=_slope(activation), nonlinearity="leaky_relu")


def he_uniform(weight: Tensor, activation: str) -> None:
    """w ~ U(-b, b), b = sqrt(6 / ((1 + a^2) fan_in)): the variance of `he_normal`. He et al. 2015."""
    nn.init.kaiming_uniform_(weight, a=_slope(activation), nonlinearity="leaky_relu")


def lecun_normal(weight: Tensor, activation: str) -> None:
    """w ~ N(0, 1 / fan_in). LeCun et al. 1998, Efficient BackProp, equation 16."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


def normal(weight: Tensor, activation: str) -> None:
    """w ~ N(0, 0.01^2), whatever the width: the habit before 2010 (Krizhevsky et al. 2012, section 5)."""
    nn.init.normal_(weight, 0.0, 0.01)


def zeros(weight: Tensor, activation: str) -> None:
    """w = 0. For demonstration: the units of a layer are alike, get the same gradient and never part."""
    nn.init.zeros_(weight)


def orthogonal(weight: Tensor, activation: str) -> None:
    """Rows (or columns) of length g at right angles; g = sqrt(2) for relu and its kin, else 1.

    Saxe, McClelland and Ganguli 2013, section 3. A filter counts as a matrix [out, in x height x width].
    """
    nn.init.orthogonal_(weight, gain=math.sqrt(2.0) if activation in _HALVES else 1.0)


INITIALISATIONS: dict[str, Callable[[Tensor, str], None]] = {
    "xavier_uniform": xavier_uniform,
    "xavier_normal": xavier_normal,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "lecun_normal": lecun_normal,
    "normal": normal,
    "zeros": zeros,
    "orthogonal": orthogonal,
}


def initialise(module: nn.Module, name: str, activation: str) -> None:
    """Draw the weights of every Linear and Conv inside `module` anew, in the order of `modules()`; biases
    become 0.

    name        a key of INITIALISATIONS, or "auto": what suits `activation` (AUTO)
    activation  a key of ACTIVATIONS: what follows the layers
    """
    draw = INITIALISATIONS[AUTO[activation] if name == "auto" else name]
    for layer in module.modules():
        if isinstance(layer, _LAYERS):
            draw(layer.weight, activation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def initialise_output(layer: nn.Linear, name: str) -> None:
    """The last layer: as `name` says; for "auto" w ~ N(0, 0.01 / fan_in), bias 0.

    Small weights make the first logits nearly equal, so the cross-entropy starts at ln(classes) and no step
    is spent on taking back a confident guess that nothing supports.
    """
    if name == "auto":
        nn.init.normal_(layer.weight, 0.0, 0.1 / math.sqrt(layer.in_features))
        nn.init.zeros_(layer.bias)
    else:
        initialise(layer, name, "identity")


def _slope(activation: str) -> float:
    return 0.01 if activation == "leaky_relu" else 0.0
