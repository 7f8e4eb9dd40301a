"""`Draws`: all that is random about one batch, a function of (seed, number of the batch) alone."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.data.augment.config import MOST_POLICY_OPERATIONS
from learnloop.seeds import torch_stream

NAMES = (
    "rotation", "shift_x", "shift_y", "shear", "zoom", "flip", "flip_vertical", "crop_x", "crop_y",
    "brightness", "contrast", "saturation", "hue", "blur", "noise",
    "cutout_x", "cutout_y", "erase", "erase_area", "erase_shape", "erase_x", "erase_y", "erase_grey",
    *(f"policy_{kind}_{number}" for kind in ("choice", "sign") for number in range(MOST_POLICY_OPERATIONS)),
)  # fmt: skip
"""One row of uniform numbers each, used or not: switching one operation on leaves the draws of the others alone."""
_ROW = {name: row for row, name in enumerate(NAMES)}


class Draws:
    """u[name] ~ U[0, 1), one number an image.

    Drawn on the CPU in one call, so that every device gets the same, and sent to `device` as one small tensor.
    """

    def __init__(self, seed: int, number: int, size: int, device: torch.device) -> None:
        generator = torch_stream(seed, "augment", number)
        drawn = torch.rand(len(NAMES), size, generator=generator)  # [names, batch]
        self._u = drawn if device.type == "cpu" else drawn.to(device, non_blocking=True)
        self.seed = seed
        self.number = number

    def uniform(self, name: str) -> Tensor:
        """[batch] in 0..1."""
        return self._u[_ROW[name]]

    def signed(self, name: str) -> Tensor:
        """[batch] in -1..1."""
        return 2 * self._u[_ROW[name]] - 1

    def whole(self, name: str, most: int) -> Tensor:
        """int64 [batch] in -most..most, each as likely."""
        return (self._u[_ROW[name]] * (2 * most + 1)).long().clamp_(max=2 * most) - most

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape and on the device of `like`, from a stream of their own."""
        generator = torch_stream(self.seed, "noise", self.number, device=like.device)
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)
