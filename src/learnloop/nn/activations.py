"""Activation functions by name, with their equations and sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

ActivationName = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "softmax",
    "swish",
    "silu",
    "gelu",
    "elu",
    "selu",
    "identity",
]


def sigmoid() -> nn.Module:
    """f(z) = 1 / (1 + e^-z), in (0, 1). Saturates: its slope is at most 1/4, so deep stacks learn slowly."""
    return nn.Sigmoid()


def tanh() -> nn.Module:
    """f(z) = (e^z - e^-z) / (e^z + e^-z), in (-1, 1), centred on 0. LeCun et al. 1998, section 4.4."""
    return nn.Tanh()


def relu() -> nn.Module:
    """f(z) = max(0, z). Nair and Hinton 2010, section 2; Glorot, Bordes and Bengio 2011."""
    return nn.ReLU()


def leaky_relu() -> nn.Module:
    """f(z) = max(z, 0.01 z): a unit that is off still learns. Maas, Hannun and Ng 2013, section 2."""
    return nn.LeakyReLU(0.01)


def softmax() -> nn.Module:
    """f(z)_i = e^(z_i) / sum_j e^(z_j) over the last axis; positive and summing to 1. Bridle 1990.

    At the output it is applied by the task (models return logits, which are safer to take logarithms of);
    between hidden layers it is legal, makes the units of a layer compete, and is rarely what is wanted.
    """
    return nn.Softmax(dim=-1)


def swish() -> nn.Module:
    """f(z) = z / (1 + e^-z), also called SiLU. Ramachandran, Zoph and Le 2017; Elfwing et al. 2017."""
    return nn.SiLU()


def gelu() -> nn.Module:
    """f(z) = z P(Z <= z) for Z ~ N(0, 1). Hendrycks and Gimpel 2016, section 2."""
    return nn.GELU()


def elu() -> nn.Module:
    """f(z) = z for z > 0, else e^z - 1. Clevert, Unterthiner and Hochreiter 2015, section 3 (alpha = 1)."""
    return nn.ELU()


def selu() -> nn.Module:
    """f(z) = 1.0507 z for z > 0, else 1.7581 (e^z - 1): keeps mean 0 and variance 1 through layers that start
    from `lecun_normal`. Klambauer et al. 2017, equation 2."""
    return nn.SELU()


def identity() -> nn.Module:
    """f(z) = z: a stack of layers with it is one linear map."""
    return nn.Identity()


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "softmax": softmax,
    "swish": swish,
    "silu": swish,
    "gelu": gelu,
    "elu": elu,
    "selu": selu,
    "identity": identity,
}


def activation(name: str) -> nn.Module:
    """A new module of the activation `name`, a key of ACTIVATIONS."""
    return ACTIVATIONS[name]()
