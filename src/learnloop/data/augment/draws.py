"""`Draws`: all that is random about one batch, a function of (seed, number of the batch) alone."""

from __future__ import annotations

import numpy as np
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

    Drawn on the CPU in one call, so that every device gets the same. What is computed of them for each image is a
    matter of a few hundred numbers, for which NumPy takes a fraction of the time that a tensor's operations take; only
    what pixels need is sent to the images (`beside`).
    """

    def __init__(self, seed: int, number: int, size: int) -> None:
        generator = torch_stream(seed, "augment", number)
        self._u = torch.rand(len(NAMES), size, generator=generator).numpy()  # [names, batch]
        self.seed = seed
        self.number = number

    def uniform(self, name: str) -> np.ndarray:
        """float32 [batch] in 0..1."""
        drawn: np.ndarray = self._u[_ROW[name]]
        return drawn

    def signed(self, name: str) -> np.ndarray:
        """float32 [batch] in -1..1."""
        return 2 * self.uniform(name) - 1

    def whole(self, name: str, most: int) -> np.ndarray:
        """int64 [batch] in -most..most, each as likely."""
        return np.minimum((self.uniform(name) * (2 * most + 1)).astype(np.int64), 2 * most) - most

    def rows(self, first: str, count: int) -> np.ndarray:
        """float32 [count, batch] in 0..1: `first` and the names behind it in NAMES."""
        return self._u[_ROW[first] : _ROW[first] + count]

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape and on the device of `like`, from a stream of their own."""
        generator = torch_stream(self.seed, "noise", self.number, device=like.device)
        return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


def beside(values: np.ndarray, x: Tensor) -> Tensor:
    """The same numbers on the device of x, which is not waited for."""
    return torch.from_numpy(values).to(x.device, non_blocking=True)


def each(values: np.ndarray, x: Tensor) -> Tensor:
    """One number [batch] for all pixels of an image: [batch, 1, 1, 1], in the type of x."""
    return torch.from_numpy(values)[:, None, None, None].to(x, non_blocking=True)
