"""Where pixels come from: whole-pixel moves as one lookup, rotation, shift, shear and zoom as one composed map."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.data.augment.config import Fill

_PADDING = {"nearest": "border", "reflect": "reflection", "constant": "zeros"}


def step(x: Tensor, *, down: Tensor, right: Tensor, mirror: Tensor | None, upside: Tensor | None, fill: Fill) -> Tensor:
    """y[b, c, i, j] = m[b, c, i - down_b, j - right_b], m = x mirrored where asked: whole pixels, any dtype.

    x             [batch, channels, height, width], uint8 or float
    down, right   int64 [batch]
    mirror, upside  bool [batch]: left to right, top to bottom; None: never
    fill          what lies outside: nearest, reflect (the border pixel is not repeated), constant (0)
    """
    batch, channels, height, width = x.shape
    rows = torch.arange(height, device=x.device) - down[:, None]  # [batch, height]
    columns = torch.arange(width, device=x.device) - right[:, None]  # [batch, width]
    outside = None
    if fill == "constant":
        outside = ((rows < 0) | (rows >= height))[:, :, None] | ((columns < 0) | (columns >= width))[:, None, :]
    rows, columns = _inside(rows, height, fill), _inside(columns, width, fill)
    if mirror is not None:
        columns = torch.where(mirror[:, None], width - 1 - columns, columns)
    if upside is not None:
        rows = torch.where(upside[:, None], height - 1 - rows, rows)
    places = (rows * width)[:, :, None] + columns[:, None, :]  # [batch, height, width]
    places = places.view(batch, 1, -1).expand(-1, channels, -1)  # [batch, channels, height width]
    moved = x.reshape(batch, channels, -1).gather(2, places).view(x.shape)  # [batch, channels, height, width]
    return moved if outside is None else moved.masked_fill_(outside[:, None], 0)


def _inside(places: Tensor, size: int, fill: Fill) -> Tensor:
    """Places within 0 .. size - 1; those outside are clamped or folded back."""
    if fill == "reflect" and size > 1:
        period = 2 * (size - 1)
        places = places.remainder(period)
        return torch.minimum(places, period - places)
    return places.clamp(0, size - 1)


def linear_map(
    *, degrees: Tensor, shear_x: Tensor, shear_y: Tensor, zoom: Tensor, mirror: Tensor | None, upside: Tensor | None
) -> Tensor:
    """M = zoom R(degrees) [[1, shear_x], [shear_y, 1]] diag(mirror, upside), [batch, 2, 2], in (x, y), y downwards.

    degrees turn clockwise on the screen; shears are tangents, zoom above 1 enlarges; mirror and upside give -1.
    """
    angle = degrees * (math.pi / 180)
    cos, sin = zoom * torch.cos(angle), zoom * torch.sin(angle)
    a, b = cos - sin * shear_y, cos * shear_x - sin
    c, d = sin + cos * shear_y, sin * shear_x + cos
    if mirror is not None:
        turned = torch.where(mirror, -1.0, 1.0)
        a, c = a * turned, c * turned
    if upside is not None:
        turned = torch.where(upside, -1.0, 1.0)
        b, d = b * turned, d * turned
    return torch.stack([a, b, c, d], 1).view(-1, 2, 2)


def warp(x: Tensor, linear: Tensor, *, down: Tensor, right: Tensor, fill: Fill) -> Tensor:
    """y(p) = x(M^-1 (p - centre - (right, down)) + centre), between pixels bilinearly.

    x  float [batch, channels, height, width];  linear  M [batch, 2, 2];  down, right  float [batch] in pixels
    Pixel centres are whole numbers and centre = ((width - 1) / 2, (height - 1) / 2); reflect mirrors about the centre
    of the border pixels, as `step` does.
    """
    _, _, height, width = x.shape
    a, b, c, d = linear.flatten(1).unbind(1)  # [batch] each
    one_over = 1 / (a * d - b * c)
    inverse = ((d * one_over, -b * one_over), (-c * one_over, a * one_over))
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    across = torch.arange(width, device=x.device) - middle_x - right[:, None]  # [batch, width]
    along = torch.arange(height, device=x.device) - middle_y - down[:, None]  # [batch, height]
    grid = x.new_empty(len(x), height, width, 2)
    for position, (middle, size) in enumerate(((middle_x, width), (middle_y, height))):
        from_x, from_y = inverse[position]
        place = (from_x[:, None] * across)[:, None, :] + (from_y[:, None] * along + middle)[:, :, None]
        grid[..., position] = place * (2 / max(size - 1, 1)) - 1  # [batch, height, width], -1 .. 1 over the image
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=_PADDING[fill], align_corners=True)
