"""What a network makes of a picture before it decides: the input of its last linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def last_linear(net: nn.Module) -> nn.Linear | None:
    """The linear layer that comes last in the network; None when there is none."""
    found = [module for module in net.modules() if isinstance(module, nn.Linear)]
    return found[-1] if found else None


@contextmanager
def features_seen(net: nn.Module) -> Iterator[list[Tensor]]:
    """Within the block, every forward appends its features float32 [batch, width] to the list. The outputs stay as they
    are; the hook is gone afterwards."""
    seen: list[Tensor] = []
    layer = last_linear(net)
    if layer is None:
        yield seen
        return

    def take(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0].detach().flatten(1).to(torch.float32))  # [batch, width]

    hook = layer.register_forward_pre_hook(take)
    try:
        yield seen
    finally:
        hook.remove()
