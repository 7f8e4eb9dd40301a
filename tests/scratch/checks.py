"""What every derivative in `learnloop.scratch` is held against: central differences, and autograd in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


def differences(function: Callable[[Array], float], x: Array, step: float = 1e-5) -> Array:
    """d function / dx by (f(x + h) - f(x - h)) / 2h, one entry at a time. x is left as it was."""
    slope = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        before = x[place]
        x[place] = before + step
        above = function(x)
        x[place] = before - step
        below = function(x)
        x[place] = before
        slope[place] = (above - below) / (2 * step)
    return slope


def assert_differences(
    function: Callable[..., Array | float], inputs: Sequence[Array], dy: Array | float, gradients: Sequence[Array]
) -> None:
    """gradients[i] is d(sum(dy * function(*inputs))) / d inputs[i] to 1e-6 of its largest entry (at least 1e-6)."""
    assert len(gradients) == len(inputs)
    for position, (x, gradient) in enumerate(zip(inputs, gradients)):

        def loss(value: Array, position: int = position) -> float:
            changed = [value if i == position else other for i, other in enumerate(inputs)]
            return float(np.sum(dy * np.asarray(function(*changed))))

        found = differences(loss, x.copy())
        assert gradient.shape == x.shape, f"gradient {position} is {gradient.shape}, its input {x.shape}"
        scale = max(1.0, float(np.abs(found).max(initial=0.0)))
        np.testing.assert_allclose(gradient, found, rtol=0, atol=1e-6 * scale, err_msg=f"gradient {position}")


def assert_autograd(
    function: Callable[..., torch.Tensor], inputs: Sequence[Array], dy: Array | float, gradients: Sequence[Array]
) -> None:
    """gradients[i] equals torch's gradient of sum(dy * function(*inputs)) to 1e-9 in float64."""
    assert len(gradients) == len(inputs)
    tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in inputs]
    (torch.as_tensor(dy, dtype=torch.float64) * function(*tensors)).sum().backward()
    for position, (tensor, gradient) in enumerate(zip(tensors, gradients)):
        assert tensor.grad is not None, f"torch found no path to input {position}"
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-9, atol=1e-9, err_msg=f"gradient {position}")


def torch64(x: Array) -> torch.Tensor:
    """A float64 tensor without a gradient."""
    return torch.tensor(np.asarray(x, float), dtype=torch.float64)
