"""Pictures on their way into a network and out of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from learnloop.contracts import InputSpec
from learnloop.data.arrays import IMAGE
from learnloop.data.schema import Field, Schema

PICTURE = IMAGE
"""The name of the only field of `picture_schema`: what readers call the pictures of files and catalog sets."""


def as_bytes(values: np.ndarray) -> np.ndarray:
    """float in 0..1 -> uint8: rounded, and cut off outside."""
    return np.clip(np.round(np.asarray(values, np.float64) * 255), 0, 255).astype(np.uint8)


def joined(parts: Sequence[Tensor]) -> np.ndarray:
    """Batches one behind the other, on the CPU; an empty array of none."""
    return np.concatenate([part.cpu().numpy() for part in parts]) if parts else np.zeros(0, np.float32)


def picture_schema(spec: InputSpec) -> Schema:
    """Rows of one picture of the size that `spec` says."""
    channels, height, width = spec.shape
    return Schema((Field(PICTURE, "image", shape=(height, width, channels)),))
