"""N-HiTS: blocks that look at the past more and more coarsely, and draw their forecasts with as few points."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.exogenous import with_time
from learnloop.nn.channels import PerTarget
from learnloop.nn.dropout import Dropout


class HiTSBlock(nn.Module):
    """p = maxpool(x), h = mlp(p), (theta_b, theta_f) = W h; backcast = g(theta_b), forecast = g(theta_f).

    x [rows, lookback] -> backcast [rows, lookback], forecast [rows, horizon, quantiles]; theta has one point for
    `rate` steps and g draws straight lines between them. Challu et al. 2023, sections 3.2 (pooling) and 3.3
    (interpolation). The last block of all has no backcast: nobody would look at it.
    """

    def __init__(
        self, spec: WindowSpec, pool: int, rate: int, width: int, layers: int, dropout: float, last: bool
    ) -> None:
        super().__init__()
        self.pool, self.quantiles = min(pool, spec.lookback), len(spec.quantiles)
        self.lookback, self.horizon = spec.lookback, spec.horizon
        self.before, self.ahead = 0 if last else points(spec.lookback, rate), points(spec.horizon, rate)
        parts: list[nn.Module] = []
        inputs = points(spec.lookback, self.pool)
        for _ in range(layers):
            parts += [nn.Linear(inputs, width), nn.ReLU()] + ([Dropout(dropout)] if dropout else [])
            inputs = width
        self.layers = nn.Sequential(*parts)
        self.theta = nn.Linear(inputs, self.before + self.ahead * self.quantiles)

    def forward(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        if self.pool > 1:
            x = F.max_pool1d(x.unsqueeze(1), self.pool, self.pool, ceil_mode=True).squeeze(1)  # [rows, lookback / pool]
        theta = self.theta(self.layers(x))  # [rows, before + ahead x quantiles]
        ahead = drawn(theta[:, self.before :].unflatten(1, (self.quantiles, -1)), self.horizon)
        back = drawn(theta[:, None, : self.before], self.lookback).squeeze(1) if self.before else None
        return back, ahead.transpose(1, 2)  # [rows, lookback], [rows, horizon, quantiles]

    def extra_repr(self) -> str:
        return f"pool={self.pool}, points={self.ahead}"


def points(steps: int, rate: int) -> int:
    return -(-steps // rate)


def drawn(theta: Tensor, steps: int) -> Tensor:
    """Straight lines through points that stand in the middle of their shares: [rows, k, points] -> [rows, k, steps]"""
    return theta if theta.shape[2] == steps else F.interpolate(theta, steps, mode="linear")


class NHiTS(nn.Module):
    """x_0 = x, x_l = x_(l-1) - backcast_l, y = sum over l of forecast_l: each block explains what the others left.

    x [rows, lookback] -> y [rows, horizon, quantiles]
    Challu, Olivares, Oreshkin, Garza, Mergenthaler-Canseco and Dubrawski 2023, N-HiTS.
    """

    def __init__(self, blocks: list[HiTSBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        y: Tensor | None = None
        for block in self.blocks:
            back, ahead = block(x)
            y = ahead if y is None else y + ahead
            if back is not None:
                x = (x - back) * seen
        assert y is not None
        return y


class NHiTSConfig(ForecastConfig):
    """x_l = x_(l-1) - backcast_l(maxpool(x_(l-1))), y = sum of forecast_l, each drawn through few points.

    Stacks from the coarsest view and the fewest points to the finest. Challu et al. 2023; calendar and known columns
    as in NBEATSx (Olivares et al. 2022).
    """

    title: ClassVar[str] = "N-HiTS: blocks that each look coarsely or finely and draw with few or many points"
    source: ClassVar[str] = "Challu, Olivares et al. 2023, N-HiTS: Neural Hierarchical Interpolation"

    pools: tuple[int, ...] = Field((4, 2, 1), min_length=1, description="steps that each stack pools to one")
    rates: tuple[int, ...] = Field((8, 4, 1), min_length=1, description="steps between the points of each stack")
    blocks: int = Field(1, ge=1, le=16, description="blocks of each stack")
    width: int = Field(512, ge=1, description="units of each layer")
    layers: int = Field(2, ge=1, le=16, description="layers of each block")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of units switched off in each step")
    calendar: bool = Field(True, description="take out what calendar and known columns explain first")

    @model_validator(mode="after")
    def _stacks(self) -> Self:
        if len(self.pools) != len(self.rates):
            raise ValueError(f"pools and rates must name the same stacks: {len(self.pools)} and {len(self.rates)}")
        if min(*self.pools, *self.rates) < 1:
            raise ValueError("pools and rates must be at least 1")
        return self

    @property
    def reads_time(self) -> bool:
        return self.calendar

    def body(self, spec: WindowSpec) -> nn.Module:
        stacks = [pair for pair in zip(self.pools, self.rates, strict=True) for _ in range(self.blocks)]
        made = [
            HiTSBlock(spec, pool, rate, self.width, self.layers, self.dropout, last=number == len(stacks))
            for number, (pool, rate) in enumerate(stacks, start=1)
        ]
        return PerTarget(with_time(NHiTS(made), spec, self.calendar), spec.targets)
