"""Activations against their equations, and the names that a config offers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import get_args

import pytest
import torch

from learnloop.nn.activations import ACTIVATIONS, ActivationName


def test_names_agree() -> None:
    assert set(get_args(ActivationName)) == set(ACTIVATIONS)


EQUATIONS: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "tanh": math.tanh,
    "relu": lambda z: max(0.0, z),
    "leaky_relu": lambda z: max(z, 0.01 * z),
    "swish": lambda z: z / (1 + math.exp(-z)),
    "silu": lambda z: z / (1 + math.exp(-z)),
    "gelu": lambda z: z * 0.5 * (1 + math.erf(z / math.sqrt(2))),
    "elu": lambda z: z if z > 0 else math.exp(z) - 1,
    "selu": lambda z: 1.0507009873554805 * z if z > 0 else 1.7580993408473766 * (math.exp(z) - 1),
    "identity": lambda z: z,
}


@pytest.mark.parametrize("name", sorted(EQUATIONS))
def test_equation(name: str) -> None:
    z = torch.linspace(-3, 3, 13, dtype=torch.float64)
    expected = torch.tensor([EQUATIONS[name](float(value)) for value in z], dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name]()(z), expected)


def test_softmax_is_over_the_last_axis() -> None:
    out = ACTIVATIONS["softmax"]()(torch.randn(4, 5))
    torch.testing.assert_close(out.sum(1), torch.ones(4))
    assert set(EQUATIONS) | {"softmax"} == set(ACTIVATIONS)
