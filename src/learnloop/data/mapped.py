"""Large arrays outside of memory: copies of a memory map are memory maps too, over files that vanish with them."""

from __future__ import annotations

import tempfile

import numpy as np

from learnloop.home import cache
from learnloop.runs.atomic import disk_error

ABOVE_BYTES = 256 << 20
"""Smaller arrays are held in memory."""
_CHUNK_BYTES = 32 << 20


def room(shape: tuple[int, ...], *, mapped: bool) -> np.ndarray:
    """uint8 of this shape: plain memory, or (for a large one where `mapped`) a nameless file of the cache folder.

    Raises DiskError when the disk has no room for it.
    """
    if not mapped or int(np.prod(shape, dtype=np.int64)) <= ABOVE_BYTES:
        return np.empty(shape, dtype=np.uint8)
    try:
        cache().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache()) as file:
            return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
    except OSError as error:
        raise disk_error(error, cache()) from error


def take(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """values[rows] [n, ...]; of a large memory map in chunks, so that memory stays bounded."""
    row_bytes = max(1, int(np.prod(values.shape[1:], dtype=np.int64)) * values.itemsize)
    if not isinstance(values, np.memmap) or values.dtype != np.uint8 or len(rows) * row_bytes <= ABOVE_BYTES:
        return np.asarray(values[rows])
    result = room((len(rows), *values.shape[1:]), mapped=True)
    step = max(1, _CHUNK_BYTES // row_bytes)
    for start in range(0, len(rows), step):
        result[start : start + step] = values[rows[start : start + step]]
    return result
