"""N-BEATS: dense blocks that each explain a part of the past and forecast with it; generic and interpretable stacks."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.exogenous import with_time
from learnloop.nn.channels import PerTarget
from learnloop.nn.dropout import Dropout

StackName = Literal["generic", "trend", "seasonality"]


class BeatsBlock(nn.Module):
    """h = mlp(x), backcast = B_b W_b h, forecast = B_f W_f h.

    x [rows, lookback] -> backcast [rows, lookback], forecast [rows, horizon, quantiles]

    generic      B = 1: W h itself (Oreshkin et al. 2020, section 3.3)
    trend        B_i = t^i, i = 0 .. degree, t = 0, 1/n, .. (n - 1)/n for n steps (equation 2)
    seasonality  B_i = cos(2 pi i t), sin(2 pi i t), i = 0 .. horizon / 2 - 1 (equation 3), of the lookback likewise

    The last block of all has no backcast: nobody would look at it.
    """

    back: Tensor | None
    ahead: Tensor | None

    def __init__(
        self, spec: WindowSpec, kind: StackName, width: int, layers: int, degree: int, dropout: float, last: bool
    ) -> None:
        super().__init__()
        self.kind, self.quantiles = kind, len(spec.quantiles)
        parts: list[nn.Module] = []
        for number in range(layers):
            parts += [nn.Linear(spec.lookback if number == 0 else width, width), nn.ReLU()]
            parts += [Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*parts)
        self.register_buffer("back", basis(kind, spec.lookback, degree), persistent=False)
        self.register_buffer("ahead", basis(kind, spec.horizon, degree), persistent=False)
        self.before = 0 if last else spec.lookback if self.back is None else len(self.back)
        after = spec.horizon if self.ahead is None else len(self.ahead)
        self.theta = nn.Linear(width, self.before + after * self.quantiles)

    def forward(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        theta = self.theta(self.layers(x))  # [rows, before + after x quantiles]
        back, ahead = theta[:, : self.before], theta[:, self.before :].unflatten(1, (self.quantiles, -1))
        if self.back is not None and self.ahead is not None:
            back = back @ self.back if self.before else back  # [rows, lookback]
            ahead = ahead @ self.ahead  # [rows, quantiles, horizon]
        return back if self.before else None, ahead.transpose(1, 2)  # [rows, horizon, quantiles]

    def extra_repr(self) -> str:
        return self.kind


def basis(kind: StackName, steps: int, degree: int) -> Tensor | None:
    """Functions of the steps, one a row [functions, steps]; None where every step has a coefficient of its own."""
    if kind == "generic":
        return None
    time = torch.arange(steps, dtype=torch.float64) / steps  # [steps]
    if kind == "trend":
        return torch.stack([time**power for power in range(degree + 1)]).float()
    angles = 2 * math.pi * torch.arange(max(steps // 2, 1)).unsqueeze(1) * time  # [harmonics, steps]
    return torch.cat([angles.cos(), angles[1:].sin()]).float()  # the sine of frequency 0 is 0


class NBeats(nn.Module):
    """x_0 = x, x_l = x_(l-1) - backcast_l, y = sum over l of forecast_l (double residual stacking, section 3.2).

    x [rows, lookback] -> y [rows, horizon, quantiles]. Each of `blocks` is used `times` times in a row.
    Oreshkin, Carpov, Chapados and Bengio 2020.
    """

    def __init__(self, blocks: list[BeatsBlock], times: int) -> None:
        super().__init__()
        self.blocks, self.times = nn.ModuleList(blocks), times

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        y: Tensor | None = None
        for block in self.blocks:
            for _ in range(self.times):
                back, ahead = block(x)
                y = ahead if y is None else y + ahead
                if back is not None:
                    x = (x - back) * seen
        assert y is not None
        return y


class NBeatsConfig(ForecastConfig):
    """x_l = x_(l-1) - backcast_l(x_(l-1)), y = sum of forecast_l; stacks: polynomials, waves, or any vectors.

    The published generic network is `stacks` 30 times generic with 1 block of width 512, the interpretable one trend
    and seasonality with 3 blocks each and `share: true`. Oreshkin et al. 2020, section 3 and appendix D.
    """

    title: ClassVar[str] = "N-BEATS: dense blocks that each explain a part of the past and forecast with it"
    source: ClassVar[str] = "Oreshkin, Carpov, Chapados and Bengio 2020, N-BEATS"

    stacks: tuple[StackName, ...] = Field(
        ("trend", "seasonality", "generic"), min_length=1, description="what the blocks of each stack draw with"
    )
    blocks: int = Field(2, ge=1, le=64, description="blocks of each stack")
    share: bool = Field(False, description="the blocks of a stack have the same weights")
    width: int = Field(256, ge=1, description="units of each layer")
    layers: int = Field(4, ge=1, le=16, description="layers of each block")
    degree: int = Field(3, ge=0, le=8, description="highest power of the trend")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off in each step")
    calendar: bool = Field(True, description="take out what calendar and known columns explain first (NBEATSx)")

    @property
    def reads_time(self) -> bool:
        return self.calendar

    def body(self, spec: WindowSpec) -> nn.Module:
        shared = self.share and self.blocks > 1
        kinds = [kind for kind in self.stacks for _ in range(1 if shared else self.blocks)]
        made = [
            BeatsBlock(
                spec, kind, self.width, self.layers, self.degree, self.dropout, number == len(kinds) and not shared
            )
            for number, kind in enumerate(kinds, start=1)
        ]
        network = NBeats(made, self.blocks if shared else 1)
        return PerTarget(with_time(network, spec, self.calendar), spec.targets)
