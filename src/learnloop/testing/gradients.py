"""Whether every parameter of a network learns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

_STEPS = 4
"""Several, because what stands before weights that start at zero gets its gradient only later."""
_DEAD = 1e-7
"""Of the largest gradient of all."""


def require_gradients(net: nn.Module, loss: Callable[[], Tensor]) -> None:
    """Every parameter that requires a gradient gets one, finite, and not zero throughout the first steps.

    loss  of one forward pass of `net`, a scalar. Raises AssertionError that names the parameters.
    """
    trainable = {name: p for name, p in net.named_parameters() if p.requires_grad}
    if not trainable:
        return
    largest = dict.fromkeys(trainable, 0.0)
    optimiser = torch.optim.SGD(list(trainable.values()), lr=0.05)
    for _ in range(_STEPS):
        optimiser.zero_grad()
        loss().backward()
        for name, parameter in trainable.items():
            assert parameter.grad is not None, f"{name} gets no gradient: forward does not use it"
            assert bool(parameter.grad.isfinite().all()), f"{name} gets a gradient that is not finite"
            largest[name] = max(largest[name], float(parameter.grad.abs().max()))
        optimiser.step()
    top = max(largest.values())
    dead = [name for name, value in largest.items() if value <= _DEAD * top]
    assert not dead, f"dead parameters, their gradient stays zero: {', '.join(dead)}"
