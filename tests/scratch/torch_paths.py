"""The path of one of PyTorch's optimisers, and that of learnloop's own, to hold `learnloop.scratch` against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Array = NDArray[np.float64]
STEPS = 25


def start() -> Array:
    return np.random.default_rng(3).normal(0, 1, (3, 2))


def gradient(w: Array) -> Array:
    """Signs change, sizes differ a thousand times between entries, one is always 0."""
    scale = np.array([[1.0, 0.001], [30.0, 0.0], [0.1, 5.0]])
    return scale * (np.cos(3 * w) + 0.3 * w)


def torch_path(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], steps: int = STEPS) -> Array:
    """[steps + 1, 3, 2] of torch.optim in float64."""
    w = nn.Parameter(torch.tensor(start(), dtype=torch.float64))
    optimiser = make([w])
    places = [w.detach().numpy().copy()]
    for _ in range(steps):
        w.grad = torch.tensor(gradient(w.detach().numpy()))
        optimiser.step()
        places.append(w.detach().numpy().copy())
    return np.stack(places)


def engine_path(config: object, steps: int = STEPS) -> Array:
    """[steps + 1, 3, 2] of an entry of learnloop's OPTIMISERS in float64."""
    net = nn.Linear(2, 3, bias=False).double()
    net.weight.data.copy_(torch.tensor(start()))
    stepper = config.build(net)  # type: ignore[attr-defined]
    places = [net.weight.detach().numpy().copy()]
    for _ in range(steps):
        net.weight.grad = torch.tensor(gradient(net.weight.detach().numpy()))
        stepper.step()
        places.append(net.weight.detach().numpy().copy())
    return np.stack(places)


def assert_same_path(found: Array, expected: Array) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    # it moved: two paths that stand still would be the same too
    assert np.abs(expected[-1] - expected[0]).max() > 1e-2
