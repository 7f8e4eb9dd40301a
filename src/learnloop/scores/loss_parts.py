"""What losses are made of: outputs and targets in one shape, weighted means, constants on the outputs' device."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.errors import DataError, RecipeError

TINY = torch.finfo(torch.float32).tiny
"""A batch whose rows all have weight 0 has the loss 0 and moves nothing, instead of 0 / 0."""


class Row:
    """Constants of a loss, one an output, made once for each device and dtype."""

    def __init__(self, name: str, values: tuple[float, ...] | None) -> None:
        self._name = name
        self._values = values
        self._made: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, outputs: Tensor) -> Tensor | None:
        """[k] on the device of `outputs` [..., k]. Raises RecipeError when there are not k of them."""
        if self._values is None:
            return None
        if len(self._values) != outputs.shape[-1]:
            raise RecipeError(
                f"loss.{self._name}",
                f"must have one value for each of the {outputs.shape[-1]} outputs",
                found=f"{len(self._values)} values",
            )
        key = (outputs.device, outputs.dtype)
        if key not in self._made:
            self._made[key] = torch.tensor(self._values, device=key[0], dtype=key[1])
        return self._made[key]


def usable(values: tuple[float, ...] | None, name: str) -> tuple[float, ...] | None:
    """`values` as they are. Raises ValueError for those that no mean can be taken with."""
    if values is not None and (any(not 0 <= value < float("inf") for value in values) or not any(values)):
        raise ValueError(f"{name} must be finite, at least 0, and not all 0; found {values}")
    return values


def in_float32(outputs: Tensor) -> Tensor:
    """Half precisions become float32: sums and exponentials of a loss need it."""
    return outputs.float() if outputs.dtype in (torch.bfloat16, torch.float16) else outputs


def shaped_like(outputs: Tensor, y: Tensor) -> Tensor:
    """`y` in the shape and dtype of `outputs`; refuses what would otherwise broadcast to [n, n] unseen."""
    if y.shape != outputs.shape:
        if y.numel() != outputs.numel() or y.shape[0] != outputs.shape[0]:
            raise DataError(
                "targets",
                f"must have the shape of the outputs, {list(outputs.shape)}",
                found=f"{list(y.shape)}",
                cause="the network has another number of outputs than there are targets",
            )
        y = y.reshape(outputs.shape)
    return y.to(outputs.dtype)


def pair(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the shape and the precision in which a loss is computed."""
    o = in_float32(outputs)
    return o, shaped_like(o, y)


def row_weights(each: Tensor, weight: Tensor) -> Tensor:
    """`weight` in the shape and dtype of `each` [n]."""
    return weight.reshape(each.shape).to(each.dtype)


def weighted_mean(each: Tensor, weight: Tensor | None) -> Tensor:
    """mean of `each` [n], or sum(w each) / sum(w)."""
    if weight is None:
        return each.mean()
    w = row_weights(each, weight)
    return (w * each).sum() / w.sum().clamp_min(TINY)
