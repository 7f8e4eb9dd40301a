"""How fast a picture drowns in noise: the share of it that is left after each step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

ScheduleName = Literal["cosine", "linear"]

_OFFSET = 0.008
_MOST = 0.999
_FIRST, _LAST, _PUBLISHED_STEPS = 1e-4, 0.02, 1000


def linear(steps: int) -> Tensor:
    """abar_t = prod_{s <= t} (1 - beta_s), beta from 1e-4 to 0.02 in equal steps. float64 [steps].

    Ho et al. 2020, section 4, for 1000 steps; for another number the betas are scaled by 1000 / steps, so that the last
    abar stays what it is.
    """
    scale = _PUBLISHED_STEPS / steps
    betas = torch.linspace(scale * _FIRST, scale * _LAST, steps, dtype=torch.float64).clamp(max=_MOST)
    return (1 - betas).cumprod(0)


def cosine(steps: int) -> Tensor:
    """abar_t = f(t) / f(0), f(t) = cos^2((t / T + s) / (1 + s) pi / 2), s = 0.008; beta at most 0.999. float64 [steps].

    Nichol and Dhariwal 2021, equation 17: small pictures keep some shape for longer than with the linear one.
    """
    time = torch.arange(steps + 1, dtype=torch.float64) / steps
    f = torch.cos((time + _OFFSET) / (1 + _OFFSET) * math.pi / 2).square()
    betas = (1 - f[1:] / f[:-1]).clamp(max=_MOST)
    return (1 - betas).cumprod(0)


NOISE_SCHEDULES: dict[ScheduleName, Callable[[int], Tensor]] = {"cosine": cosine, "linear": linear}
"""Steps -> what is left of the picture's variance after each, float64 [steps], falling from about 1 to about 0."""
