"""The last season repeated, as what a network starts from and corrects."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.nn.quantiles import middle

StartName = Literal["zero", "season"]


class LastSeason(nn.Module):
    """x_k = r z_(T - m + (k mod m)), k = 0 .. horizon - 1, r = sum z_t z_(t-m) / sqrt(sum z_t^2 sum z_(t-m)^2) in 0..1.

    z [batch, lookback, variables] -> x [batch, horizon, targets, quantiles], in the middle quantile, else 0. T is the
    lookback, m the season and r, over t = m .. T - 1, how alike a window is to itself a season ago: the seasonal naive
    forecast where it repeats itself exactly, nothing where there is no season. No parameters.

    Not of any paper. N-HiTS had an OWA of 0.484 with it and 0.515 without on the last 48 hours of the training part of
    M4 hourly (1200 steps, one seed), and 0.860 and 0.856 on the last 18 months of that of M3 monthly (500 steps).
    """

    places: Tensor
    share: Tensor

    def __init__(self, spec: WindowSpec) -> None:
        super().__init__()
        self.targets, self.season = spec.targets, spec.season
        places = spec.lookback - spec.season + torch.arange(spec.horizon) % spec.season  # [horizon]
        share = torch.zeros(len(spec.quantiles))
        share[middle(spec.quantiles)] = 1
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("share", share, persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        z = z[:, :, : self.targets]  # [batch, lookback, targets]
        now, ago = z[:, self.season :], z[:, : -self.season]  # [batch, lookback - season, targets]
        size = (now.square().sum(1) * ago.square().sum(1)).sqrt().clamp_min(1e-9)  # [batch, targets]
        alike = ((now * ago).sum(1) / size).clamp(0, 1).unsqueeze(1)  # [batch, 1, targets]
        return (alike * z[:, self.places]).unsqueeze(3) * self.share  # [batch, horizon, targets, quantiles]


class FromSeason(nn.Module):
    """y = body(z, seen, time) + the last season repeated; shapes as in `LastSeason`."""

    def __init__(self, body: nn.Module, start: LastSeason) -> None:
        super().__init__()
        self.body, self.start = body, start

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return self.body(z, seen, time) + self.start(z)


def last_season(spec: WindowSpec, start: StartName) -> LastSeason | None:
    """None where the start is zero, or no more than one season is seen."""
    return LastSeason(spec) if start == "season" and 1 < spec.season < spec.lookback else None
