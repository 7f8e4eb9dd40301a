"""Layers that are computed from the data before training: a module with `fit_to(x)` gets its own input of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

SAMPLE = 2048
"""Rows that are enough: a whitening layer then sees two million patches of 32x32 images."""


@runtime_checkable
class FittedLayer(Protocol):
    """`fit_to(x)`: set buffers from x, the layer's own input [rows, ...]. Called once, before the first step."""

    def fit_to(self, x: Tensor) -> None: ...


@torch.no_grad()
def fit_layers(net: nn.Module, inputs: Sequence[Tensor]) -> int:
    """Fit every `FittedLayer` of `net`, first to last, each behind those before it; returns how many there are.

    inputs  the arguments of `forward` for a sample of the training part. Nothing but fitted layers changes.
    """
    fitted = [module for module in net.modules() if isinstance(module, FittedLayer)]
    if not fitted:
        return 0
    hooks = [module.register_forward_pre_hook(_fit) for module in fitted if isinstance(module, nn.Module)]
    training = net.training
    try:
        net.eval()(*inputs)
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return len(fitted)


def _fit(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
    assert isinstance(module, FittedLayer)
    module.fit_to(arguments[0])
