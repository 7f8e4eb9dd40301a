"""Where pixels come from: whole-pixel moves as one lookup, rotation, shift, shear and zoom as one composed map."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from learnloop.data.augment.config import Fill
from learnloop.data.augment.draws import beside

_PADDING = {"nearest": "border", "reflect": "reflection", "constant": "zeros"}


def step(
    x: Tensor,
    *,
    down: np.ndarray,
    right: np.ndarray,
    mirror: np.ndarray | None,
    upside: np.ndarray | None,
    fill: Fill,
) -> Tensor:
    """y[b, c, i, j] = m[b, c, i - down_b, j - right_b], m = x mirrored where asked: whole pixels, any dtype.

    x             [batch, channels, height, width], uint8 or float
    down, right   int64 [batch]
    mirror, upside  bool [batch]: left to right, top to bottom; None: never
    fill          what lies outside: nearest, reflect (the border pixel is not repeated), constant (0)
    """
    batch, channels, height, width = x.shape
    rows = np.arange(height) - down[:, None]  # [batch, height]
    columns = np.arange(width) - right[:, None]  # [batch, width]
    outside = None
    if fill == "constant":
        outside = ((rows < 0) | (rows >= height))[:, None, :, None] | ((columns < 0) | (columns >= width))[
            :, None, None
        ]
    rows, columns = _inside(rows, height, fill), _inside(columns, width, fill)
    if mirror is not None:
        columns = np.where(mirror[:, None], width - 1 - columns, columns)
    if upside is not None:
        rows = np.where(upside[:, None], height - 1 - rows, rows)
    first = np.arange(batch * channels).reshape(batch, channels, 1) * height
    rows = (rows[:, None] + first).reshape(-1)  # [batch channels height], of the rows of all images
    moved = x.reshape(-1, width).index_select(0, beside(rows, x)).view(x.shape)
    moved = moved.gather(3, beside(columns[:, None, None], x).expand(x.shape))  # [batch, channels, height, width]
    return moved if outside is None else moved.masked_fill_(beside(outside, x), 0)


def _inside(places: np.ndarray, size: int, fill: Fill) -> np.ndarray:
    """Places within 0 .. size - 1; those outside are clamped or folded back."""
    if fill == "reflect" and size > 1:
        period = 2 * (size - 1)
        places = places % period
        return np.minimum(places, period - places)
    return np.clip(places, 0, size - 1)


def linear_map(
    *,
    degrees: np.ndarray,
    shear_x: np.ndarray,
    shear_y: np.ndarray,
    zoom: np.ndarray,
    mirror: np.ndarray | None,
    upside: np.ndarray | None,
) -> np.ndarray:
    """M = zoom R(degrees) [[1, shear_x], [shear_y, 1]] diag(mirror, upside), [batch, 2, 2], in (x, y), y downwards.

    degrees turn clockwise on the screen; shears are tangents, zoom above 1 enlarges; mirror and upside give -1.
    """
    angle = degrees * (math.pi / 180)
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    a, b = cos - sin * shear_y, cos * shear_x - sin
    c, d = sin + cos * shear_y, sin * shear_x + cos
    if mirror is not None:
        a, c = np.where(mirror, -a, a), np.where(mirror, -c, c)
    if upside is not None:
        b, d = np.where(upside, -b, b), np.where(upside, -d, d)
    return np.stack([a, b, c, d], 1).reshape(-1, 2, 2)


def warp(x: Tensor, linear: np.ndarray, *, down: np.ndarray, right: np.ndarray, fill: Fill) -> Tensor:
    """y(p) = x(M^-1 (p - centre - (right, down)) + centre), between pixels bilinearly.

    x  float [batch, channels, height, width];  linear  M [batch, 2, 2];  down, right  float [batch] in pixels
    Pixel centres are whole numbers and centre = ((width - 1) / 2, (height - 1) / 2); reflect mirrors about the centre
    of the border pixels, as `step` does.
    """
    _, _, height, width = x.shape
    a, b, c, d = linear.reshape(-1, 4).T  # [batch] each
    inverse = (np.stack([d, -b, -c, a]) / (a * d - b * c)).reshape(2, 2, -1)  # [2, 2, batch]
    # Places from -1 to 1 over the image, x and y in planes of their own: what belongs to a column and what to a row is
    # computed apart, and added once a pixel.
    inverse = inverse * np.array([2 / max(width - 1, 1), 2 / max(height - 1, 1)], linear.dtype)[:, None, None]
    across = np.arange(width, dtype=linear.dtype) - (width - 1) / 2 - right[:, None]  # [batch, width]
    along = np.arange(height, dtype=linear.dtype) - (height - 1) / 2 - down[:, None]  # [batch, height]
    columns = (inverse[:, 0].T[:, :, None] * across[:, None])[:, :, None]  # [batch, 2, 1, width]
    rows = (inverse[:, 1].T[:, :, None] * along[:, None])[:, :, :, None]  # [batch, 2, height, 1]
    grid = beside(columns, x) + beside(rows, x)  # [batch, 2, height, width]
    grid = grid.to(x.dtype).permute(0, 2, 3, 1)  # [batch, height, width, 2]
    return F.grid_sample(x, grid, mode="bilinear", padding_mode=_PADDING[fill], align_corners=True)
