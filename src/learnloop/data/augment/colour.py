"""Brightness, contrast, saturation and hue as one linear map of colours; blur and the policy's point operations.

Images are float [batch, channels, height, width], 0..255, on any device; what was drawn for them is NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from learnloop.data.augment.draws import beside, each

LUMA = (0.299, 0.587, 0.114)
"""Y of red, green and blue (ITU-R BT.601)."""
_TO_YIQ = np.array([LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)])
_SHARPEST = 1e-3


def luma(channels: int) -> np.ndarray:
    """Weights [channels] of a grey value; equal ones where the channels are not red, green and blue."""
    return np.array(LUMA if channels == 3 else (1 / channels,) * channels, np.float32)


def recolour(
    x: Tensor,
    *,
    brightness: np.ndarray,
    contrast: np.ndarray,
    saturation: np.ndarray | None = None,
    hue: np.ndarray | None = None,
    stretch: np.ndarray | None = None,
) -> Tensor:
    """y = clip(H S (c (b z - m 1) + m 1), 0, 255).

    z   x, or where `stretch` [batch] asks for it (x - least) 255 / (greatest - least) a channel (autocontrast)
    b, c, s  factors [batch]: 1 changes nothing;  m  mean grey of b z
    S = s I + (1 - s) 1 luma^T;  H  rotation of I and Q by `hue` turns [batch] in YIQ; both keep greys as they are

    Every image is touched once, those that are stretched or whose colours are mixed once more.
    """
    channels = x.shape[1]
    both = beside(np.stack([contrast * brightness, (1 - contrast) * brightness])[:, :, None], x)
    gain, fade = both[0], both[1]  # [batch, 1]: y = gain z + fade luma z
    means, base = x.mean((2, 3)), None  # [batch, channels]
    if stretch is not None and stretch.any():
        gain, base = _stretched(x, means, gain, stretch)
    shift = fade * (means @ beside(luma(channels), x))[:, None]  # [batch, 1]
    shift = shift if base is None else shift + base
    y = (x * gain[:, :, None, None]).add_(shift[:, :, None, None])
    if channels == 3:
        same = np.ones_like(brightness)
        _mix(y, same if saturation is None else saturation, 0 * same if hue is None else hue)
    return y.clamp_(0, 255)


def _stretched(x: Tensor, means: Tensor, gain: Tensor, stretch: np.ndarray) -> tuple[Tensor, Tensor]:
    """gain z = (new gain) x + base, [batch, channels] both; `means` become those of z."""
    rows = beside(np.flatnonzero(stretch), x)
    some = x.index_select(0, rows)
    least, greatest = some.amin((2, 3)), some.amax((2, 3))  # [rows, channels]
    able = greatest > least
    factor = torch.where(able, 255 / (greatest - least).clamp_min(1e-6), 1.0)
    factors = torch.ones_like(means).index_copy_(0, rows, factor)  # [batch, channels]: z = factors x + starts
    starts = torch.zeros_like(means).index_copy_(0, rows, -factor * least * able)
    means.mul_(factors).add_(starts)
    return gain * factors, gain * starts


def _mix(y: Tensor, saturation: np.ndarray, hue: np.ndarray) -> None:
    """H S y, in place, for the images whose saturation or hue is changed."""
    changed = np.flatnonzero((saturation != 1) | (hue != 0))
    if len(changed):
        matrix = beside(_mixing(saturation[changed], hue[changed]), y)  # [rows, 3, 3]
        rows = beside(changed, y)
        mixed = torch.bmm(matrix, y.index_select(0, rows).flatten(2))  # [rows, 3, height width]
        y.index_copy_(0, rows, mixed.view(-1, *y.shape[1:]))


def _mixing(saturation: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """H S, float32 [rows, 3, 3], of red, green and blue."""
    same, s = np.eye(3, dtype=np.float32), saturation[:, None, None]
    saturate = s * same + (1 - s) * luma(3)
    cos, sin = np.cos(2 * math.pi * hue), np.sin(2 * math.pi * hue)
    zero, one = np.zeros_like(cos), np.ones_like(cos)
    turn = np.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).reshape(-1, 3, 3)
    # hue 0 must give the identity without the rounding of an inverse
    turned = np.where((hue == 0)[:, None, None], same, np.linalg.inv(_TO_YIQ) @ turn @ _TO_YIQ)
    return (turned @ saturate).astype(np.float32)


def on_rows(x: Tensor, change: Callable[[Tensor, np.ndarray], Tensor], amount: np.ndarray) -> Tensor:
    """change(x, amount), x itself changed in place, for the images whose amount [batch] is not 0 alone."""
    chosen = np.flatnonzero(amount)
    if len(chosen):
        rows = beside(chosen, x)
        x.index_copy_(0, rows, change(x.index_select(0, rows), amount[chosen]))
    return x


def blur(x: Tensor, deviation: np.ndarray) -> Tensor:
    """y = K_h x K_w^T, K[i, j] = exp(-(i - j)^2 / (2 s^2)) / sum over j: a Gaussian of standard deviation s.

    deviation  s [batch] in pixels, 0 changes nothing. At the borders the weights inside the image count alone.
    """
    height, width = x.shape[2:]
    s = beside(deviation, x)
    along, across = _gaussian(s, height), _gaussian(s, width)  # [batch, height, height], ...
    rows = torch.bmm(x.flatten(1, 2), across.transpose(1, 2)).view(x.shape)
    return torch.matmul(along[:, None], rows)


def _gaussian(deviation: Tensor, size: int) -> Tensor:
    places = torch.arange(size, device=deviation.device, dtype=torch.float32)
    squares = (places[:, None] - places).square()  # [size, size]
    s = deviation.clamp_min(_SHARPEST)[:, None, None]
    return torch.softmax(-squares / (2 * s * s), -1)  # [batch, size, size]


def solarise(x: Tensor, share: np.ndarray) -> Tensor:
    """y = 255 - x where x > 255 (1 - share), else x;  share [batch], 0 changes nothing."""
    return torch.where(x > each(255 * (1 - share), x), 255 - x, x)


def posterise(x: Tensor, bits: np.ndarray) -> Tensor:
    """y = q floor(x / q) with q = 2^bits;  bits [batch] that are lost, 0 changes nothing."""
    q = each(np.exp2(bits), x)
    return torch.where(q > 1, torch.floor(x / q) * q, x)
