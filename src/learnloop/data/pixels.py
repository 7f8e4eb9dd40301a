"""Arrays of images: which shapes are images, and their pixels as bytes without loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.errors import DataError


def is_image_shape(shape: Sequence[int]) -> bool:
    """[n, h, w], [n, h, w, c] or [n, c, h, w] with c of 1, 3 or 4 and sides of at least 4 pixels."""
    if len(shape) == 3:
        return min(shape[1:]) >= 4
    return len(shape) == 4 and (
        (shape[3] in (1, 3, 4) and min(shape[1:3]) >= 4) or (shape[1] in (1, 3, 4) and min(shape[2:]) >= 4)
    )


def to_images(array: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """(uint8 [n, height, width, channels], notes). Raises DataError when that would lose anything."""
    notes = []
    if array.ndim == 3:
        array = array[..., None]
    elif array.shape[3] not in (1, 3, 4):
        array = np.ascontiguousarray(np.moveaxis(array, 1, 3))
        notes.append("Images had channels first; stored with channels last.")
    if array.dtype == np.uint8:
        return array, notes
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), notes
    if array.dtype.kind not in "iuf":
        raise DataError(where, "pixels must be numbers", found=f"values of type {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        image = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            where,
            "pixels must be finite numbers",
            found=f"NaN or infinity in image {image} (counted from 0)",
            do="x = x[np.isfinite(x).all(axis=(1, 2, 3))]   # drops such images",
        )
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise DataError(
            where,
            "pixels must lie in 0..1 or 0..255",
            found=f"values from {low:g} to {high:g}",
            cause="standardised images, or 16-bit ones",
            do=(
                "x = ((x - x.min()) / (x.max() - x.min()) * 255).round().astype('uint8')",
                "x = (x // 257).astype('uint8')   # for 16-bit images",
            ),
        )
    if array.dtype.kind == "f" and high <= 1 and high > 0:
        scaled = array.astype(np.float64) * 255
        rounded = np.rint(scaled)
        if np.abs(scaled - rounded).max() < 1e-2:
            notes.append("Pixels in 0..1 were stored as whole numbers 0..255 (exactly).")
            return rounded.astype(np.uint8), notes
        raise _not_exact(where, "multiples of 1/255", "x = (x * 255).round().astype('uint8')")
    rounded = np.rint(array)
    if not np.array_equal(rounded, array):
        raise _not_exact(where, "whole numbers in 0..255", "x = x.round().astype('uint8')")
    if array.dtype.kind == "f" and high <= 32:
        notes.append(f"The brightest pixel is {high:g}; values were read as 0..255.")
    return rounded.astype(np.uint8), notes


def _not_exact(where: str, must: str, do: str) -> DataError:
    return DataError(
        where,
        f"pixels must be {must}, so that they can be stored as 8 bits without loss",
        found="values between them",
        cause="images that were resized or normalised as floats",
        do=do,
    )
