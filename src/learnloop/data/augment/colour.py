"""Brightness, contrast, saturation and hue as one linear map of colours; blur, noise and the policy's point operations.

Images are float [batch, channels, height, width], 0..255.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Y of red, green and blue (ITU-R BT.601)."""
_TO_YIQ = ((*LUMA,), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))
_SHARPEST = 1e-3


def luma(channels: int, like: Tensor) -> Tensor:
    """Weights [channels] of a grey value; equal ones where the channels are not red, green and blue."""
    return like.new_tensor(LUMA if channels == 3 else (1 / channels,) * channels)


def recolour(
    x: Tensor, *, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor, stretch: Tensor | None = None
) -> Tensor:
    """y = clip(H S (c (b z - m 1) + m 1), 0, 255), one matrix and one offset an image.

    z   x, or where `stretch` [batch] asks for it (x - least) 255 / (greatest - least) a channel (autocontrast)
    b, c, s  factors [batch]: 1 changes nothing;  m  mean grey of b z
    S = s I + (1 - s) 1 luma^T;  H  rotation of I and Q by `hue` turns [batch] in YIQ; both keep greys as they are
    """
    batch, channels = x.shape[:2]
    weights = luma(channels, x)
    gain = brightness[:, None].expand(batch, channels)  # [batch, channels]
    shift = torch.zeros_like(gain)
    if stretch is not None:
        least, greatest = x.amin((2, 3)), x.amax((2, 3))  # [batch, channels]
        able = stretch[:, None] & (greatest > least)
        factor = torch.where(able, 255 / (greatest - least).clamp_min(1e-6), 1.0)
        gain, shift = gain * factor, -gain * factor * least * able
    grey = ((gain * x.mean((2, 3)) + shift) @ weights)[:, None]  # [batch, 1]
    gain, shift = contrast[:, None] * gain, contrast[:, None] * shift + (1 - contrast[:, None]) * grey
    mixing = _mixing(saturation, hue, weights)  # [batch, channels, channels]
    matrix, offset = mixing * gain[:, None, :], mixing @ shift[:, :, None]  # [batch, c, c], [batch, c, 1]
    return torch.baddbmm(offset, matrix, x.flatten(2)).clamp_(0, 255).view(x.shape)


def _mixing(saturation: Tensor, hue: Tensor, weights: Tensor) -> Tensor:
    """H S [batch, channels, channels]; the identity where the channels are not red, green and blue."""
    channels = len(weights)
    same = torch.eye(channels, device=weights.device)
    if channels != 3:
        return same.expand(len(saturation), -1, -1)
    s = saturation[:, None, None]
    saturate = s * same + (1 - s) * weights.expand(channels, -1)
    to = weights.new_tensor(_TO_YIQ)
    cos, sin = torch.cos(2 * math.pi * hue), torch.sin(2 * math.pi * hue)
    zero, one = torch.zeros_like(cos), torch.ones_like(cos)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
    # hue 0 must give the identity without the rounding of an inverse
    turned = torch.where((hue == 0)[:, None, None], same, torch.linalg.inv(to) @ turn @ to)
    return turned @ saturate


def blur(x: Tensor, deviation: Tensor) -> Tensor:
    """y = K_h x K_w^T, K[i, j] = exp(-(i - j)^2 / (2 s^2)) / sum over j: a Gaussian of standard deviation s.

    deviation  s [batch] in pixels, 0 changes nothing. At the borders the weights inside the image count alone.
    """
    height, width = x.shape[2:]
    along, across = _gaussian(deviation, height), _gaussian(deviation, width)  # [batch, height, height], ...
    rows = torch.bmm(x.flatten(1, 2), across.transpose(1, 2)).view(x.shape)
    return torch.matmul(along[:, None], rows)


def _gaussian(deviation: Tensor, size: int) -> Tensor:
    places = torch.arange(size, device=deviation.device, dtype=torch.float32)
    squares = (places[:, None] - places).square()  # [size, size]
    s = deviation.clamp_min(_SHARPEST)[:, None, None]
    return torch.softmax(-squares / (2 * s * s), -1)  # [batch, size, size]


def solarise(x: Tensor, share: Tensor) -> Tensor:
    """y = 255 - x where x > 255 (1 - share), else x;  share [batch], 0 changes nothing."""
    threshold = (255 * (1 - share))[:, None, None, None]
    return torch.where(x > threshold, 255 - x, x)


def posterise(x: Tensor, bits: Tensor) -> Tensor:
    """y = q floor(x / q) with q = 2^bits;  bits [batch] that are lost, 0 changes nothing."""
    q = torch.exp2(bits)[:, None, None, None]
    return torch.where(q > 1, torch.floor(x / q) * q, x)
