"""Windows of series brought to one scale, each by what it shows of itself, and forecasts brought back."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.quantiles import Quantiles

ScaleName = Literal["window", "last", "level", "none"]
_LEAST = 1e-5
"""Of its level, what a window that never moves is taken to spread."""
_NOTHING = 1e-12
"""And of a window of zeros, in the units of the series."""


class WindowScale(nn.Module):
    """z = (x - a) / s where the window is seen, else 0; y = a + s quantiles(body(z, seen, time)).

    past  float [batch, lookback, variables], targets first   seen  float [batch, lookback]   time  float [batch,
    lookback + horizon, features] -> y [batch, horizon, targets, quantiles] in the units of `past`. a and s
    [batch, 1, variables] come from the steps of this window alone that are seen:

    window  a their mean, s their standard deviation; with `affine` also z <- g z + b, undone before a and s are, with
            learnt g > 0 and b for each variable (Kim et al. 2022, RevIN, equations 1 to 3; there g may have any sign)
    last    a the last value, s the root of the mean squared distance from it (Zeng et al. 2023, section 3, NLinear,
            which subtracts the same and does not divide)
    level   a = 0, s the mean of |x|: what grows in proportion stays in proportion (Oreshkin et al. 2020 divide by the
            window's largest value)
    none    a = 0, s = 1: for series that are of one scale already

    `window` and `last` answer c x + d with c y + d (c > 0), `level` c x with c y. A window that does not move is
    answered with its value, spread by 1e-5 of it.
    """

    def __init__(
        self, body: nn.Module, kind: ScaleName, variables: int, targets: int, quantiles: tuple[float, ...], affine: bool
    ) -> None:
        super().__init__()
        self.kind, self.targets = kind, targets
        self.body = body
        self.quantiles = Quantiles(quantiles)
        self.gain = nn.Parameter(torch.zeros(variables)) if affine else None  # of which g is the exponential
        self.shift = nn.Parameter(torch.zeros(variables)) if affine else None

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        there = seen.unsqueeze(2) > 0  # [batch, lookback, 1]
        past = torch.where(there, past, 0.0)
        level, spread = self.measure(past, there)  # [batch, 1, variables] each
        z = (past - level) / spread
        if self.gain is not None and self.shift is not None:
            z = z * self.gain.exp() + self.shift
        z = torch.where(there, z, 0.0)
        raw = self.body(z, seen, torch.cat([time[:, : z.shape[1]] * there, time[:, z.shape[1] :]], 1))
        y = self.quantiles(raw.float())  # [batch, horizon, targets, quantiles]
        if self.gain is not None and self.shift is not None:
            y = (y - self.shift[: self.targets, None]) * (-self.gain[: self.targets, None]).exp()
        back = (slice(None), slice(None), slice(self.targets), None)
        return y * spread[back] + level[back]  # spread, level [batch, 1, targets, 1]

    def measure(self, past: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """a and s [batch, 1, variables] of windows [batch, lookback, variables] that hold 0 where nothing is seen."""
        zero = torch.zeros_like(past[:, :1])
        if self.kind == "none":
            return zero, zero + 1
        many = there.sum(1, keepdim=True).clamp_min(1)  # [batch, 1, 1]
        if self.kind == "level":
            return zero, past.abs().sum(1, keepdim=True).div(many).clamp_min(_NOTHING)
        level = past[:, -1:] if self.kind == "last" else past.sum(1, keepdim=True) / many
        away = torch.where(there, past - level, 0.0)
        spread = away.square().sum(1, keepdim=True).div(many).sqrt()
        return level, torch.maximum(spread, (level.abs() * _LEAST).clamp_min(_NOTHING))

    def extra_repr(self) -> str:
        return self.kind + ", affine" * (self.gain is not None)
