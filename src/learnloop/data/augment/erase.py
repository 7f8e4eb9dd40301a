"""Rectangles that are painted over: cutout and random erasing, on bytes and on floats."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from learnloop.data.augment.draws import beside

ERASED_AREA = (0.02, 0.33)
ERASED_SHAPE = (0.3, 1 / 0.3)
"""Random erasing: share of the area, and height / width (Zhong, Zheng, Kang, Li and Yang 2020, section 3)."""


def box(height: int, width: int, *, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """bool [batch, 1, height, width]: top <= i < bottom and left <= j < right, each int [batch], on their device."""
    i = torch.arange(height, device=top.device)
    j = torch.arange(width, device=top.device)
    rows = (i >= top[:, None]) & (i < bottom[:, None])  # [batch, height]
    columns = (j >= left[:, None]) & (j < right[:, None])  # [batch, width]
    return (rows[:, :, None] & columns[:, None, :])[:, None]  # [batch, 1, height, width]


def cutout(x: Tensor, share: float, u_x: np.ndarray, u_y: np.ndarray, colour: Tensor) -> Tensor:
    """x [batch, channels, height, width], changed where it lies: a square of `colour` about a pixel drawn uniformly.

    Its side is round(share min(height, width)); what sticks out is cut off. DeVries and Taylor, arXiv:1708.04552,
    section 3.2.   u_x, u_y  [batch] in 0..1;   colour  [channels], 0..255
    """
    batch, channels, height, width = x.shape
    side = round(share * min(height, width))
    if not side:
        return x
    along = np.arange(side) - side // 2
    # The pixel itself is inside the image, so that those beyond the border fall on pixels of the square.
    rows = np.clip((u_y * height).astype(np.int64)[:, None] + along, 0, height - 1)  # [batch, side]
    columns = np.clip((u_x * width).astype(np.int64)[:, None] + along, 0, width - 1)  # [batch, side]
    where = (rows[:, :, None] * width + columns[:, None]).reshape(batch, 1, -1)  # [batch, 1, side side]
    places = beside(where, x).expand(-1, channels, -1)  # [batch, channels, side side]
    colour = colour if x.is_floating_point() else colour.round()
    x = x.contiguous()
    x.view(batch, channels, -1).scatter_(2, places, colour.to(x)[:, None].expand(batch, channels, side * side))
    return x


def erase_box(
    height: int, width: int, *, chosen: Tensor, area: Tensor, shape: Tensor, u_x: Tensor, u_y: Tensor
) -> Tensor:
    """A rectangle that lies inside the image, where `chosen` bool [batch]; nothing elsewhere.

    area, shape  in 0..1: the share is uniform within ERASED_AREA, log(height / width) within log ERASED_SHAPE
    u_x, u_y     in 0..1: where it lies
    """
    low, high = ERASED_AREA
    pixels = (low + (high - low) * area) * height * width  # [batch]
    narrow, tall = (math.log(bound) for bound in ERASED_SHAPE)
    aspect = torch.exp(narrow + (tall - narrow) * shape)
    tallness = (pixels * aspect).sqrt().round().long().clamp(1, height)
    wideness = (pixels / aspect).sqrt().round().long().clamp(1, width)
    top, left = (u_y * (height - tallness + 1)).long(), (u_x * (width - wideness + 1)).long()
    return box(height, width, top=top, bottom=top + tallness * chosen, left=left, right=left + wideness)


def paint(x: Tensor, where: Tensor, colour: Tensor) -> Tensor:
    """`colour` ([batch or 1, channels or 1, 1, 1], 0..255) where the mask is true, else x; keeps the dtype."""
    colour = colour if x.is_floating_point() else colour.round()
    return torch.where(where, colour.to(x.dtype), x)
