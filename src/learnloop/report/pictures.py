"""Arrays as pictures for a page: photographs, heat over a photograph, sheets of filters and of feature maps."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

import numpy as np

PHOTO = 96
"""Longest side of a photograph on the page, in pixels; smaller ones stay as they are."""
HEATED = 112
"""Longest side of a picture with heat over it: small pictures are enlarged, so that the heat is smooth."""
_LOSSLESS = 48
"""Up to this side PNG is about as small as JPEG, and exact."""
_QUALITY = 88
_TILE, _LARGEST_TILE = 40, 48
_GAP = 4
_HEAT = np.array([(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)])
"""From dark to light, after matplotlib's colour map "inferno": the order survives in grey and for the colour-blind."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # luma, ITU-R BT.601


def data_url(pixels: np.ndarray, *, lossless: bool = False) -> str:
    """uint8 [height, width, 1, 3 or 4] as a data URL: PNG for small pictures and those with an alpha channel, else
    JPEG."""
    from PIL import Image

    array = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    buffer = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(array))
    if lossless or pixels.shape[-1] == 4 or max(pixels.shape[:2]) <= _LOSSLESS:
        image.save(buffer, "PNG", optimize=True)
        kind = "png"
    else:
        image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def photo(pixels: np.ndarray, most: int = PHOTO) -> np.ndarray:
    """uint8 [h, w, c] -> [h', w', 1 or 3], no side above `most`. Two channels show the first, more than three the
    first three."""
    from PIL import Image

    shown = pixels[..., :1] if pixels.shape[-1] < 3 else pixels[..., :3]
    height, width = shown.shape[:2]
    if max(height, width) <= most:
        return shown
    scale = most / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(np.ascontiguousarray(shown[..., 0] if shown.shape[-1] == 1 else shown))
    small = np.asarray(image.resize(size, Image.Resampling.BOX if scale < 0.25 else Image.Resampling.BILINEAR))
    return small[..., None] if small.ndim == 2 else small


def enlarged(pixels: np.ndarray, least: int) -> np.ndarray:
    """Whole pixels repeated until the longest side has at least `least`."""
    times = math.ceil(least / max(pixels.shape[:2]))
    return pixels.repeat(times, 0).repeat(times, 1) if times > 1 else pixels


def heated(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture in grey, under colours that are dark where `heat` is low, light and stronger where it is high.

    pixels  uint8 [h, w, c].   heat  float [h', w'] in 0..1, resized to the picture (bilinear).   -> uint8 [H, W, 3]
    """
    from PIL import Image

    shown = enlarged(photo(pixels, HEATED), HEATED)
    grey = shown[..., 0] if shown.shape[-1] == 1 else shown @ _GREY  # [H, W]
    size = (shown.shape[1], shown.shape[0])
    smooth = Image.fromarray(heat.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    values = np.asarray(smooth)  # [H, W]
    over = (0.3 + 0.45 * values)[..., None]
    mixed = (1 - over) * grey[..., None] + over * heat_colours(values)  # [H, W, 3]
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def heat_colours(values: np.ndarray) -> np.ndarray:
    """float [...] in 0..1 -> RGB float [..., 3] in 0..255."""
    places = np.linspace(0, 1, len(_HEAT))
    return np.stack([np.interp(values, places, _HEAT[:, channel]) for channel in range(3)], axis=-1)


def filter_pictures(weight: np.ndarray) -> list[np.ndarray]:
    """float [filters, channels, h, w] -> uint8 [h, w, 1 or 3] each: 128 is zero, and the largest weight of a filter
    by size is 0 or 255.

    Three channels are red, green and blue; of any number but one and three the mean is shown.
    """
    if weight.shape[1] not in (1, 3):
        weight = weight.mean(1, keepdims=True)
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    scaled = weight / np.where(largest > 0, largest, 1)
    return list(np.round(127.5 + 127.5 * scaled).astype(np.uint8).transpose(0, 2, 3, 1))


def map_pictures(maps: np.ndarray) -> list[np.ndarray]:
    """float [maps, h, w] -> uint8 [h, w, 3] each, from its smallest value (dark) to its largest (light)."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    scaled = (maps - low) / np.where(high > low, high - low, 1)
    return list(np.round(heat_colours(scaled)).astype(np.uint8))


def sheet(pictures: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Pictures of one size side by side in rows: uint8 RGBA, with transparent gaps that take the page's colour."""
    tiles = [photo(picture, _LARGEST_TILE) for picture in pictures]
    times = max(1, round(_TILE / max(tiles[0].shape[:2])))
    tiles = [tile.repeat(times, 0).repeat(times, 1) for tile in tiles]
    height, width = tiles[0].shape[:2]
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    found = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 4), np.uint8)
    for place, tile in enumerate(tiles):
        top, left = place // columns * (height + _GAP), place % columns * (width + _GAP)
        found[top : top + height, left : left + width, :3] = tile
        found[top : top + height, left : left + width, 3] = 255
    return found
