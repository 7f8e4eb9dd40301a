"""Rotary positions: queries and keys are turned by an angle that grows with their place in the text."""

from __future__ import annotations

import torch
from torch import Tensor

BASE = 10_000.0


def rotary_table(length: int, width: int) -> tuple[Tensor, Tensor]:
    """cos and sin of the angle t * BASE^(-2 i / width) of place t and pair i, each [length, width]; width is even. The
    first half of sin has the sign turned.

    Su et al., arXiv:2104.09864, section 3.2. Entry i and i + width / 2 make a pair (the layout of GPT-NeoX), so that
    both halves of the table are alike.
    """
    rates = BASE ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)  # [width / 2]
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates  # [length, width / 2]
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], -1).float(), torch.cat([-sin, sin], -1).float()  # [length, width]


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(x1 cos - x2 sin, x2 cos + x1 sin), with x1 and x2 the halves of x [..., time, width]; tables [time, width].

    The product of a turned query and a turned key depends on the distance between their places alone.
    """
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin)
