"""Rectangles that are painted over: cutout and random erasing, on bytes and on floats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ERASED_AREA = (0.02, 0.33)
ERASED_SHAPE = (0.3, 1 / 0.3)
"""Random erasing: share of the area, and height / width (Zhong, Zheng, Kang, Li and Yang 2020, section 3)."""


def box(height: int, width: int, *, top: Tensor, bottom: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """bool [batch, 1, height, width]: top <= i < bottom and left <= j < right, each int [batch]."""
    i = torch.arange(height, device=top.device)
    j = torch.arange(width, device=top.device)
    rows = (i >= top[:, None]) & (i < bottom[:, None])  # [batch, height]
    columns = (j >= left[:, None]) & (j < right[:, None])  # [batch, width]
    return (rows[:, :, None] & columns[:, None, :])[:, None]  # [batch, 1, height, width]


def cutout_box(height: int, width: int, share: float, u_x: Tensor, u_y: Tensor) -> Tensor:
    """A square of side round(share min(height, width)) about a pixel drawn uniformly; what sticks out is cut off.

    u_x, u_y  [batch] in 0..1. DeVries and Taylor, arXiv:1708.04552, section 3.2.
    """
    side = round(share * min(height, width))
    top, left = (u_y * height).long() - side // 2, (u_x * width).long() - side // 2
    return box(height, width, top=top, bottom=top + side, left=left, right=left + side)


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
