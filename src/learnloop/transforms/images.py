"""Images: bytes [rows, height, width, channels] -> [rows, channels, height, width], in bounded memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from learnloop.contracts import InputSpec, State, X
from learnloop.data.mapped import room
from learnloop.errors import DataError, SchemaError

_CHUNK_BYTES = 32 << 20


class ImageEncoder:
    """uint8 [n, h, w, c] (or [n, h, w]) -> uint8 [n, c, h, w], contiguous; resized to size x size where
    asked.

    fit    mean and std of each channel in 0..1 over the training part, from exact counts of the 256 levels:
           one pass, a chunk at a time, the same for any order of the rows
    apply  a chunk at a time; one-channel images that keep their size are not copied at all; where the input
           is a memory map and the result exceeds 256 MiB, the result is a memory map too, over a file of the
           cache folder that has no name and vanishes with it
    size   bilinear with antialiasing; the sides are not kept in proportion

    Raises DataError (fit) and SchemaError (apply) for other dtypes and shapes.
    """

    def __init__(self, name: str, size: int | None = None) -> None:
        self.name = name
        self.size = size
        self.notes: tuple[str, ...] = ()
        self.source_shape: tuple[int, int, int] = (0, 0, 0)
        self.spec = InputSpec(kind="image")

    def fit(self, images: Any) -> None:
        images = self._checked(np.asanyarray(images), DataError)
        if not len(images):
            raise DataError(f"column {self.name!r}", "must have images in the training part", found="0 rows")
        height, width, channels = images.shape[1:]
        self.source_shape = (height, width, channels)
        counts = np.zeros((channels, 256), dtype=np.int64)
        for start, stop in self._chunks(images):
            chunk = self._convert(images[start:stop])  # [rows, c, h, w]
            for channel in range(channels):
                counts[channel] += np.bincount(chunk[:, channel].ravel(), minlength=256)
        level = np.arange(256) / 255.0
        share = counts / counts.sum(axis=1, keepdims=True)
        mean = share @ level
        std = np.sqrt(np.maximum(share @ level**2 - mean**2, 0.0))
        self.spec = InputSpec(
            kind="image",
            shape=(channels, *((self.size, self.size) if self.size else (height, width))),
            mean=tuple(float(value) for value in mean),
            # A channel that never changes keeps scale 1.
            std=tuple(float(value) if value > 1e-6 else 1.0 for value in std),
        )

    def apply(self, images: Any) -> dict[str, np.ndarray]:
        return {X: self.pixels(np.asanyarray(images))}

    def pixels(self, images: np.ndarray) -> np.ndarray:
        """uint8 [n, c, h, w]."""
        mapped = isinstance(images, np.memmap)
        images = self._checked(images, SchemaError)
        if images.shape[1:] != self.source_shape:
            raise SchemaError(
                f"column {self.name!r}",
                f"must hold images of {_size(self.source_shape)}, as in training",
                found=f"images of {_size(images.shape[1:])}",
                do="resize the images, or train again with --set data.image_size=N",
            )
        channels, height, width = self.spec.shape
        shape = (len(images), channels, height, width)
        if channels == 1 and not self.size:
            return np.ascontiguousarray(images).reshape(shape)  # the same bytes in the same order
        result = room(shape, mapped=mapped)
        for start, stop in self._chunks(images):
            result[start:stop] = self._convert(images[start:stop])
        return result

    def _convert(self, images: np.ndarray) -> np.ndarray:
        moved = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # [rows, c, h, w]
        if not self.size or moved.shape[2:] == (self.size, self.size):
            return moved
        tensor = torch.from_numpy(moved).float()
        resized = torch.nn.functional.interpolate(
            tensor, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
        )
        return resized.round_().clamp_(0, 255).to(torch.uint8).numpy()

    def _checked(self, images: np.ndarray, error: type[DataError]) -> np.ndarray:
        # A plain view: slices of a memory map stay maps, and nothing is read yet.
        images = np.asarray(images)
        if images.ndim == 3:
            images = images[..., None]
        if images.dtype != np.uint8 or images.ndim != 4:
            raise error(
                f"column {self.name!r}",
                "must hold images as uint8 [rows, height, width] or [rows, height, width, channels]",
                found=f"{images.dtype} {list(images.shape)}",
            )
        return images

    def _chunks(self, images: np.ndarray) -> list[tuple[int, int]]:
        row = max(1, int(np.prod(images.shape[1:])))
        step = max(1, _CHUNK_BYTES // row)
        return [(start, min(start + step, len(images))) for start in range(0, len(images), step)]

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "size": self.size,
            "source_shape": list(self.source_shape),
            "spec": self.spec.to_json(),
        }

    def load_state_dict(self, state: State) -> None:
        self.name, self.size = state["name"], state["size"]
        height, width, channels = (int(length) for length in state["source_shape"])
        self.source_shape = (height, width, channels)
        self.spec = InputSpec.from_json(state["spec"])


def _size(shape: tuple[int, ...]) -> str:
    height, width, channels = shape
    return f"{width} x {height} pixels and {channels} channel{'s' if channels != 1 else ''}"
